//! From a client's settings to a connection.

use std::io;
use std::sync::Arc;

use once_cell::race::OnceBox;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use ureq::ProxyProtocol;

use super::attempt::{self, Phase};
use super::connection::Connection;
use super::failure::Fault;
use super::socket::Socket;
use super::tls::{self, Tls};
use super::tunnel;
use super::wire::Wire;
use crate::options::Settings;

/// Opens connections.
pub(crate) struct Connector {
    /// Made with the first TLS connection: it can mean to read the system's whole store.
    tls: OnceBox<Arc<ClientConfig>>,
}

impl Connector {
    pub(crate) const fn new() -> Self {
        Self { tls: OnceBox::new() }
    }

    /// Opens a connection to the gateway.
    pub(crate) fn open(&self, settings: &Settings) -> Result<Connection, Fault> {
        let base_url = &settings.base_url;
        let wire: Box<dyn Wire> = match &settings.proxy {
            None => {
                let socket = Socket::open(base_url.host(), base_url.port())?;
                if base_url.is_https() {
                    attempt::enter(Phase::Tls)?;
                    Box::new(self.secure(settings, base_url.host(), socket)?)
                } else {
                    Box::new(socket)
                }
            }
            // Plain http is for loopback alone, which is never proxied.
            Some(proxy) => {
                let socket = Socket::open(proxy.host(), proxy.port())?;
                let tunnel = if proxy.protocol() == ProxyProtocol::Https {
                    attempt::enter(Phase::ProxyTls)?;
                    let wire = self.secure(settings, proxy.host(), socket)?;
                    attempt::enter(Phase::Connect)?;
                    tunnel::open(wire, proxy, base_url, &settings.user_agent)
                } else {
                    tunnel::open(socket, proxy, base_url, &settings.user_agent)
                };
                let tunnel = tunnel.map_err(Fault::Proxy)?;
                attempt::enter(Phase::Tls)?;
                Box::new(self.secure(settings, base_url.host(), tunnel)?)
            }
        };
        Ok(Connection::new(wire))
    }

    /// Puts TLS on top of a wire.
    fn secure<W: Wire>(&self, settings: &Settings, host: &str, wire: W) -> io::Result<Tls<W>> {
        let config = self.tls.get_or_init(|| Box::new(settings.tls.client_config()));
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned()).map_err(tls::bad)?;
        Tls::handshake(config.clone(), name, wire)
    }
}
