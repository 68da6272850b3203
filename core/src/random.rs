//! Random numbers for jitter.

use rustls::crypto::ring;

/// A number from 0 up to, but not including, 1. It comes from the system: the state of a generator
/// would be shared with the children of a fork, which would then all retry at the same time.
pub(crate) fn random() -> f64 {
    let mut bytes = [0; 4];
    match ring::default_provider().secure_random.fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.5,
    }
}
