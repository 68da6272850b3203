//! The log lines of the library, with logging fully enabled.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

mod common;

use common::capture;
use zignsec::{Client, Phone2faRequest};
use zignsec_sandbox::{Fault, Sandbox, ScriptedAnswer};

#[test]
fn each_attempt_is_logged_as_one_line_without_secrets() {
    capture::start();
    let sandbox = Sandbox::start().unwrap();
    let client = Client::builder(sandbox.api_key()).base_url(sandbox.url()).build().unwrap();
    let request = Phone2faRequest::new("+46701740605")
        .redirect_success("https://a.example/ok?token=t")
        .redirect_failure("https://a.example/no");
    let id = client.start_phone_2fa(&request).unwrap().id().to_owned();
    let echo = format!("{} and +46701740605", sandbox.api_key());
    sandbox.arm(Fault::Answer(ScriptedAnswer::new(503, echo)), 1).unwrap();
    client.get_session(&id).unwrap();

    let lines = capture::lines();
    let expected = [
        ("DEBUG", "POST core/api/sessions/two_factor_auth/phone: attempt 1, new", ": 200"),
        ("WARN", "attempt 1, reused", ": 503"),
        ("DEBUG", "attempt 2, reused", ": 200"),
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, (level, part, end)) in lines.iter().zip(expected) {
        assert!(line.starts_with(level) && line.contains(part) && line.ends_with(end), "{line}");
        for secret in [sandbox.api_key(), "7017406", "token", &id] {
            assert!(!line.contains(secret), "{line}");
        }
    }
    assert!(lines[1].contains(&format!("GET core/api/sessions/{}...", &id[..8])), "{}", lines[1]);
}
