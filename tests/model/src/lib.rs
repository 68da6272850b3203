//! Runs what the threads of a client share - the pool, the per-process state, cancellation and the
//! joining of lookups - in every order of the threads' steps, under the memory model of C11, with
//! loom. `build.rs` says how the sources of core get here.
//!
//! Bounds: two to four threads, a few steps each, and no bound on switches between them. Time does
//! not pass: no wait times out, so a wake-up that got lost is a deadlock, which loom reports.
#![cfg(test)]

/// A file of core.
macro_rules! core_file {
    ($name:ident, $file:literal) => {
        #[allow(dead_code, unreachable_pub, reason = "a part of core, without its users")]
        mod $name {
            include!(concat!(env!("OUT_DIR"), "/", $file));
        }
    };
}

core_file!(cancel, "cancel.rs");
core_file!(clock, "clock.rs");
core_file!(fork, "fork.rs");
core_file!(lookup, "lookup.rs");
core_file!(pool, "pool.rs");

mod checks;
mod stand_ins;

use stand_ins::{ProcessKey, attempt, connection, os_error, sleep, sync};
