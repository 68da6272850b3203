//! The C ABI of zignsec: converts between C and the crate `zignsec`, and does nothing else.
//!
//! The arguments of exported functions are references or types of [`ptr`]. A function that can fail
//! runs in [`call::ffi_call`]; one that frees an object uses [`catch`]; the others cannot panic, or
//! catch a panic themselves. The doc comments are written for C; `make header` copies them into
//! `include/zignsec.h`.

// The names are C's, and what is public is public to C.
#![allow(non_camel_case_types, unreachable_pub)]

mod argument;
mod call;
mod catch;
mod client;
mod duration;
mod error;
mod fork;
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
