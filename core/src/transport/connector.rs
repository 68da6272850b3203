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
    gateway_tls: TlsPeer,
    /// Separate, so that the proxy has neither the client certificate nor a session of the gateway.
    proxy_tls: TlsPeer,
}

impl Connector {
    pub(crate) fn new() -> Self {
        Self {
            resolver: Resolver::new(),
            history: History::new(),
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
    /// the next attempt tries.
    pub(crate) fn failed(&self, attempt: &Attempt, error: &TransportError) {
        if let Some(address) = attempt.address()
            && !error.is_cancelled()
        {
            self.history.failed(address, Instant::now());
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
    /// gateway, it closes the connection, so each address needs a new one.
    fn open_socks(
        &self,
        attempt: &mut Attempt,
        gateway: &BaseUrl,
        proxy: &Proxy,
    ) -> Result<Box<dyn Stream>, TransportError> {
        let mut targets = self.socks_targets(attempt, gateway, proxy)?.into_iter().peekable();
        while let Some(target) = targets.next() {
            let mut socket = self.connect_to_proxy(attempt, proxy)?;
            match socks::open(attempt, &mut socket, proxy.login.as_ref(), &target) {
                Ok(()) => return Ok(Box::new(socket)),
                // The proxy may reach another address.
                Err(TransportError::Proxy(error))
                    if error.kind == ErrorKind::Connect
                        && error.is_transient
                        && targets.peek().is_some() => {}
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
