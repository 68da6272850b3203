//! Property tests: each property is checked with random inputs, for a second in `cargo test`.
//! Parsers of untrusted input are tested longer in `make test-fuzz`. A failure prints the smallest
//! failing input and a seed. Set `BOLERO_RANDOM_SEED` to this seed to repeat the failure. The cases
//! of `tests/vectors` are tested too: add a case there for each bug that is found here.

mod arguments;
mod bodies;
mod http;
mod no_proxy;
mod proxies;
mod reason;
mod redaction;
mod response;
mod retry_after;
mod urls;
mod verdict;
mod webhook_header;

use std::fmt;
use std::ops::Bound;

use bolero::Driver;

/// Bytes that are printed as text when a test fails.
struct Bytes(Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// A number from 0 to `end`, exclusive.
fn below<D: Driver>(driver: &mut D, end: usize) -> Option<usize> {
    driver.gen_usize(Bound::Included(&0), Bound::Excluded(&end))
}

fn pick<D: Driver, T: Copy>(driver: &mut D, choices: &[T]) -> Option<T> {
    Some(choices[below(driver, choices.len())?])
}

fn one_in<D: Driver>(driver: &mut D, count: usize) -> Option<bool> {
    Some(below(driver, count)? == count - 1)
}

/// Concatenates up to `most` of the choices.
fn pieces<D: Driver>(driver: &mut D, most: usize, choices: &[&str]) -> Option<String> {
    let count = below(driver, most + 1)?;
    (0..count).map(|_| pick(driver, choices)).collect()
}
