//! Random numbers for jitter.

use rustls::crypto::ring;

/// A number from 0 up to, but not including, 1. It comes from the system: the state of a generator
/// would be shared with the children of a fork, which would then all retry at the same time.
pub(crate) fn random() -> f64 {
    #[cfg(test)]
    if let Some(number) = FIXED.get() {
        return number;
    }
    let mut bytes = [0; 4];
    match ring::default_provider().secure_random.fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
pub(crate) use tests::FIXED;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    thread_local! {
        /// What [`random`](super::random) returns on this thread. With 0, the pauses of a call take
        /// no time.
        pub(crate) static FIXED: Cell<Option<f64>> = const { Cell::new(None) };
    }
}
