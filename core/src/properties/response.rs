//! For every response: only a successful session is verified, a different session is never
//! returned, and no error contains a secret.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use bolero::{Driver, ValueGenerator, check};
use regex::Regex;
use serde_json::Value;
use serde_json::value::RawValue;

use super::bodies::{self, Bodies, KEYS, PHONE_DIGITS, PHONE_NUMBER, SESSION_ID};
use super::{Bytes, one_in, pick};
use crate::bindings::{restore_session, stored_verdict};
use crate::endpoint::ApiRequest;
use crate::error::{Error, ErrorKind};
use crate::request::Phone2faRequest;
use crate::response;
use crate::session::Session;
use crate::transport::Response;
use crate::url::BaseUrl;

#[derive(Debug)]
struct Case {
    creates: bool,
    status: u16,
    body: Bytes,
}

struct Cases;

impl ValueGenerator for Cases {
    type Output = Case;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Case> {
        Some(Case {
            creates: one_in(driver, 2)?,
            status: pick(driver, &[200, 200, 200, 201, 302, 401, 404, 422, 429, 500, 503])?,
            body: Bodies.generate(driver)?,
        })
    }
}

#[test]
fn a_response_is_decoded_exactly_or_is_an_error_without_secrets() {
    // Shows that the generated cases are useful: each outcome is reached.
    static VERIFIED: AtomicBool = AtomicBool::new(false);
    static UNVERIFIED: AtomicBool = AtomicBool::new(false);
    static FAILED: AtomicBool = AtomicBool::new(false);
    for body in bodies::known() {
        for creates in [false, true] {
            let body = Bytes(body.as_bytes().to_vec());
            let _ = outcome(&Case { creates, status: 200, body });
        }
    }
    check!().with_generator(Cases).for_each(|case| {
        let reached = match outcome(case) {
            Ok(session) if session.is_verified() => &VERIFIED,
            Ok(_) => &UNVERIFIED,
            Err(_) => &FAILED,
        };
        reached.store(true, Ordering::Relaxed);
    });
    for reached in [&VERIFIED, &UNVERIFIED, &FAILED] {
        assert!(reached.load(Ordering::Relaxed));
    }
}

/// Reads a response and checks the session or the error against the rules.
fn outcome(case: &Case) -> Result<Session, Error> {
    let start = Phone2faRequest::new("+46701740605");
    let request = match case.creates {
        true => ApiRequest::Start(&start),
        false => ApiRequest::Get { session_id: SESSION_ID },
    };
    let response =
        Response { status: case.status, body: case.body.0.clone(), ..Response::default() };
    let base_url = BaseUrl::parse("https://gateway.example").unwrap();
    let outcome = response::read(&request, &response, &base_url, &KEYS);
    match &outcome {
        Ok(session) => {
            assert!(response.is_success());
            assert!(case.creates || session.id().eq_ignore_ascii_case(SESSION_ID));
            check_session(session, std::str::from_utf8(&case.body.0).unwrap(), case.creates);
        }
        Err(error) => {
            let is_invalid = error.kind() == ErrorKind::Protocol;
            assert_eq!(is_invalid, response.is_success());
            assert_eq!(error.http_status(), Some(case.status));
            assert!(case.creates || !error.in_doubt());
            check_error(error);
        }
    }
    outcome
}

fn check_error(error: &Error) {
    let message = error.message();
    let text = format!("{message} {error:?}");
    assert!(!KEYS.iter().any(|key| text.contains(key)), "{message}");
    let joined: String =
        message.chars().filter(|c| !c.is_whitespace() && !"-.()_,/".contains(*c)).collect();
    assert!(!joined.contains(PHONE_DIGITS), "{message}");
    assert!(message.len() <= 512, "{message}");
    assert!(!message.chars().any(char::is_control), "{message:?}");
    let body = error.body().unwrap();
    assert!(body.len() <= 64 * 1024 && !body.contains('\0'));
}

fn check_session(session: &Session, body: &str, from_start: bool) {
    let whole = Object::parse(body.strip_prefix('\u{feff}').unwrap_or(body));
    let (envelope, object) = match whole.text_of("data") {
        Some(data) if data.starts_with('{') => (whole, Object::parse(data)),
        _ => (Object::default(), whole),
    };
    assert_eq!(session.json(), object.text.trim(), "unchanged, with unknown fields");
    let restored = restore_session(session.json(), stored_verdict(session));
    assert_eq!(restored.unwrap(), *session);

    let request = object.object("request_data");
    let metadata = request.object("metadata");
    let in_metadata = metadata.string("phone_number");
    let getters = [
        (Some(session.id()), object.string("id")),
        (Some(session.status_text()), object.string("status")),
        (session.redirect_url(), object.string("redirect_url")),
        (session.phone_number(), object.string("phone_number").or(in_metadata)),
        (session.locale(), request.string("locale")),
        (session.redirect_success(), request.string("redirect_success")),
        (session.redirect_failure(), request.string("redirect_failure")),
        (session.relay_state(), request.string("relay_state")),
        (session.webhook(), request.string("webhook")),
    ];
    for (text, expected) in getters {
        assert_eq!(text, expected.as_deref());
        assert!(!text.is_some_and(|text| text.contains('\0')));
    }
    static ID: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\A[A-Za-z0-9-]{1,64}\z").unwrap());
    assert!(ID.is_match(session.id()));
    let verified = !from_start && object.is_successful() && !object.contradicts(&envelope);
    assert_eq!(session.is_verified(), verified);
    let digits = |text: String| text.chars().filter(|c| c.is_numeric()).collect::<String>();
    let mut numbers = [&envelope, &object, &request, &metadata]
        .into_iter()
        .flat_map(|object| object.spelled("phone_number"))
        .filter(|value| !is_empty(value))
        .map(|value| match value {
            Value::String(text) => digits(text),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        })
        .peekable();
    let names_only_this = numbers.peek().is_some() && numbers.all(|number| number == PHONE_NUMBER);
    let phone_number = format!("+{PHONE_NUMBER}");
    assert_eq!(session.is_verified_for(&phone_number), verified && names_only_this);
    assert!(!session.is_verified_for(PHONE_NUMBER), "not in the form of a request");
    if let Some(text) = session.redirect_url() {
        check_redirect_url(text);
    }
}

fn check_redirect_url(text: &str) {
    assert!(text.chars().all(|c| c.is_ascii_graphic()));
    let Ok(url) = url::Url::parse(text) else { return };
    let loopback = match url.host().unwrap() {
        url::Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    };
    assert!(url.scheme() == "https" || (url.scheme() == "http" && loopback), "{text}");
}

/// A JSON object, parsed independently of the library.
#[derive(Clone, Default)]
struct Object<'a> {
    text: &'a str,
    fields: BTreeMap<String, &'a RawValue>,
}

impl<'a> Object<'a> {
    fn parse(text: &'a str) -> Self {
        Self { text, fields: serde_json::from_str(text).unwrap() }
    }

    fn text_of(&self, name: &str) -> Option<&'a str> {
        self.fields.get(name).map(|value| value.get())
    }

    /// A value. One that `Value` cannot represent, such as 1e999, becomes true: that is not a
    /// string, null or empty either.
    fn value(&self, name: &str) -> Option<Value> {
        self.text_of(name).map(|text| serde_json::from_str(text).unwrap_or(Value::Bool(true)))
    }

    fn string(&self, name: &str) -> Option<String> {
        self.value(name)?.as_str().map(str::to_owned)
    }

    fn object(&self, name: &str) -> Self {
        match self.text_of(name) {
            Some(text) if text.starts_with('{') => Self::parse(text),
            _ => Self::default(),
        }
    }

    fn is_successful(&self) -> bool {
        self.value("status").as_ref().is_some_and(is_success)
    }

    /// The values of a field, however its name is spelled.
    fn spelled(&self, name: &str) -> impl Iterator<Item = Value> {
        let names = self.fields.keys().filter(move |key| key.eq_ignore_ascii_case(name));
        names.filter_map(|key| self.value(key))
    }

    /// Whether this session or its envelope contradicts the status.
    fn contradicts(&self, envelope: &Self) -> bool {
        let result = |object: &Self| {
            let names = object.fields.keys().filter(|key| key.eq_ignore_ascii_case("result"));
            names.map(|name| object.object(name)).collect::<Vec<_>>()
        };
        let results: Vec<_> = [result(self), result(envelope)].concat();
        let errors = [self, envelope].into_iter().chain(&results).any(|object| {
            object.spelled("errors").chain(object.spelled("error")).any(|errors| !is_empty(&errors))
        });
        let no_object = [self, envelope].into_iter().any(|object| {
            object.spelled("result").any(|result| !result.is_null() && !result.is_object())
        });
        let no_success = results
            .iter()
            .any(|result| result.spelled("status").any(|status| !is_success(&status)));
        let own = self.fields.keys().filter(|key| *key != "status");
        let own = own.filter(|key| key.eq_ignore_ascii_case("status"));
        let statuses = envelope.spelled("status").chain(own.filter_map(|key| self.value(key)));
        let failure = statuses.into_iter().any(|status| {
            let word = status.as_str().unwrap_or_default().to_lowercase();
            let word: String = word.chars().filter(|c| !"_- ".contains(*c)).collect();
            NOT_VERIFYING.contains(&&*word)
        });
        errors || no_object || no_success || failure
    }
}

/// The statuses that do not verify, without case, hyphens, underscores and spaces.
const NOT_VERIFYING: [&str; 11] = [
    "created",
    "readytostart",
    "generatedlink",
    "pending",
    "failed",
    "cancelled",
    "canceled",
    "declined",
    "rejected",
    "timeout",
    "expired",
];

fn is_success(status: &Value) -> bool {
    let word = status.as_str().unwrap_or_default().to_lowercase();
    word == "accepted" || word == "finished"
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
