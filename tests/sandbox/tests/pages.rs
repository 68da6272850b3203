//! The hosted pages, used like a browser without JavaScript.

#![allow(clippy::unwrap_used, reason = "a panic in a helper fails the test")]

mod common;

use std::time::Duration;

use common::*;
use serde_json::json;
use zignsec_sandbox::Sandbox;

fn page(id: &str) -> String {
    format!("/2fa-ui/2fa/phone/{id}")
}

fn submit(sandbox: &Sandbox, id: &str, form: &str, fields: &str) -> (u16, String) {
    let response = post(sandbox, &format!("{}/{form}", page(id)), fields);
    (response.status, response.header("location").to_owned())
}

fn newest_code(sandbox: &Sandbox) -> String {
    sandbox.sms(PHONE, TIMEOUT)[0].code.clone()
}

fn wrong_code(code: &str) -> String {
    format!("{:05}", (code.parse::<u32>().unwrap() + 1) % 100_000)
}

#[test]
fn correct_code_redirects_to_redirect_success() {
    let sandbox = Sandbox::start().unwrap();
    let id = start(&sandbox, PHONE);
    let first = get(&sandbox, &page(&id));
    assert_eq!(first.status, 200);
    assert!(first.text().contains("Send code") && first.text().contains(PHONE));
    assert!(
        get(&sandbox, "/_sandbox/sms").json().as_array().unwrap().is_empty(),
        "viewing the page sends no SMS"
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
fn wrong_code_requires_a_new_one_and_the_last_fails_the_session() {
    let sandbox = Sandbox::builder().max_attempts(2).start().unwrap();
    let id = start(&sandbox, PHONE);
    submit(&sandbox, &id, "send", "");
    let first = newest_code(&sandbox);
    assert_eq!(
        submit(&sandbox, &id, "code", &format!("code={}", wrong_code(&first))),
        (303, page(&id))
    );
    let text = get(&sandbox, &page(&id)).text();
    assert!(
        text.contains("Wrong code")
            && text.contains("Attempts left: 1")
            && !text.contains("name=\"code\"")
    );
    assert_eq!(
        submit(&sandbox, &id, "code", &format!("code={first}")),
        (303, page(&id)),
        "the first code is no longer valid"
    );
    submit(&sandbox, &id, "send", "");
    let second = wrong_code(&newest_code(&sandbox));
    assert_eq!(
        submit(&sandbox, &id, "code", &format!("code={second}")),
        (303, "https://my_failure_url.com".to_owned())
    );
    assert!(get(&sandbox, &page(&id)).text().contains("Too many wrong codes"));
}

#[test]
fn malformed_and_expired_codes_do_not_count_as_attempts() {
    let sandbox = Sandbox::builder().max_attempts(1).start().unwrap();
    let id = start(&sandbox, PHONE);
    submit(&sandbox, &id, "send", "");
    for fields in ["", "code=", "code=1234", "code=abcde", "other=1", "code=%ff", "code=1&code=2"] {
        let response = post(&sandbox, &format!("{}/code", page(&id)), fields);
        assert_eq!(response.status, 422, "{fields}");
        assert!(
            response.text().contains("The code must have 5 digits")
                && response.text().contains("aria-invalid"),
            "{fields}"
        );
    }
    let code = newest_code(&sandbox);
    sandbox.advance(Duration::from_secs(5 * 60));
    let expired = post(&sandbox, &format!("{}/code", page(&id)), format!("code={code}"));
    assert!(expired.status == 422 && expired.text().contains("has expired"));
    assert_eq!(status(&sandbox, &id), "pending");
}

#[test]
fn cancelled_and_expired_sessions_have_their_own_page() {
    let sandbox = Sandbox::start().unwrap();
    let id = start(&sandbox, PHONE);
    assert_eq!(submit(&sandbox, &id, "cancel", ""), (303, page(&id)));
    let text = get(&sandbox, &page(&id)).text();
    assert!(
        text.contains("You cancelled") && text.contains("href=\"https://my_failure_url.com\""),
        "{text}"
    );
    let id = start(&sandbox, PHONE);
    sandbox.advance(Duration::from_secs(3600));
    assert!(get(&sandbox, &page(&id)).text().contains("Session expired"));
    assert_eq!(submit(&sandbox, &id, "send", ""), (303, page(&id)));
    assert!(get(&sandbox, "/_sandbox/sms").json().as_array().unwrap().is_empty());
}

#[test]
fn page_and_sms_use_the_locale_of_the_session() {
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
        assert!(sandbox.sms(PHONE, TIMEOUT)[0].text.contains(sms), "{locale}");
        assert!(
            text.contains(&format!("<html lang=\"{lang}\">")) && text.contains(words),
            "{locale}: {text}"
        );
    }
}

#[test]
fn redirect_urls_are_not_changed() {
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
fn markup_is_escaped_and_scripts_are_forbidden() {
    let sandbox = Sandbox::start().unwrap();
    let mut body = example();
    body["locale"] = json!("\"><script>alert(1)</script>");
    body["relay_state"] = json!("<img src=x onerror=alert(1)>");
    body["redirect_failure"] = json!("https://a.example/\"><script>alert(2)</script>");
    let id = post(&sandbox, START, body).json()["data"]["id"].as_str().unwrap().to_owned();
    submit(&sandbox, &id, "cancel", "");
    let response = get(&sandbox, &page(&id));
    assert!(
        !response.text().contains("<script") && !response.text().contains("<img"),
        "{}",
        response.text()
    );
    let policy = response.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("form-action 'self' http: https:"),
        "{policy}"
    );
    assert_eq!(
        (response.header("referrer-policy"), response.header("cache-control")),
        ("same-origin", "no-store")
    );
}

#[test]
fn unknown_session_has_an_error_page() {
    let sandbox = Sandbox::start().unwrap();
    for response in
        [get(&sandbox, &page("nobody")), post(&sandbox, &format!("{}/send", page("nobody")), "")]
    {
        assert_eq!(response.status, 404);
        assert!(response.text().contains("Session not found"));
    }
}
