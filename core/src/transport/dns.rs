//! Name resolution.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};

use super::attempt::{Attempt, wait_slice};
use super::fork::PerProcess;
use super::lookup::Lookups;
use crate::url;

/// The lookups of all clients, so that a program that creates a client for each request has no
/// more threads than others. A child process does not have the threads of its parent.
static LOOKUPS: PerProcess<Lookups<(u64, String), Vec<SocketAddr>>> = PerProcess::new();

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
        // The error is dropped: the system's message is in the language of the host program. The
        // port is set afterwards, so that it does not matter who began the lookup.
        let resolve = move || (host, 0).to_socket_addrs().map(Vec::from_iter).unwrap_or_default();
        let lookups = LOOKUPS.get_or_init(Lookups::new);
        let mut addresses = lookups.get(&key, resolve, || attempt.time_left().map(wait_slice))?;
        if addresses.is_empty() {
            let error = "host name could not be resolved";
            return Err(io::Error::new(io::ErrorKind::NotFound, error));
        }
        addresses.iter_mut().for_each(|address| address.set_port(port));
        Ok(addresses)
    }
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
