//! The layer under HTTP: a connection that is taken away from the HTTP server and played by a script, byte by byte.
//!
//! A well-kept HTTP server will not send what a broken one does. So a handler that has to misbehave does not answer: it hands
//! its connection a script. The server's half-read state is dropped, and the script has the socket to itself.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;

/// What a connection does instead of answering. After the last step it is closed in good order.
pub(crate) type Script = Vec<Step>;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(Bytes),
    /// One byte at a time, with a pause before each.
    Drip(Bytes, Duration),
    /// Sends nothing more, and ends when the peer gives up.
    Stall,
    Pause(Duration),
    /// The same again and again, until the peer gives up.
    Repeat(Bytes),
    /// The last bytes; under TLS, `close_notify` leaves together with them.
    SendLast(Bytes),
    /// Waits until the peer sends something more.
    AwaitMore,
    /// Breaks the connection with a RST, now.
    Reset,
}

/// A connection's number, and the way to take it over.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) number: u64,
    scripts: mpsc::UnboundedSender<Script>,
}

impl Connection {
    pub(crate) fn new(number: u64) -> (Self, mpsc::UnboundedReceiver<Script>) {
        let (scripts, taken_over) = mpsc::unbounded_channel();
        (Self { number, scripts }, taken_over)
    }

    /// Ends the HTTP server on this connection and plays the script. Never returns: the caller is dropped with the server.
    pub(crate) async fn play<T>(&self, script: Script) -> T {
        // Fails only where the connection has gone already, and the caller with it.
        let _ = self.scripts.send(script);
        std::future::pending().await
    }
}

/// A client's connection, encrypted or not.
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

/// Makes the coming close a RST, which tells the peer at once and discards what it has not read.
pub(crate) fn reset(tcp: &TcpStream) {
    // On failure the peer sees a FIN, and the fault's own test goes red.
    let _ = socket2::SockRef::from(tcp).set_linger(Some(Duration::ZERO));
}

/// Closes with a FIN before anything is answered, or read by anyone.
pub(crate) async fn close_unread(tcp: TcpStream) {
    close(Stream::Plain(tcp)).await;
}

/// Plays a script to its end. Errors are the peer's leave-taking, and end it.
pub(crate) async fn play(script: Script, mut stream: Stream) {
    for step in script {
        let done = match step {
            Step::Send(bytes) => send(&mut stream, &bytes).await,
            Step::Drip(bytes, every) => drip(&mut stream, &bytes, every).await,
            Step::Stall => drain(&mut stream).await,
            Step::Pause(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Step::Repeat(bytes) => repeat(&mut stream, &bytes).await,
            Step::SendLast(bytes) => send_last(&mut stream, &bytes).await,
            Step::AwaitMore => stream.read(&mut [0; 4096]).await.map(drop),
            Step::Reset => return reset(stream.tcp()),
        };
        if done.is_err() {
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

async fn drip(stream: &mut Stream, bytes: &[u8], every: Duration) -> io::Result<()> {
    for byte in bytes {
        tokio::time::sleep(every).await;
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

/// Reads until the peer has nothing more to say.
async fn drain(stream: &mut Stream) -> io::Result<()> {
    let mut nowhere = [0; 4096];
    while stream.read(&mut nowhere).await? > 0 {}
    Ok(())
}

/// Closes with a FIN. What the peer still sends is read for a moment: bytes left unread would turn the FIN into a RST.
async fn close(mut stream: Stream) {
    if stream.shutdown().await.is_ok() {
        let _ = tokio::time::timeout(Duration::from_secs(2), drain(&mut stream)).await;
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, into),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, into),
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
