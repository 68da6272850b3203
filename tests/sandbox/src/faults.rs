//! The faults that can be armed, and what each does to a call.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{EnumIter, EnumMessage, EnumProperty, EnumString, IntoEnumIterator, IntoStaticStr};

use crate::options::ErrorShape;
use crate::problem::{Problem, error_page};
use crate::wire::{Connection, Script, Step};

/// A way in which the gateway, or the road to it, can go wrong. The first line of each is what `GET /_sandbox/faults` says.
#[derive(
    Clone, Debug, PartialEq, Eq, EnumIter, EnumMessage, EnumProperty, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// Answers a GET or POST with another session's id
    #[strum(props(level = "domain"))]
    OtherId,

    /// Leaves out `data`
    #[strum(props(level = "json"))]
    NoData,
    /// Leaves out `data.id`
    #[strum(props(level = "json"))]
    NoId,
    /// A body that says it is JSON and is not
    #[strum(props(level = "json"))]
    NotJson,
    /// No body at all
    #[strum(props(level = "json"))]
    EmptyBody,

    /// Answers with the status NNN, 200 to 599, and an error body
    #[strum(serialize = "http-NNN", props(level = "http"))]
    Http(u16),
    /// Answers as told: `status`, `headers` and `body` (or `body_hex`) beside the fault's name
    #[strum(props(level = "http"))]
    Answer(ScriptedAnswer),
    /// 429 with `Retry-After` in seconds
    #[strum(props(level = "http"))]
    RateLimitedSeconds,
    /// 429 with `Retry-After` as a date
    #[strum(props(level = "http"))]
    RateLimitedDate,
    /// 503 with `Retry-After`
    #[strum(props(level = "http"))]
    UnavailableRetryAfter,
    /// 502 with a web page for a body, as from a proxy
    #[strum(props(level = "http"))]
    BadGatewayHtml,
    /// 302 to another host
    #[strum(props(level = "http"))]
    Redirect,
    /// A body of 2 MiB
    #[strum(props(level = "http"))]
    TooLarge,

    /// RST in place of an answer
    #[strum(props(level = "socket"))]
    Reset,
    /// FIN in place of an answer
    #[strum(props(level = "socket"))]
    Close,
    /// No answer, on a connection that stays open
    #[strum(props(level = "socket"))]
    Stall,
    /// Half of the body that was promised, then FIN
    #[strum(props(level = "socket"))]
    CutBody,
    /// Bytes that are not HTTP, then FIN
    #[strum(props(level = "socket"))]
    Garbage,
    /// The head of the answer a byte at a time, one each 100 ms
    #[strum(props(level = "socket"))]
    DripHead,
    /// The body of the answer a byte at a time, one each 100 ms
    #[strum(props(level = "socket"))]
    DripBody,
    /// RST before any of the request is read; meets the next new connection
    #[strum(props(level = "socket"))]
    ResetOnAccept,
}

/// An answer that is sent just as it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptedAnswer {
    /// 200 to 599.
    pub status: u16,
    /// `content-type: application/json` is added where there is none; `content-length` comes by itself.
    pub headers: Vec<(String, String)>,
    /// Sent byte for byte.
    pub body: Vec<u8>,
}

impl ScriptedAnswer {
    /// An answer with this status and body, and JSON for its type.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A call to one of the two endpoints.
    Call,
    /// A new connection.
    Accept,
}

impl Fault {
    /// The name that arms it, such as `reset` or `http-503`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Http(status) => format!("http-{status}"),
            other => <&'static str>::from(other).to_owned(),
        }
    }

    /// The fault of that name; `answer` needs more than its name and is not among them.
    pub fn named(name: &str) -> Result<Self, Problem> {
        if let Some(status) = name.strip_prefix("http-").and_then(|status| status.parse().ok()) {
            let fault = Self::Http(status);
            return fault.check().map(|()| fault);
        }
        match name.parse() {
            Ok(Self::Answer(_)) => Err(Problem::field("fault", "\"answer\" needs a status")),
            Ok(Self::Http(_)) | Err(_) => {
                Err(Problem::field("fault", "must be one of those that GET /_sandbox/faults lists"))
            }
            Ok(fault) => Ok(fault),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Problem> {
        match self {
            Self::Http(status) if !(200..=599).contains(status) => {
                Err(Problem::field("fault", "must be http-200 to http-599"))
            }
            Self::Answer(answer) => answer.check(),
            _ => Ok(()),
        }
    }

    pub(crate) fn target(&self) -> Target {
        match self {
            Self::ResetOnAccept => Target::Accept,
            _ => Target::Call,
        }
    }

    /// The answer, for faults that keep a call from being carried out at all.
    pub(crate) fn in_place_of_the_call(&self, shape: ErrorShape) -> Option<Response> {
        let problem = |status, headers: &[(HeaderName, String)]| {
            let mut response = Problem::of_status(status).answer(shape);
            for (name, value) in headers {
                if let Ok(value) = HeaderValue::from_str(value) {
                    response.headers_mut().insert(name.clone(), value);
                }
            }
            Some(response)
        };
        match self {
            Self::Http(status) => problem(StatusCode::from_u16(*status).ok()?, &[]),
            Self::Answer(answer) => Some(answer.response()),
            Self::RateLimitedSeconds => {
                problem(StatusCode::TOO_MANY_REQUESTS, &[(header::RETRY_AFTER, "2".to_owned())])
            }
            Self::RateLimitedDate => {
                // A date has whole seconds: 2 from now is 1 to 2 from now for whoever reads it.
                let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
                problem(StatusCode::TOO_MANY_REQUESTS, &[(header::RETRY_AFTER, date)])
            }
            Self::UnavailableRetryAfter => {
                problem(StatusCode::SERVICE_UNAVAILABLE, &[(header::RETRY_AFTER, "1".to_owned())])
            }
            Self::BadGatewayHtml => {
                let page =
                    error_page(StatusCode::BAD_GATEWAY, "The upstream server did not answer.");
                let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
                Some((StatusCode::BAD_GATEWAY, html, page).into_response())
            }
            Self::Redirect => problem(
                StatusCode::FOUND,
                &[(header::LOCATION, "https://elsewhere.example/core/api/sessions".to_owned())],
            ),
            _ => None,
        }
    }

    /// Spoils the answer of a call that was carried out, or keeps it from leaving.
    pub(crate) async fn spoil(&self, response: Response, connection: &Connection) -> Response {
        let (head, body) = response.into_parts();
        let body =
            body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let mut answer = Plain { status: head.status, headers: head.headers, body };
        match self {
            Self::OtherId => answer.edit_data(|data| {
                if let Some(Value::String(id)) = data.get_mut("id") {
                    let last = if id.ends_with('0') { "1" } else { "0" };
                    id.replace_range(id.len() - 1.., last);
                }
            }),
            Self::NoData => answer.body = "{}".into(),
            Self::NoId => {
                answer.edit_data(|data| drop(data.as_object_mut().map(|data| data.remove("id"))))
            }
            Self::NotJson => answer.body = "{\"data\": {\"id\": oops".into(),
            Self::EmptyBody => answer.body = Bytes::new(),
            Self::TooLarge => {
                answer.body = format!("{{\"data\": \"{}\"}}", "x".repeat(2 << 20)).into()
            }

            Self::Reset => return connection.play(vec![Step::Reset]).await,
            Self::Close => return connection.play(Script::new()).await,
            Self::Stall => return connection.play(vec![Step::Stall]).await,
            Self::Garbage => {
                return connection
                    .play(vec![Step::Send("\u{1}\u{2} this is not HTTP\r\n\r\n".into())])
                    .await;
            }
            Self::CutBody => {
                let half = answer.body.len() / 2;
                let sent = [answer.head().as_slice(), &answer.body[..half]].concat();
                return connection.play(vec![Step::Send(sent.into())]).await;
            }
            Self::DripHead => {
                let script = vec![Step::Drip(answer.head().into(), DRIP), Step::Send(answer.body)];
                return connection.play(script).await;
            }
            Self::DripBody => {
                let script = vec![Step::Send(answer.head().into()), Step::Drip(answer.body, DRIP)];
                return connection.play(script).await;
            }

            Self::Http(_)
            | Self::Answer(_)
            | Self::RateLimitedSeconds
            | Self::RateLimitedDate
            | Self::UnavailableRetryAfter
            | Self::BadGatewayHtml
            | Self::Redirect
            | Self::ResetOnAccept => {}
        }
        answer.into_response()
    }
}

const DRIP: Duration = Duration::from_millis(100);

/// An answer whose every byte is known.
struct Plain {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Plain {
    fn edit_data(&mut self, edit: impl FnOnce(&mut Value)) {
        if let Ok(mut body) = serde_json::from_slice::<Value>(&self.body)
            && let Some(data) = body.get_mut("data")
        {
            edit(data);
            self.body = body.to_string().into();
        }
    }

    /// The head as it goes over the wire, with the length of the whole body.
    fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n", self.status).into_bytes();
        for (name, value) in &self.headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(format!("content-length: {}\r\n\r\n", self.body.len()).as_bytes());
        head
    }

    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response
    }
}

impl ScriptedAnswer {
    fn check(&self) -> Result<(), Problem> {
        if !(200..=599).contains(&self.status) {
            return Err(Problem::field("status", "must be 200 to 599"));
        }
        for (name, value) in &self.headers {
            let framing = ["content-length", "transfer-encoding", "connection"];
            if framing.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
                return Err(Problem::field("headers", "may not carry the framing of the message"));
            }
            if HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err() {
                return Err(Problem::field(
                    "headers",
                    &format!("has a header that HTTP does not allow: {name:?}"),
                ));
            }
        }
        Ok(())
    }

    fn response(&self) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or_default();
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                response.headers_mut().append(name, value);
            }
        }
        response
            .headers_mut()
            .entry(header::CONTENT_TYPE)
            .or_insert(HeaderValue::from_static("application/json"));
        response
    }
}

/// The body of `POST /_sandbox/faults`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    fault: String,
    times: Option<u32>,
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    body_hex: Option<String>,
}

impl Order {
    pub(crate) fn read(self) -> Result<(Fault, u32), Problem> {
        let times = self.times.unwrap_or(1);
        if self.fault != "answer" {
            if self.status.is_some()
                || !self.headers.is_empty()
                || self.body.is_some()
                || self.body_hex.is_some()
            {
                return Err(Problem::field(
                    "fault",
                    "must be \"answer\" where status, headers or a body are given",
                ));
            }
            return Ok((Fault::named(&self.fault)?, times));
        }
        let body = match (self.body, self.body_hex) {
            (Some(_), Some(_)) => {
                return Err(Problem::field("body_hex", "may not stand beside body"));
            }
            (_, Some(digits)) => hex::decode(digits)
                .map_err(|_| Problem::field("body_hex", "must be pairs of hexadecimal digits"))?,
            (body, None) => body.unwrap_or_default().into_bytes(),
        };
        let status =
            self.status.ok_or_else(|| Problem::field("status", "is required for \"answer\""))?;
        let fault = Fault::Answer(ScriptedAnswer {
            status,
            headers: self.headers.into_iter().collect(),
            body,
        });
        fault.check()?;
        Ok((fault, times))
    }
}

/// The faults that wait for their calls, first armed first met.
#[derive(Default)]
pub(crate) struct Armed(VecDeque<(Fault, u32)>);

/// Enough for any test, and a bound on what scripted answers can hold.
const MOST_ARMED: usize = 1000;

impl Armed {
    pub(crate) fn arm(&mut self, fault: Fault, times: u32) -> Result<(), Problem> {
        fault.check()?;
        if times == 0 {
            return Err(Problem::field("times", "must be 1 or more"));
        }
        if self.0.len() == MOST_ARMED {
            return Err(Problem::conflict("a thousand faults are armed already"));
        }
        self.0.push_back((fault, times));
        Ok(())
    }

    pub(crate) fn take(&mut self, target: Target) -> Option<Fault> {
        let at = self.0.iter().position(|(fault, _)| fault.target() == target)?;
        let (fault, times) = &mut self.0[at];
        let fault = fault.clone();
        *times -= 1;
        if *times == 0 {
            self.0.remove(at);
        }
        Some(fault)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn view(&self) -> Vec<ArmedFault> {
        self.0
            .iter()
            .map(|(fault, times)| ArmedFault { fault: fault.name(), times: *times })
            .collect()
    }
}

/// A fault that waits for its calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ArmedFault {
    pub(crate) fault: String,
    pub(crate) times: u32,
}

/// A fault as the list of all faults has it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FaultHelp {
    pub(crate) name: &'static str,
    pub(crate) level: &'static str,
    pub(crate) what: &'static str,
}

pub(crate) fn catalogue() -> Vec<FaultHelp> {
    Fault::iter()
        .map(|fault| FaultHelp {
            name: (&fault).into(),
            level: fault.get_str("level").unwrap_or_default(),
            what: fault.get_documentation().unwrap_or_default(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_listed_with_its_level_and_armed_by_its_name() {
        for fault in catalogue() {
            assert!(["domain", "json", "http", "socket"].contains(&fault.level), "{}", fault.name);
            assert!(!fault.what.is_empty(), "{}", fault.name);
            match fault.name {
                "http-NNN" => assert_eq!(Fault::named("http-503").unwrap(), Fault::Http(503)),
                "answer" => {
                    assert!(Fault::named("answer").unwrap_err().description.contains("status"))
                }
                name => assert_eq!(Fault::named(name).unwrap().name(), name),
            }
        }
    }

    #[test]
    fn only_statuses_that_end_a_call_can_be_asked_for() {
        for name in ["http-199", "http-600", "http-70000", "http-", "http-NNN", "nonsense", ""] {
            assert_eq!(Fault::named(name).unwrap_err().status, 422, "{name}");
        }
    }

    #[test]
    fn faults_are_met_in_the_order_of_arming_each_by_its_own_target() {
        let mut armed = Armed::default();
        armed.arm(Fault::ResetOnAccept, 1).unwrap();
        armed.arm(Fault::Http(500), 2).unwrap();
        armed.arm(Fault::Reset, 1).unwrap();
        let met: Vec<_> = std::iter::from_fn(|| armed.take(Target::Call)).collect();
        assert_eq!(met, [Fault::Http(500), Fault::Http(500), Fault::Reset]);
        assert_eq!(armed.view(), [ArmedFault { fault: "reset-on-accept".to_owned(), times: 1 }]);
        assert_eq!(armed.take(Target::Accept), Some(Fault::ResetOnAccept));
        assert_eq!(armed.take(Target::Accept), None);
    }
}
