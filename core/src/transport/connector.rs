//! Opens connections to the gateway.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use super::addresses::History;
use super::attempt::{Attempt, Phase};
use super::config::{Config, Proxy, ProxyScheme};
use super::connection::Connection;
use super::dns::Resolver;
use super::error::TransportError;
use super::race;
use super::refusal::ProxyError;
use super::resumption::TlsPeer;
use super::socket::Socket;
use super::socks::{self, Target};
use super::stream::Stream;
use super::tls::Tls;
use super::tunnel;
use crate::error::ErrorKind;
use crate::url::BaseUrl;

pub(crate) struct Connector {
    resolver: Resolver,
    /// Of the proxy, if there is one, else of the gateway: a client connects to no other host.
    history: History,
    /// Of the gateway, if a SOCKS proxy connects to it by its address.
    targets: History,
    gateway_tls: TlsPeer,
    /// Separate, so that the proxy has neither the client certificate nor a session of the gateway.
    proxy_tls: TlsPeer,
}

impl Connector {
    pub(crate) fn new() -> Self {
        Self {
            resolver: Resolver::new(),
            history: History::new(),
            targets: History::new(),
            gateway_tls: TlsPeer::new(),
            proxy_tls: TlsPeer::new(),
        }
    }

    pub(crate) fn connect(
        &self,
        attempt: &mut Attempt,
        config: &Config,
    ) -> Result<Connection, TransportError> {
        #[cfg(test)]
        if let Some(result) = super::mock_stream::connect(attempt) {
            return result;
        }
        let result = self.open(attempt, config);
        if let Err(error) = &result {
            self.failed(attempt, error);
        }
        result
    }

    /// To be called if an attempt ended with `error` before it received any byte of its response.
    /// The address that it connected to, if it did not use an idle connection, is the last one that
    /// the next attempt tries. So is the one that a SOCKS proxy was asked to connect to.
    pub(crate) fn failed(&self, attempt: &Attempt, error: &TransportError) {
        if error.is_cancelled() {
            return;
        }
        for (history, address) in
            [(&self.history, attempt.address()), (&self.targets, attempt.target())]
        {
            if let Some(address) = address {
                history.failed(address, Instant::now());
            }
        }
    }

    fn open(&self, attempt: &mut Attempt, config: &Config) -> Result<Connection, TransportError> {
        let gateway = &config.base_url;
        let stream: Box<dyn Stream> = match &config.proxy {
            None => {
                let socket = self.connect_to(attempt, gateway.host(), gateway.port())?;
                if gateway.is_https() {
                    attempt.set_phase(Phase::Tls);
                    Box::new(self.gateway_handshake(attempt, config, socket)?)
                } else {
                    Box::new(socket)
                }
            }
            // Plain http is allowed only for loopback, which is never proxied.
            Some(proxy) => {
                let tunnel = self.open_tunnel(attempt, config, proxy)?;
                attempt.set_phase(Phase::Tls);
                Box::new(self.gateway_handshake(attempt, config, tunnel)?)
            }
        };
        Ok(Connection::new(stream))
    }

    /// Connects to one of the addresses of a host.
    fn connect_to(&self, attempt: &mut Attempt, host: &str, port: u16) -> io::Result<Socket> {
        let found = self.resolver.resolve(attempt, host, port)?;
        let order = self.history.order(found, Instant::now());
        let (address, stream) = race::connect(attempt, order)?;
        self.history.won(address, Instant::now());
        attempt.set_address(address);
        Socket::new(stream)
    }

    /// Connects to the proxy and opens a tunnel through it to the gateway.
    fn open_tunnel(
        &self,
        attempt: &mut Attempt,
        config: &Config,
        proxy: &Proxy,
    ) -> Result<Box<dyn Stream>, TransportError> {
        let socket = match proxy.scheme {
            ProxyScheme::Socks5 | ProxyScheme::Socks5h => {
                return self.open_socks(attempt, &config.base_url, proxy);
            }
            ProxyScheme::Http | ProxyScheme::Https => self.connect_to_proxy(attempt, proxy)?,
        };
        let stream: Box<dyn Stream> = if proxy.scheme == ProxyScheme::Https {
            attempt.set_phase(Phase::ProxyTls);
            let settings = || config.tls.for_proxy();
            let tls = self.proxy_tls.handshake(attempt, settings, &proxy.host, socket)?;
            attempt.set_phase(Phase::Connect);
            Box::new(tls)
        } else {
            Box::new(socket)
        };
        tunnel::open(attempt, stream, proxy, &config.base_url, &config.user_agent)
    }

    fn connect_to_proxy(&self, attempt: &mut Attempt, proxy: &Proxy) -> io::Result<Socket> {
        self.connect_to(attempt, &proxy.host, proxy.port)
    }

    /// Opens a tunnel through a SOCKS5 proxy. After it has failed to reach an address of the
    /// gateway, it closes the connection, so each address needs a new one. It may also never answer,
    /// so each address but the last may use only half of the time that is left.
    fn open_socks(
        &self,
        attempt: &mut Attempt,
        gateway: &BaseUrl,
        proxy: &Proxy,
    ) -> Result<Box<dyn Stream>, TransportError> {
        let mut targets = self.socks_targets(attempt, gateway, proxy)?.into_iter().peekable();
        while let Some(target) = targets.next() {
            let mut socket = self.connect_to_proxy(attempt, proxy)?;
            let mut open = |attempt: &mut Attempt| {
                socks::open(attempt, &mut socket, proxy.login.as_ref(), &target)
            };
            let Target::Address(address) = target else {
                open(attempt)?;
                return Ok(Box::new(socket));
            };
            attempt.set_target(address);
            let is_last = targets.peek().is_none();
            let result = match is_last {
                true => open(attempt),
                false => attempt.with_half_of_connect_time(open),
            };
            match result {
                Ok(()) => {
                    self.targets.won(address, Instant::now());
                    return Ok(Box::new(socket));
                }
                Err(error) if !is_last && may_reach_another(&error) => {
                    self.targets.failed(address, Instant::now());
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from(io::ErrorKind::NotFound).into())
    }

    /// The host of the gateway, or its addresses if the proxy must not look it up.
    fn socks_targets(
        &self,
        attempt: &mut Attempt,
        gateway: &BaseUrl,
        proxy: &Proxy,
    ) -> Result<Vec<Target>, TransportError> {
        let (host, port) = (gateway.host(), gateway.port());
        if proxy.scheme == ProxyScheme::Socks5h {
            return Ok(vec![Target::of_host(host, port)]);
        }
        let mut addresses = self.resolver.resolve(attempt, host, port).map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::NotFound => ErrorKind::Connect,
                io::ErrorKind::TimedOut => ErrorKind::Timeout,
                _ => return error.into(),
            };
            const CAUSE: &str = "the host name of the gateway could not be resolved";
            const ADVICE: &str = "check the base URL, or let the proxy resolve it: begin the proxy \
                                  URL with socks5h://";
            TransportError::from(ProxyError { kind, ..ProxyError::transient(CAUSE, ADVICE) })
        })?;
        // Many proxies have no IPv6, and some notice it only by a time-out.
        addresses.sort_by_key(SocketAddr::is_ipv6);
        let addresses = self.targets.sort(addresses, Instant::now());
        Ok(addresses.into_iter().map(Target::Address).collect())
    }

    fn gateway_handshake<S: Stream>(
        &self,
        attempt: &mut Attempt,
        config: &Config,
        stream: S,
    ) -> io::Result<Tls<S>> {
        let settings = || config.tls.for_gateway();
        self.gateway_tls.handshake(attempt, settings, config.base_url.host(), stream)
    }
}

/// Whether a SOCKS proxy that answered with this error, or not at all, may reach another address.
fn may_reach_another(error: &TransportError) -> bool {
    matches!(error, TransportError::Proxy(error)
        if error.is_transient && matches!(error.kind, ErrorKind::Connect | ErrorKind::Timeout))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use rustls::RootCertStore;

    use super::*;
    use crate::transport::TlsConfig;
    use crate::transport::cancel::CancelSource;

    const LIMIT: Duration = Duration::from_secs(2);
    /// The addresses of `localhost`.
    const V4: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 443);
    const V6: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::LOCALHOST), 443);

    /// A SOCKS proxy that opens tunnels to some addresses, and does not answer for others.
    struct SocksProxy {
        config: Config,
        /// The addresses that it was asked for since the last [`open`](Self::open).
        targets: Arc<Mutex<Vec<SocketAddr>>>,
        connector: Connector,
    }

    impl SocksProxy {
        fn new(opens: &'static [SocketAddr]) -> Self {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let targets = Arc::new(Mutex::new(Vec::new()));
            let seen = targets.clone();
            // It ends with the test program.
            std::thread::spawn(move || {
                let mut open = Vec::new();
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    let target = read_target(&mut stream).unwrap();
                    seen.lock().unwrap().push(target);
                    if opens.contains(&target) {
                        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
                    }
                    open.push(stream);
                }
            });
            let proxy = Proxy {
                scheme: ProxyScheme::Socks5,
                host: "127.0.0.1".to_owned(),
                port,
                login: None,
            };
            let config = Config {
                base_url: BaseUrl::parse("https://localhost").unwrap(),
                user_agent: String::new(),
                proxy: Some(proxy),
                tls: TlsConfig {
                    roots: Box::new(|| Ok(Arc::new(RootCertStore::empty()))),
                    roots_setting: None,
                    client_cert: None,
                },
            };
            Self { config, targets, connector: Connector::new() }
        }

        /// Opens a tunnel. Returns the attempt, the error and the addresses that it tried.
        fn open(&self) -> (Attempt, Option<TransportError>, Vec<SocketAddr>) {
            let end = Instant::now() + LIMIT;
            let cancel = CancelSource::default().token(None).unwrap();
            let mut attempt = Attempt::new(cancel, end, end);
            let proxy = self.config.proxy.as_ref().unwrap();
            let result = self.connector.open_tunnel(&mut attempt, &self.config, proxy);
            let targets = std::mem::take(&mut *self.targets.lock().unwrap());
            (attempt, result.err(), targets)
        }
    }

    fn read_target(stream: &mut TcpStream) -> io::Result<SocketAddr> {
        stream.read_exact(&mut [0; 3])?;
        stream.write_all(&[5, 0])?;
        let mut head = [0; 4];
        stream.read_exact(&mut head)?;
        let (mut v4, mut v6, mut port) = ([0; 4], [0; 16], [0; 2]);
        let ip = if head[3] == 1 {
            stream.read_exact(&mut v4)?;
            v4.into()
        } else {
            stream.read_exact(&mut v6)?;
            v6.into()
        };
        stream.read_exact(&mut port)?;
        Ok(SocketAddr::new(ip, u16::from_be_bytes(port)))
    }

    #[test]
    fn a_socks_proxy_that_does_not_answer_for_an_address_is_asked_for_the_next() {
        let proxy = SocksProxy::new(&[V6]);
        let (_, error, targets) = proxy.open();
        assert!(error.is_none(), "{error:?}");
        assert_eq!(targets, [V4, V6]);
        // The next call begins with the one that worked.
        let (_, error, targets) = proxy.open();
        assert!(error.is_none(), "{error:?}");
        assert_eq!(targets, [V6]);
    }

    #[test]
    fn an_address_behind_a_socks_proxy_whose_connection_failed_is_the_last() {
        let proxy = SocksProxy::new(&[V4, V6]);
        let failed = TransportError::from(io::Error::from(io::ErrorKind::UnexpectedEof));
        let (attempt, _, targets) = proxy.open();
        assert_eq!(targets, [V4]);
        assert_eq!(proxy.open().2, [V4]);
        // As after a failed handshake.
        proxy.connector.failed(&attempt, &failed);
        assert_eq!(proxy.open().2, [V6]);
    }

    #[test]
    fn a_socks_proxy_that_does_not_answer_for_any_address_is_a_time_out() {
        let proxy = SocksProxy::new(&[]);
        let begin = Instant::now();
        let (attempt, error, targets) = proxy.open();
        assert!(begin.elapsed() >= LIMIT);
        assert_eq!(targets, [V4, V6]);
        let error = error.unwrap();
        assert!(
            matches!(&error, TransportError::Proxy(error) if error.kind == ErrorKind::Timeout),
            "{error:?}"
        );
        // The one that failed first is tried first.
        proxy.connector.failed(&attempt, &error);
        assert_eq!(proxy.open().2, [V4, V6]);
    }
}
