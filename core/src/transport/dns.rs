//! Name resolution.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use super::attempt::{Attempt, wait_slice};
use crate::url;

/// Resolves a host. `localhost` and `*.localhost` always resolve to loopback addresses, whatever a
/// DNS server says.
pub(crate) fn resolve(attempt: &mut Attempt, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let known: Vec<IpAddr> = if url::is_loopback_name(host) {
        vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    } else if let Ok(address) = host.parse::<Ipv4Addr>() {
        vec![address.into()]
    } else if let Some(address) = url::ip_v6(host) {
        vec![address.into()]
    } else {
        return resolve_in_thread(attempt, host, port);
    };
    Ok(known.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

/// The system's resolver (`getaddrinfo`) cannot be interrupted, so it runs in a thread, which is
/// left behind if the call ends first.
fn resolve_in_thread(attempt: &mut Attempt, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let host = host.to_owned();
    let resolver = thread::Builder::new().name("zignsec-dns".to_owned()).spawn(move || {
        // The receiver may be gone.
        let _ = sender.send((host, port).to_socket_addrs().map(Vec::from_iter));
    })?;
    loop {
        match receiver.recv_timeout(wait_slice(attempt.time_left()?)) {
            Ok(result) => {
                let _ = resolver.join();
                return match result {
                    Ok(addresses) if !addresses.is_empty() => Ok(addresses),
                    // The system's message is in the language of the host program.
                    _ => Err(not_resolved()),
                };
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(not_resolved()),
        }
    }
}

fn not_resolved() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "host name could not be resolved")
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
            let found = resolve(&mut mock_stream::attempt(), host, 1).unwrap();
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{host}");
        }
    }
}
