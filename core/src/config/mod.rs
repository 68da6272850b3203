//! Configuration: every setting, its default, its environment variable and its validation.
//!
//! [`Options::resolve`] turns what the caller set and what the environment says into [`Settings`],
//! which are checked and complete. It is a layer above the transport, which receives plain
//! values and reads neither options nor environment variables.

pub mod defaults;
mod env;
mod keys;
mod options;
mod privilege;
mod proxy;
mod roots;

pub(crate) use env::Env;
pub(crate) use keys::Keys;
pub use options::{AuthScheme, Environment, Options};
pub(crate) use options::{Limits, Settings, time_limit};
#[cfg(test)]
pub(crate) use proxy::is_exempt;
pub(crate) use proxy::{DIRECT, display_without_login};
