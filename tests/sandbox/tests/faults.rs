//! Every fault of a request, seen by the client.

#![allow(clippy::unwrap_used, reason = "a panic in a helper fails the test")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use common::*;
use serde_json::json;
use zignsec_sandbox::{Fault, Sandbox, ScriptedAnswer};

/// A sandbox with one session and an armed fault.
fn armed(fault: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::start().unwrap();
    let id = start(&sandbox, PHONE);
    sandbox.fault(fault, 1).unwrap();
    (sandbox, id)
}

/// Sends a GET with a fault; returns the received bytes and how the connection ended.
fn get_with_fault(fault: &str) -> (String, std::io::Result<()>) {
    let (sandbox, id) = armed(fault);
    let (received, ended) = exchange(&sandbox, &raw_lookup(&sandbox, &id));
    assert_eq!(status(&sandbox, &id), "pending", "{fault}: the next request succeeds");
    (String::from_utf8_lossy(&received).into_owned(), ended)
}

#[test]
fn any_status_can_be_injected_any_number_of_times() {
    let sandbox = Sandbox::start().unwrap();
    let id = start(&sandbox, PHONE);
    for status in [200, 201, 204, 304, 400, 409, 418, 499, 500, 503, 599] {
        sandbox.arm(Fault::Http(status), 2).unwrap();
        for _ in 0..2 {
            let response = get(&sandbox, &lookup(&id));
            assert_eq!(response.status, status);
            if ![204, 304].contains(&status) {
                assert_eq!(response.json()["errors"][0]["code"], "sandbox_fault");
            }
        }
        assert_eq!(get(&sandbox, &lookup(&id)).json()["data"]["status"], "pending");
    }
    assert!(sandbox.fault("http-100", 1).is_err());
    assert!(sandbox.fault("http-500", 0).is_err());
}

#[test]
fn post_with_an_injected_error_starts_no_session() {
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault("http-503", 1).unwrap();
    assert_eq!(post(&sandbox, START, example()).status, 503);
    assert!(sandbox.sessions().is_empty());
}

#[test]
fn retry_after_has_both_forms() {
    let (sandbox, id) = armed("rate-limited-seconds");
    let response = get(&sandbox, &lookup(&id));
    assert_eq!((response.status, response.header("retry-after")), (429, "2"));
    sandbox.fault("rate-limited-date", 1).unwrap();
    let response = get(&sandbox, &lookup(&id));
    assert_eq!(response.status, 429);
    let date = httpdate::parse_http_date(response.header("retry-after")).unwrap();
    assert!(
        date.duration_since(std::time::SystemTime::now()).unwrap_or_default()
            < Duration::from_secs(3)
    );
    sandbox.fault("unavailable-retry-after", 1).unwrap();
    let response = get(&sandbox, &lookup(&id));
    assert_eq!((response.status, response.header("retry-after")), (503, "1"));
}

#[test]
fn proxy_error_and_redirect_are_injected() {
    let (sandbox, id) = armed("bad-gateway-html");
    let response = get(&sandbox, &lookup(&id));
    assert_eq!(
        (response.status, response.header("content-type")),
        (502, "text/html; charset=utf-8")
    );
    assert!(response.text().starts_with("<!doctype html>"));
    sandbox.fault("redirect", 1).unwrap();
    let response = get(&sandbox, &lookup(&id));
    assert_eq!(response.status, 302);
    assert!(response.header("location").starts_with("https://elsewhere.example/"));
}

#[test]
fn scripted_answer_is_sent_unchanged() {
    let sandbox = Sandbox::start().unwrap();
    let request = json!({
        "fault": "answer", "status": 201, "headers": {"x-a": "b"}, "body": " {\"å\": 1}\n",
    });
    assert_eq!(post(&sandbox, "/_sandbox/faults", request).status, 200);
    let response = get(&sandbox, &lookup("x"));
    assert_eq!(
        (response.status, response.header("x-a"), response.text().as_str()),
        (201, "b", " {\"å\": 1}\n")
    );
    assert_eq!(response.header("content-type"), "application/json");
    let request = json!({
        "fault": "answer", "status": 200, "headers": {"content-type": "a/b"}, "body_hex": "ff00FE",
    });
    assert_eq!(post(&sandbox, "/_sandbox/faults", request).status, 200);
    let response = get(&sandbox, &lookup("x"));
    assert_eq!(
        (response.body.as_slice(), response.header("content-type")),
        (&[0xff, 0, 0xfe][..], "a/b")
    );
    sandbox.arm(Fault::Answer(ScriptedAnswer::new(200, "x").header("x-c", "d")), 1).unwrap();
    assert_eq!(get(&sandbox, &lookup("x")).header("x-c"), "d");
    for bad in [
        json!({"fault": "answer"}),
        json!({"fault": "answer", "status": 100}),
        json!({"fault": "answer", "status": 200, "body_hex": "f"}),
        json!({"fault": "answer", "status": 200, "body": "a", "body_hex": "ff"}),
        json!({"fault": "answer", "status": 200, "headers": {"a b": "c"}}),
        json!({"fault": "answer", "status": 200, "headers": {"Content-Length": "3"}}),
        json!({"fault": "reset", "status": 200}),
        json!({"fault": "reset", "times": -1}),
        json!({"fault": "reset", "times": 1.5}),
        json!({"fault": "reset", "times": null}),
        json!({"fault": "reset", "times": 1e9}),
        json!({"fault": "reset", "tines": 1}),
        json!({"fault": 1}),
        json!([]),
    ] {
        assert_eq!(post(&sandbox, "/_sandbox/faults", &bad).status, 422, "{bad}");
    }
    assert_eq!(post(&sandbox, "/_sandbox/faults", "{").status, 400);
}

#[test]
fn json_faults_corrupt_the_body() {
    let (sandbox, id) = armed("empty-body");
    assert_eq!(get(&sandbox, &lookup(&id)).body, b"");
    sandbox.fault("not-json", 1).unwrap();
    let response = get(&sandbox, &lookup(&id));
    assert_eq!((response.status, response.header("content-type")), (200, "application/json"));
    assert!(serde_json::from_slice::<serde_json::Value>(&response.body).is_err());
    sandbox.fault("no-data", 1).unwrap();
    assert_eq!(get(&sandbox, &lookup(&id)).json(), json!({}));
    sandbox.fault("no-id", 1).unwrap();
    let data = &get(&sandbox, &lookup(&id)).json()["data"];
    assert_eq!((data.get("id"), data["status"].as_str()), (None, Some("pending")));
    sandbox.fault("other-id", 1).unwrap();
    let other = get(&sandbox, &lookup(&id)).json()["data"]["id"].as_str().unwrap().to_owned();
    assert_ne!(other, id);
    assert_eq!(other.len(), 36);
    sandbox.fault("too-large", 1).unwrap();
    assert!(get(&sandbox, &lookup(&id)).body.len() > 2 << 20);
}

#[test]
fn reset_sends_rst_and_close_sends_fin() {
    let (received, ended) = get_with_fault("reset");
    assert_eq!((received.as_str(), ended.unwrap_err().kind()), ("", ErrorKind::ConnectionReset));
    let (received, ended) = get_with_fault("close");
    assert!(received.is_empty() && ended.is_ok(), "{ended:?}");
}

#[test]
fn cut_body_is_shorter_than_content_length() {
    let (received, ended) = get_with_fault("cut-body");
    ended.unwrap();
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(length.parse::<usize>().unwrap() / 2, body.len());
}

#[test]
fn garbage_is_not_http() {
    let (received, ended) = get_with_fault("garbage");
    ended.unwrap();
    assert!(!received.is_empty() && !received.starts_with("HTTP/"), "{received}");
}

#[test]
fn drip_faults_send_single_bytes() {
    for (fault, first) in [("drip-head", "H"), ("drip-body", "HTTP/1.1 200 OK")] {
        let (sandbox, id) = armed(fault);
        let mut stream = socket(&sandbox);
        stream.write_all(raw_lookup(&sandbox, &id).as_bytes()).unwrap();
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).unwrap();
        assert!(buffer.starts_with(first.as_bytes()), "{fault}");
        if fault == "drip-head" {
            assert_eq!(length, 1);
        }
        // The whole response would take too long; a few separate bytes are enough.
        let before = Instant::now();
        let mut byte = [0; 64];
        for _ in 0..3 {
            assert_eq!(stream.read(&mut byte).unwrap(), 1, "{fault}");
        }
        assert!(before.elapsed() > Duration::from_millis(150), "{fault}: {:?}", before.elapsed());
    }
}

#[test]
fn stall_sends_nothing_until_the_client_disconnects() {
    let (sandbox, id) = armed("stall");
    let mut stream = socket(&sandbox);
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    stream.write_all(raw_lookup(&sandbox, &id).as_bytes()).unwrap();
    let error = stream.read(&mut [0]).unwrap_err().kind();
    assert!(matches!(error, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn reset_on_accept_affects_the_next_request_but_no_admin_route() {
    let (sandbox, id) = armed("reset-on-accept");
    assert_eq!(get(&sandbox, "/_sandbox/health").status, 200);
    let requests = sandbox.requests().len();
    let (received, ended) = exchange(&sandbox, &raw_lookup(&sandbox, &id));
    assert_eq!((received.len(), ended.unwrap_err().kind()), (0, ErrorKind::ConnectionReset));
    assert_eq!(sandbox.requests().len(), requests, "an unread request is not recorded");
    assert_eq!(status(&sandbox, &id), "pending");
}

#[test]
fn post_with_a_lost_response_is_recorded_and_has_started_a_session() {
    for fault in ["reset", "close", "garbage", "cut-body"] {
        let sandbox = Sandbox::start().unwrap();
        sandbox.fault(fault, 1).unwrap();
        let lost = try_post(&sandbox, START, &example().to_string());
        assert!(lost.is_err(), "{fault}");
        let request =
            sandbox.wait_for_request(|request| request.method == "POST", TIMEOUT).unwrap();
        assert_eq!((request.path.as_str(), request.status), (START, None), "{fault}");
        assert_eq!(sandbox.sessions().len(), 1, "{fault}");
    }
}

#[test]
fn list_contains_all_faults_and_the_armed_ones() {
    let sandbox = Sandbox::start().unwrap();
    post(&sandbox, "/_sandbox/faults", json!({"fault": "http-500", "times": 3.0}));
    post(&sandbox, "/_sandbox/faults", json!({"fault": "reset"}));
    let list = get(&sandbox, "/_sandbox/faults").json();
    assert_eq!(
        list["armed"],
        json!([{"fault": "http-500", "times": 3}, {"fault": "reset", "times": 1}])
    );
    let names: Vec<_> =
        list["faults"].as_array().unwrap().iter().map(|fault| &fault["name"]).collect();
    assert!(names.contains(&&json!("http-NNN")) && names.contains(&&json!("answer")), "{names:?}");
    assert_eq!(get(&sandbox, &lookup("x")).status, 500);
    assert_eq!(delete(&sandbox, "/_sandbox/faults").status, 200);
    assert_eq!(get(&sandbox, "/_sandbox/faults").json()["armed"], json!([]));
    assert_eq!(get(&sandbox, &lookup("x")).status, 404);
}

/// The response to a GET with a fault.
fn corrupted(fault: &str) -> Response {
    let (sandbox, id) = armed(fault);
    get(&sandbox, &lookup(&id))
}

#[test]
fn domain_faults_change_the_verdict() {
    let data = |fault| corrupted(fault).json()["data"].clone();
    assert_eq!(data("unknown-status")["status"], "on_hold");
    assert_eq!(data("upper-case-status")["status"], "PENDING");
    let errors = data("accepted-with-errors");
    assert_eq!(errors["status"], "accepted");
    assert_eq!(errors["errors"].as_array().unwrap().len(), 1);
    let disagreeing = data("result-disagrees");
    assert_eq!(
        (&disagreeing["status"], &disagreeing["result"]["status"]),
        (&json!("accepted"), &json!("failed"))
    );
    assert_eq!(data("no-status").get("status"), None);
    let extra = data("extra-fields");
    assert_eq!((&extra["status"], extra.get("errors")), (&json!("pending"), Some(&json!(null))));
    let types = data("wrong-types");
    assert!(types["id"].is_number() && types["status"].is_array());
    assert!(data("nul-in-string")["id"].as_str().unwrap().ends_with('\0'));
    assert!(data("control-in-url")["redirect_url"].as_str().unwrap().contains("\r\n"));
    assert!(data("script-url")["redirect_url"].as_str().unwrap().starts_with("javascript:"));
    assert_eq!(corrupted("bare-object").json()["status"], "pending");
    assert_eq!(corrupted("repeated-key").text().matches("\"status\":").count(), 2);
    assert!(String::from_utf8(corrupted("bad-utf8").body).is_err());
    assert!(corrupted("byte-order-mark").body.starts_with(b"\xef\xbb\xbf{"));
    let deep = corrupted("deep-json").text();
    assert_eq!((deep.matches('[').count(), deep.matches(']').count()), (100_000, 100_000));
    assert!(deep.starts_with("{\"data\":{\"deep\":[") && deep.ends_with("}}"));
    let cut = corrupted("cut-json");
    assert!(cut.status == 200 && cut.body.starts_with(b"{\"data\":") && !cut.body.ends_with(b"}"));
}

#[test]
fn http_faults_corrupt_the_response() {
    let raw = |fault| {
        let (received, ended) = get_with_fault(fault);
        ended.unwrap();
        received
    };
    let split = |response: &str| {
        let (head, body) = response.rsplit_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    };
    let hinted = raw("early-hints");
    assert!(
        hinted.starts_with("HTTP/1.1 103 ") && hinted.contains("\r\n\r\nHTTP/1.1 200 OK\r\n"),
        "{hinted}"
    );
    assert!(raw("switching-protocols").starts_with("HTTP/1.1 101 "));
    assert_eq!(raw("two-lengths").matches("content-length: ").count(), 2);
    let (head, body) = split(&raw("no-length"));
    assert!(
        !head.contains("content-length")
            && head.contains("connection: close")
            && body.ends_with("}}")
    );
    let (head, body) = split(&raw("cut-without-length"));
    assert!(
        !head.contains("content-length") && body.starts_with("{\"data\"") && !body.ends_with('}')
    );
    let chunked = raw("bad-chunk");
    assert!(chunked.contains("transfer-encoding: chunked") && chunked.contains("\r\n\r\nzz\r\n"));
    let chunked = raw("cut-chunks");
    assert!(
        chunked.contains("transfer-encoding: chunked") && chunked.ends_with("}}\r\n"),
        "{chunked}"
    );
    let (sandbox, id) = armed("length-too-long");
    let response = String::from_utf8(exchange_until_body(&sandbox, &id)).unwrap();
    assert_eq!(missing_bytes(&response), 10);
    sandbox.fault("length-too-short", 1).unwrap();
    let response = String::from_utf8(exchange_until_body(&sandbox, &id)).unwrap();
    assert_eq!(missing_bytes(&response), -10);
    let (sandbox, id) = armed("many-headers");
    assert!(
        String::from_utf8_lossy(&exchange_until_body(&sandbox, &id)).matches("x-many-").count()
            == 1000
    );
    sandbox.fault("huge-header", 1).unwrap();
    assert!(exchange_until_body(&sandbox, &id).len() > 256 << 10);
    let (sandbox, id) = armed("late-answer");
    let before = Instant::now();
    assert_eq!(status(&sandbox, &id), "pending");
    assert!(before.elapsed() >= Duration::from_secs(1));
}

/// `Content-Length` minus the length of the body.
fn missing_bytes(response: &str) -> i64 {
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
    length.parse::<i64>().unwrap() - i64::try_from(body.len()).unwrap()
}

#[test]
fn unasked_answer_sends_a_second_response() {
    let (sandbox, id) = armed("unasked-answer");
    let mut stream = socket(&sandbox);
    stream.write_all(raw_lookup(&sandbox, &id).as_bytes()).unwrap();
    let (mut received, mut buffer) = (String::new(), [0; 4096]);
    while received.matches("}}").count() < 2 {
        let length = stream.read(&mut buffer).unwrap();
        assert_ne!(length, 0);
        received.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    let (expected, unrequested) = received.rsplit_once("HTTP/1.1 200 OK").unwrap();
    assert!(expected.contains(&id) && missing_bytes(expected) == 0, "{expected}");
    assert!(unrequested.contains("accepted") && missing_bytes(unrequested) == 0, "{unrequested}");
}

#[test]
fn endless_header_does_not_end() {
    let (sandbox, id) = armed("endless-header");
    let mut stream = socket(&sandbox);
    stream.write_all(raw_lookup(&sandbox, &id).as_bytes()).unwrap();
    let mut received = vec![0; 100_000];
    stream.read_exact(&mut received).unwrap();
    let (_, header) = received.split_at("HTTP/1.1 200 OK\r\nx-endless: ".len());
    assert!(header.iter().all(|byte| *byte == b'x'));
}

/// The response on a connection that stays open.
fn exchange_until_body(sandbox: &Sandbox, id: &str) -> Vec<u8> {
    let mut stream = socket(sandbox);
    stream.write_all(raw_lookup(sandbox, id).as_bytes()).unwrap();
    let (mut received, mut buffer) = (Vec::new(), [0; 65536]);
    while !received.ends_with(b"}}") {
        let length = stream.read(&mut buffer).unwrap();
        assert_ne!(length, 0);
        received.extend_from_slice(&buffer[..length]);
    }
    received
}

#[test]
fn endless_informational_responses_do_not_end() {
    let (sandbox, id) = armed("endless-informational");
    let mut stream = socket(&sandbox);
    stream.write_all(raw_lookup(&sandbox, &id).as_bytes()).unwrap();
    let mut received = vec![0; 50 * 28];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(String::from_utf8(received).unwrap(), "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(50));
}

#[test]
fn response_is_cut_at_the_right_place() {
    let (received, ended) = get_with_fault("cut-head");
    assert!(
        ended.is_ok() && received.starts_with("HTTP/1.1 200") && !received.contains("\r\n\r\n"),
        "{received}"
    );
    let (received, ended) = get_with_fault("reset-head");
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(received.starts_with("HTTP/1.1 200") && !received.contains("\r\n\r\n"), "{received}");
    let (received, ended) = get_with_fault("reset-after-head");
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(received.ends_with("\r\n\r\n") && received.matches("\r\n\r\n").count() == 1);
    let (received, ended) = get_with_fault("reset-body");
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(received.contains("\r\n\r\n{\"data\"") && !received.ends_with('}'), "{received}");
    for fault in ["close-after-answer", "close-with-answer"] {
        let (received, ended) = get_with_fault(fault);
        assert!(
            ended.is_ok() && received.ends_with("}}") && !received.contains("connection: close"),
            "{fault}: {received}"
        );
    }
}

#[test]
fn reused_connection_is_closed_or_reset() {
    for (fault, reset) in [("close-when-reused", false), ("reset-when-reused", true)] {
        let (sandbox, id) = armed(fault);
        let mut stream = socket(&sandbox);
        stream.write_all(raw_lookup(&sandbox, &id).as_bytes()).unwrap();
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).unwrap();
        assert!(buffer[..length].ends_with(b"}}"), "{fault}");
        stream.write_all(raw_lookup(&sandbox, &id).as_bytes()).unwrap();
        match stream.read(&mut buffer) {
            Ok(0) => assert!(!reset, "{fault}"),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => assert!(reset, "{fault}"),
            other => panic!("{fault}: {other:?}"),
        }
        assert_eq!(
            sandbox.requests().len(),
            2,
            "{fault}: the second lookup never reached the gateway"
        );
    }
}

#[test]
fn close_on_accept_sends_fin() {
    let (sandbox, id) = armed("close-on-accept");
    let (received, ended) = exchange(&sandbox, &raw_lookup(&sandbox, &id));
    assert!(received.is_empty() && ended.is_ok(), "{ended:?}");
}

#[test]
fn every_listed_fault_has_a_test() {
    let tests = [
        include_str!("faults.rs"),
        include_str!("tls.rs"),
        include_str!("webhooks.rs"),
        include_str!("chaos.rs"),
    ]
    .concat();
    let list = get(&Sandbox::start().unwrap(), "/_sandbox/faults").json();
    for fault in list["faults"].as_array().unwrap() {
        let name = fault["name"].as_str().unwrap();
        assert!(name == "http-NNN" || tests.contains(&format!("\"{name}\"")), "{name} has no test");
    }
}
