//! Faults below HTTP: scripts that take over a connection and send exact bytes.
//!
//! A correct HTTP server cannot send an incorrect response. So a handler with such a fault returns
//! no response. It passes a script to its connection, which drops the HTTP server and runs the
//! script on the socket.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;

/// What a connection does instead of sending a response. After the last step it is closed with a
/// FIN.
pub(crate) type Script = Vec<Step>;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(Bytes),
    /// One byte at a time, with a pause before each.
    Drip(Bytes, Duration),
    /// Sends nothing, until the peer disconnects.
    Stall,
    Pause(Duration),
    /// Sends the same bytes again and again, until the peer disconnects.
    Repeat(Bytes),
    /// Sends the last bytes; with TLS, in the same packet as `close_notify`.
    SendLast(Bytes),
    /// Waits until the peer sends something.
    AwaitMore,
    /// Closes the connection with a RST.
    Reset,
}

impl Step {
    /// The bytes that it holds.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Send(bytes)
            | Self::Drip(bytes, _)
            | Self::Repeat(bytes)
            | Self::SendLast(bytes) => bytes.len(),
            Self::Stall | Self::Pause(_) | Self::AwaitMore | Self::Reset => 0,
        }
    }
}

/// Passed to the handlers of a connection, so that they can take it over.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) number: u64,
    scripts: mpsc::UnboundedSender<Script>,
}

impl Connection {
    pub(crate) fn new(number: u64) -> (Self, mpsc::UnboundedReceiver<Script>) {
        let (scripts, receiver) = mpsc::unbounded_channel();
        (Self { number, scripts }, receiver)
    }

    /// Replaces the HTTP server on this connection by a script. Never returns: the calling handler
    /// is dropped with the server.
    pub(crate) async fn take_over<T>(&self, script: Script) -> T {
        // Fails only if the connection is closed; the caller is dropped in that case, too.
        let _ = self.scripts.send(script);
        std::future::pending().await
    }
}

/// A client connection, with or without TLS.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }
}

/// Makes the socket send a RST when it is closed, which discards the data that the peer has not
/// read.
pub(crate) fn set_reset_on_close(tcp: &TcpStream) {
    // If this fails, the peer sees a FIN, and the test of the fault fails.
    let _ = socket2::SockRef::from(tcp).set_linger(Some(Duration::ZERO));
}

/// Closes a connection with a FIN, without reading the request.
pub(crate) async fn close_without_reading(tcp: TcpStream) {
    close(Stream::Plain(tcp)).await;
}

/// Runs a script. An error means that the peer disconnected, and ends it.
pub(crate) async fn run_script(script: Script, mut stream: Stream) {
    for step in script {
        let result = match step {
            Step::Send(bytes) => send(&mut stream, &bytes).await,
            Step::Drip(bytes, pause) => drip(&mut stream, &bytes, pause).await,
            Step::Stall => drain(&mut stream).await,
            Step::Pause(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Step::Repeat(bytes) => repeat(&mut stream, &bytes).await,
            Step::SendLast(bytes) => send_last(&mut stream, &bytes).await,
            Step::AwaitMore => stream.read(&mut [0; 4096]).await.map(drop),
            Step::Reset => return set_reset_on_close(stream.tcp()),
        };
        if result.is_err() {
            return;
        }
    }
    close(stream).await;
}

async fn send(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

async fn send_last(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    let Stream::Tls(tls) = stream else {
        return send(stream, bytes).await;
    };
    let (tcp, session) = tls.get_mut();
    session.writer().write_all(bytes)?;
    session.send_close_notify();
    let mut records = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut records)?;
    }
    tcp.write_all(&records).await
}

async fn drip(stream: &mut Stream, bytes: &[u8], pause: Duration) -> io::Result<()> {
    for byte in bytes {
        tokio::time::sleep(pause).await;
        send(stream, std::slice::from_ref(byte)).await?;
    }
    Ok(())
}

async fn repeat(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    loop {
        send(stream, bytes).await?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Reads and discards data until the peer closes its side.
async fn drain(stream: &mut Stream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Closes with a FIN. Data that still arrives is read for up to two seconds, because closing a
/// socket with unread data would send a RST.
async fn close(mut stream: Stream) {
    if stream.shutdown().await.is_ok() {
        let _ = tokio::time::timeout(Duration::from_secs(2), drain(&mut stream)).await;
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, parts),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, parts),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
