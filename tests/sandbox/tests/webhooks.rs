//! Webhooks, seen by the receiver.

#![allow(clippy::unwrap_used, reason = "a panic in a helper fails the test")]

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

/// The time in a valid signature, or `None`.
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
fn start_and_end_of_a_session_are_sent_and_signed() {
    let receiver = Receiver::responding(&[]);
    let sandbox = Sandbox::builder().webhook_secret("s3cret-of-hooks").start().unwrap();
    let id = start_with_webhook(&sandbox, PHONE, &receiver.url);
    let created = receiver.next();
    sandbox.user(&id, Action::Accept).unwrap();
    let finished = receiver.next();
    for (webhook, event, status) in
        [(&created, "session_created", "pending"), (&finished, "session_finished", "accepted")]
    {
        let expected = json!({
            "event": event,
            "id": id,
            "integration_id": "Zignsec.v5.TwoFactorAuth.Phone",
            "relay_state": "Tulasi_V5_SMS",
            "result": {"errors": [], "status": status},
            "workflow_session_id": null,
        });
        assert_eq!(webhook.json(), expected);
        let at = verify("s3cret-of-hooks", webhook).expect("the signature is valid");
        assert!(seconds_now() - at < 60);
        assert_eq!(verify("another", webhook), None);
    }
    let attempt =
        sandbox.wait_for_webhook(|attempt| attempt.event == "session_finished", TIMEOUT).unwrap();
    assert_eq!((attempt.status, attempt.error.as_deref(), attempt.attempt), (Some(200), None, 1));
    let list = get(&sandbox, "/_sandbox/webhooks").json();
    let keys: Vec<_> = list[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["at", "attempt", "error", "event", "id", "session_id", "status", "url"]);
}

#[test]
fn flat_shape_has_the_status_at_the_top_level() {
    let receiver = Receiver::responding(&[]);
    let sandbox = Sandbox::builder().webhook_shape(WebhookShape::Flat).start().unwrap();
    start_with_webhook(&sandbox, PHONE, &receiver.url);
    let webhook = receiver.next().json();
    assert_eq!((webhook["status"].as_str(), webhook.get("result")), (Some("pending"), None));
}

#[test]
fn every_end_of_a_session_sends_a_webhook() {
    for (action, status) in
        [(Some(Action::Cancel), "cancelled"), (Some(Action::Fail), "failed"), (None, "timeout")]
    {
        let receiver = Receiver::responding(&[]);
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
fn failed_webhook_is_retried_on_the_sandbox_clock() {
    let receiver = Receiver::responding(&[500, 302]);
    let sandbox = Sandbox::start().unwrap();
    start_with_webhook(&sandbox, PHONE, &receiver.url);
    let body = receiver.next().body;
    sandbox.wait_for_webhook(|attempt| attempt.attempt == 1, TIMEOUT).unwrap();
    sandbox.advance(Duration::from_secs(5));
    assert_eq!(receiver.next().body, body);
    sandbox.wait_for_webhook(|attempt| attempt.attempt == 2, TIMEOUT).unwrap();
    post(&sandbox, "/_sandbox/clock", json!({"advance_s": 299}));
    assert!(receiver.is_empty(), "the next retry is due after five minutes");
    post(&sandbox, "/_sandbox/clock", json!({"advance_s": 1}));
    receiver.next();
    let last = sandbox.wait_for_webhook(|attempt| attempt.attempt == 3, TIMEOUT).unwrap();
    assert_eq!(last.status, Some(200));
    let statuses: Vec<_> = sandbox.webhooks().iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(200), Some(302), Some(500)]);
}

#[test]
fn unreachable_receiver_is_reported_in_the_list() {
    let sandbox = Sandbox::start().unwrap();
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    start_with_webhook(&sandbox, PHONE, &format!("http://{unused}"));
    let attempt = sandbox.wait_for_webhook(|_| true, TIMEOUT).unwrap();
    assert_eq!(attempt.status, None);
    assert!(attempt.error.unwrap().contains("refused"));
}

#[test]
fn webhooks_to_other_machines_are_listed_but_not_sent() {
    let sandbox = Sandbox::start().unwrap();
    start_with_webhook(&sandbox, PHONE, "https://webhook.site/zignsec");
    let attempt = sandbox.wait_for_webhook(|_| true, TIMEOUT).unwrap();
    assert_eq!((attempt.url.as_str(), attempt.status), ("https://webhook.site/zignsec", None));
    assert!(attempt.error.unwrap().starts_with("not sent: webhook.site is not a loopback host"));
    sandbox.advance(Duration::from_secs(100_000));
    sandbox.wait_for_webhook(|attempt| attempt.event == "session_finished", TIMEOUT).unwrap();
    assert!(sandbox.webhooks().iter().all(|attempt| attempt.attempt == 1), "there is no retry");

    // 0.0.0.0 reaches this machine, but it is not a loopback address, so it must be allowed.
    let receiver = Receiver::responding(&[]);
    let url = receiver.url.replace("127.0.0.1", "0.0.0.0");
    let sandbox = Sandbox::builder().webhook_allow("0.0.0.0").start().unwrap();
    start_with_webhook(&sandbox, PHONE, &url);
    receiver.next();
}

#[test]
fn any_webhook_can_be_resent() {
    let receiver = Receiver::responding(&[]);
    let sandbox = Sandbox::start().unwrap();
    start_with_webhook(&sandbox, PHONE, &receiver.url);
    let first = receiver.next();
    let attempt = sandbox.wait_for_webhook(|_| true, TIMEOUT).unwrap();
    let response = post(&sandbox, &format!("/_sandbox/webhooks/{}/resend", attempt.id), "").json();
    assert_eq!((&response["attempt"], &response["status"]), (&json!(2), &json!(200)));
    let second = receiver.next();
    assert_eq!(second.body, first.body);
    assert!(verify(sandbox.webhook_secret(), &second).is_some());
    for unknown in ["99", "x", "-1"] {
        assert_eq!(post(&sandbox, &format!("/_sandbox/webhooks/{unknown}/resend"), "").status, 404);
    }
}

#[test]
fn webhook_faults_are_injected() {
    let receiver = Receiver::responding(&[]);
    let sandbox = Sandbox::start().unwrap();
    let secret = sandbox.webhook_secret();
    let start_with_fault = |fault: &str| {
        sandbox.fault(fault, 1).unwrap();
        start_with_webhook(&sandbox, PHONE, &receiver.url)
    };

    let id = start_with_fault("webhook-lost");
    let attempt = sandbox.wait_for_webhook(|attempt| attempt.session_id == id, TIMEOUT).unwrap();
    assert_eq!(attempt.error.as_deref(), Some("not sent: an injected fault suppressed it"));
    assert!(receiver.is_empty());

    start_with_fault("webhook-bad-signature");
    assert_eq!(verify(secret, &receiver.next()), None);
    start_with_fault("webhook-unsigned");
    assert_eq!(receiver.next().signature, "");
    start_with_fault("webhook-stale");
    assert!(seconds_now() - verify(secret, &receiver.next()).unwrap() >= 600);

    let id = start_with_fault("webhook-twice");
    assert_eq!(receiver.next().body, receiver.next_after(&sandbox, &id, 5).body);

    let id = start_with_fault("webhook-late");
    sandbox.advance(Duration::from_secs(59));
    assert!(receiver.is_empty());
    sandbox.advance(Duration::from_secs(1));
    assert_eq!(receiver.next().json()["id"], json!(id));

    let id = start_with_fault("webhook-out-of-order");
    sandbox.user(&id, Action::Accept).unwrap();
    assert_eq!(
        [receiver.next().event(), receiver.next().event()],
        ["session_finished", "session_created"]
    );

    let id = start_with_fault("webhook-before-answer");
    let first = receiver.already_received().expect("the webhook was sent before the response");
    assert_eq!(first.json()["id"], json!(id));
}
