//! What an attempt that brought no answer died of.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use super::attempt::{Attempt, Phase};
use super::interrupt::Stopped;
use super::tls;
use crate::error::ErrorKind;

/// An attempt that brought no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    /// Whether a byte of the request left this process.
    pub(crate) sent: bool,
    /// Whether the same attempt, made again, may end otherwise.
    pub(crate) is_transient: bool,
    /// What happened, with the deepest cause that is known.
    pub(crate) what: String,
    pub(crate) source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Failure {
    /// What became of an attempt that ended in a fault.
    pub(crate) fn of(attempt: &Attempt, fault: Fault) -> Self {
        let phase = attempt.phase();
        let (kind, is_transient, cause, source) = match fault.unwrapped() {
            Fault::Wire(error) => {
                let (kind, is_transient) = of_wire(&error, phase);
                let cause = (!error.kind().eq(&io::ErrorKind::TimedOut)).then(|| words(&error));
                (kind, is_transient, cause, Some(error.into()))
            }
            // A proxy that refuses would refuse again, and may count wrong passwords. The error
            // itself stays here: some of ureq's quote the whole URL.
            Fault::Proxy(error) => {
                let refused = matches!(proxy_status(&error), Some(400..=499));
                (ErrorKind::Connect, !refused, proxy_words(&error), None)
            }
            Fault::NotHttp(flaw) => (ErrorKind::Protocol, false, Some(flaw.to_owned()), None),
        };
        let what = match (kind, phase) {
            (ErrorKind::Timeout, Phase::Connect) => "connecting took too long",
            (ErrorKind::Timeout, Phase::ProxyTls) => {
                "the TLS handshake with the proxy took too long"
            }
            (ErrorKind::Timeout, Phase::Tls) => "the TLS handshake took too long",
            (ErrorKind::Timeout, Phase::Exchange) => "the answer took too long",
            (ErrorKind::Tls, Phase::ProxyTls) => "the TLS connection to the proxy failed",
            (ErrorKind::Tls, _) => "the TLS connection failed",
            (ErrorKind::Protocol, _) => "the answer is not proper HTTP",
            (ErrorKind::Cancelled, _) => "while it waited",
            (_, Phase::Connect | Phase::ProxyTls | Phase::Tls) => "could not connect",
            (_, Phase::Exchange) => "the connection broke",
        };
        let what = match cause {
            Some(cause) => format!("{what}: {cause}"),
            None => what.to_owned(),
        };
        Self { kind, sent: attempt.sent(), is_transient, what, source }
    }
}

/// What an attempt died of.
#[derive(Debug)]
pub(crate) enum Fault {
    Wire(io::Error),
    /// A proxy did not open a tunnel.
    Proxy(ureq::Error),
    /// An answer that breaks the rules of HTTP, and how.
    NotHttp(&'static str),
}

impl Fault {
    /// The error of the wire that leads to a proxy, out of what ureq and its adapters made of it.
    fn unwrapped(self) -> Self {
        match self {
            Self::Wire(error) => match ureq::Error::from(error) {
                ureq::Error::Io(error) => Self::Wire(error),
                error => Self::Proxy(error).unwrapped(),
            },
            Self::Proxy(ureq::Error::Other(inner)) => match inner.downcast::<Broken>() {
                Ok(broken) => Self::Wire(broken.0).unwrapped(),
                Err(other) => Self::Proxy(ureq::Error::Other(other)),
            },
            Self::Proxy(ureq::Error::Io(error)) => Self::Wire(error),
            fault => fault,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Wire(error)
    }
}

/// The error of a wire, on its way through ureq, which would take some for the end of a tunnel.
#[derive(Debug)]
pub(crate) struct Broken(io::Error);

impl Broken {
    pub(crate) fn by(error: io::Error) -> ureq::Error {
        ureq::Error::Other(Box::new(Self(error)))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Broken {}

/// The kind of a wire's error, and whether to try again can help.
fn of_wire(error: &io::Error, phase: Phase) -> (ErrorKind, bool) {
    if error.get_ref().is_some_and(|inner| inner.is::<Stopped>()) {
        (ErrorKind::Cancelled, false)
    } else if error.kind() == io::ErrorKind::TimedOut {
        (ErrorKind::Timeout, true)
    } else if error.kind() == io::ErrorKind::InvalidData {
        // A certificate, an alert, bytes that are not TLS: the peer would say the same again.
        (ErrorKind::Tls, false)
    } else {
        match phase {
            Phase::Connect => (ErrorKind::Connect, true),
            Phase::ProxyTls | Phase::Tls => (ErrorKind::Tls, true),
            Phase::Exchange => (ErrorKind::Io, true),
        }
    }
}

fn words(error: &io::Error) -> String {
    match (error.raw_os_error(), tls::as_tls(error)) {
        // The system's own words are in the host program's language and encoding.
        (Some(code), _) => format!("{} (os error {code})", error.kind()),
        (
            None,
            Some(
                error @ rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer),
            ),
        ) => {
            format!("{error} (where a proxy inspects TLS, name its certificate with ca_file)")
        }
        (None, _) => error.to_string(),
    }
}

/// The status by which a proxy refused. ureq tells it in words alone: `... responded 407/407`.
fn proxy_status(error: &ureq::Error) -> Option<u16> {
    match error {
        ureq::Error::ConnectProxyFailed(reason) => reason.rsplit('/').next()?.parse().ok(),
        _ => None,
    }
}

fn proxy_words(error: &ureq::Error) -> Option<String> {
    use ureq::Error as E;
    match (error, proxy_status(error)) {
        (_, Some(status)) => Some(format!("the proxy answered {status}")),
        (E::ConnectProxyFailed(reason), None) => Some(format!("the proxy failed: {reason}")),
        (E::Protocol(error), None) => Some(error.to_string()),
        _ => None,
    }
}
