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
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let stream = |number| Mutex::new(stream(seed, number));
        Self { seed, ids: stream(1), codes: stream(2) }
    }

    /// Starts every stream over, as a fresh sandbox with this seed would.
    pub(crate) fn reset(&self) {
        *self.ids.lock() = stream(self.seed, 1);
        *self.codes.lock() = stream(self.seed, 2);
    }

    pub(crate) fn id(&self) -> String {
        uuid::Builder::from_random_bytes(self.ids.lock().random()).into_uuid().to_string()
    }

    /// Five digits, leading zeros included.
    pub(crate) fn code(&self) -> String {
        format!("{:05}", self.codes.lock().random_range(0..100_000))
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
    fn a_reset_starts_the_streams_over() {
        let random = Random::new(7);
        let first = random.id();
        assert_ne!(random.id(), first);
        random.reset();
        assert_eq!(random.id(), first);
    }
}
