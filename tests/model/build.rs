//! Copies the sources of core that threads share, with the types of loom in place of those of the
//! standard library. So core needs no layer for this test, and its own text is checked.

use std::path::Path;
use std::{env, fs};

const FOLDER: &str = "../../core/src/transport";

/// The files, and how many pieces of each are replaced: a change there must be looked at here.
const FILES: [(&str, usize); 5] =
    [("cancel.rs", 3), ("clock.rs", 0), ("fork.rs", 3), ("lookup.rs", 3), ("pool.rs", 2)];

const REPLACED: [(&str, &str); 7] = [
    ("use std::sync::", "use crate::sync::"),
    ("use std::thread::", "use loom::thread::"),
    ("use once_cell::race::", "use crate::sync::"),
    ("use super::process::ProcessKey", "use crate::ProcessKey"),
    // The constructors of loom are not const.
    ("const fn new", "fn new"),
    // loom follows a few threads at a time: the limit is checked with one lookup.
    ("MAX_LOOKUPS: usize = 16", "MAX_LOOKUPS: usize = 1"),
    ("std::thread::sleep(", "crate::sleep("),
];

fn main() {
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    for (name, expected) in FILES {
        let path = Path::new(FOLDER).join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path).expect("core has this file");
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.starts_with("//!"));
        let mut code = lines.collect::<Vec<_>>().join("\n");
        let mut count = 0;
        for (from, to) in REPLACED {
            count += code.matches(from).count();
            code = code.replace(from, to);
        }
        assert_eq!(count, expected, "{name}: what was replaced");
        fs::write(Path::new(&out).join(name), code).expect("OUT_DIR is writable");
    }
}
