//! The faults that can be armed, and what each does to a call.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Collected};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use strum::{EnumIter, EnumMessage, EnumProperty, EnumString, IntoEnumIterator, IntoStaticStr};

use crate::options::{ErrorShape, SuccessStatus};
use crate::problem::{Problem, error_page};
use crate::wire::{Connection, Script, Step};

/// A way in which the gateway, or the road to it, can go wrong. The first line of each is what `GET /_sandbox/faults` says.
#[derive(
    Clone, Debug, PartialEq, Eq, EnumIter, EnumMessage, EnumProperty, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// Another session's id in place of the one asked for
    #[strum(props(level = "domain"))]
    OtherId,
    /// A status that no page documents: `on_hold`
    #[strum(props(level = "domain"))]
    UnknownStatus,
    /// The status in capitals
    #[strum(props(level = "domain"))]
    UpperCaseStatus,
    /// The success status beside a `data.errors` that is not empty
    #[strum(props(level = "domain"))]
    AcceptedWithErrors,
    /// The success status beside a `data.result.status` of `failed`
    #[strum(props(level = "domain"))]
    ResultDisagrees,

    /// Leaves out `data`
    #[strum(props(level = "json"))]
    NoData,
    /// Leaves out `data.id`
    #[strum(props(level = "json"))]
    NoId,
    /// Leaves out `data.status`
    #[strum(props(level = "json"))]
    NoStatus,
    /// What belongs in `data`, without the envelope
    #[strum(props(level = "json"))]
    BareObject,
    /// Fields that no page documents, and nulls, beside the right ones
    #[strum(props(level = "json"))]
    ExtraFields,
    /// A number for `data.id` and a list for `data.status`
    #[strum(props(level = "json"))]
    WrongTypes,
    /// `data.status` twice, with two values
    #[strum(props(level = "json"))]
    RepeatedKey,
    /// U+0000 within `data.id`
    #[strum(props(level = "json"))]
    NulInString,
    /// A line end within `data.redirect_url`
    #[strum(props(level = "json"))]
    ControlInUrl,
    /// A `javascript:` URL for `data.redirect_url`
    #[strum(props(level = "json"))]
    ScriptUrl,
    /// A body that is not UTF-8
    #[strum(props(level = "json"))]
    BadUtf8,
    /// A byte order mark before the JSON
    #[strum(props(level = "json"))]
    ByteOrderMark,
    /// A hundred thousand opening brackets
    #[strum(props(level = "json"))]
    DeepJson,
    /// JSON that ends in its middle, in a body that is whole
    #[strum(props(level = "json"))]
    CutJson,
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
    /// The right answer, a second late
    #[strum(props(level = "http"))]
    LateAnswer,
    /// 103 before the right answer
    #[strum(props(level = "http"))]
    EarlyHints,
    /// 103 again and again, and never an answer
    #[strum(props(level = "http"))]
    EndlessInformational,
    /// 101 in place of an answer
    #[strum(props(level = "http"))]
    SwitchingProtocols,
    /// A thousand headers
    #[strum(props(level = "http"))]
    ManyHeaders,
    /// A header of 256 KiB
    #[strum(props(level = "http"))]
    HugeHeader,
    /// Two `Content-Length` headers that differ
    #[strum(props(level = "http"))]
    TwoLengths,
    /// A chunk whose length is not a number
    #[strum(props(level = "http"))]
    BadChunk,
    /// Chunks that end before the last one
    #[strum(props(level = "http"))]
    CutChunks,
    /// The right answer without a length, ended by FIN
    #[strum(props(level = "http"))]
    NoLength,
    /// Half of the body without a length, ended by FIN
    #[strum(props(level = "http"))]
    CutWithoutLength,

    /// RST in place of an answer
    #[strum(props(level = "socket"))]
    Reset,
    /// FIN in place of an answer
    #[strum(props(level = "socket"))]
    Close,
    /// No answer, on a connection that stays open
    #[strum(props(level = "socket"))]
    Stall,
    /// Half of the answer's head, then FIN
    #[strum(props(level = "socket"))]
    CutHead,
    /// Half of the body that was promised, then FIN
    #[strum(props(level = "socket"))]
    CutBody,
    /// Half of the body that was promised, then RST
    #[strum(props(level = "socket"))]
    ResetBody,
    /// Bytes that are not HTTP, then FIN
    #[strum(props(level = "socket"))]
    Garbage,
    /// The head of the answer a byte at a time, one each 100 ms
    #[strum(props(level = "socket"))]
    DripHead,
    /// The body of the answer a byte at a time, one each 100 ms
    #[strum(props(level = "socket"))]
    DripBody,
    /// The right answer with nothing said of closing, then FIN
    #[strum(props(level = "socket"))]
    CloseAfterAnswer,
    /// The right answer, then FIN when the connection is used again
    #[strum(props(level = "socket"))]
    CloseWhenReused,
    /// The right answer, then RST when the connection is used again
    #[strum(props(level = "socket"))]
    ResetWhenReused,
    /// RST before any of the request is read; meets the next new connection
    #[strum(props(level = "socket"))]
    ResetOnAccept,
    /// FIN before any of the request is read; meets the next new connection
    #[strum(props(level = "socket"))]
    CloseOnAccept,

    /// A certificate that has expired
    #[strum(props(level = "tls"))]
    TlsExpired,
    /// A certificate for another name
    #[strum(props(level = "tls"))]
    TlsWrongName,
    /// A certificate of an authority that nobody trusts
    #[strum(props(level = "tls"))]
    TlsUnknownIssuer,
    /// TLS 1.2 and nothing newer
    #[strum(serialize = "tls-1.2-only", props(level = "tls"))]
    TlsOnlyV12,
    /// TLS 1.3 and nothing older
    #[strum(serialize = "tls-1.3-only", props(level = "tls"))]
    TlsOnlyV13,
    /// Asks for a client certificate of the sandbox's authority and refuses who has none
    #[strum(props(level = "tls"))]
    TlsClientCertificate,
    /// No answer to the handshake
    #[strum(props(level = "tls"))]
    TlsStall,
    /// RST in the handshake
    #[strum(props(level = "tls"))]
    TlsReset,
    /// Plain HTTP in answer to the handshake
    #[strum(props(level = "tls"))]
    TlsPlainHttp,

    /// 503 in place of a hosted page, or of the answer to its form
    #[strum(props(level = "page"))]
    PageUnavailable,
    /// A hosted page a second late
    #[strum(props(level = "page"))]
    PageLate,

    /// The next SMS never arrives
    #[strum(props(level = "sms"))]
    SmsLost,
    /// The next SMS arrives ten seconds late, by the sandbox's clock
    #[strum(props(level = "sms"))]
    SmsLate,

    /// The next webhook is never sent
    #[strum(props(level = "webhook"))]
    WebhookLost,
    /// The next webhook is sent again after it was received
    #[strum(props(level = "webhook"))]
    WebhookTwice,
    /// The next webhook is a minute late, by the sandbox's clock
    #[strum(props(level = "webhook"))]
    WebhookLate,
    /// The next session's `session_created` comes after its `session_finished`
    #[strum(props(level = "webhook"))]
    WebhookOutOfOrder,
    /// The next session's `session_created` arrives before the answer to its POST
    #[strum(props(level = "webhook"))]
    WebhookBeforeAnswer,
    /// The next webhook is signed with another secret
    #[strum(props(level = "webhook"))]
    WebhookBadSignature,
    /// The next webhook's signature is ten minutes old
    #[strum(props(level = "webhook"))]
    WebhookStale,
    /// The next webhook has no signature
    #[strum(props(level = "webhook"))]
    WebhookUnsigned,
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
    /// A new connection that has yet to say what it wants.
    Accept,
    /// A TLS handshake.
    Handshake,
    Page,
    Sms,
    Webhook,
    /// A session's first webhook.
    FirstWebhook,
}

/// What chaos does to calls: each is something that a program has to live with, and gets over.
pub(crate) const CHAOS_OF_CALLS: [Fault; 12] = [
    Fault::Http(500),
    Fault::Http(503),
    Fault::Http(504),
    Fault::RateLimitedSeconds,
    Fault::RateLimitedDate,
    Fault::UnavailableRetryAfter,
    Fault::BadGatewayHtml,
    Fault::LateAnswer,
    Fault::Reset,
    Fault::Close,
    Fault::CutBody,
    Fault::CloseAfterAnswer,
];
pub(crate) const CHAOS_OF_PAGES: [Fault; 2] = [Fault::PageUnavailable, Fault::PageLate];
pub(crate) const CHAOS_OF_WEBHOOKS: [Fault; 3] =
    [Fault::WebhookLost, Fault::WebhookTwice, Fault::WebhookLate];

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
        match (self, self.level()) {
            (Self::ResetOnAccept | Self::CloseOnAccept, _) => Target::Accept,
            (Self::WebhookOutOfOrder | Self::WebhookBeforeAnswer, _) => Target::FirstWebhook,
            (_, "tls") => Target::Handshake,
            (_, "page") => Target::Page,
            (_, "sms") => Target::Sms,
            (_, "webhook") => Target::Webhook,
            _ => Target::Call,
        }
    }

    fn level(&self) -> &'static str {
        self.get_str("level").unwrap_or_default()
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
    pub(crate) async fn spoil(
        &self,
        response: Response,
        connection: &Connection,
        success: SuccessStatus,
    ) -> Response {
        let (head, body) = response.into_parts();
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        let mut answer = Plain { status: head.status, headers: head.headers, body };
        if let Some(script) = self.script(&answer) {
            return connection.play(script).await;
        }
        match self {
            Self::LateAnswer => tokio::time::sleep(LATENESS).await,
            Self::TooLarge => {
                answer.body = format!("{{\"data\": \"{}\"}}", "x".repeat(2 << 20)).into()
            }
            Self::HugeHeader => answer.add_header("x-huge", &"x".repeat(256 << 10)),
            Self::ManyHeaders => {
                (0..1000).for_each(|n| answer.add_header(&format!("x-many-{n}"), "1"))
            }
            _ => self.spoil_json(&mut answer, success),
        }
        answer.into_response()
    }

    /// What goes wrong within an answer that is HTTP as it should be.
    fn spoil_json(&self, answer: &mut Plain, success: SuccessStatus) {
        let success = success.word();
        match self {
            Self::OtherId => {
                answer.edit("id", |id| json!(other_id(id.as_str().unwrap_or_default())))
            }
            Self::UnknownStatus => answer.edit("status", |_| json!("on_hold")),
            Self::UpperCaseStatus => {
                answer.edit("status", |status| {
                    json!(status.as_str().unwrap_or_default().to_uppercase())
                });
            }
            Self::AcceptedWithErrors => {
                answer.edit("status", |_| json!(success));
                answer.edit(
                    "errors",
                    |_| json!([{"code": "1001", "description": "the check was not completed"}]),
                );
            }
            Self::ResultDisagrees => {
                answer.edit("status", |_| json!(success));
                answer.edit("result", |_| json!({"status": "failed", "errors": []}));
            }
            Self::NoData => answer.body = "{}".into(),
            Self::NoId => answer.edit_data(|data| drop(data.remove("id"))),
            Self::NoStatus => answer.edit_data(|data| drop(data.remove("status"))),
            Self::BareObject => {
                let mut bare = Value::Null;
                answer.edit_data(|data| bare = Value::Object(data.clone()));
                answer.body = bare.to_string().into();
            }
            Self::ExtraFields => {
                answer.edit("errors", |_| Value::Null);
                answer.edit("result", |_| Value::Null);
                answer.edit("new_field", |_| json!({"of": ["a", "later", 1.5, null]}));
            }
            Self::WrongTypes => {
                answer.edit("id", |_| json!(12345));
                answer.edit("status", |status| json!([status]));
            }
            Self::RepeatedKey => answer.replace("\"status\":", "\"status\":\"failed\",\"status\":"),
            Self::NulInString => {
                answer.edit("id", |id| json!(format!("{}\0", id.as_str().unwrap_or_default())))
            }
            Self::ControlInUrl => {
                answer.edit("redirect_url", |_| json!("https://a.example/\r\nx-evil: 1"))
            }
            Self::ScriptUrl => answer.edit("redirect_url", |_| json!("javascript:alert(1)")),
            Self::BadUtf8 => {
                answer.body = [answer.body.trim_ascii_end(), b"\xff\xfe"].concat().into()
            }
            Self::ByteOrderMark => {
                answer.body = [b"\xef\xbb\xbf", answer.body.as_ref()].concat().into()
            }
            Self::DeepJson => answer.body = format!("{{\"data\":{}", "[".repeat(100_000)).into(),
            Self::CutJson => answer.body.truncate(answer.body.len() / 2),
            Self::NotJson => answer.body = "{\"data\": {\"id\": oops".into(),
            Self::EmptyBody => answer.body = Bytes::new(),
            _ => {}
        }
    }

    /// What an HTTP server would not send: the bytes themselves.
    fn script(&self, answer: &Plain) -> Option<Script> {
        let Plain { body, .. } = answer;
        let half = body.slice(..body.len() / 2);
        let whole = format!("content-length: {}", body.len());
        let send = |bytes: Vec<u8>| Step::Send(bytes.into());
        let with = |framing: &str, body: &[u8]| send([&answer.head(framing), body].concat());
        Some(match self {
            Self::EarlyHints => {
                let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n";
                vec![send(hints.to_vec()), with(&whole, body)]
            }
            Self::EndlessInformational => {
                vec![Step::Repeat("HTTP/1.1 103 Early Hints\r\n\r\n".into())]
            }
            Self::SwitchingProtocols => {
                let switching = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n";
                vec![Step::Send(switching.into())]
            }
            Self::TwoLengths => {
                vec![with(&format!("{whole}\r\ncontent-length: {}", half.len()), body)]
            }
            Self::BadChunk => vec![with(CHUNKED, b"zz\r\n{}\r\n0\r\n\r\n")],
            Self::CutChunks => vec![with(
                CHUNKED,
                &[format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat(),
            )],
            Self::NoLength => vec![with("connection: close", body)],
            Self::CutWithoutLength => vec![with("connection: close", &half)],

            Self::Reset => vec![Step::Reset],
            Self::Close => Script::new(),
            Self::Stall => vec![Step::Stall],
            Self::CutHead => {
                let mut head = answer.head(&whole);
                head.truncate(head.len() / 2);
                vec![send(head)]
            }
            Self::CutBody => vec![with(&whole, &half)],
            // The pause lets the half arrive: a RST takes back what the peer has not read.
            Self::ResetBody => vec![with(&whole, &half), Step::Pause(DRIP), Step::Reset],
            Self::Garbage => vec![Step::Send("\u{1}\u{2} this is not HTTP\r\n\r\n".into())],
            Self::DripHead => {
                vec![Step::Drip(answer.head(&whole).into(), DRIP), Step::Send(body.clone())]
            }
            Self::DripBody => vec![send(answer.head(&whole)), Step::Drip(body.clone(), DRIP)],
            Self::CloseAfterAnswer => vec![with(&whole, body)],
            Self::CloseWhenReused => vec![with(&whole, body), Step::AwaitMore],
            Self::ResetWhenReused => vec![with(&whole, body), Step::AwaitMore, Step::Reset],
            _ => return None,
        })
    }
}

/// A well-formed id that is not this one.
fn other_id(id: &str) -> String {
    let (start, last) = id.split_at(id.len().saturating_sub(1));
    format!("{start}{}", if last == "0" { "1" } else { "0" })
}

/// How late the faults are that make something late, by the real clock.
pub(crate) const LATENESS: Duration = Duration::from_secs(1);
const CHUNKED: &str = "transfer-encoding: chunked";
const DRIP: Duration = Duration::from_millis(100);

/// An answer whose every byte is known.
struct Plain {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Plain {
    fn edit_data(&mut self, edit: impl FnOnce(&mut Map<String, Value>)) {
        if let Ok(mut body) = serde_json::from_slice::<Value>(&self.body)
            && let Some(Value::Object(data)) = body.get_mut("data")
        {
            edit(data);
            self.body = body.to_string().into();
        }
    }

    /// Sets a field of `data` to what `edit` makes of it; null where it was absent.
    fn edit(&mut self, field: &str, edit: impl FnOnce(&Value) -> Value) {
        self.edit_data(|data| {
            let value = edit(data.get(field).unwrap_or(&Value::Null));
            data.insert(field.to_owned(), value);
        });
    }

    fn replace(&mut self, from: &str, to: &str) {
        self.body = String::from_utf8_lossy(&self.body).replacen(from, to, 1).into();
    }

    fn add_header(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.headers.append(name, value);
        }
    }

    /// The head as it goes over the wire, with this framing in place of its own.
    fn head(&self, framing: &str) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n", self.status).into_bytes();
        for (name, value) in self.headers.iter().filter(|(name, _)| *name != header::CONTENT_LENGTH)
        {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(framing.as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
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
    #[serde(default, deserialize_with = "whole")]
    times: Option<u32>,
    #[serde(default, deserialize_with = "whole")]
    status: Option<u32>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "given")]
    body: Option<String>,
    #[serde(default, deserialize_with = "given")]
    body_hex: Option<String>,
}

/// What is given must be of its type: null is no way to leave it out.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A whole number, which in JSON may well be written 2.0.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
        Ok(Some(number as u32))
    } else {
        Err(D::Error::custom(format!("{number} is not a whole number in range")))
    }
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
        // What does not fit is out of range for the check below, too.
        let status = u16::try_from(status).unwrap_or_default();
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
const HEAVIEST_ARMED: usize = 32 << 20;
const MOST_TIMES: u32 = 1_000_000;

impl Armed {
    pub(crate) fn arm(&mut self, fault: Fault, times: u32) -> Result<(), Problem> {
        fault.check()?;
        if !(1..=MOST_TIMES).contains(&times) {
            return Err(Problem::field("times", "must be 1 to 1000000"));
        }
        let weight =
            |fault: &Fault| if let Fault::Answer(answer) = fault { answer.body.len() } else { 0 };
        let weights: usize = self.0.iter().map(|(fault, _)| weight(fault)).sum();
        if weights + weight(&fault) > HEAVIEST_ARMED {
            return Err(Problem::conflict(
                "the scripted answers that are armed already are too large",
            ));
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

/// A fault that waits for its calls, as the list has it.
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
            level: fault.level(),
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
            assert!(
                ["domain", "json", "http", "socket", "tls", "page", "sms", "webhook"]
                    .contains(&fault.level),
                "{}",
                fault.name
            );
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
