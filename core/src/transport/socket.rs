//! A TCP connection that checks its attempt while it blocks.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::attempt::{Attempt, wait_slice};
use super::cancel::CHECK_INTERVAL;
use super::stream::{Idle, Stream};

/// How long a connection idles before the system asks the peer whether it is still there.
const PROBE_AFTER: Duration = Duration::from_secs(30);
const PROBE_INTERVAL: Duration = Duration::from_secs(10);
/// How many probes without an answer end the connection.
const MAX_PROBES: u32 = 3;

/// Whether a read or write of a stream that blocks ends in time for the next check if it has a
/// time limit. Saves a system call in each exchange. On Windows such a limit is rounded up to half a
/// second, and a stream is not to be used after it.
const HAS_SHORT_LIMITS: bool = cfg!(any(target_os = "linux", target_os = "android"));

pub(crate) struct Socket {
    stream: TcpStream,
    /// Reads and writes have a time limit. Otherwise they do not block, and [`poll`] waits.
    blocks: bool,
}

impl Socket {
    /// Sets up a connected stream.
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        Self::with(stream, HAS_SHORT_LIMITS)
    }

    fn with(stream: TcpStream, blocks: bool) -> io::Result<Self> {
        stream.set_nonblocking(!blocks)?;
        stream.set_nodelay(true)?;
        if blocks {
            // Set once, not for each read. After each time-out the attempt is checked and the
            // operation repeated.
            stream.set_read_timeout(Some(CHECK_INTERVAL))?;
            stream.set_write_timeout(Some(CHECK_INTERVAL))?;
        }
        keep_alive(&stream);
        Ok(Self { stream, blocks })
    }

    /// Repeats an operation that a time limit or a signal interrupted, or that would block.
    fn retry_until_ready<T>(
        &self,
        attempt: &mut Attempt,
        readiness: PollFlags,
        mut operation: impl FnMut(&TcpStream) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            let left = attempt.time_left()?;
            match operation(&self.stream) {
                Err(error) if !is_would_block(&error) => return Err(error),
                Err(_) if self.blocks => {}
                Err(_) => self.wait_until_ready(readiness, wait_slice(left))?,
                done => return done,
            }
        }
    }

    /// Waits until the stream is ready or the time is up. Errors of the stream make it ready.
    fn wait_until_ready(&self, readiness: PollFlags, limit: Duration) -> io::Result<()> {
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&self.stream, readiness)], Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn is_would_block(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

impl Stream for Socket {
    fn read(&mut self, attempt: &mut Attempt, buffer: &mut [u8]) -> io::Result<usize> {
        self.retry_until_ready(attempt, PollFlags::IN, |mut stream| stream.read(buffer))
    }

    // The standard library's `write` is `send` with MSG_NOSIGNAL: a peer that closed the connection
    // raises no SIGPIPE. Its `write_vectored` would, so it is not used.
    fn write_all(&mut self, attempt: &mut Attempt, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count =
                self.retry_until_ready(attempt, PollFlags::OUT, |mut stream| stream.write(bytes))?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            attempt.mark_sent();
            bytes = &bytes[count..];
        }
        Ok(())
    }

    fn idle_state(&mut self, _: &mut Attempt) -> Idle {
        match peek(&self.stream) {
            Ok(0) => Idle::Closed,
            Ok(_) => Idle::Readable,
            Err(error) if is_would_block(&error) => Idle::Quiet,
            Err(_) => Idle::Closed,
        }
    }
}

/// Probes an idle connection, so that a NAT or a firewall does not forget it, and the system notices
/// if one did. Best effort: a connection works without it.
fn keep_alive(stream: &TcpStream) {
    use rustix::net::sockopt;
    let _ = sockopt::set_socket_keepalive(stream, true);
    #[cfg(not(target_os = "openbsd"))]
    {
        let _ = sockopt::set_tcp_keepidle(stream, PROBE_AFTER);
        let _ = sockopt::set_tcp_keepintvl(stream, PROBE_INTERVAL);
        let _ = sockopt::set_tcp_keepcnt(stream, MAX_PROBES);
    }
}

/// Whether there is a byte to read. Does not wait.
#[cfg(unix)]
fn peek(stream: &TcpStream) -> io::Result<usize> {
    use rustix::net::{RecvFlags, recv};
    let mut byte = [0; 1];
    let (count, _) = recv(stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
    Ok(count)
}

/// Whether there is a byte to read. Does not wait, because the stream does not block.
#[cfg(windows)]
fn peek(stream: &TcpStream) -> io::Result<usize> {
    stream.peek(&mut [0; 1])
}

#[cfg(test)]
mod tests {
    use std::net::{Shutdown, TcpListener};
    use std::thread;
    use std::time::Instant;

    use rustix::net::sockopt;

    use super::*;
    use crate::transport::cancel::{CancelSource, Cancelled};
    use crate::transport::mock_stream::{attempt, attempt_with};

    /// A socket of each kind that works on this system, and its peer.
    fn sockets() -> Vec<(Socket, TcpStream)> {
        let kinds = if HAS_SHORT_LIMITS { vec![true, false] } else { vec![false] };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = |blocks| {
            let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            (Socket::with(stream, blocks).unwrap(), listener.accept().unwrap().0)
        };
        kinds.into_iter().map(open).collect()
    }

    #[test]
    fn an_idle_connection_is_probed() {
        for (Socket { stream, .. }, _peer) in sockets() {
            assert!(sockopt::socket_keepalive(&stream).unwrap());
            assert_eq!(sockopt::tcp_keepidle(&stream).unwrap(), PROBE_AFTER);
            assert_eq!(sockopt::tcp_keepintvl(&stream).unwrap(), PROBE_INTERVAL);
            assert_eq!(sockopt::tcp_keepcnt(&stream).unwrap(), MAX_PROBES);
        }
    }

    #[test]
    fn more_than_the_system_buffers_is_sent_to_a_peer_that_reads_late() {
        let sent: Vec<u8> = (0..16 << 20).map(|index: u32| index.to_le_bytes()[1]).collect();
        for (mut socket, mut peer) in sockets() {
            thread::scope(|scope| {
                let writer = scope.spawn(|| {
                    socket.write_all(&mut attempt(), &sent).unwrap();
                    socket.stream.shutdown(Shutdown::Write).unwrap();
                });
                // The buffers are full by then, and writing has waited more than once. Windows
                // takes what is written at once.
                thread::sleep(3 * CHECK_INTERVAL);
                assert!(cfg!(windows) || !writer.is_finished());
                let mut received = Vec::new();
                peer.read_to_end(&mut received).unwrap();
                assert!(received == sent);
            });
        }
    }

    #[test]
    fn bytes_and_the_end_are_read_when_they_come() {
        for (mut socket, mut peer) in sockets() {
            thread::scope(|scope| {
                let mut buffer = [0; 8];
                let reader = scope.spawn(move || {
                    let mut attempt = attempt();
                    let count = socket.read(&mut attempt, &mut buffer).unwrap();
                    let end = socket.read(&mut attempt, &mut [0; 8]).unwrap();
                    (buffer[..count].to_vec(), end)
                });
                thread::sleep(3 * CHECK_INTERVAL);
                peer.write_all(b"late").unwrap();
                thread::sleep(3 * CHECK_INTERVAL);
                drop(peer);
                assert_eq!(reader.join().unwrap(), (b"late".to_vec(), 0));
            });
        }
    }

    #[test]
    fn an_operation_that_waits_is_cancelled() {
        type Operation = fn(&mut Socket, &mut Attempt) -> io::Result<()>;
        let read: Operation = |socket, attempt| socket.read(attempt, &mut [0]).map(|_| ());
        let write: Operation = |socket, attempt| {
            let bytes = vec![0; 1 << 20];
            loop {
                socket.write_all(attempt, &bytes)?;
            }
        };
        for operation in [read, write] {
            for (mut socket, _peer) in sockets() {
                let source = CancelSource::default();
                let mut attempt = attempt_with(source.token(None).unwrap());
                thread::scope(|scope| {
                    let waiting =
                        scope.spawn(|| (operation(&mut socket, &mut attempt), Instant::now()));
                    thread::sleep(2 * CHECK_INTERVAL);
                    let begin = Instant::now();
                    source.cancel();
                    let (result, end) = waiting.join().unwrap();
                    assert!(result.unwrap_err().get_ref().unwrap().is::<Cancelled>());
                    assert!(end - begin < 20 * CHECK_INTERVAL);
                });
            }
        }
    }

    #[test]
    fn the_time_limit_of_the_attempt_ends_an_operation() {
        for (mut socket, _peer) in sockets() {
            let end = Instant::now() + CHECK_INTERVAL / 2;
            let token = CancelSource::default().token(None).unwrap();
            let error = socket.read(&mut Attempt::new(token, end, end), &mut [0]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(Instant::now() >= end);
        }
    }

    #[test]
    fn an_idle_connection_is_looked_at_without_waiting() {
        for (mut socket, mut peer) in sockets() {
            let mut state = || socket.idle_state(&mut attempt());
            let wait_for = |state: &mut dyn FnMut() -> Idle, expected| {
                let end = Instant::now() + Duration::from_secs(5);
                while state() != expected && Instant::now() < end {
                    thread::yield_now();
                }
                assert_eq!(state(), expected);
            };
            // Not each time on a busy machine.
            let is_quick = (0..20).any(|_| {
                let begin = Instant::now();
                assert_eq!(state(), Idle::Quiet);
                begin.elapsed() < CHECK_INTERVAL / 2
            });
            assert!(is_quick);
            peer.write_all(b"x").unwrap();
            wait_for(&mut state, Idle::Readable);
            assert_eq!(socket.read(&mut attempt(), &mut [0; 8]).unwrap(), 1);
            drop(peer);
            wait_for(&mut || socket.idle_state(&mut attempt()), Idle::Closed);
        }
    }
}
