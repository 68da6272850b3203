//! Every magic number, tested without arming faults.

#![allow(clippy::unwrap_used, reason = "a panic in a helper fails the test")]

mod common;

use std::io::ErrorKind;
use std::time::Duration;

use common::*;
use serde_json::{Value, json};
use zignsec_sandbox::{Action, Sandbox};

fn number(last: u32) -> String {
    format!("+46701740{last}")
}

fn request(last: u32) -> String {
    let mut body = example();
    body["metadata"]["phone_number"] = json!(number(last));
    body.as_object_mut().unwrap().remove("webhook");
    body.to_string()
}

#[test]
fn help_lists_exactly_the_numbers_tested_here() {
    let sandbox = Sandbox::start().unwrap();
    let help = get(&sandbox, "/_sandbox/help").json();
    let listed: Vec<_> = help["magic_numbers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|magic| magic["number"].clone())
        .collect();
    let tested = (605..=608).chain(610..=614).chain(620..=632).chain(640..=646).chain(650..=653);
    assert_eq!(listed, tested.map(|last| json!(number(last))).collect::<Vec<_>>());
}

#[test]
fn sessions_with_a_fixed_status() {
    let sandbox = Sandbox::start().unwrap();
    for (last, expected) in
        [(605, "pending"), (606, "accepted"), (607, "failed"), (608, "cancelled")]
    {
        let started = post(&sandbox, START, request(last)).json();
        assert_eq!(started["data"]["status"], "pending", "{last}: the POST always returns pending");
        assert_eq!(status(&sandbox, started["data"]["id"].as_str().unwrap()), expected, "{last}");
    }
    let id = start(&sandbox, &number(614));
    assert_eq!(
        [status(&sandbox, &id), status(&sandbox, &id), status(&sandbox, &id)],
        ["pending", "timeout", "timeout"]
    );
}

#[test]
fn sms_that_are_lost_late_or_have_a_special_code() {
    let sandbox = Sandbox::start().unwrap();
    let id = start(&sandbox, &number(610));
    assert_eq!(sandbox.user(&id, Action::Accept).unwrap_err().status, 409);
    assert!(sandbox.sms(&number(610), Duration::ZERO).is_empty());

    let id = start(&sandbox, &number(611));
    sandbox.user(&id, Action::Abandon).unwrap();
    assert!(sandbox.sms(&number(611), Duration::ZERO).is_empty());
    sandbox.advance(Duration::from_secs(10));
    assert_eq!(sandbox.sms(&number(611), TIMEOUT)[0].session_id, id);

    let id = start(&sandbox, &number(612));
    sandbox.user(&id, Action::Abandon).unwrap();
    assert_eq!(sandbox.sms(&number(612), TIMEOUT)[0].code, "12345");
    assert_eq!(post(&sandbox, &format!("/2fa-ui/2fa/phone/{id}/code"), "code=12345").status, 303);
    assert_eq!(status(&sandbox, &id), "accepted");

    let id = start(&sandbox, &number(613));
    assert_eq!(sandbox.user(&id, Action::Accept).unwrap().status, "accepted");
    assert_eq!(sandbox.sms(&number(613), TIMEOUT).len(), 2, "the first code was rejected");
    assert_eq!(sandbox.session(&id).unwrap().wrong_codes, 1);
}

#[test]
fn posts_that_return_an_error() {
    let sandbox = Sandbox::start().unwrap();
    for (last, status) in [
        (620, 400),
        (621, 401),
        (622, 403),
        (623, 409),
        (624, 422),
        (625, 429),
        (626, 429),
        (629, 502),
        (630, 404),
        (631, 500),
        (632, 503),
    ] {
        let response = post(&sandbox, START, request(last));
        assert_eq!(response.status, status, "{last}");
        let retry_after = response.header("retry-after");
        match last {
            625 => assert_eq!(retry_after, "2"),
            626 => assert!(httpdate::parse_http_date(retry_after).is_ok(), "{retry_after}"),
            _ => assert_eq!(retry_after, ""),
        }
        assert_eq!(response.text().starts_with("<!doctype html>"), last == 629);
    }
    assert!(sandbox.sessions().is_empty());
}

#[test]
fn posts_that_first_return_an_error() {
    let sandbox = Sandbox::start().unwrap();
    let responses = |last| [0; 5].map(|_| post(&sandbox, START, request(last)).status);
    assert_eq!(responses(627), [500, 200, 500, 200, 500]);
    assert_eq!(responses(628), [503, 503, 200, 503, 503]);
    assert_eq!(post(&sandbox, "/_sandbox/reset", "").status, 200);
    assert_eq!(responses(628), [503, 503, 200, 503, 503]);
}

#[test]
fn corrupted_responses() {
    let sandbox = Sandbox::start().unwrap();
    let raw = |last| {
        let (body, host, key) = (request(last), address(&sandbox), sandbox.api_key());
        let (received, ended) = exchange(
            &sandbox,
            &format!(
                "POST {START} HTTP/1.1\r\nhost: {host}\r\nauthorization: {key}\r\n\
                 connection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
        );
        (String::from_utf8_lossy(&received).into_owned(), ended.map_err(|error| error.kind()))
    };
    assert_eq!(raw(641), (String::new(), Err(ErrorKind::ConnectionReset)));
    let (cut, _) = raw(642);
    let (head, body) = cut.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains(&format!("content-length: {}", body.len())), "{cut}");
    assert!(serde_json::from_str::<Value>(raw(643).0.split_once("\r\n\r\n").unwrap().1).is_err());

    for (last, data) in [(644, true), (645, true), (646, false)] {
        let response = post(&sandbox, START, request(last)).json();
        assert_eq!(response.get("data").is_some(), data, "{last}");
        let Some(id) = response["data"]["id"].as_str() else { continue };
        for response in [&response, &get(&sandbox, &lookup(id)).json()] {
            match last {
                644 => assert_eq!(response["data"]["status"], "on_hold"),
                _ => assert_eq!(
                    (&response["data"]["errors"], &response["data"]["status"]),
                    (&Value::Null, &json!("pending"))
                ),
            }
            assert_eq!(response["data"].get("new_field").is_some(), last == 645);
        }
    }

    let before = std::time::Instant::now();
    let mut stream = socket(&sandbox);
    let (body, host) = (request(640), address(&sandbox));
    let request = format!(
        "POST {START} HTTP/1.1\r\nhost: {host}\r\nauthorization: sandbox-key\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    for _ in 0..3 {
        assert_eq!(std::io::Read::read(&mut stream, &mut [0; 64]).unwrap(), 1);
    }
    assert!(before.elapsed() >= Duration::from_millis(300));
}

#[test]
fn webhooks_that_are_lost_repeated_or_out_of_order() {
    let receiver = Receiver::responding(&[]);
    let sandbox = Sandbox::start().unwrap();
    let start = |last| start_with_webhook(&sandbox, &number(last), &receiver.url);

    let id = start(650);
    sandbox.user(&id, Action::Accept).unwrap();
    sandbox.wait_for_webhook(|attempt| attempt.event == "session_finished", TIMEOUT).unwrap();
    assert!(receiver.is_empty());

    let id = start(651);
    assert_eq!(receiver.next().body, receiver.next_after(&sandbox, &id, 5).body);

    let id = start(652);
    sandbox.user(&id, Action::Accept).unwrap();
    assert_eq!(
        [receiver.next().event(), receiver.next().event()],
        ["session_finished", "session_created"]
    );

    let id = start(653);
    assert_eq!(receiver.already_received().unwrap().json()["id"], json!(id));
}
