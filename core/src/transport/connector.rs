//! Opens connections to the gateway.

use std::io;

use ureq::{Proxy, ProxyProtocol};

use super::attempt::{Attempt, Phase};
use super::config::Config;
use super::connection::Connection;
use super::dns::Resolver;
use super::error::TransportError;
use super::resumption::TlsPeer;
use super::socket::Socket;
use super::stream::Stream;
use super::tls::Tls;
use super::tunnel;

pub(crate) struct Connector {
    resolver: Resolver,
    gateway_tls: TlsPeer,
    /// Separate, so that the proxy has neither the client certificate nor a session of the gateway.
    proxy_tls: TlsPeer,
}

impl Connector {
    pub(crate) fn new() -> Self {
        Self { resolver: Resolver::new(), gateway_tls: TlsPeer::new(), proxy_tls: TlsPeer::new() }
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
        let gateway = &config.base_url;
        let stream: Box<dyn Stream> = match &config.proxy {
            None => {
                let socket =
                    Socket::connect(attempt, &self.resolver, gateway.host(), gateway.port())?;
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

    /// Connects to the proxy and opens a tunnel through it to the gateway.
    fn open_tunnel(
        &self,
        attempt: &mut Attempt,
        config: &Config,
        proxy: &Proxy,
    ) -> Result<Box<dyn Stream>, TransportError> {
        let socket = Socket::connect(attempt, &self.resolver, proxy.host(), proxy.port())?;
        let stream: Box<dyn Stream> = if proxy.protocol() == ProxyProtocol::Https {
            attempt.set_phase(Phase::ProxyTls);
            let settings = || config.tls.for_proxy();
            let tls = self.proxy_tls.handshake(attempt, settings, proxy.host(), socket)?;
            attempt.set_phase(Phase::Connect);
            Box::new(tls)
        } else {
            Box::new(socket)
        };
        tunnel::open(attempt, stream, proxy, &config.base_url, &config.user_agent)
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
