//! Which failed attempt may be repeated, and when.

use std::time::{Duration, Instant};

use crate::endpoint::ApiRequest;
use crate::random::random;
use crate::transport::{AttemptError, Response};

/// The upper bound of the first pause. It doubles with each retry.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The upper bound of all pauses.
const MAX_PAUSE: Duration = Duration::from_secs(8);

/// Whether a request that ended with this result may be sent again.
///
/// A lookup changes nothing, so it is repeated whenever that can help. Starting a session twice
/// would create two sessions for one user, so that is repeated only if the first attempt cannot
/// have created one.
pub(crate) fn is_retryable(
    request: &ApiRequest<'_>,
    result: &Result<Response, AttemptError>,
) -> bool {
    match (request, result) {
        (ApiRequest::Start(_), Err(error)) => error.is_transient && !error.sent,
        (ApiRequest::Get { .. }, Err(error)) => error.is_transient,
        (ApiRequest::Start(_), Ok(response)) => {
            matches!(response.status, 429 | 503) && response.retry_after.is_some()
        }
        // Proxies and content networks use more of the 5xx than the standard names.
        (ApiRequest::Get { .. }, Ok(response)) => {
            matches!(response.status, 408 | 425 | 429 | 500 | 502..=504 | 506..=599)
        }
    }
}

/// The remaining attempts and time of a call.
pub(crate) struct Budget {
    deadline: Instant,
    retries: u32,
    made: u32,
}

impl Budget {
    pub(crate) fn new(deadline: Instant, retries: u32) -> Self {
        Self { deadline, retries, made: 0 }
    }

    /// How long to wait before one more attempt, at least as long as the gateway asked for. `None`
    /// if no attempt is left or the time would be up before the pause ends.
    pub(crate) fn pause(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        if self.made == self.retries {
            return None;
        }
        let max_pause = FIRST_PAUSE.saturating_mul(1 << self.made.min(16)).min(MAX_PAUSE);
        let pause = max_pause.mul_f64(random()).max(retry_after.unwrap_or_default());
        self.made += 1;
        let left = self.deadline.saturating_duration_since(Instant::now());
        (pause < left).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn pauses_are_random_and_grow_up_to_a_maximum() {
        let mut seen = Vec::new();
        for _ in 0..100 {
            let mut budget = Budget::new(Instant::now() + HOUR, 40);
            for max_pause in [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0] {
                let pause = budget.pause(None).unwrap();
                assert!(pause.as_secs_f64() < max_pause, "{pause:?}");
                seen.push(pause);
            }
            assert!(std::iter::from_fn(|| budget.pause(None)).count() == 33);
        }
        assert!(seen.iter().any(|pause| *pause > Duration::from_secs(4)));
        assert!(seen.iter().any(|pause| *pause < Duration::from_millis(50)));
    }

    #[test]
    fn a_pause_is_at_least_as_long_as_the_gateway_asked_for() {
        let mut budget = Budget::new(Instant::now() + HOUR, 2);
        assert_eq!(budget.pause(Some(HOUR / 2)), Some(HOUR / 2));
        assert!(budget.pause(Some(Duration::ZERO)).unwrap() < Duration::from_millis(500));
        assert_eq!(budget.pause(None), None);
    }

    #[test]
    fn a_pause_that_does_not_fit_the_time_left_is_refused() {
        let mut budget = Budget::new(Instant::now() + HOUR, 2);
        assert_eq!(budget.pause(Some(2 * HOUR)), None);
        assert_eq!(budget.pause(Some(Duration::MAX)), None);
        let mut late = Budget::new(Instant::now(), 2);
        assert_eq!(late.pause(Some(Duration::ZERO)), None);
    }
}
