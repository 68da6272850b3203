//! The program: its ready line, its banner and its end.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

fn run(arguments: &[&str], stdin: Stdio) -> Child {
    Command::new(env!("CARGO_BIN_EXE_zignsec-sandbox"))
        .args(["--port", "0"])
        .args(arguments)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn ready(child: &mut Child) -> (Value, BufReader<std::process::ChildStdout>) {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    (serde_json::from_str(&line).unwrap(), out)
}

fn healthy(url: &str) -> bool {
    ureq::get(format!("{url}/_sandbox/health")).call().is_ok()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn json_prints_one_line_and_the_end_of_standard_input_stops_it() {
    let mut child = run(&["--json", "--tls"], Stdio::piped());
    let (line, mut out) = ready(&mut child);
    let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["api_key", "ca_file", "url", "webhook_secret"]);
    assert_eq!(line["api_key"], "sandbox-key");
    let url = line["url"].as_str().unwrap();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    assert!(healthy(&url.replace("https", "http")));
    let ca_file = std::path::Path::new(line["ca_file"].as_str().unwrap());
    assert!(ca_file.exists());
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    assert!(!ca_file.exists());
}

#[test]
fn signals_stop_it_in_good_order_and_a_null_standard_input_does_not() {
    for name in ["-INT", "-TERM"] {
        let mut child = run(&["--json"], Stdio::null());
        let (line, _out) = ready(&mut child);
        assert!(line["ca_file"].is_null());
        assert!(healthy(line["url"].as_str().unwrap()), "{name}");
        assert!(child.try_wait().unwrap().is_none(), "{name}");
        signal(&child, name);
        assert!(child.wait().unwrap().success(), "{name}");
    }
}

#[test]
fn the_banner_says_what_it_is_and_without_json_standard_input_is_left_alone() {
    let mut child = run(&["--api-key", "my-key", "--seed", "7"], Stdio::piped());
    drop(child.stdin.take());
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut banner = String::new();
    while !banner.contains("Ctrl-C") {
        assert_ne!(out.read_line(&mut banner).unwrap(), 0, "{banner}");
    }
    assert!(banner.contains("SANDBOX") && banner.contains("not the gateway"), "{banner}");
    assert!(banner.contains("my-key") && banner.contains(" 7\n"), "{banner}");
    let url = banner.split("URL").nth(1).unwrap().trim_start().lines().next().unwrap();
    assert!(healthy(url), "{url}");
    signal(&child, "-TERM");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_port_that_is_taken_is_a_plain_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let program = Command::new(env!("CARGO_BIN_EXE_zignsec-sandbox"))
        .args(["--port", &port])
        .output()
        .unwrap();
    assert!(!program.status.success());
    let error = String::from_utf8(program.stderr).unwrap();
    assert!(error.contains("in use"), "{error}");
    assert_eq!(program.stdout, b"");
}

#[test]
fn every_dial_of_the_command_line_arrives() {
    let mut child = run(
        &[
            "--json",
            "--host",
            "127.0.0.1",
            "--allow-host",
            "gateway.test",
            "--api-key",
            "my-key",
            "--webhook-secret",
            "hush",
            "--success-status",
            "finished",
            "--max-attempts",
            "1",
            "--cancel",
            "redirect",
            "--webhook-shape",
            "flat",
            "--webhook-allow",
            "hooks.test",
            "--error-shape",
            "text",
            "--chaos",
            "100",
            "--seed",
            "5",
        ],
        Stdio::piped(),
    );
    let (line, _out) = ready(&mut child);
    assert_eq!((&line["api_key"], &line["webhook_secret"]), (&"my-key".into(), &"hush".into()));
    let url = line["url"].as_str().unwrap();
    let health = ureq::get(format!("{url}/_sandbox/health")).header("host", "gateway.test").call();
    assert_eq!(health.unwrap().status(), 200);
    let dashboard = ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(dashboard.contains("Chaos strikes in 100 % of calls, from seed 5"), "{dashboard}");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_bad_key_is_refused_and_not_repeated() {
    let program = Command::new(env!("CARGO_BIN_EXE_zignsec-sandbox"))
        .args(["--api-key", "my secret"])
        .output()
        .unwrap();
    assert!(!program.status.success());
    let said = String::from_utf8([program.stdout, program.stderr].concat()).unwrap();
    assert!(said.contains("API key") && !said.contains("my secret"), "{said}");
}
