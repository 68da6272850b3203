//! Classification of failed attempts.

use std::error::Error as StdError;
use std::io;

use rustls::pki_types::UnixTime;

use super::attempt::{Attempt, Phase};
use super::cancel::Cancelled;
use super::tls;
use crate::error::ErrorKind;
use crate::memory::OutOfMemory;
use crate::redact;

/// An attempt that got no response.
#[derive(Debug)]
pub(crate) struct AttemptError {
    pub(crate) kind: ErrorKind,
    /// Whether a byte of the request was sent.
    pub(crate) sent: bool,
    /// Whether the same attempt may succeed if it is repeated.
    pub(crate) is_transient: bool,
    /// What failed, with the deepest known cause, redacted.
    pub(crate) message: String,
    /// Redacted.
    pub(crate) source: Option<Box<dyn StdError + Send + Sync>>,
}

impl AttemptError {
    /// Classifies the error that ended `attempt`. What it quotes of the peer, such as the names in a
    /// certificate, is redacted, with `secrets` as the keys.
    pub(crate) fn new(attempt: &Attempt, error: TransportError, secrets: &[&str]) -> Self {
        let phase = attempt.phase();
        let (kind, is_transient, cause, source) = match error {
            TransportError::Io(error) => {
                let (kind, is_transient) = classify_io(&error, phase);
                let cause = match kind {
                    ErrorKind::Cancelled => None,
                    _ if error.kind() == io::ErrorKind::TimedOut => None,
                    _ => Some(describe(&error)),
                };
                (kind, is_transient, cause, Some(error.into()))
            }
            // A proxy that refuses will refuse again, and may count failed logins.
            TransportError::ProxyStatus(status) => {
                let cause = format!("the proxy returned HTTP {status}");
                (ErrorKind::Connect, !(400..=499).contains(&status), Some(cause), None)
            }
            TransportError::Proxy(cause) => (ErrorKind::Connect, true, Some(cause), None),
            TransportError::MalformedResponse(rule) => {
                (ErrorKind::Protocol, false, Some(rule.to_owned()), None)
            }
            // There may be more memory later.
            TransportError::OutOfMemory(error) => {
                (ErrorKind::Internal, true, Some(error.to_string()), None)
            }
        };
        let what = match (kind, phase) {
            (ErrorKind::Timeout, Phase::Connect) => "connecting timed out",
            (ErrorKind::Timeout, Phase::ProxyTls) => "TLS handshake with the proxy timed out",
            (ErrorKind::Timeout, Phase::Tls) => "TLS handshake timed out",
            (ErrorKind::Timeout, Phase::Exchange) => "waiting for the response timed out",
            (ErrorKind::Tls, Phase::ProxyTls) => "TLS connection to the proxy failed",
            (ErrorKind::Tls, _) => "TLS connection failed",
            (ErrorKind::Protocol, _) => "malformed HTTP response",
            (ErrorKind::Internal, _) => "the response was not read",
            (ErrorKind::Cancelled, _) => "cancelled",
            (_, Phase::Connect | Phase::ProxyTls | Phase::Tls) => "could not connect",
            (_, Phase::Exchange) => "connection lost",
        };
        let message = match cause {
            Some(cause) => format!("{what}: {}", redact::text(&cause, secrets)),
            None => what.to_owned(),
        };
        let source = source.map(|source| redact::source(source, secrets));
        Self { kind, sent: attempt.sent(), is_transient, message, source }
    }
}

/// Why an attempt got no response.
#[derive(Debug)]
pub(crate) enum TransportError {
    /// An error of the socket or of TLS, a time-out, or a cancellation.
    Io(io::Error),
    /// The proxy refused to open a tunnel with this status.
    ProxyStatus(u16),
    /// The proxy did not open a tunnel for another reason.
    Proxy(String),
    /// The response violates this rule of HTTP.
    MalformedResponse(&'static str),
    /// There is not enough memory to read the response.
    OutOfMemory(OutOfMemory),
}

impl From<OutOfMemory> for TransportError {
    fn from(error: OutOfMemory) -> Self {
        Self::OutOfMemory(error)
    }
}

impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The kind of an I/O error, and whether a retry can help.
fn classify_io(error: &io::Error, phase: Phase) -> (ErrorKind, bool) {
    if error.get_ref().is_some_and(|inner| inner.is::<Cancelled>()) {
        (ErrorKind::Cancelled, false)
    } else if error.kind() == io::ErrorKind::TimedOut {
        (ErrorKind::Timeout, true)
    } else if error.kind() == io::ErrorKind::InvalidData {
        // A certificate, an alert, or bytes that are not TLS: the peer would do the same again.
        (ErrorKind::Tls, false)
    } else {
        match phase {
            Phase::Connect => (ErrorKind::Connect, true),
            Phase::ProxyTls | Phase::Tls => (ErrorKind::Tls, true),
            Phase::Exchange => (ErrorKind::Io, true),
        }
    }
}

fn describe(error: &io::Error) -> String {
    use rustls::CertificateError::{ExpiredContext, NotValidYetContext, UnknownIssuer};
    use rustls::Error::InvalidCertificate;
    const CHECK_CLOCK: &str = "check this machine's clock";
    let hours = |from: UnixTime, to: UnixTime| to.as_secs().saturating_sub(from.as_secs()) / 3600;
    match (error.raw_os_error(), tls::as_tls_error(error)) {
        // The system's message is in the language and encoding of the host program.
        (Some(code), _) => format!("{} (os error {code})", error.kind()),
        (None, Some(error @ InvalidCertificate(UnknownIssuer))) => {
            format!("{error} (if a proxy inspects TLS, set ca_file to its certificate)")
        }
        // In hours: a date in seconds looks like a phone number.
        (None, Some(InvalidCertificate(ExpiredContext { time, not_after }))) => format!(
            "invalid peer certificate: expired {} hours ago; {CHECK_CLOCK}",
            hours(*not_after, *time)
        ),
        (None, Some(InvalidCertificate(NotValidYetContext { time, not_before }))) => format!(
            "invalid peer certificate: not valid for another {} hours; {CHECK_CLOCK}",
            hours(*time, *not_before)
        ),
        (None, _) => error.to_string(),
    }
}
