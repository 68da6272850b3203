//! Properties that hold for every input, each tried on random ones: for a second in a plain
//! `cargo test`; what reads a stranger's words for longer in `make test-fuzz`. A failure prints the
//! smallest input found for it, and a seed: `BOLERO_RANDOM_SEED` brings it back. The cases of
//! `tests/vectors` are tried each time; what is found here goes there.

mod arguments;
mod bodies;
mod http;
mod no_proxy;
mod redaction;
mod response;
mod retry_after;
mod urls;
mod webhook_header;

use std::fmt;
use std::ops::Bound;

use bolero::Driver;

/// Bytes that a failure shows as text.
struct Bytes(Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// A number from 0 up to `end`.
fn below<D: Driver>(driver: &mut D, end: usize) -> Option<usize> {
    driver.gen_usize(Bound::Included(&0), Bound::Excluded(&end))
}

fn pick<D: Driver, T: Copy>(driver: &mut D, choices: &[T]) -> Option<T> {
    Some(choices[below(driver, choices.len())?])
}

fn one_in<D: Driver>(driver: &mut D, count: usize) -> Option<bool> {
    Some(below(driver, count)? == count - 1)
}

/// Puts a few pieces together.
fn pieces<D: Driver>(driver: &mut D, most: usize, choices: &[&str]) -> Option<String> {
    let count = below(driver, most + 1)?;
    (0..count).map(|_| pick(driver, choices)).collect()
}
