//! The fault `answer`: a response that a test defines.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::problem::Problem;

/// A response that is sent exactly as given, by the fault [`Answer`](crate::Fault::Answer).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptedAnswer {
    /// 200 to 599.
    pub status: u16,
    /// Must not contain `content-length`, which is added. `content-type: application/json` is added
    /// if there is no content type.
    pub headers: Vec<(String, String)>,
    /// Sent byte for byte.
    pub body: Vec<u8>,
}

impl ScriptedAnswer {
    /// A response with this status and body, of type JSON.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(super) fn validate(&self) -> Result<(), Problem> {
        if !(200..=599).contains(&self.status) {
            return Err(Problem::invalid_field("status", "must be 200 to 599"));
        }
        for (name, value) in &self.headers {
            let framing = ["content-length", "transfer-encoding", "connection"];
            if framing.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
                let reason = "must not contain content-length, transfer-encoding or connection";
                return Err(Problem::invalid_field("headers", reason));
            }
            if HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err() {
                return Err(Problem::invalid_field(
                    "headers",
                    &format!("contains an invalid header: {name:?}"),
                ));
            }
        }
        Ok(())
    }

    pub(super) fn response(&self) -> Response {
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
