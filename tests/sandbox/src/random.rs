//! All randomness, from one seed: the same seed gives the same IDs, codes and chaos.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

/// Independent streams of one seed, so that one more SMS does not change which request chaos hits.
pub(crate) struct Random {
    ids: ChaCha8Rng,
    codes: ChaCha8Rng,
    requests: ChaCha8Rng,
    pages: ChaCha8Rng,
    webhooks: ChaCha8Rng,
}

/// What chaos can inject faults into. Each has its own stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Chaos {
    Request,
    Page,
    Webhook,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let [ids, codes, requests, pages, webhooks] =
            [1, 2, 3, 4, 5].map(|number| stream(seed, number));
        Self { ids, codes, requests, pages, webhooks }
    }

    pub(crate) fn id(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.ids.random()).into_uuid().to_string()
    }

    /// Five digits, including leading zeros.
    pub(crate) fn code(&mut self) -> String {
        format!("{:05}", self.codes.random_range(0..100_000))
    }

    /// One of `faults` in `percent` of all cases. Always draws the same amount, so that the
    /// percentage does not change what a later request draws.
    pub(crate) fn chaos<'a, T>(
        &mut self,
        stream: Chaos,
        percent: u8,
        faults: &'a [T],
    ) -> Option<&'a T> {
        let rng = match stream {
            Chaos::Request => &mut self.requests,
            Chaos::Page => &mut self.pages,
            Chaos::Webhook => &mut self.webhooks,
        };
        let (roll, pick) = (rng.random_range(0..100), rng.random_range(0..faults.len()));
        (roll < percent).then(|| &faults[pick])
    }
}

fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    rng
}

/// A seed for a sandbox started without one: below 2^53, so that JSON readers that use floating
/// point numbers can represent it.
pub(crate) fn random_seed() -> u64 {
    Uuid::new_v4().as_u64_pair().0 & ((1 << 53) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_gives_same_ids_and_codes() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (random.id(), random.code(), random.id(), random.code())
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn chaos_is_reproducible_and_matches_its_percentage() {
        let faults: Vec<u32> = (0..10).collect();
        let draw = |seed, percent| {
            let mut random = Random::new(seed);
            (0..1000)
                .map(|_| random.chaos(Chaos::Request, percent, &faults).copied())
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(7, 30), draw(7, 30));
        assert_ne!(draw(7, 30), draw(8, 30));
        assert!(draw(7, 0).iter().all(Option::is_none));
        assert!(draw(7, 100).iter().all(Option::is_some));
        let hits = draw(7, 30).iter().flatten().count();
        assert!((250..350).contains(&hits), "{hits}");
    }
}
