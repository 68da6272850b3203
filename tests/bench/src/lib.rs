//! What every client that is measured has in common: the same calls, the same checks, the same clock.

pub mod gateway;
mod measure;
mod process;

pub use measure::{Client, Target, run};
