//! One attempt: connect, send a request, read the response.
//!
//! [`connector`] opens a [`connection`] over a `socket`, `tls` or a `tunnel` through a proxy;
//! [`http`] encodes the request and reads the response; [`pool`] keeps connections for the next
//! call. Everything that may block takes the [`attempt`] as an argument. This module imports no
//! module above it: what it needs is in its [`Config`] and in the arguments.

mod attempt;
mod cancel;
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
mod pool;
mod resumption;
mod socket;
mod stream;
mod tls;
mod tunnel;

use std::time::Instant;

pub(crate) use attempt::Attempt;
pub(crate) use cancel::{CancelSource, CancelToken, Cancelled, InterruptFn};
pub(crate) use config::Config;
use connection::Connection;
use connector::Connector;
pub(crate) use error::AttemptError;
use error::TransportError;
use fork::PerProcess;
pub(crate) use message::{MAX_ERROR_BODY, Request, Response};
use pool::Pool;
pub(crate) use tls::{RootSource, TlsConfig, crypto_provider};

/// The result of an attempt.
pub(crate) struct AttemptResult {
    pub(crate) result: Result<Response, AttemptError>,
    /// Whether it used an idle connection.
    pub(crate) reused: bool,
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
            false => connections.idle.check_out(attempt, Instant::now()),
        };
        let reused = idle.is_some();
        let result = self.exchange(attempt, connections, idle, request);
        AttemptResult {
            result: result.map_err(|error| AttemptError::new(attempt, error, &request.secrets)),
            reused,
        }
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
        connection.send(attempt, http::encode(&self.config, request).as_bytes())?;
        let (response, is_reusable) = http::read_response(&mut connection, attempt)?;
        if is_reusable {
            connections.idle.check_in(connection);
        }
        Ok(response)
    }
}

impl Connections {
    fn new() -> Self {
        Self { connector: Connector::new(), idle: Pool::new() }
    }
}
