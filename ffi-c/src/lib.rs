//! The C ABI of zignsec: translates C to the crate `zignsec` and back, and nothing else.
//!
//! Every exported function has the same face: its arguments are types of [`ptr`] that can be used
//! safely, its body runs in a [`boundary::boundary`] and calls the core. Its documentation is
//! written for C and carried into `include/zignsec.h` by `make header`.

// The names are C's, and what is public is public to C.
#![allow(non_camel_case_types, unreachable_pub)]

mod boundary;
mod client;
mod error;
mod ptr;
mod request;
mod result;
mod session;
mod status;
mod version;
