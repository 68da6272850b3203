//! Many clients, slow clients and bounded memory.

#![allow(clippy::unwrap_used, reason = "a panic in a helper fails the test")]

mod common;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use common::*;
use zignsec_sandbox::Sandbox;

#[test]
fn one_thousand_sessions_can_be_open() {
    let sandbox = Sandbox::start().unwrap();
    let ids: Vec<_> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..10)
            .map(|_| scope.spawn(|| (0..100).map(|_| start(&sandbox, PHONE)).collect::<Vec<_>>()))
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(sandbox.sessions().len(), 1000);
    for id in ids.iter().step_by(37) {
        assert_eq!(status(&sandbox, id), "pending");
    }
}

#[test]
fn slow_clients_do_not_block_others() {
    let sandbox = Sandbox::start().unwrap();
    let host = address(&sandbox);
    let slow: Vec<_> = (0..200)
        .map(|n| {
            let mut stream = socket(&sandbox);
            let partial = match n % 3 {
                0 => String::new(),
                1 => format!("POST {START} HTTP/1.1\r\nhost: {host}\r\n"),
                _ => format!(
                    "POST {START} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 100\r\n\r\n{{"
                ),
            };
            stream.write_all(partial.as_bytes()).unwrap();
            stream
        })
        .collect();
    let before = Instant::now();
    assert_eq!(get(&sandbox, &lookup("x")).status, 404);
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    drop(slow);
}

/// Takes half a minute; run it with `--ignored`.
#[test]
#[ignore = "waits for the time limit of 30 seconds"]
fn headers_and_body_must_arrive_within_30_seconds_each() {
    let sandbox = Sandbox::start().unwrap();
    let host = address(&sandbox);
    let ends = |partial: String| {
        let sandbox = &sandbox;
        move || {
            let mut stream = socket(sandbox);
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            stream.write_all(partial.as_bytes()).unwrap();
            let before = Instant::now();
            let mut response = Vec::new();
            stream.read_to_end(&mut response).unwrap();
            (before.elapsed().as_secs(), String::from_utf8_lossy(&response).into_owned())
        }
    };
    std::thread::scope(|scope| {
        let silent = scope.spawn(ends(String::new()));
        let head = scope.spawn(ends(format!("POST {START} HTTP/1.1\r\nhost: {host}\r\n")));
        let body = scope.spawn(ends(format!(
            "POST {START} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 9\r\n\r\n{{"
        )));
        for connection in [silent, head, body] {
            let (seconds, response) = connection.join().unwrap();
            assert!((29..=35).contains(&seconds), "{seconds}: {response}");
            assert!(response.is_empty() || response.starts_with("HTTP/1.1 408 "), "{response}");
        }
    });
}

/// Sends requests over one connection.
fn send_requests(sandbox: &Sandbox, count: usize) {
    let (host, key) = (address(sandbox), sandbox.api_key());
    let mut body = example();
    body["relay_state"] = "x".repeat(500).into();
    body.as_object_mut().unwrap().remove("webhook");
    let body = body.to_string();
    let post = format!(
        "POST {START} HTTP/1.1\r\nhost: {host}\r\nauthorization: {key}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = socket(sandbox);
    let mut buffer = [0; 65536];
    for _ in 0..count / PIPELINED {
        stream.write_all(post.repeat(PIPELINED).as_bytes()).unwrap();
        let mut braces = 0;
        while braces < PIPELINED * BRACES {
            let length = stream.read(&mut buffer).unwrap();
            assert_ne!(length, 0);
            assert!(!buffer[..length].windows(6).any(|bytes| bytes == b"errors"));
            braces += buffer[..length].iter().filter(|byte| **byte == b'{').count();
        }
    }
}

/// The number of opening braces in the response to a POST.
const BRACES: usize = 2;
const PIPELINED: usize = 50;

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_bounded_after_100_000_requests() {
    let sandbox = Sandbox::start().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| send_requests(&sandbox, 25_000));
        }
    });
    assert_eq!(sandbox.requests().len(), 500);
    assert_eq!(sandbox.requests()[0].id, 100_000);
    assert_eq!(sandbox.sessions().len(), 10_000);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 256 << 10, "{peak}");
}
