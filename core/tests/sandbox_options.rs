//! The client against the sandbox's magic numbers, error formats and success statuses.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

mod common;

use std::time::Duration;

use common::get_admin;
use zignsec::{Client, Error, ErrorKind, Phone2faRequest, Session};
use zignsec_sandbox::{Action, ErrorShape, Sandbox, SuccessStatus};

/// The magic numbers. Each has the outcome of starting a session, and those of two lookups if a
/// session was created.
const NUMBERS: &[(&str, &str, Option<[&str; 2]>)] = &[
    ("+46701740605", "pending", Some(["pending", "pending"])),
    ("+46701740606", "pending", Some(["verified", "verified"])),
    ("+46701740607", "pending", Some(["failed", "failed"])),
    ("+46701740608", "pending", Some(["cancelled", "cancelled"])),
    ("+46701740610", "pending", Some(["pending", "pending"])),
    ("+46701740611", "pending", Some(["pending", "pending"])),
    ("+46701740612", "pending", Some(["pending", "pending"])),
    ("+46701740613", "pending", Some(["pending", "pending"])),
    ("+46701740614", "pending", Some(["pending", "timeout"])),
    ("+46701740620", "InvalidRequest", None),
    ("+46701740621", "Authentication", None),
    ("+46701740622", "Permission", None),
    ("+46701740623", "InvalidRequest", None),
    ("+46701740624", "InvalidRequest", None),
    ("+46701740625", "RateLimited", None),
    ("+46701740626", "RateLimited", None),
    ("+46701740627", "Server", None),
    ("+46701740628", "Server", None),
    ("+46701740629", "Server", None),
    ("+46701740630", "NotFound", None),
    ("+46701740631", "Server", None),
    ("+46701740632", "Server", None),
    ("+46701740640", "Timeout", Some(["Timeout", "Timeout"])),
    ("+46701740641", "Io", Some(["Io", "Io"])),
    ("+46701740642", "Io", Some(["Io", "Io"])),
    ("+46701740643", "Protocol", Some(["Protocol", "Protocol"])),
    ("+46701740644", "on_hold", Some(["on_hold", "on_hold"])),
    ("+46701740645", "pending", Some(["pending", "pending"])),
    ("+46701740646", "Protocol", Some(["Protocol", "Protocol"])),
    ("+46701740650", "pending", Some(["pending", "pending"])),
    ("+46701740651", "pending", Some(["pending", "pending"])),
    ("+46701740652", "pending", Some(["pending", "pending"])),
    ("+46701740653", "pending", Some(["pending", "pending"])),
];

/// A client that does not retry. Its timeout is short if the call is expected to time out.
fn client(sandbox: &Sandbox, expected: &str) -> Client {
    let mut builder = Client::builder(sandbox.api_key()).base_url(sandbox.url()).max_retries(0);
    if expected == "Timeout" {
        builder = builder.attempt_timeout(Duration::from_millis(600));
    }
    builder.build().unwrap()
}

fn request(phone_number: &str) -> Phone2faRequest {
    Phone2faRequest::new(phone_number)
        .redirect_success("https://a.example/ok")
        .redirect_failure("https://a.example/no")
}

/// The status of a session, `verified`, or the kind of an error.
fn describe(outcome: Result<Session, Error>) -> String {
    match outcome {
        Ok(session) if session.is_verified() => "verified".to_owned(),
        Ok(session) => session.status_text().to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

#[test]
fn each_magic_number_has_the_outcomes_of_the_table() {
    let sandbox = Sandbox::start().unwrap();
    let help = get_admin(&sandbox, "help");
    let numbers = help["magic_numbers"].as_array().unwrap();
    let numbers: Vec<&str> =
        numbers.iter().map(|entry| entry["number"].as_str().unwrap()).collect();
    assert_eq!(numbers, NUMBERS.iter().map(|(number, ..)| *number).collect::<Vec<_>>());

    let (standard, short_timeout) = (client(&sandbox, ""), client(&sandbox, "Timeout"));
    let client_for = |outcome: &str| if outcome == "Timeout" { &short_timeout } else { &standard };
    for (number, start, lookups) in NUMBERS {
        sandbox.reset();
        let outcome = client_for(start).start_phone_2fa(&request(number));
        assert_eq!(describe(outcome), *start, "{number}");
        // If a fault changed only the response, the session exists and can be looked up.
        let sessions = sandbox.sessions();
        assert_eq!(sessions.is_empty(), lookups.is_none(), "{number}");
        for expected in lookups.iter().flatten() {
            let outcome = client_for(expected).get_session(&sessions[0].id);
            assert_eq!(describe(outcome), *expected, "{number}");
        }
    }
}

#[test]
fn the_reason_is_extracted_from_each_error_format() {
    for (shape, has_reason) in [
        (ErrorShape::List, true),
        (ErrorShape::Object, true),
        (ErrorShape::Type, true),
        (ErrorShape::Text, true),
        (ErrorShape::Html, false),
        (ErrorShape::Empty, false),
    ] {
        let sandbox = Sandbox::builder().error_shape(shape).start().unwrap();
        let client = Client::builder("wrong-key").base_url(sandbox.url()).build().unwrap();
        let error = client.start_phone_2fa(&request("+46701740605")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Authentication, "{shape:?}");
        assert_eq!(error.message().contains("missing or wrong"), has_reason, "{shape:?}: {error}");
    }
}

#[test]
fn accepted_and_finished_both_mean_verified() {
    for (word, text) in
        [(SuccessStatus::Accepted, "accepted"), (SuccessStatus::Finished, "finished")]
    {
        let sandbox = Sandbox::builder().success_status(word).start().unwrap();
        let client = client(&sandbox, text);
        let id = client.start_phone_2fa(&request("+46701740605")).unwrap().id().to_owned();
        sandbox.user(&id, Action::Accept).unwrap();
        let session = client.get_session(&id).unwrap();
        assert_eq!(session.status_text(), text);
        assert!(session.is_verified());
    }
}
