//! Connects to the first of several addresses that accepts, as described in RFC 8305.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::attempt::{Attempt, wait_slice};
use crate::os_error;

/// How long an address is tried before the next one joins the race.
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to one of the addresses. They join the race in their order, each a moment after the
/// one before or as soon as one failed, and stay in it until one is connected or the time is up.
/// The stream does not block.
pub(crate) fn connect(
    attempt: &mut Attempt,
    addresses: Vec<SocketAddr>,
) -> io::Result<(SocketAddr, TcpStream)> {
    let mut race = Race::new(addresses);
    loop {
        let left = attempt.time_left()?;
        race.begin_next(Instant::now())?;
        if race.runners.is_empty() {
            return Err(race.failure.unwrap_or_else(|| io::ErrorKind::NotFound.into()));
        }
        if let Some((address, stream)) = race.wait(wait_slice(left))? {
            return Ok((address, stream));
        }
    }
}

struct Race {
    waiting: VecDeque<SocketAddr>,
    /// Not empty after [`begin_next`](Self::begin_next), unless all addresses failed.
    runners: Vec<Runner>,
    /// When the first of those that wait begins.
    next_begin: Instant,
    /// The first of the errors that say most.
    failure: Option<io::Error>,
}

/// A connection that is being opened.
type Runner = (SocketAddr, TcpStream);

impl Race {
    fn new(addresses: Vec<SocketAddr>) -> Self {
        let (waiting, runners) = (addresses.into(), Vec::new());
        Self { waiting, runners, next_begin: Instant::now(), failure: None }
    }

    /// Begins with the addresses whose turn it is. Fails if a resource ran out and none is in the
    /// race.
    fn begin_next(&mut self, now: Instant) -> io::Result<()> {
        while (self.runners.is_empty() || now >= self.next_begin)
            && let Some(&address) = self.waiting.front()
        {
            match begin(address) {
                // Without a file descriptor, those in the race go on, and the next one waits.
                Err(error) if os_error::advice(&error).is_some() => {
                    if self.runners.is_empty() {
                        return Err(error);
                    }
                    self.next_begin = now + HEAD_START;
                    break;
                }
                Err(error) => self.record(error),
                Ok(stream) => {
                    self.runners.push((address, stream));
                    self.next_begin = now + HEAD_START;
                }
            }
            self.waiting.pop_front();
        }
        Ok(())
    }

    /// Waits until an address is connected or fails, the next one's turn comes, or `slice` is over.
    fn wait(&mut self, mut slice: Duration) -> io::Result<Option<Runner>> {
        if !self.waiting.is_empty() {
            slice = slice.min(self.next_begin.saturating_duration_since(Instant::now()));
        }
        let slice = Timespec::try_from(slice).map_err(io::Error::other)?;
        let sockets = self.runners.iter().map(|(_, stream)| stream);
        let mut watched: Vec<_> = sockets.map(|fd| PollFd::new(fd, PollFlags::OUT)).collect();
        match poll(&mut watched, Some(&slice)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready: Vec<bool> = watched.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut index = 0;
        for is_ready in is_ready {
            // Some versions of Windows do not report a connection that failed.
            let error = match is_ready || cfg!(windows) {
                true => self.runners[index].1.take_error()?,
                false => None,
            };
            if let Some(error) = error {
                self.runners.remove(index);
                self.record(error);
                self.next_begin = Instant::now();
            } else if is_ready {
                return Ok(Some(self.runners.swap_remove(index)));
            } else {
                index += 1;
            }
        }
        Ok(None)
    }

    /// Keeps the first of the errors that say most.
    fn record(&mut self, error: io::Error) {
        if self.failure.as_ref().is_none_or(|known| rank(&error) > rank(known)) {
            self.failure = Some(error);
        }
    }
}

/// How much an error says about the host: it answered; it, or the way to it, failed; or this
/// machine has no way to it, as is common for IPv6.
fn rank(error: &io::Error) -> u8 {
    match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED | Errno::CONNRESET) => 2,
        Some(Errno::NETUNREACH | Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT) => 0,
        _ => 1,
    }
}

/// Begins to connect, without waiting.
fn begin(address: SocketAddr) -> io::Result<TcpStream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = open(family)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket.into()),
        // What Windows calls a connection in progress.
        Err(Errno::WOULDBLOCK) if cfg!(windows) => Ok(socket.into()),
        Err(error) => Err(error.into()),
    }
}

/// A socket that does not block, raises no signal, and is inherited by no child process.
#[cfg(not(any(target_vendor = "apple", windows)))]
fn open(family: AddressFamily) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(family, SocketType::STREAM, flags, None)?)
}

/// Like the function for other systems, without their flags.
#[cfg(target_vendor = "apple")]
fn open(family: AddressFamily) -> io::Result<OwnedFd> {
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::empty(), None)?;
    rustix::io::ioctl_fioclex(&socket)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    rustix::net::sockopt::set_socket_nosigpipe(&socket, true)?;
    Ok(socket)
}

/// Like the function for other systems, without their flags.
#[cfg(windows)]
fn open(family: AddressFamily) -> io::Result<OwnedFd> {
    // Each call after the first one only counts.
    rustix::net::wsa_startup()?;
    // A child process inherits a new socket, but not its duplicate.
    let new = socket_with(family, SocketType::STREAM, SocketFlags::empty(), None)?;
    let socket = new.try_clone()?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind::{ConnectionRefused, TimedOut};
    use std::net::TcpListener;

    use socket2::{Domain, Socket, Type};

    use super::*;
    use crate::transport::cancel::{CancelSource, Cancelled};
    use crate::transport::mock_stream;

    /// A port on this machine.
    struct Port {
        socket: Socket,
        /// Fills the backlog.
        waiting: Vec<Socket>,
    }

    impl Port {
        fn socket() -> Socket {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        }

        /// Nothing listens on it.
        fn refusing() -> Self {
            let socket = Self::socket();
            socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
            Self { socket, waiting: Vec::new() }
        }

        fn listening() -> Self {
            let port = Self::refusing();
            port.socket.listen(16).unwrap();
            port
        }

        /// Neither accepts nor refuses: the backlog is full.
        fn silent() -> Self {
            let mut port = Self::refusing();
            port.socket.listen(0).unwrap();
            port.waiting.resize_with(4, Self::socket);
            for socket in &port.waiting {
                let _ = socket.connect(&port.address().into());
            }
            port
        }

        fn address(&self) -> SocketAddr {
            self.socket.local_addr().unwrap().as_socket().unwrap()
        }
    }

    fn addresses(ports: &[Port]) -> Vec<SocketAddr> {
        ports.iter().map(Port::address).collect()
    }

    fn attempt(limit: Duration) -> Attempt {
        let end = Instant::now() + limit;
        Attempt::new(CancelSource::default().token(None).unwrap(), end, end)
    }

    #[test]
    fn the_next_address_begins_after_a_moment_or_at_once_if_one_failed() {
        type Kind = fn() -> Port;
        let (refusing, silent, listening): (Kind, Kind, Kind) =
            (Port::refusing, Port::silent, Port::listening);
        for (ports, winner, waits) in [
            (vec![listening, listening], 0, 0),
            (vec![refusing, refusing, refusing, listening], 3, 0),
            (vec![silent, listening, listening], 1, 1),
            (vec![refusing, silent, refusing, silent, listening], 4, 2),
            (vec![silent, refusing, refusing, refusing, listening], 4, 1),
        ] {
            let ports: Vec<Port> = ports.into_iter().map(|port| port()).collect();
            let begin = Instant::now();
            let (address, stream) =
                connect(&mut mock_stream::attempt(), addresses(&ports)).unwrap();
            let took = begin.elapsed();
            assert_eq!(address, ports[winner].address());
            assert_eq!(stream.peer_addr().unwrap(), address);
            let least = waits * HEAD_START;
            assert!(least <= took && took < least + 2 * HEAD_START, "{winner}: {took:?}");
            // Those after the winner were not bothered.
            for port in &ports[winner + 1..] {
                assert!(port.socket.accept().is_err());
            }
        }
    }

    #[test]
    fn an_address_stays_in_the_race_until_the_time_is_up() {
        let ports = [Port::silent(), Port::silent(), Port::refusing(), Port::silent()];
        std::thread::scope(|scope| {
            let race = || connect(&mut mock_stream::attempt(), addresses(&ports));
            let race = scope.spawn(race);
            // All of them have begun by then. The first one has room when the system tries again.
            std::thread::sleep(3 * HEAD_START);
            while !race.is_finished() {
                let _ = ports[0].socket.accept();
                std::thread::sleep(Duration::from_millis(10));
            }
            let (address, _) = race.join().unwrap().unwrap();
            assert_eq!(address, ports[0].address());
        });
    }

    #[test]
    fn the_error_is_that_of_the_race() {
        for (ports, limit, expected) in [
            (vec![], 1000, io::ErrorKind::NotFound),
            (vec![Port::refusing(), Port::refusing()], 1000, ConnectionRefused),
            (vec![Port::refusing(), Port::silent()], 300, TimedOut),
            (vec![Port::silent(), Port::silent()], 0, TimedOut),
        ] {
            let mut attempt = attempt(Duration::from_millis(limit));
            let begin = Instant::now();
            let error = connect(&mut attempt, addresses(&ports)).unwrap_err();
            assert_eq!(error.kind(), expected);
            assert!(begin.elapsed() < Duration::from_millis(limit + 1000));
        }
    }

    #[test]
    fn the_error_that_says_most_is_kept() {
        let refused = Errno::CONNREFUSED;
        for (errors, expected) in [
            (vec![Errno::NETUNREACH, refused, Errno::HOSTUNREACH], refused),
            (vec![Errno::HOSTUNREACH, Errno::NETUNREACH], Errno::HOSTUNREACH),
            (vec![Errno::AFNOSUPPORT, Errno::NETUNREACH], Errno::AFNOSUPPORT),
            (vec![refused, Errno::CONNRESET], refused),
            (vec![Errno::ADDRNOTAVAIL, Errno::ACCESS, Errno::HOSTUNREACH], Errno::ACCESS),
        ] {
            let mut race = Race::new(Vec::new());
            for error in &errors {
                race.record((*error).into());
            }
            let kept = race.failure.unwrap();
            assert_eq!(Errno::from_io_error(&kept), Some(expected), "{errors:?}");
        }
    }

    #[test]
    fn a_race_is_cancelled() {
        let ports = [Port::silent(), Port::silent(), Port::silent()];
        let source = CancelSource::default();
        let mut attempt = mock_stream::attempt_with(source.token(None).unwrap());
        std::thread::scope(|scope| {
            let race = scope.spawn(|| (connect(&mut attempt, addresses(&ports)), Instant::now()));
            std::thread::sleep(2 * HEAD_START);
            let begin = Instant::now();
            source.cancel();
            let (result, end) = race.join().unwrap();
            assert!(result.unwrap_err().get_ref().unwrap().is::<Cancelled>());
            assert!(end - begin < HEAD_START);
        });
    }

    #[test]
    fn ipv6_works() {
        let Ok(listener) = TcpListener::bind("[::1]:0") else {
            println!("skipped: this machine has no IPv6");
            return;
        };
        let address = listener.local_addr().unwrap();
        assert_eq!(connect(&mut mock_stream::attempt(), vec![address]).unwrap().0, address);
    }
}
