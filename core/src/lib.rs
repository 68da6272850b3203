//! Client for ZignSec's phone two-factor authentication. A verification takes three steps:
//!
//! 1. [`Client::start_phone_2fa`] starts a session and returns its
//!    [`redirect_url`](Session::redirect_url).
//! 2. You send the user there. They receive a code by SMS and enter it on ZignSec's page.
//! 3. [`Client::get_session`] returns the result: [`Session::is_verified_for`].
//!
//! ```no_run
//! use zignsec::{Client, Phone2faRequest};
//!
//! # fn main() -> Result<(), zignsec::Error> {
//! let client = Client::builder("your-API-key").build()?;
//!
//! let phone_number = "+46701740605"; // from your server's record of the user
//! let request = Phone2faRequest::new(phone_number)
//!     .redirect_success("https://example.com/signed-in")
//!     .redirect_failure("https://example.com/try-again");
//! let session = client.start_phone_2fa(&request)?;
//! println!("send the user to {}", session.redirect_url().unwrap_or_default());
//!
//! // Later, when the user is back:
//! let session = client.get_session(session.id())?;
//! if session.is_verified_for(phone_number) {
//!     println!("the user is verified");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Let a user in only if [`Session::is_verified_for`] is true for the phone number that your server
//! stored for that user. [`Session::is_verified`] alone does not say whose phone it was, and the
//! session that a start returns is never verified. Do not rely on the user reaching
//! `redirect_success`: anyone can open that URL. Use the session id that your server stored for the
//! logged-in user.
//!
//! If the gateway reports changes of a session to your server, [`webhook::verify`] checks that the
//! report is from the gateway.
//!
//! # Blocking, threads and time
//!
//! Every call blocks until it returns a session or an [`Error`]: [`Client::start_phone_2fa`] and
//! [`Client::get_session`] for at most the client's [timeout](ClientBuilder::timeout),
//! [`Client::wait_for_session`] for at most the [timeout](WaitOptions::timeout) of the wait.
//! [`Client::cancel`] ends it earlier, from another thread. Threads can share a [`Client`].
//!
//! After a fork, both processes can use the clients they have. The child opens its own connections
//! and does not use those of its parent. It is recognised by its process ID: a child that has the
//! ID of its parent, because it is in another PID namespace, must create new clients.
//!
//! # Logging
//!
//! Each attempt is logged as one line through the crate [`log`](https://docs.rs/log), with the
//! target `zignsec`: at level `debug` on success (2xx), at `warn` on failure. Keys and phone
//! numbers are never logged, and only the first 8 characters of a session id. Loading the
//! system's certificates is logged at `debug`. Creating a client is logged at `warn` if
//! `ZIGNSEC_BASE_URL` overrides `ZIGNSEC_ENVIRONMENT` or leads to loopback without TLS, and at
//! `debug` if the environment is ignored.

#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod bindings;
mod client;
mod config;
mod decode;
mod endpoint;
mod error;
mod field;
mod header;
mod html;
mod json;
mod log;
mod memory;
#[cfg(test)]
mod model;
mod os_error;
mod phone;
#[cfg(test)]
mod properties;
mod random;
mod reason;
mod redact;
mod request;
mod response;
mod retry;
mod session;
mod status;
mod text_problem;
mod transport;
mod url;
mod verdict;
mod wait;
pub mod webhook;

pub use client::{Client, ClientBuilder};
pub use config::{AuthScheme, Environment};
pub use error::{Error, ErrorKind};
pub use request::Phone2faRequest;
pub use session::{RequestData, Session};
pub use status::SessionStatus;
pub use wait::WaitOptions;
pub use webhook::{Tolerance, WebhookEvent};
