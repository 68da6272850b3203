//! One attempt: its time limits, its cancellation, and how far it got.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::cancel::{CHECK_INTERVAL, CancelToken};

/// How far an attempt got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The lookup of the name of the gateway or of the proxy.
    LookUp,
    /// TCP and the proxy.
    Connect,
    /// The TLS handshake with a proxy.
    ProxyTls,
    /// The TLS handshake with the gateway.
    Tls,
    /// The request and its response.
    Exchange,
}

/// The context of one attempt. Everything that may block takes it as an argument.
#[derive(Clone)]
pub(crate) struct Attempt {
    cancel: CancelToken,
    connect_deadline: Instant,
    deadline: Instant,
    phase: Phase,
    address: Option<SocketAddr>,
    target: Option<SocketAddr>,
    sent: bool,
    received: bool,
}

impl Attempt {
    pub(crate) fn new(cancel: CancelToken, connect_deadline: Instant, deadline: Instant) -> Self {
        let connect_deadline = connect_deadline.min(deadline);
        Self {
            cancel,
            connect_deadline,
            deadline,
            phase: Phase::Connect,
            address: None,
            target: None,
            sent: false,
            received: false,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn set_phase(&mut self, phase: Phase) {
        self.phase = phase;
    }

    /// The address that this attempt connected to, that of the gateway or of the proxy. `None` if
    /// it uses an idle connection.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    pub(crate) fn set_address(&mut self, address: SocketAddr) {
        self.address = Some(address);
    }

    /// The address of the gateway that a SOCKS proxy was last asked to connect to.
    pub(crate) fn target(&self) -> Option<SocketAddr> {
        self.target
    }

    pub(crate) fn set_target(&mut self, target: SocketAddr) {
        self.target = Some(target);
    }

    /// Whether a byte of the request was sent.
    pub(crate) fn sent(&self) -> bool {
        self.sent
    }

    /// Records that bytes were sent. Those of a handshake or for a proxy do not count as sent.
    pub(crate) fn mark_sent(&mut self) {
        if self.phase == Phase::Exchange {
            self.sent = true;
        }
    }

    /// Whether a byte of the response was received.
    pub(crate) fn received(&self) -> bool {
        self.received
    }

    /// Records that bytes of the response were received.
    pub(crate) fn mark_received(&mut self) {
        self.received = true;
    }

    /// Calls `step`, which may use half of the time that is left to connect.
    pub(crate) fn with_half_of_connect_time<T>(&mut self, step: impl FnOnce(&mut Self) -> T) -> T {
        let (deadline, now) = (self.connect_deadline, Instant::now());
        self.connect_deadline = now + deadline.saturating_duration_since(now) / 2;
        let result = step(self);
        self.connect_deadline = deadline;
        result
    }

    /// The time left in this phase, or an error if the time is up or the call was cancelled. Call
    /// it before anything that blocks, and again after each [`wait_slice`].
    pub(crate) fn time_left(&mut self) -> io::Result<Duration> {
        let now = Instant::now();
        self.cancel.check(now)?;
        let deadline = match self.phase {
            Phase::Exchange => self.deadline,
            _ => self.connect_deadline,
        };
        let left = deadline.saturating_duration_since(now);
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// How long to block before the next check of [`Attempt::time_left`].
pub(crate) fn wait_slice(left: Duration) -> Duration {
    left.min(CHECK_INTERVAL)
}
