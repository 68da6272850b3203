//! The hosted pages, walked as a browser without JavaScript walks them.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use std::time::Duration;

use common::*;
use serde_json::json;
use zignsec_sandbox::Sandbox;

fn page(id: &str) -> String {
    format!("/2fa-ui/2fa/phone/{id}")
}

fn submit(sandbox: &Sandbox, id: &str, form: &str, fields: &str) -> (u16, String) {
    let answer = post(sandbox, &format!("{}/{form}", page(id)), fields);
    (answer.status, answer.header("location").to_owned())
}

fn newest_code(sandbox: &Sandbox) -> String {
    sandbox.sms(PHONE, PATIENCE)[0].code.clone()
}

fn wrong(code: &str) -> String {
    format!("{:05}", (code.parse::<u32>().unwrap() + 1) % 100_000)
}

#[test]
fn a_person_sends_a_code_enters_it_and_is_sent_on() {
    let sandbox = Sandbox::start().unwrap();
    let id = start(&sandbox, PHONE);
    let first = get(&sandbox, &page(&id));
    assert_eq!(first.status, 200);
    assert!(first.text().contains("Send code") && first.text().contains(PHONE));
    assert!(
        get(&sandbox, "/_sandbox/sms").json().as_array().unwrap().is_empty(),
        "looking sends nothing"
    );
    assert_eq!(submit(&sandbox, &id, "send", ""), (303, page(&id)));
    assert!(get(&sandbox, &page(&id)).text().contains("name=\"code\""));
    let code = newest_code(&sandbox);
    assert_eq!(
        submit(&sandbox, &id, "code", &format!("code={code}")),
        (303, "https://my_success_url.com".to_owned())
    );
    assert!(get(&sandbox, &page(&id)).text().contains("Your number is confirmed"));
}

#[test]
fn a_wrong_code_leads_to_a_new_one_and_the_last_to_failure() {
    let sandbox = Sandbox::builder().max_attempts(2).start().unwrap();
    let id = start(&sandbox, PHONE);
    submit(&sandbox, &id, "send", "");
    let first = newest_code(&sandbox);
    assert_eq!(submit(&sandbox, &id, "code", &format!("code={}", wrong(&first))), (303, page(&id)));
    let text = get(&sandbox, &page(&id)).text();
    assert!(
        text.contains("That code was wrong")
            && text.contains("Attempts left: 1")
            && !text.contains("name=\"code\"")
    );
    assert_eq!(
        submit(&sandbox, &id, "code", &format!("code={first}")),
        (303, page(&id)),
        "the old code is void"
    );
    submit(&sandbox, &id, "send", "");
    let second = wrong(&newest_code(&sandbox));
    assert_eq!(
        submit(&sandbox, &id, "code", &format!("code={second}")),
        (303, "https://my_failure_url.com".to_owned())
    );
    assert!(get(&sandbox, &page(&id)).text().contains("Too many wrong codes"));
}

#[test]
fn malformed_and_late_codes_are_said_to_be_so_and_cost_nothing() {
    let sandbox = Sandbox::builder().max_attempts(1).start().unwrap();
    let id = start(&sandbox, PHONE);
    submit(&sandbox, &id, "send", "");
    for fields in ["", "code=", "code=1234", "code=abcde", "other=1", "code=%ff", "code=1&code=2"] {
        let answer = post(&sandbox, &format!("{}/code", page(&id)), fields);
        assert_eq!(answer.status, 422, "{fields}");
        assert!(
            answer.text().contains("A code has five digits")
                && answer.text().contains("aria-invalid"),
            "{fields}"
        );
    }
    let code = newest_code(&sandbox);
    sandbox.advance(Duration::from_secs(5 * 60));
    let late = post(&sandbox, &format!("{}/code", page(&id)), format!("code={code}"));
    assert!(late.status == 422 && late.text().contains("too old"));
    assert_eq!(status(&sandbox, &id), "pending");
}

#[test]
fn cancelling_and_waiting_too_long_have_their_screens() {
    let sandbox = Sandbox::start().unwrap();
    let id = start(&sandbox, PHONE);
    assert_eq!(submit(&sandbox, &id, "cancel", ""), (303, page(&id)));
    let text = get(&sandbox, &page(&id)).text();
    assert!(
        text.contains("You have cancelled") && text.contains("href=\"https://my_failure_url.com\""),
        "{text}"
    );
    let id = start(&sandbox, PHONE);
    sandbox.advance(Duration::from_secs(3600));
    assert!(get(&sandbox, &page(&id)).text().contains("Time is up"));
    assert_eq!(submit(&sandbox, &id, "send", ""), (303, page(&id)));
    assert!(get(&sandbox, "/_sandbox/sms").json().as_array().unwrap().is_empty());
}

#[test]
fn the_page_speaks_the_sessions_language() {
    let sandbox = Sandbox::start().unwrap();
    for (locale, lang, words, sms) in [
        ("En", "en", "Confirm your phone number", "is your verification code"),
        ("SE", "sv", "Bekräfta ditt telefonnummer", "är din verifieringskod"),
        ("De", "de", "Telefonnummer bestätigen", "ist Ihr Bestätigungscode"),
        ("dk", "da", "Bekræft dit telefonnummer", "er din bekræftelseskode"),
        ("Gr", "en", "Confirm your phone number", "is your verification code"),
    ] {
        let mut body = example();
        body["locale"] = json!(locale);
        let id = post(&sandbox, START, body).json()["data"]["id"].as_str().unwrap().to_owned();
        let text = get(&sandbox, &page(&id)).text();
        sandbox.user(&id, zignsec_sandbox::Action::Abandon).unwrap();
        assert!(sandbox.sms(PHONE, PATIENCE)[0].text.contains(sms), "{locale}");
        assert!(
            text.contains(&format!("<html lang=\"{lang}\">")) && text.contains(words),
            "{locale}: {text}"
        );
    }
}

#[test]
fn redirects_go_out_exactly_as_they_came_in() {
    let sandbox = Sandbox::start().unwrap();
    for url in [
        "https://my_success_url.com?a=1&b=%20#c",
        "http://127.0.0.1:1/å?ü=ö",
        "HTTPS://UPPER.example/../x",
    ] {
        let mut body = example();
        body["redirect_success"] = json!(url);
        let id = post(&sandbox, START, body).json()["data"]["id"].as_str().unwrap().to_owned();
        let outcome = sandbox.user(&id, zignsec_sandbox::Action::Accept).unwrap();
        assert_eq!(outcome.location.as_deref(), Some(url));
    }
}

#[test]
fn markup_is_shown_as_text_and_scripts_are_barred() {
    let sandbox = Sandbox::start().unwrap();
    let mut body = example();
    body["locale"] = json!("\"><script>alert(1)</script>");
    body["relay_state"] = json!("<img src=x onerror=alert(1)>");
    body["redirect_failure"] = json!("https://a.example/\"><script>alert(2)</script>");
    let id = post(&sandbox, START, body).json()["data"]["id"].as_str().unwrap().to_owned();
    submit(&sandbox, &id, "cancel", "");
    let answer = get(&sandbox, &page(&id));
    assert!(
        !answer.text().contains("<script") && !answer.text().contains("<img"),
        "{}",
        answer.text()
    );
    let policy = answer.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("form-action 'self' http: https:"),
        "{policy}"
    );
    assert_eq!(
        (answer.header("referrer-policy"), answer.header("cache-control")),
        ("same-origin", "no-store")
    );
}

#[test]
fn a_page_of_no_session_says_so() {
    let sandbox = Sandbox::start().unwrap();
    for answer in
        [get(&sandbox, &page("nobody")), post(&sandbox, &format!("{}/send", page("nobody")), "")]
    {
        assert_eq!(answer.status, 404);
        assert!(answer.text().contains("There is no such session"));
    }
}
