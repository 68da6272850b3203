//! Opens connections to the gateway.

use std::io;
use std::sync::Arc;

use once_cell::race::OnceBox;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use ureq::{Proxy, ProxyProtocol};

use super::attempt::{Attempt, Phase};
use super::config::Config;
use super::connection::Connection;
use super::error::TransportError;
use super::socket::Socket;
use super::stream::Stream;
use super::tls::{self, Tls};
use super::tunnel;

pub(crate) struct Connector {
    /// Created with the first TLS connection.
    tls: OnceBox<Arc<ClientConfig>>,
}

impl Connector {
    pub(crate) const fn new() -> Self {
        Self { tls: OnceBox::new() }
    }

    pub(crate) fn connect(
        &self,
        attempt: &mut Attempt,
        config: &Config,
    ) -> Result<Connection, TransportError> {
        let gateway = &config.base_url;
        let stream: Box<dyn Stream> = match &config.proxy {
            None => {
                let socket = Socket::connect(attempt, gateway.host(), gateway.port())?;
                if gateway.is_https() {
                    attempt.set_phase(Phase::Tls);
                    Box::new(self.handshake(attempt, config, gateway.host(), socket)?)
                } else {
                    Box::new(socket)
                }
            }
            // Plain http is allowed only for loopback, which is never proxied.
            Some(proxy) => {
                let tunnel = self.open_tunnel(attempt, config, proxy)?;
                attempt.set_phase(Phase::Tls);
                Box::new(self.handshake(attempt, config, gateway.host(), tunnel)?)
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
        let socket = Socket::connect(attempt, proxy.host(), proxy.port())?;
        let stream: Box<dyn Stream> = if proxy.protocol() == ProxyProtocol::Https {
            attempt.set_phase(Phase::ProxyTls);
            let tls = self.handshake(attempt, config, proxy.host(), socket)?;
            attempt.set_phase(Phase::Connect);
            Box::new(tls)
        } else {
            Box::new(socket)
        };
        tunnel::open(attempt, stream, proxy, &config.base_url, &config.user_agent)
    }

    fn handshake<S: Stream>(
        &self,
        attempt: &mut Attempt,
        config: &Config,
        host: &str,
        stream: S,
    ) -> io::Result<Tls<S>> {
        let tls = self.tls.get_or_init(|| Box::new(config.tls.client_config()));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(tls::tls_error)?;
        Tls::handshake(attempt, tls.clone(), name, stream)
    }
}
