//! What is said to a caller whose request cannot be granted.

use std::fmt;

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::options::ErrorShape;

/// A request that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The HTTP status that goes with it.
    pub status: u16,
    /// One word for programs, such as `not_found`.
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

    pub(crate) fn malformed(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_json", description)
    }

    /// A field that is missing or not as it should be.
    pub(crate) fn field(name: &str, expected: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", format!("{name} {expected}"))
    }

    pub(crate) fn no_session(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("no session has the id {id:?}"))
    }

    /// Something that the session's or the sandbox's state does not allow now.
    pub(crate) fn conflict(description: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", description)
    }

    /// The same problem as any HTTP status, for faults that ask for one by number.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("Unassigned");
        Self::new(status, "sandbox_fault", format!("{reason} (asked for by a fault)"))
    }

    pub(crate) fn answer(&self, shape: ErrorShape) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let Self { code, description, .. } = self;
        let (kind, body) = match shape {
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
        (status, [(header::CONTENT_TYPE, kind)], body).into_response()
    }
}

const JSON: &str = "application/json";

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.status, self.code, self.description)
    }
}

impl std::error::Error for Problem {}

/// Admin routes answer in one shape, whatever `--error-shape` says of the gateway's own.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.answer(ErrorShape::List)
    }
}

#[derive(Template)]
#[template(
    source = "<!doctype html>\n<html lang=\"en\"><head><title>{{ title }}</title></head><body><h1>{{ title }}</h1><p>{{ description }}</p></body></html>\n",
    ext = "html"
)]
struct ErrorPage<'a> {
    title: String,
    description: &'a str,
}

/// The kind of page that a proxy puts where the gateway's JSON should be.
pub(crate) fn error_page(status: StatusCode, description: &str) -> String {
    // Rendering plain text into a template held in memory has nothing that can fail.
    ErrorPage { title: status.to_string(), description }.render().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_names_the_field_but_the_empty_one() {
        let problem = Problem::field("metadata.phone_number", "is <missing>");
        for shape in [
            ErrorShape::List,
            ErrorShape::Object,
            ErrorShape::Type,
            ErrorShape::Text,
            ErrorShape::Html,
        ] {
            assert!(body(problem.answer(shape)).contains("metadata.phone_number"), "{shape:?}");
        }
        assert_eq!(body(problem.answer(ErrorShape::Empty)), "");
        assert!(!body(problem.answer(ErrorShape::Html)).contains("<missing>"));
    }

    fn body(response: Response) -> String {
        use http_body_util::BodyExt;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let bytes = runtime.block_on(response.into_body().collect()).unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }
}
