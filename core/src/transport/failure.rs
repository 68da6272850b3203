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
    /// What became of an attempt that ended in an error.
    pub(crate) fn of(attempt: &Attempt, error: ureq::Error) -> Self {
        let phase = attempt.phase();
        let (kind, is_transient, cause, source) = match root(error) {
            Root::Io(error) => {
                let (kind, is_transient) = of_io(&error, phase);
                let cause = (!error.kind().eq(&io::ErrorKind::TimedOut)).then(|| words(&error));
                (kind, is_transient, cause, Some(error.into()))
            }
            Root::Ureq(error) => {
                let (kind, is_transient) = match phase {
                    // A proxy that refuses would refuse again, and may count wrong passwords.
                    Phase::Connect => {
                        (ErrorKind::Connect, !matches!(proxy_status(&error), Some(400..=499)))
                    }
                    Phase::ProxyTls | Phase::Tls => (ErrorKind::Internal, false),
                    Phase::Exchange => of_exchange(&error),
                };
                // The error itself stays here: some of ureq's quote the whole URL.
                (kind, is_transient, ureq_words(&error), None)
            }
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
            (ErrorKind::Internal, _) => "the HTTP library failed",
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

/// The error of a wire, on its way through ureq, which would take some for the end of a body.
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

enum Root {
    Io(io::Error),
    Ureq(ureq::Error),
}

/// Unwraps an error: of a wire, or of ureq itself, which a tunnel can wrap up once more.
fn root(error: ureq::Error) -> Root {
    match error {
        ureq::Error::Other(inner) => match inner.downcast::<Broken>() {
            Ok(broken) => match ureq::Error::from(broken.0) {
                ureq::Error::Io(error) => Root::Io(error),
                error => root(error),
            },
            Err(other) => Root::Ureq(ureq::Error::Other(other)),
        },
        ureq::Error::Io(error) => Root::Io(error),
        error => Root::Ureq(error),
    }
}

/// The kind of a wire's error, and whether to try again can help.
fn of_io(error: &io::Error, phase: Phase) -> (ErrorKind, bool) {
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

fn of_exchange(error: &ureq::Error) -> (ErrorKind, bool) {
    use ureq::Error as E;
    match error {
        E::Protocol(_) | E::LargeResponseHeader(..) | E::Http(_) | E::BodyStalled => {
            (ErrorKind::Protocol, false)
        }
        _ => (ErrorKind::Internal, false),
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

fn ureq_words(error: &ureq::Error) -> Option<String> {
    use ureq::Error as E;
    match error {
        E::Protocol(error) => Some(error.to_string()),
        E::ConnectProxyFailed(reason) => Some(match proxy_status(error) {
            Some(status) => format!("the proxy answered {status}"),
            None => format!("the proxy failed: {reason}"),
        }),
        E::LargeResponseHeader(..) => Some("its head is too large".to_owned()),
        _ => None,
    }
}
