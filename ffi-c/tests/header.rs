//! `include/zignsec.h` is what cbindgen writes from this crate. `make header` writes it.

use std::path::Path;
use std::{env, fs};

#[test]
fn the_committed_header_is_what_cbindgen_writes() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut written = Vec::new();
    cbindgen::generate(crate_dir).expect("cbindgen reads the crate").write(&mut written);
    let written = String::from_utf8(written).expect("a header is text");
    // cbindgen puts a space behind a type that cbindgen.toml renames to a pointer.
    let written =
        ["char *", "void *", "uint8_t *", "_options *", "_request *", "zs_client *", "**"]
            .iter()
            .fold(written, |text, pointer| text.replace(&format!("{pointer} "), pointer));

    let path = crate_dir.join("../include/zignsec.h");
    if env::var_os("ZIGNSEC_WRITE_HEADER").is_some() {
        fs::write(&path, &written).expect("the header can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == written, "include/zignsec.h is out of date: run `make header`");
}
