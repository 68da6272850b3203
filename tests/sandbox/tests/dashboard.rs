//! The dashboard, as a browser without JavaScript uses it, and the events that one with JavaScript listens to.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use std::io::{Read, Write};

use common::*;
use serde_json::json;
use zignsec_sandbox::{Action, Sandbox};

fn press(sandbox: &Sandbox, form: &str) -> (u16, String) {
    let mut answer = agent()
        .post(format!("{}/_sandbox/dashboard", sandbox.url()))
        .header("content-type", "application/x-www-form-urlencoded")
        .send(form)
        .unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

#[test]
fn everything_that_happened_is_on_it() {
    let receiver = Receiver::answering(&[]);
    let sandbox = Sandbox::start().unwrap();
    assert_eq!(get(&sandbox, "/").status, 200, "an empty one is shown too");
    let id = start_with_webhook(&sandbox, "+46701740605", &receiver.url);
    sandbox.user(&id, Action::Abandon).unwrap();
    sandbox.fault("http-503", 7).unwrap();
    sandbox.wait_for_webhook(|_| true, PATIENCE).unwrap();
    let page = get(&sandbox, "/").text();
    let code = sandbox.sms("+46701740605", PATIENCE)[0].code.clone();
    for shown in [
        "+46701740605",
        "pending",
        "code-sent",
        "Tulasi_V5_SMS",
        &id[..8],
        &code,
        "session_created",
        START,
        "http-503</code> × 7",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(!page.contains(sandbox.api_key()), "the key is in the ready line and nowhere else");
}

#[test]
fn its_buttons_do_what_the_admin_routes_do() {
    let receiver = Receiver::answering(&[]);
    let sandbox = Sandbox::start().unwrap();
    let id = start_with_webhook(&sandbox, PHONE, &receiver.url);
    assert_eq!(press(&sandbox, &format!("do=act&session={id}&action=accept")).0, 303);
    assert_eq!(status(&sandbox, &id), "accepted");
    assert_eq!(press(&sandbox, "do=arm&fault=http-418&times=2").0, 303);
    assert_eq!(get(&sandbox, &lookup(&id)).status, 418);
    assert_eq!(press(&sandbox, "do=disarm").0, 303);
    assert_eq!(status(&sandbox, &id), "accepted");
    let id = start(&sandbox, PHONE);
    assert_eq!(press(&sandbox, "do=advance&seconds=1800").0, 303);
    assert_eq!(status(&sandbox, &id), "timeout");
    let attempt =
        sandbox.wait_for_webhook(|attempt| attempt.status == Some(200), PATIENCE).unwrap();
    assert_eq!(press(&sandbox, &format!("do=resend&id={}", attempt.id)).0, 303);
    assert!(
        sandbox
            .wait_for_webhook(|again| again.attempt == 2 && again.event == attempt.event, PATIENCE)
            .is_some()
    );
    assert_eq!(press(&sandbox, "do=reset").0, 303);
    assert!(sandbox.sessions().is_empty());
}

#[test]
fn what_a_button_cannot_do_is_said_on_the_page() {
    let sandbox = Sandbox::start().unwrap();
    for (form, status, said) in [
        ("do=act&session=nobody&action=accept", 404, "no session has the id"),
        ("do=arm&fault=nonsense&times=1", 422, "GET /_sandbox/faults"),
        ("do=arm&fault=reset&times=many", 422, "times must be a number"),
        ("do=dance", 422, "the form cannot be read"),
        ("", 422, "the form cannot be read"),
    ] {
        let (answered, page) = press(&sandbox, form);
        assert_eq!(answered, status, "{form}");
        assert!(page.contains(said), "{form}: {page}");
    }
}

#[test]
fn markup_is_shown_as_text() {
    let sandbox = Sandbox::start().unwrap();
    let mut body = example();
    for field in ["relay_state", "locale"] {
        body[field] = json!("<script>alert(1)</script>\"'><img src=x>");
    }
    body["webhook"] = json!("https://webhook.site/<script>alert(1)</script>");
    post(&sandbox, START, body);
    let host = address(&sandbox);
    let (refused, _) = exchange(
        &sandbox,
        &format!(
            "GET /core/%3Cscript%3E?onload=' HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nx-a: <script>alert(1)</script>\r\n\r\n"
        ),
    );
    assert!(refused.starts_with(b"HTTP/1.1 404"));
    sandbox.wait_for_webhook(|_| true, PATIENCE).unwrap();
    let answer = get(&sandbox, "/");
    assert!(
        !answer.text().contains("<script>") && !answer.text().contains("<img"),
        "{}",
        answer.text()
    );
    assert!(answer.text().contains("&#60;script&#62;alert(1)"));
    assert!(answer.header("content-security-policy").contains("script-src 'self'"));
}

#[test]
fn a_change_is_told_at_once() {
    let sandbox = Sandbox::start().unwrap();
    let mut stream = socket(&sandbox);
    write!(stream, "GET /_sandbox/events HTTP/1.1\r\nhost: {}\r\n\r\n", address(&sandbox)).unwrap();
    let mut told = String::new();
    let mut piece = [0; 4096];
    let mut read_until = |wanted: &str| {
        while !told.contains(wanted) {
            let length = stream.read(&mut piece).unwrap();
            assert_ne!(length, 0, "{told}");
            told.push_str(&String::from_utf8_lossy(&piece[..length]));
        }
    };
    read_until("text/event-stream");
    start(&sandbox, PHONE);
    read_until("data: changed");
}
