//! What arrived at the gateway and the pages, in the order of arrival. Calls to the sandbox's own routes are left out.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method, StatusCode, Uri};
use jiff::Timestamp;
use serde::Serialize;

use crate::bounded::Bounded;

/// Headers that carry keys. They are never kept, whatever key they carry: a real one may be sent here by mistake.
const SECRET_HEADERS: [&str; 4] =
    ["authorization", "zs-product-key", "proxy-authorization", "cookie"];
/// Shorter keys hide nothing, and would be found in every other word.
const SHORTEST_SECRET: usize = 6;
const REDACTED: &str = "[redacted]";

/// One request, as it was received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// Counts up from 1; also the answer's `x-request-id`.
    pub id: u64,
    /// When it had arrived in full, by the sandbox's clock.
    pub at: Timestamp,
    /// Such as `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case; keys are redacted.
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    pub body: String,
    /// Which TCP connection it came in on, counted from 1.
    pub connection: u64,
    /// The status it was answered with; none while it is unanswered, and for good where a fault left it so.
    pub status: Option<u16>,
}

/// The newest 500 requests.
pub(crate) struct Journal {
    requests: Bounded<RecordedRequest>,
    last_id: u64,
    key: String,
}

impl Journal {
    pub(crate) fn new(key: &str) -> Self {
        Self { requests: Bounded::new(500, 32 << 20), last_id: 0, key: key.to_owned() }
    }

    pub(crate) fn record(&mut self, at: Timestamp, arrived: Arrived<'_>) -> u64 {
        self.last_id += 1;
        let Arrived { method, uri, headers, body, connection } = arrived;
        let path =
            self.redact(&uri.path_and_query().map_or_else(|| uri.to_string(), ToString::to_string));
        let headers = self.headers(headers);
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

    pub(crate) fn answered(&mut self, id: u64, status: StatusCode) {
        if let Some(request) = self.requests.newest_first_mut().find(|request| request.id == id) {
            request.status = Some(status.as_u16());
        }
    }

    pub(crate) fn newest_first(&self) -> Vec<RecordedRequest> {
        self.requests.newest_first().cloned().collect()
    }

    pub(crate) fn find(
        &self,
        mut wanted: impl FnMut(&RecordedRequest) -> bool,
    ) -> Option<RecordedRequest> {
        self.requests.newest_first().find(|request| wanted(request)).cloned()
    }

    pub(crate) fn clear(&mut self) {
        self.requests.clear();
    }

    fn headers(&self, headers: &HeaderMap) -> BTreeMap<String, String> {
        let mut kept = BTreeMap::<String, String>::new();
        for (name, value) in headers {
            let value = if SECRET_HEADERS.contains(&name.as_str()) {
                REDACTED.to_owned()
            } else {
                self.redact(&String::from_utf8_lossy(value.as_bytes()))
            };
            kept.entry(name.to_string())
                .and_modify(|all| {
                    all.push_str(", ");
                    all.push_str(&value);
                })
                .or_insert(value);
        }
        kept
    }

    /// A key that was put in the wrong place is still a key.
    fn redact(&self, text: &str) -> String {
        if self.key.len() < SHORTEST_SECRET {
            text.to_owned()
        } else {
            text.replace(&self.key, REDACTED)
        }
    }
}

/// A request in the shape that the server has it.
pub(crate) struct Arrived<'a> {
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
    fn keys_are_nowhere_in_what_is_kept() {
        let mut journal = Journal::new("s3cret");
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("somebody-else's-key"));
        headers.insert("zs-product-key", HeaderValue::from_static("s3cret"));
        headers.append("x-a", HeaderValue::from_static("one"));
        headers.append("x-a", HeaderValue::from_static("the s3cret"));
        let uri = Uri::from_static("/core?key=s3cret");
        let (method, body) = (&Method::POST, &b"my s3cret \xff"[..]);
        journal.record(
            Timestamp::now(),
            Arrived { method, uri: &uri, headers: &headers, body, connection: 4 },
        );
        let kept = serde_json::to_string(&journal.newest_first()).unwrap();
        assert!(!kept.contains("s3cret") && !kept.contains("somebody"), "{kept}");
        assert_eq!(journal.newest_first()[0].headers["x-a"], "one, the [redacted]");
        assert_eq!(journal.newest_first()[0].body, "my [redacted] \u{fffd}");
    }

    #[test]
    fn the_newest_five_hundred_are_kept() {
        let mut journal = Journal::new("k");
        let (uri, headers) = (Uri::from_static("/"), HeaderMap::new());
        for _ in 0..600 {
            let arrived = Arrived {
                method: &Method::GET,
                uri: &uri,
                headers: &headers,
                body: b"",
                connection: 1,
            };
            journal.record(Timestamp::now(), arrived);
        }
        let ids: Vec<_> = journal.newest_first().iter().map(|request| request.id).collect();
        assert_eq!((ids.len(), ids[0], ids[499]), (500, 600, 101));
    }
}
