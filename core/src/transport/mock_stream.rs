//! For tests: a stream whose input is known in advance.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::attempt::Attempt;
pub(crate) use super::attempt::Phase;
use super::cancel::{CancelSource, CancelToken};
pub(crate) use super::connection::Connection;
use super::error::AttemptError;
pub(crate) use super::error::TransportError;
use super::http;
use super::message::Response;
pub(crate) use super::stream::{Idle, Stream};
use super::tls::tls_error;

/// Delivers its input piece by piece, and then the end of the stream. Checks the attempt like a
/// socket.
pub(crate) struct MockStream {
    /// An error stays the first piece.
    input: VecDeque<Result<Vec<u8>, io::ErrorKind>>,
    output: Arc<Mutex<Vec<u8>>>,
}

impl MockStream {
    pub(crate) fn new<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        let input = pieces.map(|piece| Ok(piece.to_vec())).collect();
        Self { input, output: Arc::default() }
    }

    /// Ends the input with an error instead of the end of the stream.
    pub(crate) fn fail(mut self, error: io::ErrorKind) -> Self {
        self.input.push_back(Err(error));
        self
    }

    /// What is written to the stream.
    pub(crate) fn output(&self) -> Arc<Mutex<Vec<u8>>> {
        self.output.clone()
    }
}

/// Reads the response that arrives in `pieces`. Returns it, and whether its connection is reusable.
pub(crate) fn read_response<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(Response, bool), TransportError> {
    http::read_response(&mut connection(pieces), &mut attempt())
}

/// A connection on which `pieces` arrive.
pub(crate) fn connection<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Connection {
    Connection::new(Box::new(MockStream::new(pieces)))
}

/// An attempt that ends in an hour.
pub(crate) fn attempt() -> Attempt {
    attempt_with(CancelSource::default().token(None).unwrap())
}

/// An attempt that ends in an hour, or when it is cancelled.
pub(crate) fn attempt_with(cancel: CancelToken) -> Attempt {
    let end = Instant::now() + Duration::from_secs(3600);
    Attempt::new(cancel, end, end)
}

impl Stream for MockStream {
    fn read(&mut self, attempt: &mut Attempt, buffer: &mut [u8]) -> io::Result<usize> {
        attempt.time_left()?;
        let Some(piece) = self.input.front_mut() else { return Ok(0) };
        let piece = piece.as_mut().map_err(|error| io::Error::from(*error))?;
        let count = piece.as_slice().read(buffer)?;
        piece.drain(..count);
        if piece.is_empty() {
            self.input.pop_front();
        }
        Ok(count)
    }

    fn write_all(&mut self, attempt: &mut Attempt, bytes: &[u8]) -> io::Result<()> {
        attempt.time_left()?;
        self.output.lock().unwrap().extend_from_slice(bytes);
        Ok(())
    }

    fn idle_state(&mut self, _: &mut Attempt) -> Idle {
        if self.input.is_empty() { Idle::Quiet } else { Idle::Readable }
    }
}

/// The error of a handshake in which the certificate of the peer was refused.
pub(crate) fn certificate_error(error: rustls::CertificateError, secrets: &[&str]) -> AttemptError {
    let error = tls_error(rustls::Error::InvalidCertificate(error));
    AttemptError::new(&attempt(), error.into(), secrets)
}

/// Opens a connection in place of the [`Connector`](super::Connector).
pub(crate) type ConnectFn = dyn Fn(&mut Attempt) -> Result<Connection, TransportError>;

thread_local! {
    static CONNECT: RefCell<Option<Rc<ConnectFn>>> = const { RefCell::new(None) };
}

/// Calls `call`, whose connections `open` opens if they are opened on this thread.
pub(crate) fn with_connections<T>(open: Rc<ConnectFn>, call: impl FnOnce() -> T) -> T {
    CONNECT.set(Some(open));
    let result = call();
    CONNECT.set(None);
    result
}

pub(super) fn connect(attempt: &mut Attempt) -> Option<Result<Connection, TransportError>> {
    let open = CONNECT.with_borrow(Clone::clone);
    open.map(|open| open(attempt))
}
