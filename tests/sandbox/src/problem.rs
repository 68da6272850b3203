//! Error responses: what the sandbox reports if it rejects a request.

use std::fmt;

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::options::ErrorShape;

/// Why a request was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The HTTP status of the response.
    pub status: u16,
    /// A fixed word for programs, such as `not_found`.
    pub code: &'static str,
    /// One sentence for people.
    pub description: String,
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        description: impl Into<String>,
    ) -> Self {
        Self { status: status.as_u16(), code, description: description.into() }
    }

    pub(crate) fn malformed_json(error: &serde_json::Error) -> Self {
        let description = format!("the body is not valid JSON: {error}");
        Self::new(StatusCode::BAD_REQUEST, "malformed_json", description)
    }

    /// A field is missing or invalid. `reason` continues a sentence that starts with its name.
    pub(crate) fn invalid_field(name: &str, reason: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", format!("{name} {reason}"))
    }

    pub(crate) fn session_not_found(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("no session with ID {id:?}"))
    }

    pub(crate) fn webhook_not_found(id: &str) -> Self {
        let description = format!("no webhook attempt with ID {id:?}");
        Self::new(StatusCode::NOT_FOUND, "not_found", description)
    }

    /// The current state of the session or the sandbox does not allow the request.
    pub(crate) fn conflict(description: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", description)
    }

    /// An error with any HTTP status, for faults.
    pub(crate) fn from_status(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("Unassigned");
        Self::new(status, "sandbox_fault", format!("{reason} (injected by a fault)"))
    }

    pub(crate) fn response(&self, shape: ErrorShape) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let Self { code, description, .. } = self;
        let (content_type, body) = match shape {
            ErrorShape::List => {
                (JSON, json!({"errors": [{"code": code, "description": description}]}).to_string())
            }
            ErrorShape::Object => (JSON, json!({"errors": {"detail": description}}).to_string()),
            ErrorShape::Type => {
                let kind = if status.is_server_error() { "api_error" } else { "invalid_request" };
                (JSON, json!({"error": {"type": kind, "message": description}}).to_string())
            }
            ErrorShape::Text => ("text/plain; charset=utf-8", description.clone()),
            ErrorShape::Html => ("text/html; charset=utf-8", error_page(status, description)),
            ErrorShape::Empty => return status.into_response(),
        };
        (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
    }
}

const JSON: &str = "application/json";

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.status, self.code, self.description)
    }
}

impl std::error::Error for Problem {}

/// Admin routes always use the same shape; `--error-shape` applies to the two endpoints only.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.response(ErrorShape::List)
    }
}

#[derive(Template)]
#[template(
    source = "<!doctype html>\n<html lang=\"en\"><head><title>{{ title }}</title></head>\
              <body><h1>{{ title }}</h1><p>{{ description }}</p></body></html>\n",
    ext = "html"
)]
struct ErrorPage<'a> {
    title: String,
    description: &'a str,
}

/// An error page as a proxy would send it instead of the gateway's JSON.
pub(crate) fn error_page(status: StatusCode, description: &str) -> String {
    // Rendering strings into memory cannot fail.
    ErrorPage { title: status.to_string(), description }.render().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_except_empty_names_the_field() {
        let problem = Problem::invalid_field("metadata.phone_number", "is <missing>");
        for shape in [
            ErrorShape::List,
            ErrorShape::Object,
            ErrorShape::Type,
            ErrorShape::Text,
            ErrorShape::Html,
        ] {
            assert!(body(problem.response(shape)).contains("metadata.phone_number"), "{shape:?}");
        }
        assert_eq!(body(problem.response(ErrorShape::Empty)), "");
        assert!(!body(problem.response(ErrorShape::Html)).contains("<missing>"));
    }

    fn body(response: Response) -> String {
        use http_body_util::BodyExt;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let bytes = runtime.block_on(response.into_body().collect()).unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }
}
