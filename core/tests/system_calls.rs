//! What a call on an open connection asks of the system: to send once, to receive once, to look once
//! whether the connection still stands, and which process this is. Counted by strace.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot be set up")]

use std::collections::BTreeMap;
use std::process::Command;

use zignsec::{Client, Phone2faRequest};
use zignsec_sandbox::Sandbox;

const URL: &str = "ZIGNSEC_TEST_TRACED_URL";
const KEY: &str = "ZIGNSEC_TEST_TRACED_KEY";
const CA_FILE: &str = "ZIGNSEC_TEST_TRACED_CA_FILE";

/// Leaves a mark in the trace.
fn mark(name: &str) {
    assert!(!std::path::Path::new(&format!("/mark-{name}")).exists());
}

/// What is traced: this test, in a process of its own.
#[test]
fn traced() {
    let Ok(url) = std::env::var(URL) else { return };
    let mut builder = Client::builder(std::env::var(KEY).unwrap()).base_url(url);
    if let Ok(file) = std::env::var(CA_FILE) {
        builder = builder.ca_file(file);
    }
    let client = builder.build().unwrap();
    let request = Phone2faRequest::new("+46701740605")
        .redirect_success("https://a.example/ok")
        .redirect_failure("https://a.example/no");
    let id = client.start_phone_2fa(&request).unwrap().id().to_owned();
    client.get_session(&id).unwrap();
    mark("post");
    let posted = client.start_phone_2fa(&request);
    mark("get");
    let got = client.get_session(&id);
    mark("end");
    posted.unwrap();
    got.unwrap();
}

/// The system calls between two marks, by name, memory management apart.
fn between(trace: &str, from: &str, to: &str) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    let lines = trace
        .lines()
        .skip_while(|line| !line.contains(&format!("/mark-{from}")))
        .skip(1)
        .take_while(|line| !line.contains(&format!("/mark-{to}")));
    for line in lines {
        let (name, arguments) = line.split_once('(').unwrap();
        let name = match name.rsplit(' ').next().unwrap() {
            // The allocator's, now and then.
            "brk" | "mmap" | "munmap" | "madvise" => continue,
            "recvfrom" if arguments.contains("MSG_PEEK|MSG_DONTWAIT") => "peek",
            "sendto" => {
                assert!(arguments.contains("MSG_NOSIGNAL"), "{line}");
                "send"
            }
            // A turn in which nothing came yet.
            "recvfrom" if arguments.contains("EAGAIN") => continue,
            "recvfrom" => "receive",
            other => other,
        };
        *calls.entry(name.to_owned()).or_insert(0) += 1;
    }
    calls
}

#[test]
fn a_warm_call_sends_once_receives_once_and_looks_once() {
    if Command::new("strace").arg("-V").output().is_err() {
        assert!(std::env::var_os("ZIGNSEC_TEST_ALL").is_none(), "strace is missing");
        println!("skipped: strace is missing");
        return;
    }
    for tls in [false, true] {
        let sandbox = Sandbox::builder().tls(tls).start().unwrap();
        let trace = std::env::temp_dir().join(format!("trace-{tls}-{}", std::process::id()));
        let mut command = Command::new("strace");
        command
            .args(["--follow-forks", "--output"])
            .arg(&trace)
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "traced", "--test-threads=1"])
            .env(URL, sandbox.url())
            .env(KEY, sandbox.api_key());
        if let Some(ca_file) = sandbox.ca_file() {
            command.env(CA_FILE, ca_file);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = std::fs::read_to_string(&trace).unwrap();
        std::fs::remove_file(&trace).unwrap();

        let expected = [("getpid", 1), ("peek", 1), ("receive", 1), ("send", 1)];
        let expected = expected.map(|(name, count)| (name.to_owned(), count)).into();
        assert_eq!(between(&text, "post", "get"), expected, "POST, TLS: {tls}");
        assert_eq!(between(&text, "get", "end"), expected, "GET, TLS: {tls}");
    }
}
