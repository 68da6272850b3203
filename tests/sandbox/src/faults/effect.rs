//! What each fault does to a call: an answer in its place, an answer spoilt, or bytes that no HTTP server would send.

use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Collected};
use serde_json::{Map, Value, json};

use super::Fault;
use crate::options::{ErrorShape, SuccessStatus};
use crate::problem::{Problem, error_page};
use crate::wire::{Connection, Script, Step};

impl Fault {
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
            Self::DeepJson => {
                let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
                answer.replace("{\"data\":{", &format!("{{\"data\":{{\"deep\":{open}{close},"));
            }
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
            Self::LengthTooLong => {
                vec![with(&format!("content-length: {}", body.len() + 10), body), Step::Stall]
            }
            Self::LengthTooShort => {
                let length = body.len().saturating_sub(10);
                vec![with(&format!("content-length: {length}"), body), Step::Stall]
            }
            Self::UnaskedAnswer => {
                let other = br#"{"data":{"id":"00000000-0000-0000-0000-000000000000","status":"accepted"}}"#;
                let unasked = answer.head(&format!("content-length: {}", other.len()));
                let all = [&answer.head(&whole), body.as_ref(), &unasked, other].concat();
                vec![send(all), Step::Stall]
            }
            Self::EndlessHeader => {
                let begun = Step::Send("HTTP/1.1 200 OK\r\nx-endless: ".into());
                vec![begun, Step::Repeat("x".repeat(4096).into())]
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
            Self::CutHead => vec![send(answer.half_head(&whole))],
            Self::ResetHead => {
                vec![send(answer.half_head(&whole)), Step::Pause(DRIP), Step::Reset]
            }
            Self::ResetAfterHead => {
                vec![send(answer.head(&whole)), Step::Pause(DRIP), Step::Reset]
            }
            Self::CutBody => vec![with(&whole, &half)],
            Self::ResetBody => vec![with(&whole, &half), Step::Pause(DRIP), Step::Reset],
            Self::Garbage => vec![Step::Send("\u{1}\u{2} this is not HTTP\r\n\r\n".into())],
            Self::DripHead => {
                vec![Step::Drip(answer.head(&whole).into(), DRIP), Step::Send(body.clone())]
            }
            Self::DripBody => vec![send(answer.head(&whole)), Step::Drip(body.clone(), DRIP)],
            Self::CloseAfterAnswer => vec![with(&whole, body)],
            Self::CloseWithAnswer => {
                vec![Step::SendLast([&answer.head(&whole), body.as_ref()].concat().into())]
            }
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
/// Also what lets bytes arrive before a RST, which takes back what the peer has not read.
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

    fn half_head(&self, framing: &str) -> Vec<u8> {
        let mut head = self.head(framing);
        head.truncate(head.len() / 2);
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
