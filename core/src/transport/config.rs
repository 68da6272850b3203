//! The settings of the transport: plain values, checked by the caller.

use ureq::Proxy;

use super::tls::TlsConfig;
use crate::url::BaseUrl;

pub(crate) struct Config {
    pub(crate) base_url: BaseUrl,
    pub(crate) user_agent: String,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) tls: TlsConfig,
}
