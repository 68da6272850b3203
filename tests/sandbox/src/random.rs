//! Everything that looks like chance, from one seed: the same seed gives the same ids, codes and chaos.

use parking_lot::Mutex;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

/// Independent streams of one seed, so that one more SMS does not change which call chaos picks.
pub(crate) struct Random {
    seed: u64,
    ids: Mutex<ChaCha8Rng>,
    codes: Mutex<ChaCha8Rng>,
    calls: Mutex<ChaCha8Rng>,
    pages: Mutex<ChaCha8Rng>,
    webhooks: Mutex<ChaCha8Rng>,
}

/// What chaos can strike. Each has a stream of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Chaos {
    Call,
    Page,
    Webhook,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let stream = |number| Mutex::new(stream(seed, number));
        let [ids, codes, calls, pages, webhooks] = [1, 2, 3, 4, 5].map(stream);
        Self { seed, ids, codes, calls, pages, webhooks }
    }

    /// Starts every stream over, as a fresh sandbox with this seed would.
    pub(crate) fn reset(&self) {
        let streams = [&self.ids, &self.codes, &self.calls, &self.pages, &self.webhooks];
        for (number, rng) in (1..).zip(streams) {
            *rng.lock() = stream(self.seed, number);
        }
    }

    pub(crate) fn id(&self) -> String {
        uuid::Builder::from_random_bytes(self.ids.lock().random()).into_uuid().to_string()
    }

    /// Five digits, leading zeros included.
    pub(crate) fn code(&self) -> String {
        format!("{:05}", self.codes.lock().random_range(0..100_000))
    }

    /// One of `faults`, in `percent` of all cases. Always draws as much, so that the percentage does
    /// not change what a later call draws.
    pub(crate) fn chaos<'a, T>(
        &self,
        strikes: Chaos,
        percent: u8,
        faults: &'a [T],
    ) -> Option<&'a T> {
        let mut rng = match strikes {
            Chaos::Call => &self.calls,
            Chaos::Page => &self.pages,
            Chaos::Webhook => &self.webhooks,
        }
        .lock();
        let (roll, pick) = (rng.random_range(0..100), rng.random_range(0..faults.len()));
        (roll < percent).then(|| &faults[pick])
    }
}

fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    rng
}

/// A seed for those who gave none. Kept within 2^53, so that it survives a trip through JSON in any language.
pub(crate) fn fresh_seed() -> u64 {
    Uuid::new_v4().as_u64_pair().0 & ((1 << 53) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_codes() {
        let draw = |seed| {
            let random = Random::new(seed);
            (random.id(), random.code(), random.id(), random.code())
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn chaos_is_the_same_for_the_same_seed_and_strikes_as_often_as_asked() {
        let faults: Vec<u32> = (0..10).collect();
        let draw = |seed, percent| {
            let random = Random::new(seed);
            (0..1000)
                .map(|_| random.chaos(Chaos::Call, percent, &faults).copied())
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(7, 30), draw(7, 30));
        assert_ne!(draw(7, 30), draw(8, 30));
        assert!(draw(7, 0).iter().all(Option::is_none));
        assert!(draw(7, 100).iter().all(Option::is_some));
        let struck = draw(7, 30).iter().flatten().count();
        assert!((250..350).contains(&struck), "{struck}");
    }

    #[test]
    fn a_reset_starts_the_streams_over() {
        let random = Random::new(7);
        let first = random.id();
        assert_ne!(random.id(), first);
        random.reset();
        assert_eq!(random.id(), first);
    }
}
