//! Errors: what failed, whether the gateway may have acted on the request, and what to do.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::os_error::ADD_MEMORY;
use crate::redact;

/// The kind of an [`Error`].
///
/// The numbers are frozen: they are the `zs_result` of the C library and the `code` of the Python
/// exceptions. New ones may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is invalid. Nothing was sent.
    InvalidArgument = 1,
    /// An option of the client is missing or invalid: no key, an unreadable file, plain http to a
    /// host that is not loopback. Nothing was sent.
    Configuration = 2,
    /// The client was closed. Nothing was sent. Only clients of language bindings can be closed.
    Closed = 3,
    /// DNS, TCP or a proxy failed. Nothing was sent.
    Connect = 10,
    /// The TLS handshake failed, a certificate was rejected, or the peer sent a TLS alert.
    Tls = 11,
    /// A time limit was exceeded.
    Timeout = 12,
    /// The connection was lost after the first byte of the request was sent.
    Io = 13,
    /// The response is invalid: not HTTP, too large, not JSON, or without an id.
    Protocol = 14,
    /// The gateway rejected the request: 400, 409, 422, or a 4xx not listed here.
    InvalidRequest = 20,
    /// 401: the gateway does not accept the API key.
    Authentication = 21,
    /// 403: the key has no permission for this.
    Permission = 22,
    /// 404: the gateway does not know the session.
    NotFound = 23,
    /// 429: too many requests.
    RateLimited = 24,
    /// 5xx: the gateway failed.
    Server = 25,
    /// An HTTP status that this protocol does not use: 101, 3xx and others.
    UnexpectedStatus = 26,
    /// The session did not become final in time.
    WaitTimeout = 30,
    /// The caller cancelled the call.
    Cancelled = 31,
    /// The signature of a webhook is missing, malformed, wrong, or outside the tolerance.
    WebhookSignature = 40,
    /// Not enough memory for a response, or a bug in this library, caught.
    Internal = 99,
}

impl ErrorKind {
    /// The frozen number of this kind.
    #[must_use]
    pub fn code(self) -> i32 {
        self as i32
    }

    /// The kind of an HTTP status that is not a 2xx.
    pub(crate) fn of_http_status(status: u16) -> Self {
        match status {
            401 => Self::Authentication,
            403 => Self::Permission,
            404 => Self::NotFound,
            429 => Self::RateLimited,
            400..=499 => Self::InvalidRequest,
            500..=599 => Self::Server,
            _ => Self::UnexpectedStatus,
        }
    }

    /// What the reader of the message can do.
    pub(crate) fn advice(self) -> Option<&'static str> {
        match self {
            Self::Connect => Some("check the base URL, the network and the proxy"),
            Self::Timeout => Some("try again, or raise the time limits"),
            Self::Io => Some("try again, or check for a firewall or proxy on the way"),
            Self::Protocol => Some("check that the base URL is that of ZignSec's gateway"),
            Self::InvalidRequest => Some("check the values of the request"),
            Self::Authentication => Some(
                "check the API key, and that it belongs to this environment (test or production)",
            ),
            Self::Permission => Some("ask ZignSec whether the key may use phone 2FA"),
            Self::NotFound => Some("check the session ID and the environment (test or production)"),
            Self::RateLimited => Some("wait before the next call"),
            Self::Server => Some("try again later"),
            Self::UnexpectedStatus => Some("check the base URL"),
            // There was not enough memory. The error of a bug is made without advice.
            Self::Internal => Some(ADD_MEMORY),
            _ => None,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidArgument => "invalid argument",
            Self::Configuration => "invalid configuration",
            Self::Closed => "client closed",
            Self::Connect => "cannot connect",
            Self::Tls => "TLS error",
            Self::Timeout => "timed out",
            Self::Io => "connection lost",
            Self::Protocol => "invalid response",
            Self::InvalidRequest => "invalid request",
            Self::Authentication => "authentication failed",
            Self::Permission => "permission denied",
            Self::NotFound => "not found",
            Self::RateLimited => "rate limited",
            Self::Server => "server error",
            Self::UnexpectedStatus => "unexpected HTTP status",
            Self::WaitTimeout => "timed out waiting for the session",
            Self::Cancelled => "cancelled",
            Self::WebhookSignature => "invalid webhook signature",
            Self::Internal => "internal error",
        })
    }
}

/// The error of a failed call.
///
/// Its text (`Display`) says what failed, the deepest known cause, and what to do. It never
/// contains the API key, a whole phone number or the query of a URL, so it can be logged. The
/// [body](Error::body) is text of the gateway and can contain personal data, but not your keys.
///
/// ```
/// use zignsec::{Client, ErrorKind, Phone2faRequest};
///
/// # fn main() -> Result<(), zignsec::Error> {
/// let client = Client::builder("your-API-key").build()?;
/// let request = Phone2faRequest::new("0701740605")
///     .redirect_success("https://a.example")
///     .redirect_failure("https://b.example");
/// let error = client.start_phone_2fa(&request).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidArgument);
/// assert_eq!(error.attempts(), 0);
/// # Ok(())
/// # }
/// ```
// Boxed: an error is far larger than what most calls return.
pub struct Error(Box<Details>);

struct Details {
    kind: ErrorKind,
    message: String,
    http_status: Option<u16>,
    body: Option<String>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    attempts: u32,
    in_doubt: bool,
    is_transient: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with a message in one line. Text that is not the library's own must be
    /// [redacted](redact::text) before.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind,
            message: redact::one_line(message.into()),
            http_status: None,
            body: None,
            request_id: None,
            retry_after: None,
            attempts: 0,
            in_doubt: false,
            is_transient: false,
            source: None,
        }))
    }

    pub(crate) fn invalid_argument(name: &str, rule: &str) -> Self {
        Self::new(ErrorKind::InvalidArgument, format!("{name} {rule}"))
    }

    pub(crate) fn closed() -> Self {
        Self::new(ErrorKind::Closed, "the client is closed")
    }

    /// An error of the configuration. Its message may quote the environment and files.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, redact::text(&message.into(), &[]))
    }

    /// The error of a failed call: `what` happened, then what to do.
    pub(crate) fn failed(kind: ErrorKind, what: impl fmt::Display, in_doubt: bool) -> Self {
        Self::failed_with_advice(kind, what, in_doubt, kind.advice())
    }

    /// The error of a failed call, with other advice than that of its kind.
    pub(crate) fn failed_with_advice(
        kind: ErrorKind,
        what: impl fmt::Display,
        in_doubt: bool,
        advice: Option<&str>,
    ) -> Self {
        let advice = if in_doubt {
            Some("the gateway may have created a session; a retry may create a second one")
        } else {
            advice
        };
        let mut error = Self::new(
            kind,
            match advice {
                Some(advice) => format!("{what}; {advice}"),
                None => what.to_string(),
            },
        );
        error.0.in_doubt = in_doubt;
        error
    }

    pub(crate) fn with_source(mut self, source: Box<dyn StdError + Send + Sync>) -> Self {
        self.0.source = Some(redact::source(source, &[]));
        self
    }

    pub(crate) fn with_http(
        mut self,
        status: u16,
        body: String,
        request_id: Option<String>,
        retry_after: Option<Duration>,
    ) -> Self {
        self.0.http_status = Some(status);
        self.0.body = Some(body);
        self.0.request_id = request_id;
        self.0.retry_after = retry_after;
        self
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.0.retry_after = retry_after;
        self
    }

    pub(crate) fn with_transient(mut self, is_transient: bool) -> Self {
        self.0.is_transient = is_transient;
        self
    }

    pub(crate) fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What failed, why, and what to do: the same text as `Display`.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The HTTP status of the response, if there was one.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }

    /// The body of the response, if there was one, truncated at 64 KiB. Bytes that are not UTF-8,
    /// and NUL, are replaced by U+FFFD, and your keys by `[key]`. It is text of the gateway and can
    /// contain personal data.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.0.body.as_deref()
    }

    /// The first of the headers `x-request-id`, `x-correlation-id` and `request-id` of the response
    /// that contains 1 to 128 visible ASCII characters. Keys and phone numbers in it are masked; a
    /// UUID stays unchanged.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How long the gateway asked to wait (`Retry-After`).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// How many attempts were started: 0 if a check refused the call before anything was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether repeating the same call later is safe and may succeed.
    pub(crate) fn is_transient(&self) -> bool {
        self.0.is_transient
    }

    /// Whether the gateway may have created a session although the call failed. Only true for
    /// [`Client::start_phone_2fa`](crate::Client::start_phone_2fa). A retry may then create a
    /// second session; nothing is sent to the user before they open its page.
    #[must_use]
    pub fn in_doubt(&self) -> bool {
        self.0.in_doubt
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    // Without the body: it may contain a phone number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details {
            kind,
            message,
            http_status,
            body: _,
            request_id,
            retry_after,
            attempts,
            in_doubt,
            is_transient: _,
            source,
        } = &*self.0;
        f.debug_struct("Error")
            .field("kind", kind)
            .field("message", message)
            .field("http_status", http_status)
            .field("request_id", request_id)
            .field("retry_after", retry_after)
            .field("attempts", attempts)
            .field("in_doubt", in_doubt)
            .field("source", source)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_send_sync_and_static() {
        fn check<T: Send + Sync + 'static>() {}
        check::<Error>();
    }

    #[test]
    fn debug_output_does_not_contain_the_body() {
        let error = Error::failed(ErrorKind::Server, "500", true).with_http(
            500,
            "+46701740605".to_owned(),
            None,
            None,
        );
        assert!(!format!("{error:?}").contains("01740605"));
        assert_eq!(error.body(), Some("+46701740605"));
    }
}
