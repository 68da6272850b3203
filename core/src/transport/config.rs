//! The settings of the transport: plain values, checked by the caller.

use std::fmt;

use zeroize::Zeroizing;

use super::tls::TlsConfig;
use crate::url::BaseUrl;

pub(crate) struct Config {
    pub(crate) base_url: BaseUrl,
    pub(crate) user_agent: String,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) tls: TlsConfig,
}

/// A proxy. It is displayed as `scheme://host:port`, without its user and password, which are
/// secrets.
pub(crate) struct Proxy {
    pub(crate) scheme: ProxyScheme,
    /// An IPv6 address is in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) login: Option<Login>,
}

/// The user and password for a proxy.
pub(crate) struct Login {
    pub(crate) user: Zeroizing<String>,
    pub(crate) password: Zeroizing<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyScheme {
    /// `CONNECT` over HTTP.
    Http,
    /// `CONNECT` over HTTP over TLS.
    Https,
    /// SOCKS5 with the address of the gateway, which this library looks up.
    Socks5,
    /// SOCKS5 with the host name of the gateway, which the proxy looks up.
    Socks5h,
}

impl ProxyScheme {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    pub(crate) fn is_socks(self) -> bool {
        matches!(self, Self::Socks5 | Self::Socks5h)
    }

    pub(crate) fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks5 | Self::Socks5h => 1080,
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme.as_str(), self.host, self.port)
    }
}
