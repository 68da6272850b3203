//! `make header` writes `include/zignsec.h` and `include/zignsec.cdef` from this crate. These tests
//! compare the committed files with what it would write, and with the core.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use std::{env, fs};

use zignsec_core::bindings::defaults;

fn include(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../include").join(file)
}

/// The header, as it should be committed.
fn header() -> &'static str {
    static HEADER: OnceLock<String> = OnceLock::new();
    HEADER.get_or_init(|| with_calling_convention(plain_header()))
}

/// Inserts `ZS_CALL` into each declaration of a function and of a type of functions. cbindgen can
/// only write a macro in front of the return type, where Microsoft's compiler does not allow it.
fn with_calling_convention(header: &str) -> String {
    // Where it belongs in "zs_result zs_version(" and "typedef void (*zs_log_callback)(".
    let position = |line: &str| {
        let is_type = line.starts_with("typedef ");
        let (before, _) = line.split_once(if is_type { ")(" } else { "(" })?;
        let name = before.rfind("zs_")?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_declaration =
            line.starts_with(char::is_alphabetic) && before[name..].chars().all(is_name);
        is_declaration.then_some(if is_type { name - 1 } else { name })
    };
    let mut written = String::new();
    let mut lines = header.lines();
    while let Some(line) = lines.next() {
        let Some(at) = position(line) else {
            written += &format!("{line}\n");
            continue;
        };
        let declaration = format!("{}ZS_CALL {}", &line[..at], &line[at..]);
        // The arguments: on one line, or aligned on a line each.
        let open = declaration.rfind('(').expect("a function has arguments") + 1;
        let (start, first) = declaration.split_at(open);
        let mut arguments: Vec<&str> = first.split_inclusive(", ").map(str::trim_end).collect();
        while !arguments.last().is_some_and(|last| last.ends_with(");")) {
            arguments.push(lines.next().expect("a declaration ends").trim_start());
        }
        let is_one_line = first.ends_with(");") && declaration.len() <= MAX_LINE;
        let separator = if is_one_line { " " } else { &format!("\n{}", " ".repeat(open)) };
        written += &format!("{start}{}\n", arguments.join(separator));
    }
    written
}

/// The longest line that cbindgen writes.
const MAX_LINE: usize = 100;

/// The header without the calling convention.
fn plain_header() -> &'static str {
    static DECLARATIONS: OnceLock<String> = OnceLock::new();
    DECLARATIONS.get_or_init(|| {
        let mut written = Vec::new();
        let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        cbindgen::generate(crate_dir).expect("cbindgen reads the crate").write(&mut written);
        let written = String::from_utf8(written).expect("a header is UTF-8");
        // cbindgen writes a space after a type that cbindgen.toml renames to a pointer.
        let pointers =
            ["char *", "void *", "uint8_t *", "_options *", "_request *", "zs_client *", "**"];
        let written = pointers
            .iter()
            .fold(written, |text, pointer| text.replace(&format!("{pointer} "), pointer));
        // A macro that is a negative number needs parentheses.
        let (bare, parenthesized) = ("_UNLIMITED -1\n", "_UNLIMITED (-1)\n");
        assert!(written.contains(bare));
        // Up to C17, the type is a typedef, and a tag of the same name would not be valid C++.
        let untagged = |header: String, name: &str| {
            let condition = "if defined(__cplusplus) || __STDC_VERSION__ >= 202311L";
            let tagged = format!("enum {name}\n#{condition}\n  : int32_t\n");
            assert!(header.contains(&tagged));
            header.replace(&tagged, &format!("enum\n#{condition}\n  {name} : int32_t\n"))
        };
        ["zs_result", "zs_status"].into_iter().fold(written.replace(bare, parenthesized), untagged)
    })
}

/// The declarations of the header for parsers without a preprocessor: as a C99 compiler sees them,
/// with constants in an enum, and without comments and the calling convention.
fn cdef() -> String {
    let mut constants = Vec::new();
    let mut declarations = String::new();
    // Whether each #if, from the outermost to the innermost, is true.
    let mut conditions: Vec<bool> = Vec::new();
    let mut lines = plain_header().lines();
    while let Some(line) = lines.next() {
        let text = line.trim_start();
        if text.starts_with("/*") {
            let mut comment = text;
            while !comment.ends_with("*/") {
                comment = lines.next().expect("a comment ends");
            }
        } else if let Some(definition) = text.strip_prefix("#define ") {
            let mut end = definition;
            while end.ends_with('\\') {
                end = lines.next().expect("a macro ends");
            }
            match definition.split_once(' ') {
                Some((name, value)) if !name.ends_with("_INIT") && !conditions.contains(&false) => {
                    constants.push(format!("    {name} = {value},\n"));
                }
                _ => {}
            }
        } else if text.starts_with("#endif") {
            conditions.pop().expect("an #endif has an #if");
        } else if text.starts_with("#else") {
            let condition = conditions.last_mut().expect("an #else has an #if");
            *condition = !*condition;
        } else if text.starts_with("#if") {
            // C99 is older than 202311L, and none of the other macros is defined.
            let macros = ["ZIGNSEC_H", "_WIN32", "__cplusplus", "__STDC_VERSION__ >= 202311L"];
            assert!(macros.iter().any(|name| text.ends_with(name)), "unknown condition: {text}");
            conditions.push(text.starts_with("#ifndef"));
        } else if !text.starts_with('#') && !text.is_empty() && !conditions.contains(&false) {
            declarations.push_str(line);
            declarations.push('\n');
        }
    }
    assert!(conditions.is_empty());
    let declarations = declarations.replace("\n {\n", " {\n");
    format!(
        "/* Written by `make header` from ffi-c/. Do not edit by hand.\n   The declarations of \
         zignsec.h, where they are documented, for parsers without a C preprocessor.\n   Use \
         zs_client_options_init() and its siblings in place of the ZS_..._INIT macros. */\nenum \
         {{\n{}}};\n{declarations}",
        constants.concat()
    )
}

fn check_committed(file: &str, expected: &str) {
    if env::var_os("ZIGNSEC_WRITE_HEADER").is_some() {
        fs::write(include(file), expected).expect("the file can be written");
    }
    let committed = fs::read_to_string(include(file)).unwrap_or_default();
    assert!(committed == expected, "include/{file} is out of date: run `make header`");
}

#[test]
fn the_committed_header_is_up_to_date() {
    check_committed("zignsec.h", header());
}

#[test]
fn the_committed_cdef_is_up_to_date() {
    check_committed("zignsec.cdef", &cdef());
}

/// Runs a program that reads the cdef from its standard input and prints two constants.
fn run_parser(program: &str, arguments: &[&str]) {
    let input = env::temp_dir().join(format!("zignsec-{}-{program}.cdef", std::process::id()));
    fs::write(&input, cdef()).expect("a temporary file can be written");
    let stdin = fs::File::open(&input).expect("the temporary file can be read");
    let output = Command::new(program).args(arguments).stdin(stdin).output();
    let _ = fs::remove_file(&input);
    match output {
        Ok(output) => {
            let printed = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program}: {printed}{errors}");
            assert_eq!(printed.trim(), "-1 13", "{program}: {errors}");
        }
        Err(error) if env::var_os("ZIGNSEC_TEST_ALL").is_none() => {
            eprintln!("skipped: {program} ({error})");
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

#[test]
fn luajit_parses_the_cdef() {
    let script = "local ffi = require('ffi')
        ffi.cdef(io.read('*a'))
        local options = ffi.new('zs_client_options')
        assert(ffi.sizeof(options) == ffi.offsetof(options, 'user_agent') + ffi.sizeof('void *'))
        local constant = function(name) return tonumber(ffi.new('int', ffi.C[name])) end
        print(constant('ZS_TOLERANCE_UNLIMITED') .. ' ' .. constant('ZS_ERROR_IO'))";
    run_parser("luajit", &["-e", script]);
}

#[test]
fn php_parses_the_cdef() {
    // Declared functions must exist in a library: this test needs types and constants only.
    let script = r"
        $cdef = file_get_contents('php://stdin');
        $cdef = preg_replace('/^(?!typedef)\w[^;{}]*\([^;{}]*\);$/m', '', $cdef);
        $ffi = FFI::cdef($cdef);
        $options = $ffi->new('zs_client_options');
        $options->user_agent;
        echo $ffi->ZS_TOLERANCE_UNLIMITED, ' ', $ffi->ZS_ERROR_IO;";
    run_parser("php", &["-d", "ffi.enable=1", "-r", script]);
}

/// The documentation of a declaration: the comment above it, on one line.
fn documentation(text: &str, declaration: &str) -> String {
    let (before, _) = text.split_once(declaration).unwrap_or_else(|| panic!("no {declaration}"));
    let (_, comment) = before.rsplit_once("/**").expect("it has a comment");
    let lines =
        comment.lines().map(|line| line.trim().trim_start_matches("*/").trim_start_matches('*'));
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

#[test]
fn documented_defaults_are_those_of_the_core() {
    let milliseconds = |duration: Duration| format!(" 0: {}.", duration.as_millis());
    let expected = [
        ("connect_timeout_ms;", milliseconds(defaults::CONNECT_TIMEOUT)),
        ("attempt_timeout_ms;", milliseconds(defaults::ATTEMPT_TIMEOUT)),
        (" timeout_ms;\n    /**\n     * How many", milliseconds(defaults::TIMEOUT)),
        (" timeout_ms;\n    /**\n     * The time between", milliseconds(defaults::WAIT_TIMEOUT)),
        ("poll_interval_ms;", milliseconds(defaults::POLL_INTERVAL)),
        ("max_retries;", format!(" 0: {}. -1: never.", defaults::MAX_RETRIES)),
        ("*locale;", format!(" NULL: \"{}\".", defaults::LOCALE)),
        (
            "\nzs_result ZS_CALL zs_verify_webhook(",
            format!(" 0: {}. ZS_TOLERANCE_UNLIMITED", defaults::WEBHOOK_TOLERANCE.as_secs()),
        ),
    ];
    for (declaration, default) in expected {
        let documentation = documentation(header(), declaration);
        assert!(documentation.contains(&default), "not {default:?}: {documentation}");
    }
}

#[test]
fn documented_defaults_of_cpp_are_those_of_the_core() {
    let cpp = fs::read_to_string(include("zignsec.hpp")).expect("the header can be read");
    let seconds = |duration: Duration| format!(" Zero: {} seconds.", duration.as_secs());
    let expected = [
        ("connect_timeout{};", seconds(defaults::CONNECT_TIMEOUT)),
        ("attempt_timeout{};", seconds(defaults::ATTEMPT_TIMEOUT)),
        (" timeout{};\n    /** How many", seconds(defaults::TIMEOUT)),
        (" timeout{};\n    /** The time between", seconds(defaults::WAIT_TIMEOUT)),
        ("poll_interval{};", seconds(defaults::POLL_INTERVAL)),
        (" max_retries{};", format!(" not set: {}.", defaults::MAX_RETRIES)),
        ("string> locale{};", format!(" not set: \"{}\".", defaults::LOCALE)),
    ];
    for (declaration, default) in expected {
        let documentation = documentation(&cpp, declaration);
        assert!(documentation.contains(&default), "not {default:?}: {documentation}");
    }
    let tolerance = defaults::WEBHOOK_TOLERANCE.as_secs();
    assert!(cpp.contains(&format!("tolerance = std::chrono::seconds({tolerance}))")));
}
