//! Simulates ZignSec's phone two-factor gateway locally, to develop and test programs that use the
//! gateway. It is unofficial, not affiliated with ZignSec, and sends no SMS.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use zignsec_sandbox::{Action, Sandbox};
//!
//! let sandbox = Sandbox::start()?;
//! // Run the program under test with `sandbox.url()` and `sandbox.api_key()`. Its sessions:
//! for session in sandbox.sessions() {
//!     let outcome = sandbox.user(&session.id, Action::Accept)?;
//!     assert_eq!(outcome.status, "accepted");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Dropping the [`Sandbox`] stops everything and frees the port.

#![forbid(unsafe_code)]

mod admin;
mod app;
mod bounded;
mod budget;
mod clock;
pub mod command;
mod connection;
mod dashboard;
mod delivery;
mod faults;
mod gateway;
mod guard;
mod help;
mod host;
mod limited;
mod list;
mod magic;
mod messages;
mod options;
mod pages;
mod problem;
mod random;
mod request;
mod request_log;
mod sandbox;
mod server;
mod session;
mod sms;
mod tls;
mod user;
mod webhook_client;
mod webhooks;

pub use faults::{Fault, ScriptedAnswer};
pub use options::{CancelDestination, ErrorShape, SuccessStatus, WebhookShape};
pub use problem::Problem;
pub use request_log::RecordedRequest;
pub use sandbox::{Builder, Sandbox};
pub use session::SessionView;
pub use sms::Sms;
pub use user::{Action, Outcome};
pub use webhooks::WebhookAttempt;
