//! Puts a user through ZignSec's phone two-factor check, in three steps:
//!
//! 1. [`Client::start_phone_2fa`] opens a session and gives its
//!    [`redirect_url`](Session::redirect_url).
//! 2. You send the user there. They get a code by SMS and type it on ZignSec's page.
//! 3. [`Client::get_session`] tells what came of it: [`Session::is_verified`].
//!
//! ```no_run
//! use zignsec::{Client, Phone2faRequest};
//!
//! # fn main() -> Result<(), zignsec::Error> {
//! let client = Client::builder("your API key").build()?;
//!
//! let request = Phone2faRequest::new(
//!     "+46701740605",
//!     "https://example.com/signed-in",
//!     "https://example.com/try-again",
//! )?;
//! let session = client.start_phone_2fa(&request)?;
//! println!("send the user to {}", session.redirect_url().unwrap_or_default());
//!
//! // Later, when the user is back:
//! let session = client.get_session(session.id())?;
//! if session.is_verified() {
//!     println!("{} is theirs", session.id());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A user who arrives at `redirect_success` proves nothing, since anybody can open that address:
//! only [`Client::get_session`], asked for an id that your own server remembered, does.
//!
//! Where the gateway reports a session's changes to a server of yours, [`webhook::verify`] tells whether
//! a report is the gateway's.
//!
//! # Blocking, threads and time
//!
//! Every call blocks until it has an answer or an [`Error`], at the longest for the client's
//! [timeout](ClientBuilder::timeout). [`Client::cancel`] ends it sooner, from another thread. A
//! [`Client`] is shared by threads freely.
//!
//! After a fork both processes go on with the clients they have. The child opens connections of its
//! own, and leaves its parent's alone.
//!
//! # What is logged
//!
//! One line for each attempt, through the crate [`log`](https://docs.rs/log) and under the target
//! `zignsec`: at the level `debug` where it was answered with a 2xx, else at `warn`. Keys are never in
//! it, ids only by their beginning, phone numbers not at all. And one at `debug` where the system's
//! certificates are read.

#![forbid(unsafe_code)]

mod answer;
mod client;
mod error;
mod json;
mod log;
mod options;
#[cfg(test)]
mod properties;
mod redact;
mod request;
mod retry;
mod session;
mod transport;
mod url;
mod wait;
pub mod webhook;

pub use client::{Client, ClientBuilder};
pub use error::{Error, ErrorKind};
pub use options::{AuthScheme, Environment};
pub use request::Phone2faRequest;
pub use session::{RequestData, Session, SessionStatus};
pub use wait::{Wait, WaitOptions};
pub use webhook::{Tolerance, WebhookEvent};
