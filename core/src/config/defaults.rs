//! The defaults of all settings. The bindings and their documentation read them from here.

use std::time::Duration;

/// The limit for DNS, TCP, proxy and TLS together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The limit for one attempt.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// The limit for a whole call.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// How many more attempts a call may make.
pub const MAX_RETRIES: u32 = 2;
/// How long to wait for a session to become final.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(300);
/// The time between two polls of a wait.
pub const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// The largest difference between the time of a webhook's signature and now.
pub const WEBHOOK_TOLERANCE: Duration = Duration::from_secs(300);
/// The language of the hosted page.
pub const LOCALE: &str = "En";
