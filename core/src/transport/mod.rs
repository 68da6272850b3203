//! One attempt: connect, send a request, read the response.
//!
//! [`connector`] opens a [`connection`] over a `socket`, `tls`, or a tunnel through a proxy (`tunnel`, `socks`);
//! [`http`] encodes the request and reads the response; [`pool`] keeps connections for the next
//! call. Everything that may block takes the [`attempt`] as an argument. This module imports no
//! module above it: what it needs is in its [`Config`] and in the arguments.

mod addresses;
mod attempt;
mod cancel;
pub(crate) mod certificate;
mod clock;
mod config;
mod connection;
mod connector;
mod dns;
mod error;
mod fork;
pub(crate) mod http;
mod lookup;
mod message;
#[cfg(test)]
pub(crate) mod mock_stream;
mod no_answer;
mod pool;
mod process;
mod race;
mod refusal;
mod resumption;
mod socket;
pub(crate) mod socks;
mod stream;
mod tls;
mod tls_error;
mod tunnel;
mod verifier;

pub(crate) use attempt::Attempt;
pub(crate) use cancel::{CancelSource, CancelToken, Cancelled, InterruptFn};
use clock::Now;
pub(crate) use config::{Config, Login, Proxy, ProxyScheme};
use connection::Connection;
use connector::Connector;
pub(crate) use error::AttemptError;
use error::TransportError;
use fork::PerProcess;
pub(crate) use message::{MAX_ERROR_BODY, Request, Response};
use pool::Pool;
pub(crate) use process::{ProcessKey, after_fork_in_child};
#[cfg(test)]
pub(crate) use refusal::ProxyError;
pub(crate) use tls::{RootSource, TlsConfig};

use crate::error::ErrorKind;

/// The result of an attempt.
pub(crate) struct AttemptResult {
    pub(crate) result: Result<Response, AttemptError>,
    /// Whether it used an idle connection.
    pub(crate) reused: bool,
    /// Whether the idle connection broke before a byte of the response was received: the server was
    /// closing it, or something on the way had dropped it.
    pub(crate) was_stale: bool,
}

/// Sends requests to one gateway, and keeps connections to it open.
pub(crate) struct Transport {
    config: Config,
    connections: PerProcess<Connections>,
}

struct Connections {
    connector: Connector,
    idle: Pool,
}

impl Transport {
    pub(crate) const fn new(config: Config) -> Self {
        Self { config, connections: PerProcess::new() }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Makes one attempt. With `new_connection` it does not use an idle connection.
    pub(crate) fn send(
        &self,
        attempt: &mut Attempt,
        request: &Request<'_>,
        new_connection: bool,
    ) -> AttemptResult {
        let connections = self.connections.get_or_init(Connections::new);
        let idle = match new_connection {
            true => None,
            false => connections.idle.check_out(attempt, request.creates, Now::read),
        };
        let reused = idle.is_some();
        let result = self.exchange(attempt, connections, idle, request).map_err(|error| {
            let proxy = self.config.proxy.as_ref().map(ToString::to_string);
            AttemptError::new(attempt, error, proxy.as_deref(), &request.secrets)
        });
        let is_broken = result
            .as_ref()
            .is_err_and(|error| matches!(error.kind, ErrorKind::Io | ErrorKind::Tls));
        let was_stale = reused && is_broken && !attempt.received();
        AttemptResult { result, reused, was_stale }
    }

    fn exchange(
        &self,
        attempt: &mut Attempt,
        connections: &Connections,
        idle: Option<Connection>,
        request: &Request<'_>,
    ) -> Result<Response, TransportError> {
        let mut connection = match idle {
            Some(connection) => connection,
            None => connections.connector.connect(attempt, &self.config)?,
        };
        let sent = connection.send(attempt, http::encode(&self.config, request).as_bytes());
        let result = match sent {
            Ok(()) => http::read_response(&mut connection, attempt),
            // A server that refuses a request may respond before it has read the whole request.
            Err(error) if attempt.sent() && stream::closed_by_peer(error.kind()) => {
                match http::read_response(&mut connection, attempt) {
                    Ok((response, _)) => Ok((response, false)),
                    Err(cancelled) if cancelled.is_cancelled() => Err(cancelled),
                    Err(_) => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = &result
            && !attempt.received()
        {
            connections.connector.failed(attempt, error);
        }
        let (response, is_reusable) = result?;
        if is_reusable {
            connections.idle.check_in(connection, response.keep_alive);
        }
        Ok(response)
    }
}

impl Connections {
    fn new() -> Self {
        Self { connector: Connector::new(), idle: Pool::new() }
    }
}
