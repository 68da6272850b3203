//! A TCP connection that never blocks for longer than a turn without a look at the attempt.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use super::attempt;
use super::interrupt::TURN;
use super::look_up;
use super::wire::{State, Wire};

pub(crate) struct Socket(TcpStream);

impl Socket {
    /// Looks the host up and tries its addresses in turn, each for its share of the time.
    pub(crate) fn open(host: &str, port: u16) -> io::Result<Self> {
        let addresses = look_up::addresses(host, port)?;
        let mut last = None;
        for (tried, address) in addresses.iter().enumerate() {
            let left = attempt::look()?;
            let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            match connect(*address, Instant::now() + share) {
                Ok(stream) => return Self::new(stream),
                Err(error) => last = Some(error),
            }
            // It may have been the whole attempt that ended.
            attempt::look()?;
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
    }

    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        // Once, not for each read: a turn that brings nothing is when to look.
        stream.set_read_timeout(Some(TURN))?;
        stream.set_write_timeout(Some(TURN))?;
        Ok(Self(stream))
    }

    /// Repeats what a turn without news or a signal broke off.
    fn patiently<T>(&self, mut io: impl FnMut(&TcpStream) -> io::Result<T>) -> io::Result<T> {
        loop {
            attempt::look()?;
            match io(&self.0) {
                Err(error) if is_no_news(&error) => {}
                done => return done,
            }
        }
    }
}

fn is_no_news(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    // What the system itself calls a time-out has a code of its own, and is an end.
    match error.kind() {
        WouldBlock | Interrupted => true,
        TimedOut => cfg!(windows),
        _ => false,
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.patiently(|mut stream| stream.read(buffer))
    }
}

impl Write for Socket {
    // The standard library's `write` is `send` with MSG_NOSIGNAL: a peer that closed raises no
    // SIGPIPE. Its `write_vectored` would, so that is not passed on.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.patiently(|mut stream| stream.write(bytes))?;
        if count > 0 {
            attempt::bytes_left()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire for Socket {
    fn state(&mut self) -> State {
        match peek(&self.0) {
            Ok(0) => State::Ended,
            Ok(_) => State::Data,
            Err(error) if is_no_news(&error) => State::Quiet,
            Err(_) => State::Ended,
        }
    }
}

/// Looks for a byte to read and does not wait.
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

/// Opens a connection, or gives up at `end`.
#[cfg(target_os = "linux")]
fn connect(address: SocketAddr, end: Instant) -> io::Result<TcpStream> {
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
        let turn = attempt::turn(attempt::look()?.min(left));
        let turn = Timespec::try_from(turn).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&stream, PollFlags::OUT)], Some(&turn)) {
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

/// As on Linux, but that nothing interrupts it.
#[cfg(not(target_os = "linux"))]
fn connect(address: SocketAddr, end: Instant) -> io::Result<TcpStream> {
    let left = end.saturating_duration_since(Instant::now()).max(TURN);
    TcpStream::connect_timeout(&address, left)
}
