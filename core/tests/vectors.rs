//! Runs the shared cases of `tests/vectors` against the sandbox.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

mod common;

use std::time::{Duration, UNIX_EPOCH};

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
fn error_kinds_have_the_documented_numbers() {
    #[derive(Deserialize)]
    struct KindCase {
        kind: String,
        code: i32,
    }
    let kinds = [
        ErrorKind::InvalidArgument,
        ErrorKind::Configuration,
        ErrorKind::Closed,
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
    let actual: Vec<_> = kinds.iter().map(|kind| (format!("{kind:?}"), kind.code())).collect();
    let expected: Vec<_> =
        cases::<KindCase>("kinds.json").into_iter().map(|case| (case.kind, case.code)).collect();
    assert_eq!(actual, expected);
}

#[derive(Deserialize)]
struct ArgumentCase {
    name: String,
    call: String,
    set: Map<String, Value>,
    kind: String,
}

impl ArgumentCase {
    /// Makes the call of the case. Arguments that the case does not set are valid. `None` if Rust's
    /// types do not allow a value of the case.
    fn run(&self, sandbox: &Sandbox) -> Option<Result<(), Error>> {
        let argument = |name: &str, default: &str| match self.set.get(name) {
            None => Some(default.to_owned()),
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => None,
        };
        let mut builder = ClientBuilder::new().base_url(argument("base_url", sandbox.url())?);
        if self.set.get("api_key") != Some(&Value::Null) {
            builder = builder.api_key(argument("api_key", sandbox.api_key())?);
        }
        if self.set.contains_key("secondary_api_key") {
            builder = builder.secondary_api_key(argument("secondary_api_key", "")?);
        }
        builder = builder
            .ca_file(argument("ca_file", "")?)
            .proxy(argument("proxy", "")?)
            .user_agent(argument("user_agent", "")?);
        let client = match builder.build() {
            Ok(client) => client,
            Err(error) => return Some(Err(error)),
        };
        if self.call == "get" {
            return Some(client.get_session(&argument("session_id", SESSION_ID)?).map(|_| ()));
        }
        let request = Phone2faRequest::new(argument("phone_number", "+46701740605")?)
            .redirect_success(argument("redirect_success", "https://example.com/ok")?)
            .redirect_failure(argument("redirect_failure", "https://example.com/no")?);
        let request = request
            .webhook(argument("webhook", "")?)
            .csrf_token(argument("csrf_token", "")?)
            .locale(argument("locale", "")?)
            .relay_state(argument("relay_state", "")?);
        Some(client.start_phone_2fa(&request).map(|_| ()))
    }
}

#[test]
fn invalid_arguments_are_errors_and_nothing_is_sent() {
    let sandbox = Sandbox::start().unwrap();
    let mut count = 0;
    for case in cases::<ArgumentCase>("arguments.json") {
        let Some(outcome) = case.run(&sandbox) else { continue };
        let error = outcome.expect_err(&case.name);
        assert_eq!(format!("{:?}", error.kind()), case.kind, "{}: {error}", case.name);
        assert_eq!((error.attempts(), error.in_doubt()), (0, false), "{}", case.name);
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{}: {error:?}", case.name);
        count += 1;
    }
    assert!(count > 40, "{count}");
    assert!(sandbox.requests().is_empty(), "{:?}", sandbox.requests());
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedCase {
    name: String,
    call: String,
    #[serde(default)]
    set: Map<String, Value>,
    /// Environment variables. Unit tests run these cases.
    #[serde(default)]
    env: Map<String, Value>,
    kind: Option<String>,
    #[serde(default)]
    says: Vec<String>,
    #[serde(default)]
    hides: Vec<String>,
    #[serde(default, rename = "says_c")]
    _says_c: Vec<String>,
    #[serde(default, rename = "says_python")]
    _says_python: Vec<String>,
}

/// A text that is written as `{"before": text, "repeat": text, "times": number}`.
fn expanded(value: &Value) -> Value {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    match text("repeat") {
        None => value.clone(),
        Some(repeated) => {
            let times = value["times"].as_u64().unwrap().try_into().unwrap();
            (text("before").unwrap_or_default().to_owned() + &repeated.repeat(times)).into()
        }
    }
}

impl TypedCase {
    fn run(&self, sandbox: &Sandbox) -> Option<Result<(), Error>> {
        if self.call == "webhook" {
            let argument = |name: &str| self.set[name].as_str().unwrap();
            let (body, secret) = (argument("body").as_bytes(), argument("secret"));
            let event = webhook::verify(body, argument("signature"), secret, Tolerance::Unlimited);
            return Some(event.map(|_| ()));
        }
        let set = self.set.iter().map(|(name, value)| (name.clone(), expanded(value))).collect();
        let (name, call) = (self.name.clone(), self.call.clone());
        ArgumentCase { name, call, set, kind: String::new() }.run(sandbox)
    }
}

#[test]
fn errors_say_what_is_wrong_with_a_typed_value_and_where() {
    let sandbox = Sandbox::start().unwrap();
    let (mut refused, mut sent) = (0, 0);
    for case in cases::<TypedCase>("typed.json").iter().filter(|case| case.env.is_empty()) {
        let name = &case.name;
        match (case.run(&sandbox), &case.kind) {
            (Some(Err(error)), Some(kind)) => {
                assert_eq!(format!("{:?}", error.kind()), *kind, "{name}: {error}");
                assert_eq!((error.attempts(), error.in_doubt()), (0, false), "{name}");
                let (message, shown) = (error.message(), format!("{error} {error:?}"));
                assert!(message.len() <= 300, "{name}: {message}");
                for part in &case.says {
                    assert!(message.contains(part), "{name}: {message}, not {part}");
                }
                for part in &case.hides {
                    assert!(!shown.contains(part), "{name}: {shown}");
                }
                refused += 1;
            }
            (Some(Ok(())), None) => sent += usize::from(case.call == "start"),
            (None, Some(_)) => {}
            (outcome, kind) => panic!("{name}: {outcome:?}, not {kind:?}"),
        }
    }
    assert!(refused > 120, "{refused}");
    assert_eq!(sandbox.requests().len(), sent);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionCase {
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
fn session_responses_have_the_outcomes_of_the_cases() {
    let sandbox = Sandbox::start().unwrap();
    let client = Client::builder(sandbox.api_key()).base_url(sandbox.url()).build().unwrap();
    for case in cases::<SessionCase>("sessions.json") {
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
struct VerdictCase {
    name: String,
    #[serde(default)]
    call: String,
    body: String,
    #[serde(default = "phone_number")]
    phone_number: String,
    #[serde(default)]
    relay_state: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    verified: bool,
    #[serde(default)]
    verified_for: bool,
    #[serde(default)]
    kind: Option<String>,
}

fn phone_number() -> String {
    "+46701740605".into()
}

#[test]
fn verdicts_are_those_of_the_cases() {
    let sandbox = Sandbox::start().unwrap();
    let client = Client::builder(sandbox.api_key()).base_url(sandbox.url()).build().unwrap();
    let mut count = 0;
    for case in cases::<VerdictCase>("verdicts.json") {
        arm(&sandbox, &serde_json::json!({"fault": "answer", "status": 200, "body": case.body}));
        let is_start = case.call == "start";
        let outcome = if is_start {
            let request = Phone2faRequest::new(&case.phone_number)
                .redirect_success("https://example.com/ok")
                .redirect_failure("https://example.com/no")
                .relay_state(&case.relay_state);
            client.start_phone_2fa(&request)
        } else {
            client.get_session(SESSION_ID)
        };
        match (outcome, case.kind) {
            (Err(error), Some(kind)) => {
                assert_eq!(format!("{:?}", error.kind()), kind, "{}: {error}", case.name);
                assert_eq!((error.attempts(), error.in_doubt()), (1, is_start), "{}", case.name);
            }
            (Ok(session), None) => {
                assert_eq!(session.status().as_str(), case.status, "{}", case.name);
                assert_eq!(session.is_verified(), case.verified, "{}", case.name);
                let verified_for = session.is_verified_for(&case.phone_number);
                assert_eq!(verified_for, case.verified_for, "{}", case.name);
                assert!(!session.is_verified_for("+46701740699"), "{}", case.name);
            }
            (outcome, kind) => panic!("{}: {outcome:?}, not {kind:?}", case.name),
        }
        count += 1;
    }
    assert!(count > 100, "{count}");
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookCase {
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
    now_s: Option<i64>,
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
fn webhooks_have_the_outcomes_of_the_cases() {
    let mut count = 0;
    for case in cases::<WebhookCase>("webhooks.json") {
        let mut body = match &case.body {
            Value::String(text) => text.as_bytes().to_vec(),
            bytes => hex::decode(bytes["bytes"].as_str().unwrap()).unwrap(),
        };
        body.resize(body.len() + case.padding, b' ');
        // A missing header is an empty string in Rust. Cases with invalid UTF-8 are skipped: a
        // string cannot contain it.
        let signature = case.signature.unwrap_or_default();
        let signature = if signature.is_null() { Some("") } else { signature.as_str() };
        let tolerance = match case.tolerance_s.map(u64::try_from) {
            None => Tolerance::Unlimited,
            Some(Ok(seconds)) => Tolerance::Within(Duration::from_secs(seconds)),
            Some(Err(_)) => continue,
        };
        let (Some(signature), Some(secret)) = (signature, case.secret.as_str()) else { continue };
        let outcome = match case.now_s {
            None => webhook::verify(&body, signature, secret, tolerance),
            Some(seconds) => {
                let distance = Duration::from_secs(seconds.unsigned_abs());
                let now = if seconds < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance };
                webhook::verify_at(&body, signature, secret, tolerance, now)
            }
        };
        match (outcome, case.kind) {
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
        count += 1;
    }
    assert!(count > 100, "{count}");
}
