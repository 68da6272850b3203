//! The shared cases of `tests/vectors`, run by Rust against the sandbox.

#![allow(clippy::unwrap_used, reason = "a test ends where it cannot be set up")]

mod common;

use std::time::Duration;

use common::arm;
use common::cases::cases;
use serde::Deserialize;
use serde_json::{Map, Value};
use zignsec::{
    Client, ClientBuilder, Error, ErrorKind, Phone2faRequest, Session, Tolerance, webhook,
};
use zignsec_sandbox::Sandbox;

const SESSION_ID: &str = "55c20771-9d75-4241-8e0f-94d3a37671ca";

#[test]
fn every_kind_has_its_frozen_number() {
    #[derive(Deserialize)]
    struct Kind {
        kind: String,
        code: i32,
    }
    let kinds = [
        ErrorKind::InvalidArgument,
        ErrorKind::Configuration,
        ErrorKind::Connect,
        ErrorKind::Tls,
        ErrorKind::Timeout,
        ErrorKind::Io,
        ErrorKind::Protocol,
        ErrorKind::InvalidRequest,
        ErrorKind::Authentication,
        ErrorKind::Permission,
        ErrorKind::NotFound,
        ErrorKind::RateLimited,
        ErrorKind::Server,
        ErrorKind::UnexpectedStatus,
        ErrorKind::WaitTimeout,
        ErrorKind::Cancelled,
        ErrorKind::WebhookSignature,
        ErrorKind::Internal,
    ];
    let here: Vec<_> = kinds.iter().map(|kind| (format!("{kind:?}"), kind.code())).collect();
    let shared: Vec<_> =
        cases::<Kind>("kinds.json").into_iter().map(|case| (case.kind, case.code)).collect();
    assert_eq!(here, shared);
}

#[derive(Deserialize)]
struct Refused {
    name: String,
    call: String,
    set: Map<String, Value>,
    kind: String,
}

impl Refused {
    /// The arguments of the case over good ones; `None` where Rust has no such value.
    fn outcome(&self, sandbox: &Sandbox) -> Option<Result<(), Error>> {
        let set = |name: &str, good: &str| match self.set.get(name) {
            None => Some(good.to_owned()),
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => None,
        };
        let mut builder = ClientBuilder::new().base_url(set("base_url", sandbox.url())?);
        if self.set.get("api_key") != Some(&Value::Null) {
            builder = builder.api_key(set("api_key", sandbox.api_key())?);
        }
        if self.set.contains_key("secondary_api_key") {
            builder = builder.secondary_api_key(set("secondary_api_key", "")?);
        }
        builder = builder
            .ca_file(set("ca_file", "")?)
            .proxy(set("proxy", "")?)
            .user_agent(set("user_agent", "")?);
        let client = match builder.build() {
            Ok(client) => client,
            Err(error) => return Some(Err(error)),
        };
        if self.call == "get" {
            return Some(client.get_session(&set("session_id", SESSION_ID)?).map(|_| ()));
        }
        let request = Phone2faRequest::new(set("phone_number", "+46701740605")?)
            .redirect_success(set("redirect_success", "https://example.com/ok")?)
            .redirect_failure(set("redirect_failure", "https://example.com/no")?);
        let request = request
            .webhook(set("webhook", "")?)
            .csrf_token(set("csrf_token", "")?)
            .locale(set("locale", "")?)
            .relay_state(set("relay_state", "")?);
        Some(client.start_phone_2fa(&request).map(|_| ()))
    }
}

#[test]
fn bad_arguments_are_refused_and_nothing_is_sent() {
    let sandbox = Sandbox::start().unwrap();
    let mut ran = 0;
    for case in cases::<Refused>("arguments.json") {
        let Some(outcome) = case.outcome(&sandbox) else { continue };
        let error = outcome.expect_err(&case.name);
        assert_eq!(format!("{:?}", error.kind()), case.kind, "{}: {error}", case.name);
        assert_eq!((error.attempts(), error.in_doubt()), (0, false), "{}", case.name);
        ran += 1;
    }
    assert!(ran > 40, "{ran}");
    assert!(sandbox.requests().is_empty(), "{:?}", sandbox.requests());
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    name: String,
    body: String,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    status_text: String,
    #[serde(default, rename = "final")]
    is_final: bool,
    #[serde(default)]
    verified: bool,
}

#[test]
fn every_answer_is_read_as_the_rules_say() {
    let sandbox = Sandbox::start().unwrap();
    let client = Client::builder(sandbox.api_key()).base_url(sandbox.url()).build().unwrap();
    for case in cases::<Read>("sessions.json") {
        arm(&sandbox, &serde_json::json!({"fault": "answer", "status": 200, "body": case.body}));
        let outcome: Result<Session, Error> = client.get_session(SESSION_ID);
        match (outcome, case.kind) {
            (Err(error), Some(kind)) => {
                assert_eq!(format!("{:?}", error.kind()), kind, "{}: {error}", case.name);
            }
            (Ok(session), None) => {
                assert_eq!(session.status().as_str(), case.status, "{}", case.name);
                assert_eq!(session.status_text(), case.status_text, "{}", case.name);
                assert_eq!(session.is_final(), case.is_final, "{}", case.name);
                assert_eq!(session.is_verified(), case.verified, "{}", case.name);
                let json: Value = serde_json::from_str(session.json()).unwrap();
                assert_eq!(json["status"], case.status_text, "{}", case.name);
            }
            (outcome, kind) => panic!("{}: {outcome:?}, not {kind:?}", case.name),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    name: String,
    body: Value,
    #[serde(default)]
    padding: usize,
    signature: Option<Value>,
    #[serde(default = "webhook_secret")]
    secret: Value,
    #[serde(default)]
    tolerance_s: Option<i64>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    session_id: String,
    #[serde(default)]
    event: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    status_text: String,
    #[serde(default)]
    relay_state: Option<String>,
}

fn webhook_secret() -> Value {
    "a-secret-of-hooks".into()
}

#[test]
fn every_webhook_is_judged_as_the_rules_say() {
    let mut ran = 0;
    for case in cases::<Webhook>("webhooks.json") {
        let mut body = match &case.body {
            Value::String(text) => text.as_bytes().to_vec(),
            bytes => hex::decode(bytes["bytes"].as_str().unwrap()).unwrap(),
        };
        body.resize(body.len() + case.padding, b' ');
        // In Rust a header that is missing is empty. Text that is not UTF-8 has no type.
        let signature = case.signature.unwrap_or_default();
        let signature = if signature.is_null() { Some("") } else { signature.as_str() };
        let tolerance = match case.tolerance_s.map(u64::try_from) {
            None => Tolerance::Unlimited,
            Some(Ok(seconds)) => Tolerance::Within(Duration::from_secs(seconds)),
            Some(Err(_)) => continue,
        };
        let (Some(signature), Some(secret)) = (signature, case.secret.as_str()) else { continue };
        match (webhook::verify(&body, signature, secret, tolerance), case.kind) {
            (Err(error), Some(kind)) => {
                assert_eq!(format!("{:?}", error.kind()), kind, "{}: {error}", case.name);
                assert_eq!((error.attempts(), error.in_doubt()), (0, false), "{}", case.name);
                assert!(secret.is_empty() || !error.message().contains(secret), "{error}");
            }
            (Ok(event), None) => {
                assert_eq!(event.session_id(), case.session_id, "{}", case.name);
                assert_eq!(event.name(), case.event, "{}", case.name);
                assert_eq!(event.status().as_str(), case.status, "{}", case.name);
                assert_eq!(event.status_text(), case.status_text, "{}", case.name);
                assert_eq!(event.relay_state(), case.relay_state.as_deref(), "{}", case.name);
                let body = std::str::from_utf8(&body).unwrap();
                assert_eq!(event.json(), body.trim_ascii(), "{}", case.name);
            }
            (outcome, kind) => panic!("{}: {outcome:?}, not {kind:?}", case.name),
        }
        ran += 1;
    }
    assert!(ran > 100, "{ran}");
}
