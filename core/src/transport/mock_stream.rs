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
use super::config::{Login, Proxy, ProxyScheme};
pub(crate) use super::connection::Connection;
use super::error::AttemptError;
pub(crate) use super::error::TransportError;
use super::message::Response;
use super::socks::{self, Target};
pub(crate) use super::stream::{Idle, Stream};
use super::tls::tls_error;
use super::{http, tunnel};
use crate::url::BaseUrl;

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

/// Opens a tunnel through an http proxy that answers with `pieces`. Returns the cause if that fails,
/// and what was left unread.
pub(crate) fn open_tunnel<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Result<(), String>, Vec<u8>) {
    let proxy = Proxy { scheme: ProxyScheme::Http, host: "p".to_owned(), port: 1, login: None };
    let gateway = BaseUrl::parse("https://gateway.test").unwrap();
    let stream = Box::new(MockStream::new(pieces));
    match tunnel::open(&mut attempt(), stream, &proxy, &gateway, "test/1.0") {
        Ok(mut stream) => (Ok(()), read_to_end(&mut *stream)),
        Err(error) => (Err(cause(error)), Vec::new()),
    }
}

/// The same for a SOCKS5 proxy that may ask for a login.
pub(crate) fn open_socks<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Result<(), String>, Vec<u8>) {
    let login = Login { user: "user".to_owned().into(), password: "pass".to_owned().into() };
    let target = Target::of_host("gateway.test", 443);
    let mut stream = MockStream::new(pieces);
    let result = socks::open(&mut attempt(), &mut stream, Some(&login), &target);
    (result.map_err(cause), read_to_end(&mut stream))
}

fn cause(error: TransportError) -> String {
    AttemptError::new(&attempt(), error, None, &[]).message
}

fn read_to_end(stream: &mut dyn Stream) -> Vec<u8> {
    let (mut all, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut attempt(), &mut byte).unwrap() > 0 {
        all.extend(byte);
    }
    all
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
    let error = tls_error(super::verifier::describe(&error, None));
    AttemptError::new(&attempt(), error.into(), None, secrets)
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
