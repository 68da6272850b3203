//! The system calls of a request on an open connection, counted by strace: one send, one receive,
//! one check whether the connection is still open, and one `getpid` that detects a fork.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

use std::collections::BTreeMap;
use std::process::Command;

use zignsec::{Client, Phone2faRequest};
use zignsec_sandbox::Sandbox;

const URL: &str = "ZIGNSEC_TEST_TRACED_URL";
const KEY: &str = "ZIGNSEC_TEST_TRACED_KEY";
const CA_FILE: &str = "ZIGNSEC_TEST_TRACED_CA_FILE";

/// Marks a place in the trace, by a system call with a known path.
fn mark(name: &str) {
    assert!(!std::path::Path::new(&format!("/mark-{name}")).exists());
}

/// The program that is traced: the other test runs this one in a child process.
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
    let start_result = client.start_phone_2fa(&request);
    mark("get");
    let get_result = client.get_session(&id);
    mark("end");
    start_result.unwrap();
    get_result.unwrap();
}

/// Counts the system calls between two marks by name, without those that manage memory.
fn calls_between(trace: &str, from: &str, to: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let lines = trace
        .lines()
        .skip_while(|line| !line.contains(&format!("/mark-{from}")))
        .skip(1)
        .take_while(|line| !line.contains(&format!("/mark-{to}")));
    for line in lines {
        let (name, arguments) = line.split_once('(').unwrap();
        let name = match name.rsplit(' ').next().unwrap() {
            // The allocator makes these from time to time.
            "brk" | "mmap" | "munmap" | "madvise" => continue,
            // On x86 with 32 bits, glibc makes the calls `recv` and `send`.
            "recvfrom" | "recv" if arguments.contains("MSG_PEEK|MSG_DONTWAIT") => "peek",
            "sendto" | "send" => {
                assert!(arguments.contains("MSG_NOSIGNAL"), "{line}");
                "send"
            }
            // The response had not arrived when the client checked for cancellation.
            "recvfrom" | "recv" if arguments.contains("EAGAIN") => continue,
            "recvfrom" | "recv" => "receive",
            other => other,
        };
        *counts.entry(name.to_owned()).or_insert(0) += 1;
    }
    counts
}

#[test]
fn a_request_on_an_open_connection_sends_receives_and_checks_once() {
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
        assert_eq!(calls_between(&text, "post", "get"), expected, "POST, TLS: {tls}");
        assert_eq!(calls_between(&text, "get", "end"), expected, "GET, TLS: {tls}");
    }
}
