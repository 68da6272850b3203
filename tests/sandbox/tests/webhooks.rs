//! Webhooks, seen from the caller's own server.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::*;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use zignsec_sandbox::{Action, Sandbox, WebhookShape};

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The time of a signature that is right.
fn verify(secret: &str, webhook: &Webhook) -> Option<u64> {
    let (t, v1) = webhook.signature.strip_prefix("t=")?.split_once(",v1=")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(t.as_bytes());
    mac.update(b".");
    mac.update(&webhook.body);
    mac.verify_slice(&hex::decode(v1).ok()?).ok()?;
    t.parse().ok()
}

#[test]
fn both_ends_of_a_session_are_told_and_signed() {
    let receiver = Receiver::answering(&[]);
    let sandbox = Sandbox::builder().webhook_secret("s3cret-of-hooks").start().unwrap();
    let id = start_with_webhook(&sandbox, PHONE, &receiver.url);
    let created = receiver.next();
    sandbox.user(&id, Action::Accept).unwrap();
    let finished = receiver.next();
    for (webhook, event, status) in
        [(&created, "session_created", "pending"), (&finished, "session_finished", "accepted")]
    {
        let expected = json!({
            "event": event, "id": id, "integration_id": "Zignsec.v5.TwoFactorAuth.Phone", "relay_state": "Tulasi_V5_SMS",
            "result": {"errors": [], "status": status}, "workflow_session_id": null,
        });
        assert_eq!(webhook.json(), expected);
        let at = verify("s3cret-of-hooks", webhook).expect("the signature is right");
        assert!(seconds_now() - at < 60);
        assert_eq!(verify("another", webhook), None);
    }
    let attempt =
        sandbox.wait_for_webhook(|attempt| attempt.event == "session_finished", PATIENCE).unwrap();
    assert_eq!((attempt.status, attempt.error.as_deref(), attempt.attempt), (Some(200), None, 1));
    let list = get(&sandbox, "/_sandbox/webhooks").json();
    let keys: Vec<_> = list[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["at", "attempt", "error", "event", "id", "session_id", "status", "url"]);
}

#[test]
fn the_flat_shape_has_its_status_at_the_top() {
    let receiver = Receiver::answering(&[]);
    let sandbox = Sandbox::builder().webhook_shape(WebhookShape::Flat).start().unwrap();
    start_with_webhook(&sandbox, PHONE, &receiver.url);
    let webhook = receiver.next().json();
    assert_eq!((webhook["status"].as_str(), webhook.get("result")), (Some("pending"), None));
}

#[test]
fn every_ending_is_told_even_one_that_nobody_sees() {
    for (action, status) in
        [(Some(Action::Cancel), "cancelled"), (Some(Action::Fail), "failed"), (None, "timeout")]
    {
        let receiver = Receiver::answering(&[]);
        let sandbox = Sandbox::start().unwrap();
        let id = start_with_webhook(&sandbox, PHONE, &receiver.url);
        receiver.next();
        match action {
            Some(action) => drop(sandbox.user(&id, action).unwrap()),
            None => sandbox.advance(Duration::from_secs(1800)),
        }
        assert_eq!(receiver.next().json()["result"]["status"], status);
    }
}

#[test]
fn a_webhook_that_is_not_taken_is_tried_again_on_the_sandboxs_clock() {
    let receiver = Receiver::answering(&[500, 302]);
    let sandbox = Sandbox::start().unwrap();
    start_with_webhook(&sandbox, PHONE, &receiver.url);
    let body = receiver.next().body;
    sandbox.wait_for_webhook(|attempt| attempt.attempt == 1, PATIENCE).unwrap();
    sandbox.advance(Duration::from_secs(5));
    assert_eq!(receiver.next().body, body);
    sandbox.wait_for_webhook(|attempt| attempt.attempt == 2, PATIENCE).unwrap();
    post(&sandbox, "/_sandbox/clock", json!({"advance_s": 299}));
    assert!(receiver.is_quiet(), "the next is due after five minutes");
    post(&sandbox, "/_sandbox/clock", json!({"advance_s": 1}));
    receiver.next();
    let last = sandbox.wait_for_webhook(|attempt| attempt.attempt == 3, PATIENCE).unwrap();
    assert_eq!(last.status, Some(200));
    let statuses: Vec<_> = sandbox.webhooks().iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(200), Some(302), Some(500)]);
}

#[test]
fn a_receiver_that_is_not_there_is_an_error_in_the_list() {
    let sandbox = Sandbox::start().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    start_with_webhook(&sandbox, PHONE, &format!("http://{nobody}"));
    let attempt = sandbox.wait_for_webhook(|_| true, PATIENCE).unwrap();
    assert_eq!(attempt.status, None);
    assert!(attempt.error.unwrap().contains("refused"));
}

#[test]
fn what_would_leave_this_machine_is_listed_and_not_sent() {
    let sandbox = Sandbox::start().unwrap();
    start_with_webhook(&sandbox, PHONE, "https://webhook.site/zignsec");
    let attempt = sandbox.wait_for_webhook(|_| true, PATIENCE).unwrap();
    assert_eq!((attempt.url.as_str(), attempt.status), ("https://webhook.site/zignsec", None));
    assert!(attempt.error.unwrap().starts_with("not sent: webhook.site is not this machine"));
    sandbox.advance(Duration::from_secs(100_000));
    sandbox.wait_for_webhook(|attempt| attempt.event == "session_finished", PATIENCE).unwrap();
    assert!(sandbox.webhooks().iter().all(|attempt| attempt.attempt == 1), "it is not tried again");

    // 0.0.0.0 reaches this machine too, but is no loopback address: it takes leave to be used.
    let receiver = Receiver::answering(&[]);
    let url = receiver.url.replace("127.0.0.1", "0.0.0.0");
    let sandbox = Sandbox::builder().webhook_allow("0.0.0.0").start().unwrap();
    start_with_webhook(&sandbox, PHONE, &url);
    receiver.next();
}

#[test]
fn any_webhook_can_be_sent_again() {
    let receiver = Receiver::answering(&[]);
    let sandbox = Sandbox::start().unwrap();
    start_with_webhook(&sandbox, PHONE, &receiver.url);
    let first = receiver.next();
    let attempt = sandbox.wait_for_webhook(|_| true, PATIENCE).unwrap();
    let answer = post(&sandbox, &format!("/_sandbox/webhooks/{}/resend", attempt.id), "").json();
    assert_eq!((&answer["attempt"], &answer["status"]), (&json!(2), &json!(200)));
    let second = receiver.next();
    assert_eq!(second.body, first.body);
    assert!(verify(sandbox.webhook_secret(), &second).is_some());
    for nothing in ["99", "x", "-1"] {
        assert_eq!(post(&sandbox, &format!("/_sandbox/webhooks/{nothing}/resend"), "").status, 404);
    }
}

#[test]
fn every_fault_of_webhooks_does_what_it_says() {
    let receiver = Receiver::answering(&[]);
    let sandbox = Sandbox::start().unwrap();
    let secret = sandbox.webhook_secret();
    let meet = |fault: &str| {
        sandbox.fault(fault, 1).unwrap();
        start_with_webhook(&sandbox, PHONE, &receiver.url)
    };

    let id = meet("webhook-lost");
    let attempt = sandbox.wait_for_webhook(|attempt| attempt.session_id == id, PATIENCE).unwrap();
    assert_eq!(attempt.error.as_deref(), Some("not sent: lost by a fault"));
    assert!(receiver.is_quiet());

    meet("webhook-bad-signature");
    assert_eq!(verify(secret, &receiver.next()), None);
    meet("webhook-unsigned");
    assert_eq!(receiver.next().signature, "");
    meet("webhook-stale");
    assert!(seconds_now() - verify(secret, &receiver.next()).unwrap() >= 600);

    let id = meet("webhook-twice");
    assert_eq!(receiver.next().body, receiver.next_after(&sandbox, &id, 5).body);

    let id = meet("webhook-late");
    sandbox.advance(Duration::from_secs(59));
    assert!(receiver.is_quiet());
    sandbox.advance(Duration::from_secs(1));
    assert_eq!(receiver.next().json()["id"], json!(id));

    let id = meet("webhook-out-of-order");
    sandbox.user(&id, Action::Accept).unwrap();
    assert_eq!(
        [receiver.next().event(), receiver.next().event()],
        ["session_finished", "session_created"]
    );

    let id = meet("webhook-before-answer");
    let first = receiver.arrived_already().expect("the webhook came before the answer did");
    assert_eq!(first.json()["id"], json!(id));
}
