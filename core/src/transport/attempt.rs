//! The attempt that this thread is making: how long it may take, how far it got.
//!
//! rustls and ureq read and write by [`std::io`]'s traits, which have no place for the call that they
//! work for. So the thread that makes it keeps that.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::interrupt::{TURN, Watch};

/// How far an attempt got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Name look-up, TCP and the proxy.
    Connect,
    /// The TLS handshake with a proxy.
    ProxyTls,
    /// The TLS handshake with the gateway.
    Tls,
    /// The request and its answer.
    Exchange,
}

pub(crate) struct Attempt {
    watch: Watch,
    connected_by: Instant,
    answered_by: Instant,
    phase: Cell<Phase>,
    sent: Cell<bool>,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Attempt>>> = const { RefCell::new(None) };
}

impl Attempt {
    pub(crate) fn new(watch: &Watch, connected_by: Instant, answered_by: Instant) -> Self {
        Self {
            watch: watch.clone(),
            connected_by: connected_by.min(answered_by),
            answered_by,
            phase: Cell::new(Phase::Connect),
            sent: Cell::new(false),
        }
    }

    /// Makes this the attempt of the thread while `work` runs. One can begin inside another: where
    /// a hook runs a host's signal handler that makes a call of its own.
    pub(crate) fn run<T>(self, work: impl FnOnce(&Self) -> T) -> T {
        struct Outer(Option<Rc<Attempt>>);
        impl Drop for Outer {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let this = Rc::new(self);
        let _outer = Outer(CURRENT.replace(Some(this.clone())));
        work(&this)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Whether a byte of the request left this process.
    pub(crate) fn sent(&self) -> bool {
        self.sent.get()
    }

    fn left(&self, now: Instant) -> Duration {
        let end = match self.phase.get() {
            Phase::Connect | Phase::ProxyTls | Phase::Tls => self.connected_by,
            Phase::Exchange => self.answered_by,
        };
        end.saturating_duration_since(now)
    }
}

fn current() -> io::Result<Rc<Attempt>> {
    CURRENT.with_borrow(Clone::clone).ok_or_else(|| io::Error::other("no call is being made"))
}

/// Goes on to a phase.
pub(crate) fn enter(phase: Phase) -> io::Result<()> {
    current()?.phase.set(phase);
    Ok(())
}

/// Bytes left this process.
pub(crate) fn bytes_left() -> io::Result<()> {
    let attempt = current()?;
    if attempt.phase.get() == Phase::Exchange {
        attempt.sent.set(true);
    }
    Ok(())
}

/// What blocks asks this first, and again after every [`TURN`] that brought nothing. Tells the time
/// that is left, or that the attempt is over.
pub(crate) fn look() -> io::Result<Duration> {
    let attempt = current()?;
    let now = Instant::now();
    attempt.watch.look(now)?;
    let left = attempt.left(now);
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// How long to block before the next [`look`].
pub(crate) fn turn(left: Duration) -> Duration {
    left.min(TURN)
}
