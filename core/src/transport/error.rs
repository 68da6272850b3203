//! Classification of failed attempts.

use std::error::Error as StdError;
use std::io;

use super::attempt::{Attempt, Phase};
use super::cancel::Cancelled;
use super::refusal::{self, ProxyError};
use super::tls;
use crate::error::ErrorKind;
use crate::memory::OutOfMemory;
use crate::os_error;
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
    /// What to do.
    pub(crate) advice: Option<&'static str>,
    /// Redacted.
    pub(crate) source: Option<Box<dyn StdError + Send + Sync>>,
}

impl AttemptError {
    /// Classifies the error that ended `attempt`. What it quotes of the peer, such as the names in a
    /// certificate, is redacted, with `secrets` as the keys. `proxy` is the name of the proxy.
    pub(crate) fn new(
        attempt: &Attempt,
        error: TransportError,
        proxy: Option<&str>,
        secrets: &[&str],
    ) -> Self {
        let phase = attempt.phase();
        let mut exhausted = None;
        let mut proxy_advice = None;
        let (kind, is_transient, cause, source) = match error {
            TransportError::Io(error) => {
                let (kind, is_transient) = classify_io(&error, phase);
                exhausted = os_error::advice(&error);
                let cause = match kind {
                    ErrorKind::Cancelled => None,
                    _ if error.kind() == io::ErrorKind::TimedOut => None,
                    _ => Some(describe(&error, secrets)),
                };
                (kind, is_transient, cause, Some(error.into()))
            }
            TransportError::Proxy(error) => {
                proxy_advice = Some(error.advice);
                (error.kind, error.is_transient, Some(error.cause), None)
            }
            TransportError::MalformedResponse(rule) => {
                (ErrorKind::Protocol, false, Some(rule.to_owned()), None)
            }
            // There may be more memory later.
            TransportError::OutOfMemory(error) => {
                (ErrorKind::Internal, true, Some(error.to_string()), None)
            }
        };
        let what = match (kind, phase) {
            (ErrorKind::Timeout, Phase::LookUp) => "looking up the host name timed out",
            (ErrorKind::Timeout, Phase::Connect) => "connecting timed out",
            (ErrorKind::Timeout, Phase::ProxyTls | Phase::Tls) => "TLS handshake timed out",
            (ErrorKind::Timeout, Phase::Exchange) => "waiting for the response timed out",
            (ErrorKind::Tls, _) => "TLS connection failed",
            (ErrorKind::Protocol, _) => "malformed HTTP response",
            (ErrorKind::Internal, _) => "the response was not read",
            (ErrorKind::Cancelled, _) => "cancelled",
            (_, Phase::Exchange) => "connection lost",
            _ => "could not connect",
        };
        let mut message = what.to_owned();
        let mut advice = exhausted.or_else(|| match (kind, phase) {
            (ErrorKind::Timeout, Phase::LookUp) => Some("check the name servers and the network"),
            (ErrorKind::Tls, _) if is_transient => {
                Some("check the port, and for a firewall or proxy on the way")
            }
            _ => kind.advice(),
        });
        // Until there is a tunnel, the peer is the proxy.
        if let (Some(proxy), Phase::LookUp | Phase::Connect | Phase::ProxyTls) = (proxy, phase) {
            message = format!("proxy {proxy}: {message}");
            let general = match kind {
                ErrorKind::Connect => Some(refusal::CHECK_ADDRESS),
                // A server that does not speak TLS waits for more, or closes the connection.
                _ if phase == Phase::ProxyTls && is_transient => Some(refusal::USE_HTTP),
                _ => advice,
            };
            advice = exhausted.or(proxy_advice).or(general);
        }
        if let Some(cause) = cause {
            message = format!("{message}: {}", redact::text(&cause, secrets));
        }
        let source = source.map(|source| redact::source(source, secrets));
        Self { kind, sent: attempt.sent(), is_transient, message, advice, source }
    }
}

/// Why an attempt got no response.
#[derive(Debug)]
pub(crate) enum TransportError {
    /// An error of the socket or of TLS, a time-out, or a cancellation.
    Io(io::Error),
    /// The proxy did not open a tunnel.
    Proxy(ProxyError),
    /// The response violates this rule of HTTP.
    MalformedResponse(&'static str),
    /// There is not enough memory to read the response.
    OutOfMemory(OutOfMemory),
}

impl TransportError {
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self, Self::Io(error) if is_cancelled(error))
    }
}

impl From<ProxyError> for TransportError {
    fn from(error: ProxyError) -> Self {
        Self::Proxy(error)
    }
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
    if is_cancelled(error) {
        (ErrorKind::Cancelled, false)
    } else if error.kind() == io::ErrorKind::TimedOut {
        (ErrorKind::Timeout, true)
    } else if error.kind() == io::ErrorKind::InvalidData {
        // A certificate, an alert, or bytes that are not TLS: the peer would do the same again.
        (ErrorKind::Tls, false)
    } else {
        match phase {
            Phase::LookUp | Phase::Connect => (ErrorKind::Connect, true),
            Phase::ProxyTls | Phase::Tls => (ErrorKind::Tls, true),
            Phase::Exchange => (ErrorKind::Io, true),
        }
    }
}

fn is_cancelled(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Cancelled>())
}

fn describe(error: &io::Error, secrets: &[&str]) -> String {
    match tls::as_tls_error(error) {
        Some(error) => error.text(secrets),
        None => os_error::describe(error),
    }
}
