//! The C ABI of zignsec: translates C to the crate `zignsec` and back, and nothing else.
//!
//! Every exported function has the same face: its arguments are references, or types of [`ptr`] that
//! can be used safely; what calls the core or drops an object runs in [`boundary`], and the rest only
//! reads a field. Its documentation is written for C and carried into `include/zignsec.h` by `make
//! header`.

// The names are C's, and what is public is public to C.
#![allow(non_camel_case_types, unreachable_pub)]

mod boundary;
mod client;
mod error;
mod logging;
mod ptr;
mod request;
mod result;
mod session;
mod status;
mod version;
mod wait;
mod webhook;
