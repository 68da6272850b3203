//! Names the shared library and keeps it loaded.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Before 1.0 each minor version may break the ABI.
    let version = concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));
    match target("OS").as_str() {
        "windows" if target("ENV") == "gnu" => windows(&format!("zignsec-{version}.dll")),
        _ if target("VENDOR") == "apple" => {
            link(&format!("-Wl,-install_name,@rpath/libzignsec.{version}.dylib"));
        }
        _ if env::var_os("CARGO_CFG_UNIX").is_some() => {
            link(&format!("-Wl,-soname,libzignsec.so.{version}"));
            // Rust's thread-local destructors outlive a dlclose, and so must the code that they
            // call. On Windows and macOS the library does this itself: ptr::stay_loaded().
            link("-Wl,-z,nodelete");
        }
        _ => {}
    }
}

/// What the library is built for.
fn target(property: &str) -> String {
    env::var(format!("CARGO_CFG_TARGET_{property}")).unwrap_or_default()
}

/// Passes an argument to the linker of the shared library.
fn link(argument: &str) {
    println!("cargo::rustc-cdylib-link-arg={argument}");
}

/// Names the DLL, in the table of its exports and in the import library, and adds its version.
fn windows(dll: &str) {
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR"));
    let definition = out_dir.join("zignsec.def");
    fs::write(&definition, format!("LIBRARY \"{dll}\"\n")).expect("OUT_DIR can be written");
    link(&definition.display().to_string());
    // The same source gives the same bytes.
    link("-Wl,--no-insert-timestamp");
    match version_resource(dll, &out_dir) {
        Some(object) => link(&object.display().to_string()),
        None => println!("cargo::warning=no windres was found: the DLL has no version resource"),
    }
}

/// Compiles what Windows shows on the page "Details" of the DLL's properties.
fn version_resource(dll: &str, out_dir: &Path) -> Option<PathBuf> {
    let version = env!("CARGO_PKG_VERSION");
    let numbers = concat!(
        env!("CARGO_PKG_VERSION_MAJOR"),
        ",",
        env!("CARGO_PKG_VERSION_MINOR"),
        ",",
        env!("CARGO_PKG_VERSION_PATCH"),
        ",0"
    );
    let source = format!(
        r#"1 VERSIONINFO
FILEVERSION {numbers}
PRODUCTVERSION {numbers}
FILEOS 0x40004
FILETYPE 2
{{
    BLOCK "StringFileInfo"
    {{
        BLOCK "040904b0"
        {{
            VALUE "CompanyName", "The zignsec contributors"
            VALUE "FileDescription", "Client for ZignSec's phone two-factor authentication"
            VALUE "FileVersion", "{version}"
            VALUE "InternalName", "zignsec"
            VALUE "LegalCopyright", "Copyright (c) 2026 The zignsec contributors. {licence}."
            VALUE "OriginalFilename", "{dll}"
            VALUE "ProductName", "zignsec"
            VALUE "ProductVersion", "{version}"
        }}
    }}
    BLOCK "VarFileInfo"
    {{
        VALUE "Translation", 0x409, 1200
    }}
}}
"#,
        licence = env!("CARGO_PKG_LICENSE"),
    );
    let file = out_dir.join("version.rc");
    let object = out_dir.join("version.o");
    fs::write(&file, source).expect("OUT_DIR can be written");
    let (prefix, format) = match target("ARCH").as_str() {
        "x86" => ("i686", "pe-i386"),
        "x86_64" => ("x86_64", "pe-x86-64"),
        _ => return None,
    };
    // A cross compiler's, then that of an installation on Windows.
    let names = [&format!("{prefix}-w64-mingw32-windres"), "windres"];
    let compiled = names.into_iter().any(|windres| {
        let mut command = Command::new(windres);
        command.arg("--input").arg(&file).arg("--output").arg(&object);
        command.arg("--target").arg(format).status().is_ok_and(|status| status.success())
    });
    compiled.then_some(object)
}
