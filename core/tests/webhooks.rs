//! Webhooks of the sandbox, received by an HTTP server and verified.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::arm;
use serde_json::json;
use zignsec::webhook::{self, Tolerance};
use zignsec::{Client, ErrorKind, Phone2faRequest, SessionStatus};
use zignsec_sandbox::{Action, Sandbox, WebhookShape};

/// A webhook that was received.
struct Received {
    /// Empty if the header is missing.
    signature: String,
    body: Vec<u8>,
}

/// Starts an HTTP server on loopback that responds with 200 to every request. Returns its URL and
/// the webhooks that it receives.
fn listen() -> (String, mpsc::Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut length, mut signature) = (0, String::new());
            for line in stream.by_ref().lines().map(Result::unwrap).take_while(|it| !it.is_empty())
            {
                match line.split_once(": ").unwrap_or_default() {
                    ("content-length", value) => length = value.parse().unwrap(),
                    ("x-zignsec-hmac-sha256", value) => signature = value.to_owned(),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
            if sender.send(Received { signature, body }).is_err() {
                return;
            }
        }
    });
    (url, receiver)
}

fn receive(webhooks: &mpsc::Receiver<Received>) -> Received {
    webhooks.recv_timeout(Duration::from_secs(20)).unwrap()
}

fn start(sandbox: &Sandbox, webhook: &str) -> String {
    let client = Client::builder(sandbox.api_key()).base_url(sandbox.url()).build().unwrap();
    let request = Phone2faRequest::new("+46703339954")
        .redirect_success("https://example.com/ok")
        .redirect_failure("https://example.com/no")
        .relay_state("Åsa / \"x\" \u{2028} <&> \\ 😀")
        .webhook(webhook);
    client.start_phone_2fa(&request).unwrap().id().to_owned()
}

#[test]
fn a_webhook_verifies_only_if_it_is_unchanged_and_the_secret_is_right() {
    let (url, webhooks) = listen();
    for shape in [WebhookShape::Nested, WebhookShape::Flat] {
        let sandbox = Sandbox::builder().webhook_shape(shape).start().unwrap();
        let secret = sandbox.webhook_secret();
        let id = start(&sandbox, &url);
        let created = receive(&webhooks);
        sandbox.user(&id, Action::Accept).unwrap();
        let finished = receive(&webhooks);
        for (Received { signature, body }, name, status) in [
            (created, "session_created", SessionStatus::Pending),
            (finished, "session_finished", SessionStatus::Accepted),
        ] {
            let event = webhook::verify(&body, &signature, secret, Tolerance::default()).unwrap();
            assert_eq!((event.session_id(), event.name(), event.status()), (&*id, name, status));
            assert_eq!(event.relay_state(), Some("Åsa / \"x\" \u{2028} <&> \\ 😀"));
            assert_eq!(event.json().as_bytes(), body);

            let assert_rejected = |body: &[u8], secret: &str| {
                let error =
                    webhook::verify(body, &signature, secret, Tolerance::Unlimited).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::WebhookSignature);
            };
            assert_rejected(&body, "another secret");
            for index in 0..body.len() {
                let mut changed = body.clone();
                changed[index] ^= 1;
                assert_rejected(&changed, secret);
            }
        }
    }
}

#[test]
fn a_webhook_with_an_invalid_signature_or_an_old_time_is_rejected() {
    let (url, webhooks) = listen();
    let sandbox = Sandbox::start().unwrap();
    for (fault, is_valid_at_any_age) in
        [("webhook-bad-signature", false), ("webhook-unsigned", false), ("webhook-stale", true)]
    {
        arm(&sandbox, &json!({"fault": fault}));
        start(&sandbox, &url);
        let Received { signature, body } = receive(&webhooks);
        let verify = |tolerance| {
            webhook::verify(&body, &signature, sandbox.webhook_secret(), tolerance)
                .map_err(|error| error.kind())
        };
        assert_eq!(verify(Tolerance::default()), Err(ErrorKind::WebhookSignature), "{fault}");
        assert_eq!(verify(Tolerance::Unlimited).is_ok(), is_valid_at_any_age, "{fault}");
    }
}
