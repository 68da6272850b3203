//! The fault that is whatever a test says it is.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::problem::Problem;

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

impl ScriptedAnswer {
    pub(super) fn check(&self) -> Result<(), Problem> {
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
