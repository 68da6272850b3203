//! A connection to the gateway: bytes out, and bytes in with a buffer to look at them in.

use std::io::{self, Read, Write};
use std::ops::Range;

use super::attempt::{self, Phase};
use super::wire::{State, Wire};

/// The room for what arrived and was not read yet; the head of an answer must fit.
const BUFFER: usize = 16 * 1024;

pub(crate) struct Connection {
    wire: Box<dyn Wire>,
    buffer: Box<[u8]>,
    /// Where in the buffer the input is.
    input: Range<usize>,
}

impl Connection {
    pub(crate) fn new(wire: Box<dyn Wire>) -> Self {
        Self { wire, buffer: vec![0; BUFFER].into(), input: 0..0 }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        attempt::enter(Phase::Exchange)?;
        self.wire.write_all(bytes)
    }

    /// What arrived and was not read yet.
    pub(crate) fn input(&self) -> &[u8] {
        &self.buffer[self.input.clone()]
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.input.start = (self.input.start + count).min(self.input.end);
    }

    /// Whether there is no room for more input.
    pub(crate) fn is_full(&self) -> bool {
        self.input.len() == self.buffer.len()
    }

    /// Waits for more input. False at the end of the connection.
    pub(crate) fn receive(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.input.clone(), 0);
        self.input = 0..self.input.len();
        let count = self.wire.read(&mut self.buffer[self.input.end..])?;
        self.input.end += count;
        Ok(count > 0)
    }

    /// Whether it stands open and can serve again: nobody sent what was not asked for.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.input.is_empty() && self.wire.state() == State::Quiet
    }

    /// Whether there is no reason yet, without a look at the wire, why it could not serve again.
    pub(crate) fn is_clean(&mut self) -> bool {
        self.input.is_empty() && !self.wire.has_ended()
    }
}

impl Read for Connection {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return self.wire.read(bytes);
        }
        let count = self.input().read(bytes)?;
        self.consume(count);
        Ok(count)
    }
}
