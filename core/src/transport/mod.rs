//! One attempt at a call: bytes out, bytes in, and what is known when it fails.
//!
//! `connect` opens a [`connection`] over a `socket`, `tls` or a proxy's `tunnel`, none of which blocks
//! for long without a look at the [`attempt`] that it works for; [`http`] says what is sent over it
//! and reads what comes back; [`pool`] keeps it open until the next call.

mod attempt;
mod connect;
mod connection;
mod failure;
pub(crate) mod http;
mod interrupt;
mod look_up;
mod pool;
mod process;
pub(crate) mod proxy;
#[cfg(test)]
pub(crate) mod script;
mod socket;
mod tls;
pub(crate) mod trust;
mod tunnel;
mod wire;

use std::time::{Duration, Instant};

use attempt::Attempt;
use connect::Connector;
use connection::Connection;
pub(crate) use failure::Failure;
use failure::Fault;
pub(crate) use interrupt::{Hook, Scope, Stopped, Watch};
use pool::Pool;
use process::PerProcess;

use crate::options::{Key, Limits, Settings};

/// What to send; the key is added by each attempt.
pub(crate) struct Call<'a> {
    /// What follows the base URL.
    pub(crate) path: String,
    pub(crate) csrf_token: Option<&'a str>,
    /// The JSON of a POST; a GET has none.
    pub(crate) body: Option<String>,
    /// The session that is asked for.
    pub(crate) session_id: Option<&'a str>,
}

impl Call<'_> {
    /// Whether the call changes something at the gateway.
    pub(crate) fn creates(&self) -> bool {
        self.body.is_some()
    }

    pub(crate) fn method(&self) -> &'static str {
        if self.creates() { "POST" } else { "GET" }
    }
}

/// What came back, whatever its status.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) request_id: Option<String>,
    pub(crate) body: Vec<u8>,
    /// The body went on after the limit.
    pub(crate) too_large: bool,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }
}

/// What an attempt came to.
pub(crate) struct Outcome {
    pub(crate) result: Result<Answer, Failure>,
    /// Whether it used a connection that stood open.
    pub(crate) reused: bool,
}

/// What bounds a call.
pub(crate) struct Bounds<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) deadline: Instant,
    pub(crate) watch: &'a Watch,
}

/// The settings of a client and its connections.
pub(crate) struct Transport {
    pub(crate) settings: Settings,
    connections: PerProcess<Connections>,
}

struct Connections {
    connector: Connector,
    idle: Pool,
}

impl Transport {
    pub(crate) const fn new(settings: Settings) -> Self {
        Self { settings, connections: PerProcess::new() }
    }

    /// Makes one attempt. A `fresh` one uses no connection that stood open.
    pub(crate) fn send(
        &self,
        call: &Call<'_>,
        key: &Key,
        bounds: &Bounds<'_>,
        fresh: bool,
    ) -> Outcome {
        let connections = self.connections.get_or_init(Connections::new);
        let now = Instant::now();
        let connected_by = now + bounds.limits.connect;
        let answered_by = bounds.deadline.min(now + bounds.limits.attempt);
        Attempt::new(bounds.watch, connected_by, answered_by).run(|attempt| {
            let open = if fresh { None } else { connections.idle.take(now) };
            let reused = open.is_some();
            let result = self.exchange(connections, open, call, key);
            Outcome { result: result.map_err(|fault| Failure::of(attempt, fault)), reused }
        })
    }

    fn exchange(
        &self,
        connections: &Connections,
        open: Option<Connection>,
        call: &Call<'_>,
        key: &Key,
    ) -> Result<Answer, Fault> {
        let mut connection = match open {
            Some(connection) => connection,
            None => connections.connector.open(&self.settings)?,
        };
        connection.send(http::request(&self.settings, call, key).as_bytes())?;
        let (answer, can_serve_again) = http::answer(&mut connection)?;
        if can_serve_again {
            connections.idle.keep(connection);
        }
        Ok(answer)
    }
}

impl Connections {
    const fn new() -> Self {
        Self { connector: Connector::new(), idle: Pool::new() }
    }
}
