//! From a host to its addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use super::attempt;
use crate::url;

/// The addresses of a host: those of this machine for `localhost` and its kin, whatever a name
/// server says.
pub(crate) fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let known: Vec<IpAddr> = if url::is_loopback_name(host) {
        vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    } else if let Ok(address) = host.parse::<Ipv4Addr>() {
        vec![address.into()]
    } else if let Some(address) = url::ip_v6(host) {
        vec![address.into()]
    } else {
        return ask_the_system(host, port);
    };
    Ok(known.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

/// The system's look-up cannot be interrupted, so it has a thread of its own, which is left behind
/// where the call ends first.
fn ask_the_system(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let question = (host.to_owned(), port);
    let look_up = thread::Builder::new().name("zignsec-look-up".to_owned()).spawn(move || {
        // Nobody may be there any more.
        let _ = sender.send(question.to_socket_addrs().map(Vec::from_iter));
    })?;
    loop {
        match receiver.recv_timeout(attempt::turn(attempt::look()?)) {
            Ok(found) => {
                let _ = look_up.join();
                return match found {
                    Ok(addresses) if !addresses.is_empty() => Ok(addresses),
                    // The system's own words are in the host program's language.
                    _ => Err(not_found()),
                };
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(not_found()),
        }
    }
}

fn not_found() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "no address was found for the host's name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_need_no_name_server() {
        for (host, expected) in [
            ("localhost", vec!["127.0.0.1:1", "[::1]:1"]),
            ("sandbox.LOCALHOST", vec!["127.0.0.1:1", "[::1]:1"]),
            ("127.0.0.9", vec!["127.0.0.9:1"]),
            ("[::1]", vec!["[::1]:1"]),
        ] {
            let found = addresses(host, 1).unwrap();
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{host}");
        }
    }
}
