//! What bytes travel over: a socket, TLS on top of one, a proxy's tunnel. Their errors are
//! [`std::io`]'s.

use std::io::{Read, Write};

/// How a wire is while nobody is to send anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Quiet,
    /// Bytes that nobody asked for.
    Data,
    Ended,
}

pub(crate) trait Wire: Read + Write + Send + Sync + 'static {
    /// Looks, and does not wait.
    fn state(&mut self) -> State;

    /// Whether the peer is already known to have ended the connection.
    fn has_ended(&mut self) -> bool {
        false
    }
}
