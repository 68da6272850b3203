//! The effects of faults on a response: a replacement, a corrupted response, or a script that sends
//! bytes that no HTTP server would send.

use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Collected};
use serde_json::{Map, Value, json};

use super::Fault;
use crate::connection::{Connection, Script, Step};
use crate::options::{ErrorShape, SuccessStatus};
use crate::problem::{Problem, error_page};

impl Fault {
    /// The response of a fault that prevents the request from being processed.
    pub(crate) fn replacement_response(&self, shape: ErrorShape) -> Option<Response> {
        let problem = |status, headers: &[(HeaderName, String)]| {
            let mut response = Problem::from_status(status).response(shape);
            for (name, value) in headers {
                if let Ok(value) = HeaderValue::from_str(value) {
                    response.headers_mut().insert(name.clone(), value);
                }
            }
            Some(response)
        };
        match self {
            Self::Http(status) => problem(StatusCode::from_u16(*status).ok()?, &[]),
            Self::Answer(response) => Some(response.response()),
            Self::RateLimitedSeconds => {
                problem(StatusCode::TOO_MANY_REQUESTS, &[(header::RETRY_AFTER, "2".to_owned())])
            }
            Self::RateLimitedDate => {
                // HTTP dates have a resolution of one second, so the client waits 1 to 2 seconds.
                let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
                problem(StatusCode::TOO_MANY_REQUESTS, &[(header::RETRY_AFTER, date)])
            }
            Self::UnavailableRetryAfter => {
                problem(StatusCode::SERVICE_UNAVAILABLE, &[(header::RETRY_AFTER, "1".to_owned())])
            }
            Self::BadGatewayHtml => {
                let page =
                    error_page(StatusCode::BAD_GATEWAY, "The upstream server did not respond.");
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

    /// Corrupts the response to a request that was processed, or replaces it by a script.
    pub(crate) async fn corrupt(
        &self,
        response: Response,
        connection: &Connection,
        success: SuccessStatus,
    ) -> Response {
        let (head, body) = response.into_parts();
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        let mut response = RawResponse { status: head.status, headers: head.headers, body };
        if let Some(script) = self.script(&response) {
            return connection.take_over(script).await;
        }
        match self {
            Self::LateAnswer => tokio::time::sleep(RESPONSE_DELAY).await,
            Self::TooLarge => {
                response.body = format!("{{\"data\": \"{}\"}}", "x".repeat(2 << 20)).into()
            }
            Self::HugeHeader => response.add_header("x-huge", &"x".repeat(256 << 10)),
            Self::ManyHeaders => {
                (0..1000).for_each(|n| response.add_header(&format!("x-many-{n}"), "1"))
            }
            _ => self.corrupt_json(&mut response, success),
        }
        response.into_response()
    }

    /// Corrupts the body of a response that stays valid HTTP.
    fn corrupt_json(&self, response: &mut RawResponse, success: SuccessStatus) {
        let success = success.as_str();
        match self {
            Self::OtherId => {
                response.edit("id", |id| json!(other_id(id.as_str().unwrap_or_default())))
            }
            Self::UnknownStatus => response.edit("status", |_| json!("on_hold")),
            Self::UpperCaseStatus => {
                response.edit("status", |status| {
                    json!(status.as_str().unwrap_or_default().to_uppercase())
                });
            }
            Self::AcceptedWithErrors => {
                response.edit("status", |_| json!(success));
                let error = json!({"code": "1001", "description": "the check was not completed"});
                response.edit("errors", |_| json!([error]));
            }
            Self::ResultDisagrees => {
                response.edit("status", |_| json!(success));
                response.edit("result", |_| json!({"status": "failed", "errors": []}));
            }
            Self::NoData => response.body = "{}".into(),
            Self::NoId => response.edit_data(|data| drop(data.remove("id"))),
            Self::NoStatus => response.edit_data(|data| drop(data.remove("status"))),
            Self::BareObject => {
                let mut bare = Value::Null;
                response.edit_data(|data| bare = Value::Object(data.clone()));
                response.body = bare.to_string().into();
            }
            Self::ExtraFields => {
                response.edit("errors", |_| Value::Null);
                response.edit("result", |_| Value::Null);
                response.edit("new_field", |_| json!({"of": ["a", "later", 1.5, null]}));
            }
            Self::WrongTypes => {
                response.edit("id", |_| json!(12345));
                response.edit("status", |status| json!([status]));
            }
            Self::RepeatedKey => {
                response.replace("\"status\":", "\"status\":\"failed\",\"status\":")
            }
            Self::NulInString => {
                response.edit("id", |id| json!(format!("{}\0", id.as_str().unwrap_or_default())))
            }
            Self::ControlInUrl => {
                response.edit("redirect_url", |_| json!("https://a.example/\r\nx-evil: 1"))
            }
            Self::ScriptUrl => response.edit("redirect_url", |_| json!("javascript:alert(1)")),
            Self::BadUtf8 => {
                response.body = [response.body.trim_ascii_end(), b"\xff\xfe"].concat().into()
            }
            Self::ByteOrderMark => {
                response.body = [b"\xef\xbb\xbf", response.body.as_ref()].concat().into()
            }
            Self::DeepJson => {
                let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
                response.replace("{\"data\":{", &format!("{{\"data\":{{\"deep\":{open}{close},"));
            }
            Self::CutJson => response.body.truncate(response.body.len() / 2),
            Self::NotJson => response.body = "{\"data\": {\"id\": oops".into(),
            Self::EmptyBody => response.body = Bytes::new(),
            _ => {}
        }
    }

    /// The script of a fault below HTTP.
    fn script(&self, response: &RawResponse) -> Option<Script> {
        let RawResponse { body, .. } = response;
        let half = body.slice(..body.len() / 2);
        let full = format!("content-length: {}", body.len());
        let send = |bytes: Vec<u8>| Step::Send(bytes.into());
        let with = |framing: &str, body: &[u8]| send([&response.head(framing), body].concat());
        Some(match self {
            Self::EarlyHints => {
                let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n";
                vec![send(hints.to_vec()), with(&full, body)]
            }
            Self::EndlessInformational => {
                vec![Step::Repeat("HTTP/1.1 103 Early Hints\r\n\r\n".into())]
            }
            Self::SwitchingProtocols => {
                let switching = "HTTP/1.1 101 Switching Protocols\r\n\
                                 connection: upgrade\r\nupgrade: other\r\n\r\n";
                vec![Step::Send(switching.into())]
            }
            Self::TwoLengths => {
                vec![with(&format!("{full}\r\ncontent-length: {}", half.len()), body)]
            }
            Self::LengthTooLong => {
                vec![with(&format!("content-length: {}", body.len() + 10), body), Step::Stall]
            }
            Self::LengthTooShort => {
                let length = body.len().saturating_sub(10);
                vec![with(&format!("content-length: {length}"), body), Step::Stall]
            }
            Self::UnaskedAnswer => {
                let other = concat!(
                    r#"{"data":{"id":"00000000-0000-0000-0000-000000000000","#,
                    r#""status":"accepted"}}"#
                );
                let unrequested = response.head(&format!("content-length: {}", other.len()));
                let all =
                    [&response.head(&full), body.as_ref(), &unrequested, other.as_bytes()].concat();
                vec![send(all), Step::Stall]
            }
            Self::EndlessHeader => {
                let start = Step::Send("HTTP/1.1 200 OK\r\nx-endless: ".into());
                vec![start, Step::Repeat("x".repeat(4096).into())]
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
            Self::CutHead => vec![send(response.half_head(&full))],
            Self::ResetHead => {
                vec![send(response.half_head(&full)), Step::Pause(DRIP_INTERVAL), Step::Reset]
            }
            Self::ResetAfterHead => {
                vec![send(response.head(&full)), Step::Pause(DRIP_INTERVAL), Step::Reset]
            }
            Self::CutBody => vec![with(&full, &half)],
            Self::ResetBody => vec![with(&full, &half), Step::Pause(DRIP_INTERVAL), Step::Reset],
            Self::Garbage => vec![Step::Send("\u{1}\u{2} this is not HTTP\r\n\r\n".into())],
            Self::DripHead => {
                vec![
                    Step::Drip(response.head(&full).into(), DRIP_INTERVAL),
                    Step::Send(body.clone()),
                ]
            }
            Self::DripBody => {
                vec![send(response.head(&full)), Step::Drip(body.clone(), DRIP_INTERVAL)]
            }
            Self::CloseAfterAnswer => vec![with(&full, body)],
            Self::CloseWithAnswer => {
                vec![Step::SendLast([&response.head(&full), body.as_ref()].concat().into())]
            }
            Self::CloseWhenReused => vec![with(&full, body), Step::AwaitMore],
            Self::ResetWhenReused => vec![with(&full, body), Step::AwaitMore, Step::Reset],
            _ => return None,
        })
    }
}

/// A well-formed ID that differs from this one.
fn other_id(id: &str) -> String {
    let (start, last) = id.split_at(id.len().saturating_sub(1));
    format!("{start}{}", if last == "0" { "1" } else { "0" })
}

/// The delay of the faults `late-answer` and `page-late`, in real time.
pub(crate) const RESPONSE_DELAY: Duration = Duration::from_secs(1);
const CHUNKED: &str = "transfer-encoding: chunked";
/// Also the pause before a RST, which would otherwise discard bytes that the peer has not read.
const DRIP_INTERVAL: Duration = Duration::from_millis(100);

/// A response as status, headers and body, to be changed or serialised.
struct RawResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl RawResponse {
    fn edit_data(&mut self, edit: impl FnOnce(&mut Map<String, Value>)) {
        if let Ok(mut body) = serde_json::from_slice::<Value>(&self.body)
            && let Some(Value::Object(data)) = body.get_mut("data")
        {
            edit(data);
            self.body = body.to_string().into();
        }
    }

    /// Replaces a field of `data` by the result of `edit`, which gets null if it is absent.
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

    /// Status line and headers as bytes, with these framing headers instead of the original ones.
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
