//! Configuration: every setting, its default, its environment variable and its validation.
//!
//! [`Options::resolve`] turns what the caller set and what the environment says into [`Settings`],
//! which are checked and complete. It is a layer above the transport, which receives plain
//! values and reads neither options nor environment variables.

mod certificates;
mod client_cert;
pub mod defaults;
mod env;
mod keys;
mod no_proxy;
mod options;
mod privilege;
mod proxy;
mod proxy_url;
mod roots;
mod system_roots;

pub(crate) use env::Env;
pub(crate) use keys::Keys;
#[cfg(test)]
pub(crate) use no_proxy::is_exempt;
pub use options::{AuthScheme, Environment, Options};
pub(crate) use options::{Limits, Settings, time_limit};
pub(crate) use proxy::DIRECT;
#[cfg(test)]
pub(crate) use proxy_url::parse_proxy;
