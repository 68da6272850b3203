//! The layers of the source code: imports of modules form no cycle, and transport imports nothing
//! that is above it.
//!
//! `ZIGNSEC_TEST_TREE` names another source tree to check.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules that transport may import.
const BELOW_TRANSPORT: [&str; 6] = ["error", "memory", "os_error", "redact", "transport", "url"];
/// The only files of the bindings that may contain unsafe code.
const UNSAFE_FILES: [(&str, &str); 2] = [("ffi-c", "ptr.rs"), ("py", "cpython.rs")];

/// A source file without comments and unit tests.
struct File {
    path: PathBuf,
    /// The module of the crate root that it belongs to.
    module: String,
    code: String,
    imports: BTreeSet<String>,
}

/// Reads the source files of a crate, except the crate root and modules that contain only tests.
fn read_crate(name: &str) -> Vec<File> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/..").into();
    let tree = std::env::var_os("ZIGNSEC_TEST_TREE").map_or(default, PathBuf::from);
    let src = tree.join(name).join("src");
    let root = fs::read_to_string(src.join("lib.rs")).unwrap();
    let mut files = Vec::new();
    read_folder(&src, &src, &mut files);
    files.retain(|file| !root.contains(&format!("#[cfg(test)]\nmod {};", file.module)));

    let modules: BTreeSet<String> = files.iter().map(|file| file.module.clone()).collect();
    for file in &mut files {
        let defined_in = |name: &str| match modules.contains(name) {
            true => name.to_owned(),
            false => re_exported_from(&root, name),
        };
        file.imports = imported_names(&file.code, "crate::").map(defined_in).collect();
    }
    files
}

fn read_folder(src: &Path, folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_folder(src, &path, files);
        } else if path.extension().is_some_and(|it| it == "rs") && path != src.join("lib.rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(src).unwrap().to_owned();
            let top = Path::new(path.iter().next().unwrap());
            let module = top.file_stem().unwrap().to_str().unwrap().to_owned();
            // Unit tests are the last item of their file.
            let code = text.split("\nmod tests {").next().unwrap().lines();
            let code = code.filter(|line| !line.trim_start().starts_with("//"));
            let code = code.collect::<Vec<_>>().join("\n");
            let depth = path.iter().count() - usize::from(path.ends_with("mod.rs"));
            let parents = "super::".repeat(depth);
            assert!(!code.contains(&parents), "{}: write crate::, not {parents}", path.display());
            files.push(File { path, module, code, imports: BTreeSet::new() });
        }
    }
}

/// The names that follow `crate::` or another prefix, also those in a group, such as
/// `crate::{a, b::c}`.
fn imported_names<'a>(code: &'a str, prefix: &str) -> impl Iterator<Item = &'a str> {
    let paths = code.split(prefix).skip(1);
    paths.flat_map(|rest| match rest.strip_prefix('{') {
        Some(group) => {
            let group = group.split("};").next().unwrap();
            assert!(!group.contains('{'), "a group in a group: {group}");
            group.split(',').map(first_word).filter(|name| !name.is_empty()).collect::<Vec<_>>()
        }
        None => vec![first_word(rest)],
    })
}

fn first_word(text: &str) -> &str {
    text.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap()
}

/// The module from which the crate root re-exports a name.
fn re_exported_from(root: &str, name: &str) -> String {
    let words = |text: &str| text.split([' ', ',', ';', ':', '{', '}']).any(|word| word == name);
    let mut exports = root.split("\npub use ").skip(1).map(|rest| rest.split(';').next().unwrap());
    let export = exports.find(|export| words(export));
    first_word(export.unwrap_or_else(|| panic!("crate::{name} is unknown"))).to_owned()
}

/// The cycles of imports, such as `a -> b -> a`, each with the files that import.
fn cycles(files: &[File]) -> Vec<String> {
    let mut imports: BTreeMap<&str, BTreeMap<&str, &Path>> = BTreeMap::new();
    for file in files {
        for import in file.imports.iter().filter(|import| **import != file.module) {
            imports.entry(&file.module).or_default().insert(import, &file.path);
        }
    }
    let shortest_cycle = |start| {
        let mut paths = VecDeque::from([vec![start]]);
        let mut visited = BTreeSet::new();
        while let Some(path) = paths.pop_front() {
            for next in imports.get(path.last()?).into_iter().flat_map(BTreeMap::keys) {
                let longer = [&path[..], &[*next]].concat();
                if *next == start {
                    return Some(longer);
                }
                if visited.insert(*next) {
                    paths.push_back(longer);
                }
            }
        }
        None
    };
    let mut found = BTreeMap::new();
    for cycle in imports.keys().filter_map(|start| shortest_cycle(*start)) {
        let importers = cycle.windows(2).map(|pair| imports[pair[0]][pair[1]].to_str().unwrap());
        let importers = importers.collect::<Vec<_>>().join(", ");
        let modules: BTreeSet<&str> = cycle.iter().copied().collect();
        found.entry(modules).or_insert(format!("{} ({importers})", cycle.join(" -> ")));
    }
    found.into_values().collect()
}

/// The files of a folder of core as modules. A name that a file imports from `super` is another
/// file, or else it is defined in `mod.rs`; and `mod.rs` imports all of its modules.
fn read_folder_of_core(name: &str) -> Vec<File> {
    let mut files = read_crate("core");
    files.retain(|file| file.path.starts_with(name));
    for file in &mut files {
        file.module = file.path.file_stem().unwrap().to_str().unwrap().to_owned();
    }
    let modules: BTreeSet<String> = files.iter().map(|file| file.module.clone()).collect();
    for file in &mut files {
        let defined_in = |name: &str| if modules.contains(name) { name } else { "mod" }.to_owned();
        file.imports = match file.module.as_str() {
            "mod" => modules.clone(),
            _ => imported_names(&file.code, "super::").map(defined_in).collect(),
        };
    }
    files
}

fn assert_no_cycle(name: &str, files: &[File]) {
    assert!(files.iter().any(|file| !file.imports.is_empty()), "no import was found");
    let cycles = cycles(files);
    assert!(cycles.is_empty(), "cycles of imports in {name}:\n  {}", cycles.join("\n  "));
}

/// The files that contain unsafe code. The attribute `unsafe(no_mangle)` does not count.
fn files_with_unsafe_code(files: &[File]) -> Vec<&str> {
    let is_unsafe = |file: &&File| {
        let mut words = file.code.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '(');
        words.any(|word| word == "unsafe")
    };
    files.iter().filter(is_unsafe).map(|file| file.path.to_str().unwrap()).collect()
}

#[test]
fn core_has_no_import_cycle() {
    assert_no_cycle("core", &read_crate("core"));
    for folder in ["config", "redact", "transport", "webhook"] {
        assert_no_cycle(folder, &read_folder_of_core(folder));
    }
}

#[test]
fn the_c_library_has_no_import_cycle() {
    assert_no_cycle("ffi-c", &read_crate("ffi-c"));
}

#[test]
fn the_python_module_has_no_import_cycle() {
    assert_no_cycle("py", &read_crate("py"));
}

#[test]
fn transport_imports_only_what_is_below_it() {
    let files = read_crate("core");
    let transport: Vec<&File> = files.iter().filter(|file| file.module == "transport").collect();
    assert!(transport.len() > 5, "the files of transport were not found");
    for File { path, imports, .. } in transport {
        for import in imports {
            let is_below = BELOW_TRANSPORT.contains(&import.as_str());
            assert!(is_below, "{} imports crate::{import}", path.display());
        }
    }
}

#[test]
fn every_line_is_logged_by_the_macro_that_keeps_it_one_line() {
    let files = read_crate("core");
    let logs = |file: &&File| {
        let macros = ["log", "error", "warn", "info", "debug", "trace"];
        macros.iter().any(|name| file.code.contains(&format!("log::{name}!")))
            || imported_names(&file.code, "log::").any(|name| macros.contains(&name))
    };
    let found: Vec<_> = files.iter().filter(logs).map(|file| &file.path).collect();
    assert_eq!(found, [Path::new("redact/mod.rs")]);
}

#[test]
fn the_environment_is_read_in_one_file() {
    let files = read_crate("core");
    // The crate reads SSL_CERT_FILE and SSL_CERT_DIR itself.
    let readers = ["env::var", "rustls_native_certs"];
    let reads = |file: &&File| readers.iter().any(|reader| file.code.contains(reader));
    let found: Vec<_> = files.iter().filter(reads).map(|file| &file.path).collect();
    assert_eq!(found, [Path::new("config/env.rs")]);
}

#[test]
fn core_has_no_thread_local_state_and_no_unsafe_code() {
    let files = read_crate("core");
    let is_product = |file: &&File| !file.path.ends_with("mock_stream.rs");
    assert!(!files.iter().filter(is_product).any(|file| file.code.contains("thread_local!")));
    assert_eq!(files_with_unsafe_code(&files), [""; 0]);
}

#[test]
fn unsafe_code_of_a_binding_is_in_one_file() {
    for (binding, file) in UNSAFE_FILES {
        assert_eq!(files_with_unsafe_code(&read_crate(binding)), [file]);
    }
}
