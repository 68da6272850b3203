//! The part that all measured clients share: the same calls, the same checks and the same clock.

pub mod gateway;
mod measure;
mod process;

pub use measure::{Client, Target, run};
