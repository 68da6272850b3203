//! Names the shared library and keeps it loaded.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        let major = env!("CARGO_PKG_VERSION_MAJOR");
        let minor = env!("CARGO_PKG_VERSION_MINOR");
        // Before 1.0 each minor version may break the ABI.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libzignsec.so.{major}.{minor}");
        // Rust's thread-local destructors outlive a dlclose, and so must the code that they call.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
