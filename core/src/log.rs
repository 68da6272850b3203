//! What is logged: one line for each attempt.

use std::fmt;
use std::time::Duration;

use log::{Level, log};

use crate::transport::{Call, Outcome};

/// How much of a session's id is shown: enough to find it again, too little to look it up with.
const ID_SHOWN: usize = 8;

pub(crate) fn attempt(call: &Call<'_>, number: u32, outcome: &Outcome, took: Duration) {
    let (level, status): (_, &dyn fmt::Display) = match &outcome.result {
        Ok(answer) if answer.is_success() => (Level::Debug, &answer.status),
        Ok(answer) => (Level::Warn, &answer.status),
        Err(failure) => (Level::Warn, &failure.what),
    };
    log!(
        target: "zignsec",
        level,
        "{} {}: attempt {number}, {} connection, {} ms: {status}",
        call.method(),
        shown_path(call),
        if outcome.reused { "open" } else { "new" },
        took.as_millis(),
    );
}

fn shown_path(call: &Call<'_>) -> String {
    match call.session_id {
        Some(id) if id.len() > ID_SHOWN => {
            format!("{}...", &call.path[..call.path.len() - id.len() + ID_SHOWN])
        }
        _ => call.path.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_shown_by_its_beginning() {
        let path = |id| {
            shown_path(&Call {
                path: format!("core/{}", id),
                csrf_token: None,
                body: None,
                session_id: Some(id),
            })
        };
        assert_eq!(path("55c20771-9d75-4241-8e0f-94d3a37671ca"), "core/55c20771...");
        assert_eq!(path("a"), "core/a");
    }
}
