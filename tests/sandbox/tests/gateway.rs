//! The two endpoints, compared with the gateway's documentation.

#![allow(clippy::unwrap_used, reason = "a panic in a helper fails the test")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;

use common::*;
use serde_json::{Value, json};
use zignsec_sandbox::{Action, CancelDestination, ErrorShape, Sandbox, SuccessStatus};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn session_goes_from_pending_to_accepted_with_the_documented_json() {
    let sandbox = Sandbox::start().unwrap();
    let started = post(&sandbox, START, example());
    assert_eq!(started.status, 200);
    assert_eq!(started.header("content-type"), "application/json");
    assert!(started.header("x-sandbox").starts_with("zignsec-sandbox/"));
    let data = &started.json()["data"];
    assert_eq!(keys(&started.json()), ["data"]);
    assert_eq!(keys(data), ["id", "redirect_url", "status"]);
    let id = data["id"].as_str().unwrap();
    assert_eq!(data["redirect_url"], format!("{}/2fa-ui/2fa/phone/{id}", sandbox.url()));
    assert_eq!(data["status"], "pending");
    assert_eq!(id.len(), 36);

    let expected = |status| {
        json!({"data": {
            "request_data": example(), "id": id, "phone_number": PHONE, "status": status,
        }})
    };
    assert_eq!(get(&sandbox, &lookup(id)).json(), expected("pending"));
    let outcome = sandbox.user(id, Action::Accept).unwrap();
    assert_eq!(outcome.location.as_deref(), Some("https://my_success_url.com"));
    let found = get(&sandbox, &lookup(id));
    assert_eq!(found.json(), expected("accepted"));
    assert!(
        found.text().starts_with("{\"data\":{\"request_data\":{\"locale\":\"En\",\"metadata\""),
        "{}",
        found.text()
    );
}

#[test]
fn key_is_accepted_in_two_headers_only() {
    let sandbox = Sandbox::builder().api_key("a-key").start().unwrap();
    let url = format!("{}{START}", sandbox.url());
    let send = |name: &str, value: &str| {
        agent()
            .post(&url)
            .header(name, value)
            .send(example().to_string())
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(send("authorization", "a-key"), 200);
    assert_eq!(send("zs-product-key", "a-key"), 200);
    assert_eq!(send("authorization", "Bearer a-key"), 401);
    assert_eq!(send("authorization", "A-KEY"), 401);
    assert_eq!(send("x-api-key", "a-key"), 401);
    assert_eq!(sandbox.sessions().len(), 2);
    let lookup = format!("{}{}", sandbox.url(), lookup(&sandbox.sessions()[0].id));
    assert_eq!(agent().get(lookup).call().unwrap().status(), 401);
}

#[test]
fn invalid_bodies_are_rejected_with_a_reason() {
    let sandbox = Sandbox::start().unwrap();
    assert_eq!(post(&sandbox, START, "{").status, 400);
    let response = post(&sandbox, START, r#"{"metadata": {"phone_number": "0703339954"}}"#);
    assert_eq!(response.status, 422);
    let error = &response.json()["errors"][0];
    assert!(error["description"].as_str().unwrap().contains("metadata.phone_number"), "{error}");
    assert_eq!(error["code"], "invalid_request");
    assert!(sandbox.sessions().is_empty());
    // Without the body: the sandbox closes the connection while it would arrive.
    let host = sandbox.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "POST {START} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 330000\r\n\r\n")
        .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 413 "), "{response}");
}

#[test]
fn unknown_sessions_paths_and_methods_have_different_errors() {
    let sandbox = Sandbox::start().unwrap();
    let unknown = get(&sandbox, &lookup("b653e2c9-0138-434e-99c9-c9333cfb1129"));
    assert_eq!(
        (unknown.status, unknown.json()["errors"][0]["code"].as_str()),
        (404, Some("not_found"))
    );
    assert_eq!(get(&sandbox, "/core/api/nothing").status, 404);
    let wrong = post(&sandbox, &lookup("x"), "{}");
    assert_eq!(wrong.status, 405);
    assert!(wrong.header("allow").contains("GET"), "{:?}", wrong.headers);
}

#[test]
fn every_action_has_its_status_and_location() {
    let sandbox = Sandbox::start().unwrap();
    for (action, status, location) in [
        (Action::Accept, "accepted", Some("https://my_success_url.com")),
        (Action::WrongCode, "pending", None),
        (Action::Cancel, "cancelled", None),
        (Action::Fail, "failed", Some("https://my_failure_url.com")),
        (Action::Abandon, "pending", None),
    ] {
        let id = start(&sandbox, PHONE);
        let outcome = sandbox.user(&id, action).unwrap();
        assert_eq!(
            (outcome.status.as_str(), outcome.location.as_deref()),
            (status, location),
            "{action:?}"
        );
        assert_eq!(common::status(&sandbox, &id), status);
        let again = sandbox.user(&id, Action::Accept);
        assert_eq!(again.is_ok(), status == "pending", "{action:?}: {again:?}");
    }
}

#[test]
fn session_times_out() {
    let sandbox = Sandbox::start().unwrap();
    let id = start(&sandbox, PHONE);
    sandbox.advance(std::time::Duration::from_secs(29 * 60 + 50));
    assert_eq!(status(&sandbox, &id), "pending");
    sandbox.advance(std::time::Duration::from_secs(11));
    assert_eq!(status(&sandbox, &id), "timeout");
}

#[test]
fn options_for_the_end_of_a_session_are_applied() {
    let sandbox = Sandbox::builder()
        .success_status(SuccessStatus::Finished)
        .cancel(CancelDestination::Redirect)
        .max_attempts(0)
        .start()
        .unwrap();
    let id = start(&sandbox, PHONE);
    assert_eq!(sandbox.user(&id, Action::Fail).unwrap_err().status, 409);
    for _ in 0..5 {
        assert_eq!(sandbox.user(&id, Action::WrongCode).unwrap().status, "pending");
    }
    assert_eq!(sandbox.user(&id, Action::Accept).unwrap().status, "finished");
    let cancelled = sandbox.user(&start(&sandbox, PHONE), Action::Cancel).unwrap();
    assert_eq!(cancelled.location.as_deref(), Some("https://my_failure_url.com"));
}

#[test]
fn error_shape_option_is_applied() {
    for (shape, kind, body) in [
        (ErrorShape::List, "application/json", "{\"errors\":[{\"code\":\"unauthorized\""),
        (ErrorShape::Object, "application/json", "{\"errors\":{\"detail\":"),
        (ErrorShape::Type, "application/json", "{\"error\":{\"message\":"),
        (ErrorShape::Text, "text/plain; charset=utf-8", "the API key"),
        (ErrorShape::Html, "text/html; charset=utf-8", "<!doctype html>"),
        (ErrorShape::Empty, "", ""),
    ] {
        let sandbox = Sandbox::builder().error_shape(shape).start().unwrap();
        let mut response = agent().get(format!("{}{}", sandbox.url(), lookup("x"))).call().unwrap();
        assert_eq!(response.status(), 401);
        let sent = response
            .headers()
            .get("content-type")
            .map_or("", |kind| kind.to_str().unwrap())
            .to_owned();
        assert_eq!(sent, kind, "{shape:?}");
        let text = response.body_mut().read_to_string().unwrap();
        assert!(text.starts_with(body), "{shape:?}: {text}");
        assert_eq!(text.is_empty(), body.is_empty());
    }
}

#[test]
fn same_seed_gives_same_ids_and_codes() {
    let run = || {
        let sandbox = Sandbox::builder().seed(42).start().unwrap();
        let id = start(&sandbox, PHONE);
        sandbox.user(&id, Action::Abandon).unwrap();
        (id, sandbox.sms(PHONE, TIMEOUT)[0].code.clone())
    };
    assert_eq!(run(), run());
}
