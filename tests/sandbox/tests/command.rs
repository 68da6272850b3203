//! The program: ready line, banner, options and shutdown.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails the test")]

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

fn read_ready_line(child: &mut Child) -> (Value, BufReader<std::process::ChildStdout>) {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    (serde_json::from_str(&line).unwrap(), out)
}

fn is_healthy(url: &str) -> bool {
    ureq::get(format!("{url}/_sandbox/health")).call().is_ok()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn json_prints_one_line_and_end_of_stdin_stops_the_program() {
    let mut child = run(&["--json", "--tls"], Stdio::piped());
    let (line, mut out) = read_ready_line(&mut child);
    let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["api_key", "ca_file", "url", "webhook_secret"]);
    assert_eq!(line["api_key"], "sandbox-key");
    let url = line["url"].as_str().unwrap();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    assert!(is_healthy(&url.replace("https", "http")));
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
fn signals_stop_the_program_and_a_null_stdin_does_not() {
    for name in ["-INT", "-TERM"] {
        let mut child = run(&["--json"], Stdio::null());
        let (line, _out) = read_ready_line(&mut child);
        assert!(line["ca_file"].is_null());
        assert!(is_healthy(line["url"].as_str().unwrap()), "{name}");
        assert!(child.try_wait().unwrap().is_none(), "{name}");
        signal(&child, name);
        assert!(child.wait().unwrap().success(), "{name}");
    }
}

#[test]
fn banner_shows_the_settings_and_without_json_stdin_is_ignored() {
    let mut child = run(&["--api-key", "my-key", "--seed", "7"], Stdio::piped());
    drop(child.stdin.take());
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut banner = String::new();
    while !banner.contains("Ctrl-C") {
        assert_ne!(out.read_line(&mut banner).unwrap(), 0, "{banner}");
    }
    assert!(banner.contains("SANDBOX") && banner.contains("not the real gateway"), "{banner}");
    assert!(banner.contains("my-key") && banner.contains(" 7\n"), "{banner}");
    let url = banner.split("URL").nth(1).unwrap().trim_start().lines().next().unwrap();
    assert!(is_healthy(url), "{url}");
    signal(&child, "-TERM");
    assert!(child.wait().unwrap().success());
}

#[test]
fn port_in_use_is_reported_as_an_error() {
    let in_use = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = in_use.local_addr().unwrap().port().to_string();
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
fn every_option_is_applied() {
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
    let (line, _out) = read_ready_line(&mut child);
    assert_eq!((&line["api_key"], &line["webhook_secret"]), (&"my-key".into(), &"hush".into()));
    let url = line["url"].as_str().unwrap();
    let health = ureq::get(format!("{url}/_sandbox/health")).header("host", "gateway.test").call();
    assert_eq!(health.unwrap().status(), 200);
    let dashboard = ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(dashboard.contains("random faults in 100 % of requests, seed 5"), "{dashboard}");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn invalid_api_key_is_rejected_without_being_printed() {
    let program = Command::new(env!("CARGO_BIN_EXE_zignsec-sandbox"))
        .args(["--api-key", "my secret"])
        .output()
        .unwrap();
    assert!(!program.status.success());
    let output = String::from_utf8([program.stdout, program.stderr].concat()).unwrap();
    assert!(output.contains("API key") && !output.contains("my secret"), "{output}");
}
