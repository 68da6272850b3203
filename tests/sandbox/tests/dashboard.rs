//! The dashboard as a browser without JavaScript uses it, and the event stream for JavaScript.

#![allow(clippy::unwrap_used, reason = "a panic in a helper fails the test")]

mod common;

use std::io::{Read, Write};

use common::*;
use serde_json::json;
use zignsec_sandbox::{Action, Sandbox};

fn submit(sandbox: &Sandbox, form: &str) -> (u16, String) {
    let mut response = agent()
        .post(format!("{}/_sandbox/dashboard", sandbox.url()))
        .header("content-type", "application/x-www-form-urlencoded")
        .send(form)
        .unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

#[test]
fn dashboard_shows_all_activity() {
    let receiver = Receiver::responding(&[]);
    let sandbox = Sandbox::start().unwrap();
    assert_eq!(get(&sandbox, "/").status, 200, "without any activity");
    let id = start_with_webhook(&sandbox, "+46701740605", &receiver.url);
    sandbox.user(&id, Action::Abandon).unwrap();
    sandbox.fault("http-503", 7).unwrap();
    sandbox.wait_for_webhook(|_| true, TIMEOUT).unwrap();
    let page = get(&sandbox, "/").text();
    let code = sandbox.sms("+46701740605", TIMEOUT)[0].code.clone();
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
    assert!(!page.contains(sandbox.api_key()), "the key is only in the ready line");
}

#[test]
fn buttons_work_like_the_admin_routes() {
    let receiver = Receiver::responding(&[]);
    let sandbox = Sandbox::start().unwrap();
    let id = start_with_webhook(&sandbox, PHONE, &receiver.url);
    assert_eq!(submit(&sandbox, &format!("do=act&session={id}&action=accept")).0, 303);
    assert_eq!(status(&sandbox, &id), "accepted");
    assert_eq!(submit(&sandbox, "do=arm&fault=http-418&times=2").0, 303);
    assert_eq!(get(&sandbox, &lookup(&id)).status, 418);
    assert_eq!(submit(&sandbox, "do=disarm").0, 303);
    assert_eq!(status(&sandbox, &id), "accepted");
    let id = start(&sandbox, PHONE);
    assert_eq!(submit(&sandbox, "do=advance&seconds=1800").0, 303);
    assert_eq!(status(&sandbox, &id), "timeout");
    let attempt = sandbox.wait_for_webhook(|attempt| attempt.status == Some(200), TIMEOUT).unwrap();
    assert_eq!(submit(&sandbox, &format!("do=resend&id={}", attempt.id)).0, 303);
    assert!(
        sandbox
            .wait_for_webhook(|again| again.attempt == 2 && again.event == attempt.event, TIMEOUT)
            .is_some()
    );
    assert_eq!(submit(&sandbox, "do=reset").0, 303);
    assert!(sandbox.sessions().is_empty());
}

#[test]
fn errors_are_shown_on_the_page() {
    let sandbox = Sandbox::start().unwrap();
    for (form, expected_status, message) in [
        ("do=act&session=nobody&action=accept", 404, "no session with ID"),
        ("do=arm&fault=nonsense&times=1", 422, "GET /_sandbox/faults"),
        ("do=arm&fault=reset&times=many", 422, "times must be a number"),
        ("do=dance", 422, "the form is invalid"),
        ("", 422, "the form is invalid"),
    ] {
        let (status, page) = submit(&sandbox, form);
        assert_eq!(status, expected_status, "{form}");
        assert!(page.contains(message), "{form}: {page}");
    }
}

#[test]
fn markup_is_escaped() {
    let sandbox = Sandbox::start().unwrap();
    let mut body = example();
    for field in ["relay_state", "locale"] {
        body[field] = json!("<script>alert(1)</script>\"'><img src=x>");
    }
    body["webhook"] = json!("https://webhook.site/<script>alert(1)</script>");
    post(&sandbox, START, body);
    let host = address(&sandbox);
    let (not_found, _) = exchange(
        &sandbox,
        &format!(
            "GET /core/%3Cscript%3E?onload=' HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             x-a: <script>alert(1)</script>\r\n\r\n"
        ),
    );
    assert!(not_found.starts_with(b"HTTP/1.1 404"));
    sandbox.wait_for_webhook(|_| true, TIMEOUT).unwrap();
    let response = get(&sandbox, "/");
    assert!(
        !response.text().contains("<script>") && !response.text().contains("<img"),
        "{}",
        response.text()
    );
    assert!(response.text().contains("&#60;script&#62;alert(1)"));
    assert!(response.header("content-security-policy").contains("script-src 'self'"));
}

#[test]
fn changes_are_sent_as_events() {
    let sandbox = Sandbox::start().unwrap();
    let mut stream = socket(&sandbox);
    write!(stream, "GET /_sandbox/events HTTP/1.1\r\nhost: {}\r\n\r\n", address(&sandbox)).unwrap();
    let mut received = String::new();
    let mut buffer = [0; 4096];
    let mut read_until = |wanted: &str| {
        while !received.contains(wanted) {
            let length = stream.read(&mut buffer).unwrap();
            assert_ne!(length, 0, "{received}");
            received.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    };
    read_until("text/event-stream");
    start(&sandbox, PHONE);
    read_until("data: changed");
}
