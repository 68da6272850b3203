//! From a URL to a connection.

use std::fmt;
use std::sync::Arc;

use once_cell::race::OnceBox;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use ureq::Error;
use ureq::http::Uri;
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, Transport, TransportAdapter,
};

use super::attempt::{self, Phase};
use super::connection::Connection;
use super::failure::Broken;
use super::socket::Socket;
use super::tls::{self, Tls};
use super::trust::TlsSettings;
use super::wire::Wire;

/// ureq's connector for proxies, then our own. Where there is a proxy, the first has the whole chain
/// run for the proxy's own address, and hands the tunnel it then gets on to the second.
pub(crate) fn connector(tls: TlsSettings, through_proxy: bool) -> impl Connector {
    ().chain(ConnectProxyConnector::default()).chain(Connect {
        tls,
        config: OnceBox::new(),
        through_proxy,
    })
}

struct Connect {
    tls: TlsSettings,
    /// Made with the first TLS connection: it can mean to read the system's whole store.
    config: OnceBox<Arc<ClientConfig>>,
    through_proxy: bool,
}

impl<In: Transport> Connector<In> for Connect {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        tunnel: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let https = details.needs_tls();
        let connection = match tunnel {
            // Plain http is for loopback alone, which is never proxied.
            Some(tunnel) => {
                let clock = details.current_time.clone();
                let wire = TransportAdapter::new(Box::new(tunnel) as Box<dyn Transport>, clock);
                self.secure(details.uri, wire, true)?
            }
            None => {
                attempt::enter(Phase::Connect).map_err(Broken::by)?;
                let host = details.uri.host().unwrap_or_default();
                let port = details.uri.port_u16().unwrap_or(if https { 443 } else { 80 });
                let socket = Socket::open(host, port).map_err(Broken::by)?;
                let to_gateway = !self.through_proxy;
                if https {
                    self.secure(details.uri, socket, to_gateway)?
                } else {
                    Box::new(Connection::new(socket, to_gateway, false))
                }
            }
        };
        Ok(Some(connection))
    }
}

impl Connect {
    fn secure(
        &self,
        uri: &Uri,
        wire: impl Wire,
        to_gateway: bool,
    ) -> Result<Box<dyn Transport>, Error> {
        let config = self.config.get_or_init(|| Box::new(self.tls.client_config()));
        let phase = if to_gateway { Phase::Tls } else { Phase::ProxyTls };
        attempt::enter(phase).map_err(Broken::by)?;
        let name = server_name(uri).map_err(Broken::by)?;
        let wire = Tls::handshake(config.clone(), name, wire).map_err(Broken::by)?;
        if !to_gateway {
            attempt::enter(Phase::Connect).map_err(Broken::by)?;
        }
        Ok(Box::new(Connection::new(wire, to_gateway, true)))
    }
}

fn server_name(uri: &Uri) -> std::io::Result<ServerName<'static>> {
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(bare.to_owned()).map_err(tls::bad)
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connect")
    }
}
