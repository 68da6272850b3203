//! Which failure may be tried again, and when.

use std::time::{Duration, Instant};

use rustls::crypto::ring;

use crate::transport::{Answer, Call, Failure};

/// The pauses grow from here.
const FIRST: Duration = Duration::from_millis(250);
/// And no further than this.
const LONGEST: Duration = Duration::from_secs(8);

/// Whether a call that ended like this may be made again.
///
/// A lookup changes nothing, so it may whenever that can help. To open a session twice would send
/// a user two ways: that is tried again only where the first try cannot have opened one.
pub(crate) fn is_safe(call: &Call<'_>, outcome: &Result<Answer, Failure>) -> bool {
    match (outcome, call.creates()) {
        (Err(failure), creates) => failure.is_transient && !(creates && failure.sent),
        (Ok(answer), true) => matches!(answer.status, 429 | 503) && answer.retry_after.is_some(),
        (Ok(answer), false) => matches!(answer.status, 429 | 500 | 502 | 503 | 504),
    }
}

/// What is left for more attempts.
pub(crate) struct Budget {
    deadline: Instant,
    retries: u32,
    made: u32,
}

impl Budget {
    pub(crate) fn new(deadline: Instant, retries: u32) -> Self {
        Self { deadline, retries, made: 0 }
    }

    /// How long to wait before one more attempt, at least what the gateway asks for. `None` where
    /// no attempt is left, or the pause would outlast the budget: there is then no point in it.
    pub(crate) fn pause(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        if self.made == self.retries {
            return None;
        }
        let longest = FIRST.saturating_mul(1 << self.made.min(16)).min(LONGEST);
        let pause = longest.mul_f64(random()).max(retry_after.unwrap_or_default());
        self.made += 1;
        let left = self.deadline.saturating_duration_since(Instant::now());
        (pause < left).then_some(pause)
    }
}

/// A number from 0 up to 1. From the system, since a generator's state would be shared with the
/// children of a fork, who would then all come back at once.
pub(crate) fn random() -> f64 {
    let mut bytes = [0; 4];
    match ring::default_provider().secure_random.fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn pauses_are_random_and_grow_to_a_limit() {
        let mut seen = Vec::new();
        for _ in 0..100 {
            let mut budget = Budget::new(Instant::now() + HOUR, 40);
            for longest in [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0] {
                let pause = budget.pause(None).unwrap();
                assert!(pause.as_secs_f64() < longest, "{pause:?}");
                seen.push(pause);
            }
            assert!(std::iter::from_fn(|| budget.pause(None)).count() == 33);
        }
        assert!(seen.iter().any(|pause| *pause > Duration::from_secs(4)));
        assert!(seen.iter().any(|pause| *pause < Duration::from_millis(50)));
    }

    #[test]
    fn a_pause_is_at_least_what_the_gateway_asks_for() {
        let mut budget = Budget::new(Instant::now() + HOUR, 2);
        assert_eq!(budget.pause(Some(HOUR / 2)), Some(HOUR / 2));
        assert!(budget.pause(Some(Duration::ZERO)).unwrap() < Duration::from_millis(500));
        assert_eq!(budget.pause(None), None);
    }

    #[test]
    fn a_pause_that_does_not_fit_is_not_begun() {
        let mut budget = Budget::new(Instant::now() + HOUR, 2);
        assert_eq!(budget.pause(Some(2 * HOUR)), None);
        assert_eq!(budget.pause(Some(Duration::MAX)), None);
        let mut late = Budget::new(Instant::now(), 2);
        assert_eq!(late.pause(Some(Duration::ZERO)), None);
    }
}
