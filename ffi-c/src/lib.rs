//! The C ABI of zignsec: converts between C and the crate `zignsec`, and does nothing else.
//!
//! Every exported function has the same shape: its arguments are references, or types of [`ptr`]
//! that are safe to use. Code that calls the core runs in [`call::ffi_call`], code that drops an
//! object in [`catch`], and everything else only reads a field. The doc comments are written for C;
//! `make header` copies them into `include/zignsec.h`.

// The names are C's, and what is public is public to C.
#![allow(non_camel_case_types, unreachable_pub)]

mod argument;
mod call;
mod catch;
mod client;
mod duration;
mod error;
mod logging;
mod ptr;
mod request;
mod result;
mod session;
mod status;
mod strings;
mod version;
mod wait;
mod webhook;
