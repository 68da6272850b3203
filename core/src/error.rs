//! What went wrong, how much of it reached the gateway, and what to try.

use std::error::Error as StdError;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What sort of failure an [`Error`] is.
///
/// The numbers are frozen: they are the `zs_result` of the C library and the `code` of the Python
/// exceptions. New ones may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is malformed. Nothing was sent.
    InvalidArgument = 1,
    /// The client cannot be set up: no key, an unreadable file, plain http to a host that is not
    /// loopback. Nothing was sent.
    Configuration = 2,
    /// Name look-up, TCP or a proxy failed. Nothing was sent.
    Connect = 10,
    /// The TLS handshake or a certificate was refused, or the peer sent a TLS alert.
    Tls = 11,
    /// A time limit ran out.
    Timeout = 12,
    /// The connection broke after the request began.
    Io = 13,
    /// The answer is not one of the gateway's: not HTTP, too large, not JSON, no id.
    Protocol = 14,
    /// The gateway refused the request: 400, 409, 422, or a 4xx without a kind of its own.
    InvalidRequest = 20,
    /// 401: the gateway does not know the API key.
    Authentication = 21,
    /// 403: the key may not do this.
    Permission = 22,
    /// 404: the gateway knows no such session.
    NotFound = 23,
    /// 429: too many requests.
    RateLimited = 24,
    /// 5xx: the gateway failed.
    Server = 25,
    /// An HTTP status that has no place in this protocol: 101, 3xx and others.
    UnexpectedStatus = 26,
    /// The session was not final in time.
    WaitTimeout = 30,
    /// The caller stopped the call.
    Cancelled = 31,
    /// The signature of a webhook is missing, malformed, wrong or stale.
    WebhookSignature = 40,
    /// A bug in this library, caught.
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

    /// What a reader of the message may try.
    fn advice(self) -> Option<&'static str> {
        match self {
            Self::Connect => Some("check the base URL, the network and the proxy"),
            Self::Timeout => Some("try again, or raise the time limits"),
            Self::Authentication => Some("check the API key, and that it is of this environment"),
            Self::Permission => Some("ask ZignSec whether the key may use phone 2FA"),
            Self::NotFound => Some("check the session id and the environment"),
            Self::RateLimited => Some("wait before the next call"),
            Self::Server => Some("try again later"),
            Self::UnexpectedStatus => Some("check the base URL"),
            _ => None,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidArgument => "invalid argument",
            Self::Configuration => "configuration",
            Self::Connect => "cannot connect",
            Self::Tls => "TLS failed",
            Self::Timeout => "timed out",
            Self::Io => "the connection broke",
            Self::Protocol => "bad answer",
            Self::InvalidRequest => "invalid request",
            Self::Authentication => "not authenticated",
            Self::Permission => "not permitted",
            Self::NotFound => "not found",
            Self::RateLimited => "rate limited",
            Self::Server => "the gateway failed",
            Self::UnexpectedStatus => "unexpected HTTP status",
            Self::WaitTimeout => "the session is not final",
            Self::Cancelled => "cancelled",
            Self::WebhookSignature => "webhook signature",
            Self::Internal => "internal error",
        })
    }
}

/// A failed call.
///
/// Its text (`Display`) says what failed, the deepest cause that is known, and what to try. It never
/// holds the API key, a whole phone number or a URL's query, so it can be logged. The
/// [body](Error::body) is the gateway's own text and can hold personal data.
///
/// ```
/// use zignsec::{ErrorKind, Phone2faRequest};
///
/// let error = Phone2faRequest::new("0701740605", "https://a.example", "https://b.example")
///     .unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidArgument);
/// assert_eq!(error.attempts(), 0);
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
    /// An error of a kind and with a message of your own, for language bindings and for tests of
    /// code that handles errors.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind,
            message: message.into(),
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

    /// Runs `call` and turns a panic in it into an [`Internal`](ErrorKind::Internal) error, for
    /// language bindings: a panic must not reach their callers. What the panic said goes to the
    /// panic hook alone, since it could hold anything.
    ///
    /// # Errors
    ///
    /// Those of `call`, and `Internal`.
    pub fn catch_panic<T>(call: impl FnOnce() -> Result<T, Self>) -> Result<T, Self> {
        catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
            Err(Self::new(ErrorKind::Internal, "a bug in zignsec; please report it"))
        })
    }

    pub(crate) fn invalid_argument(name: &str, rule: &str) -> Self {
        Self::new(ErrorKind::InvalidArgument, format!("{name} {rule}"))
    }

    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, message)
    }

    /// A call that failed: `what` happened, then what to make of it.
    pub(crate) fn failed(kind: ErrorKind, what: impl fmt::Display, in_doubt: bool) -> Self {
        let advice = if in_doubt {
            Some("a session may have been opened, and trying again may open another")
        } else {
            kind.advice()
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
        self.0.source = Some(source);
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

    /// The sort of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What failed, why, and what to try: the same text as `Display`.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The HTTP status of the answer, where there was one.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }

    /// The body of the answer, where there was one, cut at 64 KiB. Bytes that are not UTF-8, and
    /// NUL, stand as U+FFFD. It is the gateway's own text and can hold personal data.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.0.body.as_deref()
    }

    /// The first of the headers `x-request-id`, `x-correlation-id` and `request-id` of the answer.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How long the gateway asked to wait (`Retry-After`).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// How many attempts were begun: 0 where a check refused the call before anything was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether the same call, made again later, may end otherwise and can do no harm.
    pub(crate) fn is_transient(&self) -> bool {
        self.0.is_transient
    }

    /// Whether a session may exist at the gateway that this call did not hand out. Only ever true
    /// for [`Client::start_phone_2fa`](crate::Client::start_phone_2fa). A caller who tries again
    /// may then open a second session; nothing is sent to the user before they open its page.
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
    // The body is left out: the gateway may echo a phone number in it.
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
    fn an_error_can_cross_threads_and_outlive_its_call() {
        fn check<T: Send + Sync + 'static>() {}
        check::<Error>();
    }

    #[test]
    fn a_panic_becomes_an_error_that_does_not_repeat_it() {
        let error = Error::catch_panic(|| -> Result<(), Error> { panic!("secret") }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn the_body_of_an_answer_is_not_in_the_debug_output() {
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
