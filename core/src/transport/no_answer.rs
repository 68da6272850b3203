//! A proxy that closes the connection, or says nothing.

use std::io;

use super::error::TransportError;
use super::refusal::ProxyError;
use super::stream::closed_by_peer;
use crate::error::ErrorKind;

/// What to do about a proxy that does not answer, depending on what is known about it.
pub(crate) struct NoAnswer {
    /// It closed the connection.
    pub(crate) closed: &'static str,
    /// The time is up.
    pub(crate) silent: &'static str,
}

impl NoAnswer {
    pub(crate) fn closed(&self) -> TransportError {
        ProxyError::closed(None, self.closed).into()
    }

    /// An error of the stream to the proxy.
    pub(crate) fn explain(&self, error: io::Error) -> TransportError {
        use io::ErrorKind::{InvalidData, TimedOut, UnexpectedEof};
        match error.kind() {
            kind if kind == UnexpectedEof || closed_by_peer(kind) => {
                ProxyError::closed(Some(&error), self.closed).into()
            }
            TimedOut => {
                let error = ProxyError::transient("the proxy did not answer", self.silent);
                ProxyError { kind: ErrorKind::Timeout, ..error }.into()
            }
            // An alert after the handshake. With TLS 1.3, it is how a server refuses a client that
            // shows no certificate.
            InvalidData => {
                const CAUSE: &str = "the proxy closed the TLS connection after the handshake";
                const ADVICE: &str = "if the proxy requires a client certificate, use another \
                                      one: yours is shown to the gateway only";
                ProxyError { kind: ErrorKind::Tls, ..ProxyError::permanent(CAUSE, ADVICE) }.into()
            }
            _ => error.into(),
        }
    }
}
