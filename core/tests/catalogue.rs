//! What the sandbox can be told to do, other than by a fault, met through this client.

#![allow(clippy::unwrap_used, reason = "a test ends where it cannot be set up")]

mod common;

use std::time::Duration;

use common::listed;
use zignsec::{Client, Error, ErrorKind, Phone2faRequest, Session};
use zignsec_sandbox::{Action, ErrorShape, Sandbox, SuccessStatus};

/// The magic numbers, with what becomes of opening a session for one, then of two lookups where a
/// session was opened.
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

/// A client for the sandbox that tries once; a hasty one where the call is to time out.
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

fn told(outcome: Result<Session, Error>) -> String {
    match outcome {
        Ok(session) if session.is_verified() => "verified".to_owned(),
        Ok(session) => session.status_text().to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

#[test]
fn every_magic_number_does_what_the_table_says() {
    let sandbox = Sandbox::start().unwrap();
    let help = listed(&sandbox, "help");
    let numbers = help["magic_numbers"].as_array().unwrap();
    let numbers: Vec<&str> = numbers.iter().map(|each| each["number"].as_str().unwrap()).collect();
    assert_eq!(numbers, NUMBERS.iter().map(|(number, ..)| *number).collect::<Vec<_>>());

    let (patient, hasty) = (client(&sandbox, ""), client(&sandbox, "Timeout"));
    let to_expect = |outcome: &str| if outcome == "Timeout" { &hasty } else { &patient };
    for (number, start, lookups) in NUMBERS {
        sandbox.reset();
        let outcome = to_expect(start).start_phone_2fa(&request(number));
        assert_eq!(told(outcome), *start, "{number}");
        // A session whose answer was spoiled exists all the same, and can be looked up.
        let opened = sandbox.sessions();
        assert_eq!(opened.is_empty(), lookups.is_none(), "{number}");
        for expected in lookups.iter().flatten() {
            let outcome = to_expect(expected).get_session(&opened[0].id);
            assert_eq!(told(outcome), *expected, "{number}");
        }
    }
}

#[test]
fn every_shape_of_an_error_gives_a_message() {
    for (shape, reason) in [
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
        assert_eq!(error.message().contains("missing or wrong"), reason, "{shape:?}: {error}");
    }
}

#[test]
fn both_words_for_success_verify() {
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
