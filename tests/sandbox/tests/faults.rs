//! Every fault of a call, seen from the other end of the socket.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use common::*;
use serde_json::json;
use zignsec_sandbox::{Fault, Sandbox, ScriptedAnswer};

/// A sandbox with one session, and a fault that waits for its lookup.
fn armed(fault: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::start().unwrap();
    let id = start(&sandbox, PHONE);
    sandbox.fault(fault, 1).unwrap();
    (sandbox, id)
}

/// How the connection of a lookup ends under a fault, and what came before that.
fn broken(fault: &str) -> (String, std::io::Result<()>) {
    let (sandbox, id) = armed(fault);
    let (received, ended) = exchange(&sandbox, &raw_lookup(&sandbox, &id));
    assert_eq!(status(&sandbox, &id), "pending", "{fault}: the call after the fault is answered");
    (String::from_utf8_lossy(&received).into_owned(), ended)
}

#[test]
fn any_status_can_be_asked_for_any_number_of_times() {
    let sandbox = Sandbox::start().unwrap();
    let id = start(&sandbox, PHONE);
    for wanted in [200, 201, 204, 304, 400, 409, 418, 499, 500, 503, 599] {
        sandbox.arm(Fault::Http(wanted), 2).unwrap();
        for _ in 0..2 {
            let answer = get(&sandbox, &lookup(&id));
            assert_eq!(answer.status, wanted);
            if ![204, 304].contains(&wanted) {
                assert_eq!(answer.json()["errors"][0]["code"], "sandbox_fault");
            }
        }
        assert_eq!(get(&sandbox, &lookup(&id)).json()["data"]["status"], "pending");
    }
    assert!(sandbox.fault("http-100", 1).is_err());
    assert!(sandbox.fault("http-500", 0).is_err());
}

#[test]
fn a_post_that_meets_an_error_starts_no_session() {
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault("http-503", 1).unwrap();
    assert_eq!(post(&sandbox, START, example()).status, 503);
    assert!(sandbox.sessions().is_empty());
}

#[test]
fn retry_after_comes_in_both_forms() {
    let (sandbox, id) = armed("rate-limited-seconds");
    let answer = get(&sandbox, &lookup(&id));
    assert_eq!((answer.status, answer.header("retry-after")), (429, "2"));
    sandbox.fault("rate-limited-date", 1).unwrap();
    let answer = get(&sandbox, &lookup(&id));
    assert_eq!(answer.status, 429);
    let date = httpdate::parse_http_date(answer.header("retry-after")).unwrap();
    assert!(
        date.duration_since(std::time::SystemTime::now()).unwrap_or_default()
            < Duration::from_secs(3)
    );
    sandbox.fault("unavailable-retry-after", 1).unwrap();
    let answer = get(&sandbox, &lookup(&id));
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
}

#[test]
fn proxies_and_redirects_get_in_the_way() {
    let (sandbox, id) = armed("bad-gateway-html");
    let answer = get(&sandbox, &lookup(&id));
    assert_eq!((answer.status, answer.header("content-type")), (502, "text/html; charset=utf-8"));
    assert!(answer.text().starts_with("<!doctype html>"));
    sandbox.fault("redirect", 1).unwrap();
    let answer = get(&sandbox, &lookup(&id));
    assert_eq!(answer.status, 302);
    assert!(answer.header("location").starts_with("https://elsewhere.example/"));
}

#[test]
fn a_scripted_answer_is_sent_byte_for_byte() {
    let sandbox = Sandbox::start().unwrap();
    let order =
        json!({"fault": "answer", "status": 201, "headers": {"x-a": "b"}, "body": " {\"å\": 1}\n"});
    assert_eq!(post(&sandbox, "/_sandbox/faults", order).status, 200);
    let answer = get(&sandbox, &lookup("x"));
    assert_eq!(
        (answer.status, answer.header("x-a"), answer.text().as_str()),
        (201, "b", " {\"å\": 1}\n")
    );
    assert_eq!(answer.header("content-type"), "application/json");
    let order = json!({"fault": "answer", "status": 200, "headers": {"content-type": "a/b"}, "body_hex": "ff00FE"});
    assert_eq!(post(&sandbox, "/_sandbox/faults", order).status, 200);
    let answer = get(&sandbox, &lookup("x"));
    assert_eq!(
        (answer.body.as_slice(), answer.header("content-type")),
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
fn json_goes_wrong_in_each_way() {
    let (sandbox, id) = armed("empty-body");
    assert_eq!(get(&sandbox, &lookup(&id)).body, b"");
    sandbox.fault("not-json", 1).unwrap();
    let answer = get(&sandbox, &lookup(&id));
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err());
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
fn a_reset_is_a_reset_and_a_close_is_a_close() {
    let (received, ended) = broken("reset");
    assert_eq!((received.as_str(), ended.unwrap_err().kind()), ("", ErrorKind::ConnectionReset));
    let (received, ended) = broken("close");
    assert!(received.is_empty() && ended.is_ok(), "{ended:?}");
}

#[test]
fn a_cut_body_is_shorter_than_it_says() {
    let (received, ended) = broken("cut-body");
    ended.unwrap();
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(length.parse::<usize>().unwrap() / 2, body.len());
}

#[test]
fn garbage_is_not_http() {
    let (received, ended) = broken("garbage");
    ended.unwrap();
    assert!(!received.is_empty() && !received.starts_with("HTTP/"), "{received}");
}

#[test]
fn drips_come_a_byte_at_a_time_and_whole_in_the_end() {
    for (fault, first) in [("drip-head", "H"), ("drip-body", "HTTP/1.1 200 OK")] {
        let (sandbox, id) = armed(fault);
        let mut stream = socket(&sandbox);
        stream.write_all(raw_lookup(&sandbox, &id).as_bytes()).unwrap();
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).unwrap();
        assert!(piece.starts_with(first.as_bytes()), "{fault}");
        if fault == "drip-head" {
            assert_eq!(length, 1);
        }
        // The rest would take a while; single bytes that are apart in time are proof enough.
        let before = Instant::now();
        let mut byte = [0; 64];
        for _ in 0..3 {
            assert_eq!(stream.read(&mut byte).unwrap(), 1, "{fault}");
        }
        assert!(before.elapsed() > Duration::from_millis(150), "{fault}: {:?}", before.elapsed());
    }
}

#[test]
fn a_stall_says_nothing_until_the_caller_goes() {
    let (sandbox, id) = armed("stall");
    let mut stream = socket(&sandbox);
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    stream.write_all(raw_lookup(&sandbox, &id).as_bytes()).unwrap();
    let silence = stream.read(&mut [0]).unwrap_err().kind();
    assert!(matches!(silence, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silence}");
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_reset_on_accept_meets_the_next_call_and_no_admin_route() {
    let (sandbox, id) = armed("reset-on-accept");
    assert_eq!(get(&sandbox, "/_sandbox/health").status, 200);
    let requests = sandbox.requests().len();
    let (received, ended) = exchange(&sandbox, &raw_lookup(&sandbox, &id));
    assert_eq!((received.len(), ended.unwrap_err().kind()), (0, ErrorKind::ConnectionReset));
    assert_eq!(sandbox.requests().len(), requests, "what was not read is not recorded");
    assert_eq!(status(&sandbox, &id), "pending");
}

#[test]
fn a_post_whose_answer_was_lost_is_recorded_without_a_status_and_has_its_session() {
    for fault in ["reset", "close", "garbage", "cut-body"] {
        let sandbox = Sandbox::start().unwrap();
        sandbox.fault(fault, 1).unwrap();
        let lost = try_post(&sandbox, START, &example().to_string());
        assert!(lost.is_err(), "{fault}");
        let request =
            sandbox.wait_for_request(|request| request.method == "POST", PATIENCE).unwrap();
        assert_eq!((request.path.as_str(), request.status), (START, None), "{fault}");
        assert_eq!(sandbox.sessions().len(), 1, "{fault}");
    }
}

#[test]
fn the_list_has_what_exists_and_what_is_armed() {
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

/// A lookup's answer under a fault.
fn spoilt(fault: &str) -> Answer {
    let (sandbox, id) = armed(fault);
    get(&sandbox, &lookup(&id))
}

#[test]
fn verdicts_go_wrong_in_each_way() {
    let data = |fault| spoilt(fault).json()["data"].clone();
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
    assert_eq!(spoilt("bare-object").json()["status"], "pending");
    assert_eq!(spoilt("repeated-key").text().matches("\"status\":").count(), 2);
    assert!(String::from_utf8(spoilt("bad-utf8").body).is_err());
    assert!(spoilt("byte-order-mark").body.starts_with(b"\xef\xbb\xbf{"));
    let deep = spoilt("deep-json").text();
    assert_eq!((deep.matches('[').count(), deep.matches(']').count()), (100_000, 100_000));
    assert!(deep.starts_with("{\"data\":{\"deep\":[") && deep.ends_with("}}"));
    let cut = spoilt("cut-json");
    assert!(cut.status == 200 && cut.body.starts_with(b"{\"data\":") && !cut.body.ends_with(b"}"));
}

#[test]
fn http_goes_wrong_in_each_way() {
    let raw = |fault| {
        let (received, ended) = broken(fault);
        ended.unwrap();
        received
    };
    let split = |answer: &str| {
        let (head, body) = answer.rsplit_once("\r\n\r\n").unwrap();
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
    let answer = String::from_utf8(exchange_until_body(&sandbox, &id)).unwrap();
    assert_eq!(missing(&answer), 10);
    sandbox.fault("length-too-short", 1).unwrap();
    let answer = String::from_utf8(exchange_until_body(&sandbox, &id)).unwrap();
    assert_eq!(missing(&answer), -10);
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

/// How many bytes fewer than promised a body has.
fn missing(answer: &str) -> i64 {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
    length.parse::<i64>().unwrap() - i64::try_from(body.len()).unwrap()
}

#[test]
fn an_answer_can_come_that_nobody_asked_for() {
    let (sandbox, id) = armed("unasked-answer");
    let mut stream = socket(&sandbox);
    stream.write_all(raw_lookup(&sandbox, &id).as_bytes()).unwrap();
    let (mut received, mut piece) = (String::new(), [0; 4096]);
    while received.matches("}}").count() < 2 {
        let length = stream.read(&mut piece).unwrap();
        assert_ne!(length, 0);
        received.push_str(std::str::from_utf8(&piece[..length]).unwrap());
    }
    let (right, unasked) = received.rsplit_once("HTTP/1.1 200 OK").unwrap();
    assert!(right.contains(&id) && missing(right) == 0, "{right}");
    assert!(unasked.contains("accepted") && missing(unasked) == 0, "{unasked}");
}

#[test]
fn a_header_can_go_on_for_good() {
    let (sandbox, id) = armed("endless-header");
    let mut stream = socket(&sandbox);
    stream.write_all(raw_lookup(&sandbox, &id).as_bytes()).unwrap();
    let mut received = vec![0; 100_000];
    stream.read_exact(&mut received).unwrap();
    let (_, header) = received.split_at("HTTP/1.1 200 OK\r\nx-endless: ".len());
    assert!(header.iter().all(|byte| *byte == b'x'));
}

/// An answer of a connection that stays open.
fn exchange_until_body(sandbox: &Sandbox, id: &str) -> Vec<u8> {
    let mut stream = socket(sandbox);
    stream.write_all(raw_lookup(sandbox, id).as_bytes()).unwrap();
    let (mut received, mut piece) = (Vec::new(), [0; 65536]);
    while !received.ends_with(b"}}") {
        let length = stream.read(&mut piece).unwrap();
        assert_ne!(length, 0);
        received.extend_from_slice(&piece[..length]);
    }
    received
}

#[test]
fn an_endless_run_of_interim_answers_does_not_end_by_itself() {
    let (sandbox, id) = armed("endless-informational");
    let mut stream = socket(&sandbox);
    stream.write_all(raw_lookup(&sandbox, &id).as_bytes()).unwrap();
    let mut received = vec![0; 50 * 28];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(String::from_utf8(received).unwrap(), "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(50));
}

#[test]
fn answers_break_off_in_each_place() {
    let (received, ended) = broken("cut-head");
    assert!(
        ended.is_ok() && received.starts_with("HTTP/1.1 200") && !received.contains("\r\n\r\n"),
        "{received}"
    );
    let (received, ended) = broken("reset-head");
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(received.starts_with("HTTP/1.1 200") && !received.contains("\r\n\r\n"), "{received}");
    let (received, ended) = broken("reset-after-head");
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(received.ends_with("\r\n\r\n") && received.matches("\r\n\r\n").count() == 1);
    let (received, ended) = broken("reset-body");
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(received.contains("\r\n\r\n{\"data\"") && !received.ends_with('}'), "{received}");
    for fault in ["close-after-answer", "close-with-answer"] {
        let (received, ended) = broken(fault);
        assert!(
            ended.is_ok() && received.ends_with("}}") && !received.contains("connection: close"),
            "{fault}: {received}"
        );
    }
}

#[test]
fn connections_break_when_they_are_used_again() {
    for (fault, reset) in [("close-when-reused", false), ("reset-when-reused", true)] {
        let (sandbox, id) = armed(fault);
        let mut stream = socket(&sandbox);
        stream.write_all(raw_lookup(&sandbox, &id).as_bytes()).unwrap();
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).unwrap();
        assert!(piece[..length].ends_with(b"}}"), "{fault}");
        stream.write_all(raw_lookup(&sandbox, &id).as_bytes()).unwrap();
        match stream.read(&mut piece) {
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
fn a_close_on_accept_is_no_reset() {
    let (sandbox, id) = armed("close-on-accept");
    let (received, ended) = exchange(&sandbox, &raw_lookup(&sandbox, &id));
    assert!(received.is_empty() && ended.is_ok(), "{ended:?}");
}

#[test]
fn every_fault_that_is_listed_is_armed_by_some_test() {
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
