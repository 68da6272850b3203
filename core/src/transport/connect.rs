//! ureq's connectors, with a mark on what fails before the first byte of a request.

use std::fmt;

use ureq::Error;
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, RustlsConnector, TcpConnector, Transport,
};

/// How far a connection got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Name look-up, TCP and the proxy.
    Connect,
    /// The TLS handshake.
    Tls,
}

/// A failure that left no byte of the request on the wire.
#[derive(Debug)]
pub(crate) struct BeforeRequest {
    pub(crate) phase: Phase,
    pub(crate) error: Error,
}

impl BeforeRequest {
    /// Wraps an error, unless a connector further in (that of a proxy) has done so.
    pub(crate) fn mark(phase: Phase, error: Error) -> Error {
        match error {
            Error::Other(inner) if inner.is::<Self>() => Error::Other(inner),
            error => Error::Other(Box::new(Self { phase, error })),
        }
    }
}

impl fmt::Display for BeforeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for BeforeRequest {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

pub(crate) fn connector() -> impl Connector {
    Mark {
        phase: Phase::Connect,
        connector: ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default()),
    }
    .chain(Mark { phase: Phase::Tls, connector: RustlsConnector::default() })
}

#[derive(Debug)]
struct Mark<C> {
    phase: Phase,
    connector: C,
}

impl<In: Transport, C: Connector<In>> Connector<In> for Mark<C> {
    type Out = C::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<C::Out>, Error> {
        self.connector
            .connect(details, chained)
            .map_err(|error| BeforeRequest::mark(self.phase, error))
    }
}
