//! For tests: a wire on which everything that arrives is known beforehand.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use super::connection::Connection;
use super::failure::Fault;
use super::wire::{State, Wire};
use super::{Answer, http};

/// Brings its pieces one by one, and then the end.
struct Script(VecDeque<Vec<u8>>);

/// Reads the answer that arrives in `pieces`, and tells whether its connection can serve again.
pub(crate) fn read<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(Answer, bool), Fault> {
    http::answer(&mut connection(pieces))
}

/// A connection on which `pieces` arrive.
pub(crate) fn connection<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Connection {
    let pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).map(<[u8]>::to_vec);
    Connection::new(Box::new(Script(pieces.collect())))
}

impl Read for Script {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.0.front_mut() else { return Ok(0) };
        let count = piece.as_slice().read(bytes)?;
        piece.drain(..count);
        if piece.is_empty() {
            self.0.pop_front();
        }
        Ok(count)
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire for Script {
    fn state(&mut self) -> State {
        if self.0.is_empty() { State::Quiet } else { State::Data }
    }
}
