//! A client connection with limits on what the HTTP server buffers for it.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::budget::{Budget, Reserved};
use crate::connection::Stream;

/// Smaller than the buffer of the HTTP server, which doubles when one read fills it.
const MAX_READ: usize = 4 << 10;
/// What the headers of a request may hold without a reservation.
const FREE_HEAD: usize = 8 << 10;
/// The largest headers of a request.
pub(crate) const MAX_HEAD: usize = 64 << 10;
/// How long a client may not read while a response is sent.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Counts the bytes of the headers that arrive on a connection, and holds their reservation.
#[derive(Default)]
pub(crate) struct Head {
    state: Mutex<HeadState>,
}

#[derive(Default)]
struct HeadState {
    length: usize,
    has_arrived: bool,
    reserved: Option<Arc<Reserved>>,
}

impl Head {
    /// The headers have arrived. Returns their reservation.
    pub(crate) fn arrived(&self) -> Option<Arc<Reserved>> {
        let mut state = self.state.lock();
        state.has_arrived = true;
        state.reserved.take()
    }

    /// The next bytes belong to the headers of another request.
    pub(crate) fn next_request(&self) {
        *self.state.lock() = HeadState::default();
    }
}

type Reservation = Pin<Box<dyn Future<Output = Option<Reserved>> + Send>>;

pub(crate) struct LimitedStream {
    pub(crate) stream: Stream,
    budget: Budget,
    head: Arc<Head>,
    /// A reservation that is waited for.
    waiting: Option<Reservation>,
    /// Set while the client does not read.
    write_timeout: Option<Pin<Box<Sleep>>>,
}

impl LimitedStream {
    pub(crate) fn new(stream: Stream, budget: Budget, head: Arc<Head>) -> Self {
        Self { stream, budget, head, waiting: None, write_timeout: None }
    }

    /// Waits until the headers may become longer.
    fn poll_reserve(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let needed = {
            let state = self.head.state.lock();
            !state.has_arrived && state.length >= FREE_HEAD && state.reserved.is_none()
        };
        if needed {
            let budget = &self.budget;
            let waiting = self.waiting.get_or_insert_with(|| {
                let budget = budget.clone();
                Box::pin(async move { budget.reserve_request(MAX_HEAD).await })
            });
            let reserved = ready!(waiting.as_mut().poll(cx));
            self.waiting = None;
            self.head.state.lock().reserved = reserved.map(Arc::new);
        }
        Poll::Ready(())
    }

    fn limit_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.write_timeout = None;
            return result;
        }
        let timeout =
            self.write_timeout.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_TIMEOUT)));
        timeout.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for LimitedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_reserve(cx));
        // On the stack, so that an idle connection touches no part of the server's buffer.
        let mut bytes = [0; MAX_READ];
        let length = buffer.remaining().min(MAX_READ);
        let mut part = ReadBuf::new(&mut bytes[..length]);
        ready!(pin!(&mut this.stream).poll_read(cx, &mut part))?;
        buffer.put_slice(part.filled());
        this.head.state.lock().length += part.filled().len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LimitedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = pin!(&mut this.stream).poll_write(cx, bytes);
        this.limit_write(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = pin!(&mut this.stream).poll_write_vectored(cx, parts);
        this.limit_write(cx, result)
    }

    /// The HTTP server would copy bodies into its own buffer, which no reservation limits.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = pin!(&mut this.stream).poll_flush(cx);
        this.limit_write(cx, result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = pin!(&mut this.stream).poll_shutdown(cx);
        this.limit_write(cx, result)
    }
}
