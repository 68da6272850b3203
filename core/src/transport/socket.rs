//! A TCP connection that checks its attempt while it blocks.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use super::attempt::{Attempt, wait_slice};
use super::cancel::CHECK_INTERVAL;
use super::dns::Resolver;
use super::stream::{Idle, Stream};

pub(crate) struct Socket(TcpStream);

impl Socket {
    /// Resolves the host and tries its addresses one after the other, each for its share of the
    /// time.
    pub(crate) fn connect(
        attempt: &mut Attempt,
        resolver: &Resolver,
        host: &str,
        port: u16,
    ) -> io::Result<Self> {
        let addresses = resolver.resolve(attempt, host, port)?;
        let mut last_error = None;
        for (tried, address) in addresses.iter().enumerate() {
            let left = attempt.time_left()?;
            let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            match connect(attempt, *address, Instant::now() + share) {
                Ok(stream) => return Self::new(stream),
                Err(error) => last_error = Some(error),
            }
            // Try the next address only if the attempt itself is not over.
            attempt.time_left()?;
        }
        Err(last_error.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
    }

    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        // Set once, not for each read. After each time-out the attempt is checked and the operation
        // repeated.
        stream.set_read_timeout(Some(CHECK_INTERVAL))?;
        stream.set_write_timeout(Some(CHECK_INTERVAL))?;
        Ok(Self(stream))
    }

    /// Repeats an operation that a time-out or a signal interrupted.
    fn retry_until_ready<T>(
        &self,
        attempt: &mut Attempt,
        mut operation: impl FnMut(&TcpStream) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            attempt.time_left()?;
            match operation(&self.0) {
                Err(error) if is_would_block(&error) => {}
                done => return done,
            }
        }
    }
}

fn is_would_block(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    match error.kind() {
        WouldBlock | Interrupted => true,
        // On other systems, this error means that packets were not acknowledged.
        TimedOut => cfg!(windows),
        _ => false,
    }
}

impl Stream for Socket {
    fn read(&mut self, attempt: &mut Attempt, buffer: &mut [u8]) -> io::Result<usize> {
        self.retry_until_ready(attempt, |mut stream| stream.read(buffer))
    }

    // The standard library's `write` is `send` with MSG_NOSIGNAL: a peer that closed the connection
    // raises no SIGPIPE. Its `write_vectored` would, so it is not used.
    fn write_all(&mut self, attempt: &mut Attempt, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.retry_until_ready(attempt, |mut stream| stream.write(bytes))?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            attempt.mark_sent();
            bytes = &bytes[count..];
        }
        Ok(())
    }

    fn idle_state(&mut self, _: &mut Attempt) -> Idle {
        match peek(&self.0) {
            Ok(0) => Idle::Closed,
            Ok(_) => Idle::Readable,
            Err(error) if is_would_block(&error) => Idle::Quiet,
            Err(_) => Idle::Closed,
        }
    }
}

/// Whether there is a byte to read. Does not wait.
#[cfg(target_os = "linux")]
fn peek(stream: &TcpStream) -> io::Result<usize> {
    use rustix::net::{RecvFlags, recv};
    let mut byte = [0; 1];
    let (count, _) = recv(stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
    Ok(count)
}

#[cfg(not(target_os = "linux"))]
fn peek(stream: &TcpStream) -> io::Result<usize> {
    stream.set_nonblocking(true)?;
    let count = stream.peek(&mut [0; 1]);
    stream.set_nonblocking(false)?;
    count
}

/// Connects to an address. Fails at `end` at the latest.
#[cfg(target_os = "linux")]
fn connect(attempt: &mut Attempt, address: SocketAddr, end: Instant) -> io::Result<TcpStream> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let stream = TcpStream::from(socket);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let slice = wait_slice(attempt.time_left()?.min(left));
        let slice = Timespec::try_from(slice).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&stream, PollFlags::OUT)], Some(&slice)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => break,
            Err(error) => return Err(error.into()),
        }
    }
    match stream.take_error()? {
        Some(error) => Err(error),
        None => {
            stream.set_nonblocking(false)?;
            Ok(stream)
        }
    }
}

/// Like the function for Linux, but it cannot be cancelled.
#[cfg(not(target_os = "linux"))]
fn connect(_: &mut Attempt, address: SocketAddr, end: Instant) -> io::Result<TcpStream> {
    let left = end.saturating_duration_since(Instant::now()).max(CHECK_INTERVAL);
    TcpStream::connect_timeout(&address, left)
}
