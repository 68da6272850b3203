//! ureq's view of a wire: buffers in and out.

use std::fmt;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport};
use zeroize::{Zeroize, Zeroizing};

use super::BUFFER;
use super::attempt::{self, Phase};
use super::failure::Broken;
use super::wire::{State, Wire};

pub(crate) struct Connection<W> {
    wire: W,
    buffers: LazyBuffers,
    /// What ureq has written, kept until it waits for an answer: head and body then leave in one go.
    pending: Zeroizing<Vec<u8>>,
    /// Whether this is a connection to the gateway, rather than to a proxy on the way.
    to_gateway: bool,
    is_tls: bool,
    /// Whether it has served since it was last looked at.
    served: bool,
}

impl<W: Wire> Connection<W> {
    pub(crate) fn new(wire: W, to_gateway: bool, is_tls: bool) -> Self {
        Self {
            wire,
            buffers: LazyBuffers::new(BUFFER, BUFFER),
            pending: Zeroizing::new(Vec::with_capacity(BUFFER)),
            to_gateway,
            is_tls,
            served: false,
        }
    }

    fn send_pending(&mut self) -> Result<(), Error> {
        let outcome = self.wire.write_all(&self.pending);
        // Only what was written: to wipe the whole buffer would cost more than all else in a call.
        self.pending.as_mut_slice().zeroize();
        self.pending.clear();
        outcome.map_err(Broken::by)
    }
}

impl<W: Wire> Transport for Connection<W> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        if self.to_gateway {
            attempt::enter(Phase::Exchange).map_err(Broken::by)?;
        }
        // Never more than fits: a buffer that grew would leave copies of the key behind.
        if self.pending.len() + amount > self.pending.capacity() {
            self.send_pending()?;
        }
        let output = &mut self.buffers.output()[..amount];
        self.pending.extend_from_slice(output);
        output.zeroize();
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        if !self.pending.is_empty() {
            self.send_pending()?;
        }
        self.served = true;
        let input = self.buffers.input_append_buf();
        let count = self.wire.read(input).map_err(Broken::by)?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// ureq asks twice: when a connection comes back, where it is enough to know of no end, and
    /// when it is taken again, which is when to look.
    fn is_open(&mut self) -> bool {
        if std::mem::take(&mut self.served) {
            !self.wire.has_ended()
        } else {
            self.wire.state() == State::Quiet
        }
    }

    fn is_tls(&self) -> bool {
        self.is_tls
    }
}

impl<W> fmt::Debug for Connection<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}
