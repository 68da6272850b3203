//! What bytes are sent over: a socket, or TLS on top of another stream.

use std::io::{self, Read};

use super::attempt::Attempt;

/// Sends and receives bytes. Every method that may block takes the [`Attempt`]: it checks the
/// deadline and the cancellation while it waits, and records what was sent.
pub(crate) trait Stream: Send + 'static {
    /// Reads some bytes. 0 is the end of the stream.
    fn read(&mut self, attempt: &mut Attempt, buffer: &mut [u8]) -> io::Result<usize>;

    fn write_all(&mut self, attempt: &mut Attempt, bytes: &[u8]) -> io::Result<()>;

    /// The state of a stream between two requests. Does not wait.
    fn idle_state(&mut self, attempt: &mut Attempt) -> Idle;

    /// Whether the stream has unread data or is known to be closed. Makes no system call.
    fn is_spent(&mut self) -> bool {
        false
    }
}

/// The state of a stream between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idle {
    /// Nothing was received.
    Quiet,
    /// The peer sent bytes that were not requested.
    Readable,
    Closed,
}

/// Whether an error of a stream says that the peer closed the connection. Windows has two codes for
/// that.
pub(crate) fn closed_by_peer(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset)
}

impl Stream for Box<dyn Stream> {
    fn read(&mut self, attempt: &mut Attempt, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read(attempt, buffer)
    }

    fn write_all(&mut self, attempt: &mut Attempt, bytes: &[u8]) -> io::Result<()> {
        (**self).write_all(attempt, bytes)
    }

    fn idle_state(&mut self, attempt: &mut Attempt) -> Idle {
        (**self).idle_state(attempt)
    }

    fn is_spent(&mut self) -> bool {
        (**self).is_spent()
    }
}

/// Adapts a stream and its attempt to [`std::io::Read`], for rustls.
pub(crate) struct StdRead<'a, S>(pub(crate) &'a mut S, pub(crate) &'a mut Attempt);

impl<S: Stream> Read for StdRead<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(self.1, buffer)
    }
}
