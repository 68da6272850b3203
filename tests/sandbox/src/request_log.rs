//! The requests that arrived at the endpoints and the hosted pages. Requests to the admin routes
//! and the dashboard are not recorded.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method, StatusCode, Uri};
use jiff::Timestamp;
use serde::Serialize;

use crate::bounded::Bounded;

/// Headers that carry credentials. Their values are never stored: a user may send a real key here
/// by mistake.
const SECRET_HEADERS: [&str; 4] =
    ["authorization", "zs-product-key", "proxy-authorization", "cookie"];
/// A shorter key protects nothing and would be found in ordinary words.
const MIN_SECRET_LENGTH: usize = 6;
const REDACTED: &str = "[redacted]";

/// One request as it was received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// Counts up from 1; also the `x-request-id` header of the response.
    pub id: u64,
    /// When the whole request had arrived, on the sandbox's clock.
    pub at: Timestamp,
    /// Such as `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case; keys are redacted.
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    pub body: String,
    /// The number of the TCP connection, counted from 1.
    pub connection: u64,
    /// The status of the response. `None` before the response and if a fault prevented it.
    pub status: Option<u16>,
}

/// The newest 500 requests, or fewer if they are large.
pub(crate) struct RequestLog {
    requests: Bounded<RecordedRequest>,
    last_id: u64,
    api_key: String,
}

impl RequestLog {
    pub(crate) fn new(api_key: &str) -> Self {
        Self { requests: Bounded::new(500, 24 << 20), last_id: 0, api_key: api_key.to_owned() }
    }

    pub(crate) fn record(&mut self, at: Timestamp, request: IncomingRequest<'_>) -> u64 {
        self.last_id += 1;
        let IncomingRequest { method, uri, headers, body, connection } = request;
        let path =
            self.redact(&uri.path_and_query().map_or_else(|| uri.to_string(), ToString::to_string));
        let headers = self.redact_headers(headers);
        let body = self.redact(&String::from_utf8_lossy(body));
        let weight = 512
            + path.len()
            + body.len()
            + headers.iter().map(|(k, v)| 64 + k.len() + v.len()).sum::<usize>();
        let method = method.to_string();
        let request = RecordedRequest {
            id: self.last_id,
            at,
            method,
            path,
            headers,
            body,
            connection,
            status: None,
        };
        self.requests.push(request, weight);
        self.last_id
    }

    pub(crate) fn set_status(&mut self, id: u64, status: StatusCode) {
        if let Some(request) = self.requests.newest_first_mut().find(|request| request.id == id) {
            request.status = Some(status.as_u16());
        }
    }

    pub(crate) fn newest_first(&self) -> Vec<RecordedRequest> {
        self.requests.newest_first().cloned().collect()
    }

    /// The newest request before a position, or of all.
    pub(crate) fn before(&self, position: Option<u64>) -> Option<(u64, RecordedRequest)> {
        self.requests.before(position).next().map(|(position, each)| (position, each.clone()))
    }

    pub(crate) fn clear(&mut self) {
        self.requests.clear();
    }

    fn redact_headers(&self, headers: &HeaderMap) -> BTreeMap<String, String> {
        let mut redacted = BTreeMap::<String, String>::new();
        for (name, value) in headers {
            let value = if SECRET_HEADERS.contains(&name.as_str()) {
                REDACTED.to_owned()
            } else {
                self.redact(&String::from_utf8_lossy(value.as_bytes()))
            };
            redacted
                .entry(name.to_string())
                .and_modify(|all| {
                    all.push_str(", ");
                    all.push_str(&value);
                })
                .or_insert(value);
        }
        redacted
    }

    /// Removes the API key, which a client may have put into the wrong place.
    fn redact(&self, text: &str) -> String {
        if self.api_key.len() < MIN_SECRET_LENGTH {
            text.to_owned()
        } else {
            text.replace(&self.api_key, REDACTED)
        }
    }
}

/// A request in the form in which the server has it.
pub(crate) struct IncomingRequest<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) connection: u64,
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn keys_are_redacted_everywhere() {
        let mut log = RequestLog::new("s3cret");
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("somebody-else's-key"));
        headers.insert("zs-product-key", HeaderValue::from_static("s3cret"));
        headers.append("x-a", HeaderValue::from_static("one"));
        headers.append("x-a", HeaderValue::from_static("the s3cret"));
        let uri = Uri::from_static("/core?key=s3cret");
        let (method, body) = (&Method::POST, &b"my s3cret \xff"[..]);
        log.record(
            Timestamp::now(),
            IncomingRequest { method, uri: &uri, headers: &headers, body, connection: 4 },
        );
        let stored = serde_json::to_string(&log.newest_first()).unwrap();
        assert!(!stored.contains("s3cret") && !stored.contains("somebody"), "{stored}");
        assert_eq!(log.newest_first()[0].headers["x-a"], "one, the [redacted]");
        assert_eq!(log.newest_first()[0].body, "my [redacted] \u{fffd}");
    }

    #[test]
    fn newest_500_requests_are_kept() {
        let mut log = RequestLog::new("k");
        let (uri, headers) = (Uri::from_static("/"), HeaderMap::new());
        for _ in 0..600 {
            let request = IncomingRequest {
                method: &Method::GET,
                uri: &uri,
                headers: &headers,
                body: b"",
                connection: 1,
            };
            log.record(Timestamp::now(), request);
        }
        let ids: Vec<_> = log.newest_first().iter().map(|request| request.id).collect();
        assert_eq!((ids.len(), ids[0], ids[499]), (500, 600, 101));
    }
}
