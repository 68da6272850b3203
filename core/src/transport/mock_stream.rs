//! For tests: a stream whose input is known in advance.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::cancel::CancelSource;
use super::connection::Connection;
use super::error::TransportError;
use super::http;
use super::message::Response;
use super::stream::{Idle, Stream};

/// Delivers its pieces one by one, and then the end of the stream.
struct MockStream(VecDeque<Vec<u8>>);

/// Reads the response that arrives in `pieces`. Returns it, and whether its connection is reusable.
pub(crate) fn read_response<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(Response, bool), TransportError> {
    http::read_response(&mut connection(pieces), &mut attempt())
}

/// A connection on which `pieces` arrive.
pub(crate) fn connection<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Connection {
    let pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).map(<[u8]>::to_vec);
    Connection::new(Box::new(MockStream(pieces.collect())))
}

/// An attempt that ends in an hour.
pub(crate) fn attempt() -> Attempt {
    let end = Instant::now() + Duration::from_secs(3600);
    Attempt::new(CancelSource::default().token(None).unwrap(), end, end)
}

impl Stream for MockStream {
    fn read(&mut self, _: &mut Attempt, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.0.front_mut() else { return Ok(0) };
        let count = piece.as_slice().read(buffer)?;
        piece.drain(..count);
        if piece.is_empty() {
            self.0.pop_front();
        }
        Ok(count)
    }

    fn write_all(&mut self, _: &mut Attempt, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn idle_state(&mut self, _: &mut Attempt) -> Idle {
        if self.0.is_empty() { Idle::Quiet } else { Idle::Readable }
    }
}
