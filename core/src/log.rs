//! The log: one line for each attempt.

use std::fmt;
use std::time::Duration;

use log::Level;

use crate::endpoint::ApiRequest;
use crate::redact::log_line;
use crate::transport::AttemptResult;

pub(crate) fn attempt(
    request: &ApiRequest<'_>,
    number: u32,
    attempt: &AttemptResult,
    duration: Duration,
) {
    let (level, outcome): (_, &dyn fmt::Display) = match &attempt.result {
        Ok(response) if response.is_success() => (Level::Debug, &response.status),
        Ok(response) => (Level::Warn, &response.status),
        // It is repeated at once.
        Err(error) if attempt.was_stale && !request.creates() => (Level::Debug, &error.message),
        Err(error) => (Level::Warn, &error.message),
    };
    log_line!(
        level,
        "{} {}: attempt {number}, {} connection, {} ms: {outcome}",
        request.method(),
        request.logged_path(),
        if attempt.reused { "reused" } else { "new" },
        duration.as_millis(),
    );
}
