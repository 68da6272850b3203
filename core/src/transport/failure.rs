//! What an attempt that brought no answer died of.

use std::error::Error as StdError;
use std::io;

use super::connect::{BeforeRequest, Phase};
use crate::error::ErrorKind;

/// An attempt that brought no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    /// Whether a byte of the request may have left this process.
    pub(crate) sent: bool,
    /// Whether the same attempt, made again, may end otherwise.
    pub(crate) is_transient: bool,
    /// What happened, with the deepest cause that is known.
    pub(crate) what: String,
    pub(crate) source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Failure {
    /// A part of a request that the HTTP library refuses although our own checks let it pass.
    pub(crate) fn unsendable(part: &str) -> Self {
        Self {
            kind: ErrorKind::Internal,
            sent: false,
            is_transient: false,
            what: format!("{part} cannot be sent"),
            source: None,
        }
    }

    /// No time is left to begin.
    pub(crate) fn too_late() -> Self {
        Self {
            kind: ErrorKind::Timeout,
            sent: false,
            is_transient: true,
            what: "the time for the call was used up".to_owned(),
            source: None,
        }
    }

    fn of(error: ureq::Error, phase: Option<Phase>) -> Self {
        let kind = kind(&error, phase);
        let is_tls_error = matches!(&error, ureq::Error::Io(error) if tls_error(error).is_some());
        let (cause, source) = cause(error);
        let what = match (kind, phase) {
            (ErrorKind::Timeout, Some(Phase::Connect)) => "connecting took too long",
            (ErrorKind::Timeout, Some(Phase::Tls)) => "the TLS handshake took too long",
            (ErrorKind::Timeout, None) => "the answer took too long",
            (ErrorKind::Tls, _) => "the TLS connection failed",
            (ErrorKind::Protocol, _) => "the answer is not proper HTTP",
            (_, Some(_)) => "could not connect",
            (_, None) => "the connection broke",
        };
        let what = match cause {
            Some(cause) => format!("{what}: {cause}"),
            None => what.to_owned(),
        };
        let is_transient = match kind {
            ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Io => true,
            // A peer that breaks off a handshake, not one whose certificate is bad.
            ErrorKind::Tls => phase.is_some() && !is_tls_error,
            _ => false,
        };
        Self { kind, sent: phase.is_none(), is_transient, what, source }
    }
}

impl From<ureq::Error> for Failure {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Other(inner) => match inner.downcast::<BeforeRequest>() {
                Ok(marked) => Self::of(marked.error, Some(marked.phase)),
                Err(other) => Self::of(ureq::Error::Other(other), None),
            },
            error => Self::of(error, None),
        }
    }
}

fn kind(error: &ureq::Error, phase: Option<Phase>) -> ErrorKind {
    use ureq::Error as E;
    match (error, phase) {
        (E::Timeout(_), _) => ErrorKind::Timeout,
        (E::Io(error), _) if error.kind() == io::ErrorKind::TimedOut => ErrorKind::Timeout,
        (_, Some(Phase::Tls)) => ErrorKind::Tls,
        (E::Io(error), None) if tls_error(error).is_some() => ErrorKind::Tls,
        (_, Some(Phase::Connect)) => ErrorKind::Connect,
        (E::Io(_), None) => ErrorKind::Io,
        (E::Protocol(_) | E::LargeResponseHeader(..) | E::Http(_) | E::BodyStalled, None) => {
            ErrorKind::Protocol
        }
        (_, None) => ErrorKind::Internal,
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// A failure's cause in words, and the error itself where it is safe to hand out: some of ureq's
/// quote the whole URL.
fn cause(error: ureq::Error) -> (Option<String>, Option<Box<dyn StdError + Send + Sync>>) {
    use ureq::Error as E;
    match error {
        E::Io(error) => {
            let words = match (error.raw_os_error(), tls_error(&error)) {
                // The system's own words are in the host program's language and encoding.
                (Some(code), _) => format!("{} (os error {code})", error.kind()),
                (None, Some(error)) => tls_words(error),
                (None, None) => error.to_string(),
            };
            (Some(words), Some(Box::new(error)))
        }
        E::Protocol(error) => (Some(error.to_string()), None),
        E::ConnectProxyFailed(reason) => (Some(format!("the proxy refused: {reason}")), None),
        E::HostNotFound => (Some("the host has no address".to_owned()), None),
        E::LargeResponseHeader(..) => (Some("its head is too large".to_owned()), None),
        E::Rustls(error) => (Some(tls_words(&error)), Some(Box::new(error))),
        E::Tls(reason) => (Some(reason.to_owned()), None),
        _ => (None, None),
    }
}

fn tls_words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            format!("{error} (where a proxy inspects TLS, name its certificate with ca_file)")
        }
        error => error.to_string(),
    }
}
