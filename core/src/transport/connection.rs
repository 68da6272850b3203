//! A connection to the gateway, with a buffer for what was received.

use std::io;
use std::ops::Range;

use super::attempt::{Attempt, Phase};
use super::stream::{Idle, Stream};

/// The size of the receive buffer. The head of a response must fit.
const BUFFER_SIZE: usize = 16 * 1024;

pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    buffer: Box<[u8]>,
    /// The part of the buffer that was received and not consumed yet.
    input: Range<usize>,
}

impl Connection {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, buffer: vec![0; BUFFER_SIZE].into(), input: 0..0 }
    }

    pub(crate) fn send(&mut self, attempt: &mut Attempt, bytes: &[u8]) -> io::Result<()> {
        attempt.set_phase(Phase::Exchange);
        self.stream.write_all(attempt, bytes)
    }

    /// What was received and not consumed yet.
    pub(crate) fn input(&self) -> &[u8] {
        &self.buffer[self.input.clone()]
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.input.start = (self.input.start + count).min(self.input.end);
    }

    /// Whether the buffer has no room for more input.
    pub(crate) fn is_full(&self) -> bool {
        self.input.len() == self.buffer.len()
    }

    /// Waits for more input. Returns false at the end of the connection.
    pub(crate) fn receive(&mut self, attempt: &mut Attempt) -> io::Result<bool> {
        self.buffer.copy_within(self.input.clone(), 0);
        self.input = 0..self.input.len();
        let count = self.stream.read(attempt, &mut self.buffer[self.input.end..])?;
        self.input.end += count;
        if count > 0 {
            attempt.mark_received();
        }
        Ok(count > 0)
    }

    /// Whether the connection is idle and can be used for the next request.
    pub(crate) fn is_reusable(&mut self, attempt: &mut Attempt) -> bool {
        self.input.is_empty() && self.stream.idle_state(attempt) == Idle::Quiet
    }

    /// Whether all input was consumed, and the stream has no unread data and is not known to be
    /// closed. Unlike [`is_reusable`](Self::is_reusable), it makes no system call.
    pub(crate) fn has_no_leftover(&mut self) -> bool {
        self.input.is_empty() && !self.stream.is_spent()
    }
}
