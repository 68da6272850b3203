//! The time by two clocks.

use std::time::{Duration, Instant, SystemTime};

/// The time by two clocks. `Instant` may stand still while the machine sleeps; `SystemTime` can be
/// set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    pub(crate) system: SystemTime,
}

impl Now {
    pub(crate) fn read() -> Self {
        Self { instant: Instant::now(), system: SystemTime::now() }
    }

    /// The time since `earlier` by the clock that says more. `None` if a clock was set back.
    pub(crate) fn since(self, earlier: Self) -> Option<Duration> {
        let instant = self.instant.saturating_duration_since(earlier.instant);
        self.system.duration_since(earlier.system).ok().map(|system| system.max(instant))
    }
}

#[cfg(test)]
impl std::ops::Add<Duration> for Now {
    type Output = Self;

    fn add(self, passed: Duration) -> Self {
        Self { instant: self.instant + passed, system: self.system + passed }
    }
}
