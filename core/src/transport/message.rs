//! HTTP messages: what to send, and what was received.

use std::time::Duration;

/// The largest part of the body of an error response that is kept.
pub(crate) const MAX_ERROR_BODY: usize = 64 * 1024;

/// An HTTP request, without what the [`Config`](super::Config) adds.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'static str,
    /// The path after the base URL, without a leading slash.
    pub(crate) path: &'a str,
    /// The name of the header that carries the key.
    pub(crate) key_header: &'static str,
    pub(crate) key: &'a str,
    /// All keys, to be removed from messages.
    pub(crate) secrets: [&'a str; 2],
    pub(crate) csrf_token: Option<&'a str>,
    /// JSON.
    pub(crate) body: Option<&'a str>,
    /// Whether it creates something, so that it must not be lost on the way.
    pub(crate) creates: bool,
}

/// An HTTP response, whatever its status.
#[cfg_attr(test, derive(Debug, Default, PartialEq))]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    /// How long the server keeps the connection open between two requests, if it announced that.
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) request_id: Option<String>,
    /// The coding of the body, such as gzip. None was asked for.
    pub(crate) content_encoding: Option<String>,
    /// Whether the content type is HTML.
    pub(crate) declares_html: bool,
    /// The URL of a redirect.
    pub(crate) location: Option<String>,
    /// The body; of an error response its first [`MAX_ERROR_BODY`] bytes.
    pub(crate) body: Vec<u8>,
    /// The body is longer than the limit.
    pub(crate) too_large: bool,
}

impl Response {
    pub(crate) fn is_success(&self) -> bool {
        is_success(self.status)
    }
}

pub(crate) fn is_success(status: u16) -> bool {
    (200..=299).contains(&status)
}
