//! Name resolution.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};

use super::attempt::{Attempt, Phase, wait_slice};
use super::fork::PerProcess;
use super::lookup::Lookups;
use crate::{os_error, url};

/// The lookups of all clients, so that a program that creates a client for each request has no
/// more threads than others. A child process does not have the threads of its parent.
static LOOKUPS: PerProcess<Lookups<(u64, String), Found>> = PerProcess::new();

/// What the system's resolver found.
#[derive(Clone, Default)]
struct Found {
    addresses: Vec<SocketAddr>,
    /// The error of the system, if a resource ran out.
    exhausted: Option<i32>,
}

/// Resolves the host names of one client. A lookup that hangs delays only the client that began
/// it, unless too many of them hang.
pub(crate) struct Resolver {
    client: u64,
}

impl Resolver {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self { client: COUNT.fetch_add(1, Ordering::Relaxed) }
    }

    /// Resolves a host. `localhost` and `*.localhost` always resolve to loopback addresses,
    /// whatever a DNS server says.
    pub(crate) fn resolve(
        &self,
        attempt: &mut Attempt,
        host: &str,
        port: u16,
    ) -> io::Result<Vec<SocketAddr>> {
        let known: Vec<IpAddr> = if url::is_loopback_name(host) {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        } else if let Ok(address) = host.parse::<Ipv4Addr>() {
            vec![address.into()]
        } else if let Some(address) = url::ip_v6(host) {
            vec![address.into()]
        } else {
            return self.ask_system(attempt, host, port);
        };
        Ok(known.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    /// The system's resolver (`getaddrinfo`) cannot be interrupted, so it runs in a thread, which is
    /// left behind if the call ends first.
    fn ask_system(
        &self,
        attempt: &mut Attempt,
        host: &str,
        port: u16,
    ) -> io::Result<Vec<SocketAddr>> {
        let key = (self.client, host.to_owned());
        let host = host.to_owned();
        // The port is set afterwards, so that it does not matter who began the lookup.
        let resolve = move || match (host, 0).to_socket_addrs() {
            Ok(addresses) => Found { addresses: addresses.collect(), exhausted: None },
            Err(error) => Found { addresses: Vec::new(), exhausted: exhausted(error) },
        };
        let lookups = LOOKUPS.get_or_init(|| Lookups::new(|found| !found.addresses.is_empty()));
        let phase = attempt.phase();
        attempt.set_phase(Phase::LookUp);
        let found = lookups.get(&key, resolve, || attempt.time_left().map(wait_slice))?;
        let mut addresses = found.addresses;
        if addresses.is_empty() {
            let error = "host name could not be resolved";
            return Err(match found.exhausted {
                Some(code) => os_error::in_operation(error, io::Error::from_raw_os_error(code)),
                None => io::Error::new(io::ErrorKind::NotFound, error),
            });
        }
        attempt.set_phase(phase);
        addresses.iter_mut().for_each(|address| address.set_port(port));
        Ok(addresses)
    }
}

/// The error of the system, if the resolver failed because a resource ran out. Without a file
/// descriptor or memory, it often reports that there is no such host.
///
/// Its other errors are dropped: they are in the language of the host program.
fn exhausted(error: io::Error) -> Option<i32> {
    let cause = match error.raw_os_error() {
        Some(_) => error,
        None => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).err()?,
    };
    // The advice on EAGAIN is about threads that this library starts.
    let has_advice =
        os_error::advice(&cause).is_some() && cause.kind() != io::ErrorKind::WouldBlock;
    cause.raw_os_error().filter(|_| has_advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::mock_stream;

    #[test]
    fn loopback_names_need_no_dns_server() {
        for (host, expected) in [
            ("localhost", vec!["127.0.0.1:1", "[::1]:1"]),
            ("sandbox.LOCALHOST", vec!["127.0.0.1:1", "[::1]:1"]),
            ("127.0.0.9", vec!["127.0.0.9:1"]),
            ("[::1]", vec!["[::1]:1"]),
        ] {
            let found = Resolver::new().resolve(&mut mock_stream::attempt(), host, 1).unwrap();
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{host}");
        }
    }
}
