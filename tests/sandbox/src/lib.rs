//! A local stand-in for ZignSec's phone two-factor gateway. It is not the gateway, has nothing to do with ZignSec, sends no SMS
//! and reaches nobody: it is what a program that uses the gateway is developed and tested against.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use zignsec_sandbox::{Action, Sandbox};
//!
//! let sandbox = Sandbox::start()?;
//! // Point the program under test at `sandbox.url()` with `sandbox.api_key()`. What it started shows up here:
//! for session in sandbox.sessions() {
//!     let outcome = sandbox.user(&session.id, Action::Accept)?;
//!     assert_eq!(outcome.status, "accepted");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Everything stops, and every port is free again, when the [`Sandbox`] is dropped.

#![forbid(unsafe_code)]

mod admin;
mod bounded;
mod clock;
pub mod command;
mod dashboard;
mod faults;
mod gateway;
mod guard;
mod help;
mod journal;
mod magic;
mod options;
mod pages;
mod problem;
mod random;
mod request;
mod sandbox;
mod server;
mod session;
mod sms;
mod tls;
mod user;
mod webhooks;
mod wire;
mod words;
mod world;

pub use faults::{Fault, ScriptedAnswer};
pub use journal::RecordedRequest;
pub use options::{CancelEnds, ErrorShape, SuccessStatus, WebhookShape};
pub use problem::Problem;
pub use sandbox::{Builder, Sandbox};
pub use session::SessionView;
pub use sms::Sms;
pub use user::{Action, Outcome};
pub use webhooks::WebhookAttempt;
