//! The memory of the program while clients try to fill it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails the test")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const START: &str = "/core/api/sessions/two_factor_auth/phone";
const LIMIT_KIB: u64 = 256 << 10;

struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn start() -> Self {
        Self::start_with_files(1024)
    }

    /// Starts the program with a limit on the number of open files.
    fn start_with_files(limit: u32) -> Self {
        let program = env!("CARGO_BIN_EXE_zignsec-sandbox");
        let mut child = Command::new("sh")
            .args([
                "-c",
                "ulimit -n $1; exec \"$2\" --port 0 --json",
                "sh",
                &limit.to_string(),
                program,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let address = ready["url"].as_str().unwrap().strip_prefix("http://").unwrap();
        Self { address: address.parse().unwrap(), child }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// The bytes of a request, with a body of this length that does not follow.
    fn head(&self, method: &str, path: &str, length: usize) -> Vec<u8> {
        format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: sandbox-key\r\n\
             content-length: {length}\r\n\r\n",
            self.address
        )
        .into_bytes()
    }

    fn request(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        [&self.head(method, path, body.len()), body].concat()
    }

    /// The start of the response to a request on a new connection.
    fn status(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        String::from_utf8_lossy(&status[9..]).into_owned()
    }

    /// A field of /proc/PID/status in KiB.
    fn memory(&self, field: &str) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim_matches([':', ' ', '\t']).trim_end_matches(" kB").trim().parse().unwrap()
    }

    /// Checks the memory, and that others are served.
    fn assert_healthy(&self, attack: &str) {
        let (now, peak) = (self.memory("VmRSS"), self.memory("VmHWM"));
        println!("{attack}: {} MiB, peak {} MiB", now >> 10, peak >> 10);
        assert!(peak < LIMIT_KIB, "{attack}: {peak} KiB");
        let before = Instant::now();
        assert_eq!(self.status(&self.request("GET", "/_sandbox/health", b"")), "200", "{attack}");
        let body = json!({
            "metadata": {"phone_number": "+46703339954"},
            "redirect_failure": "https://a.example", "redirect_success": "https://a.example",
        });
        let start = self.request("POST", START, body.to_string().as_bytes());
        assert_eq!(self.status(&start), "200", "{attack}");
        assert!(before.elapsed() < Duration::from_secs(10), "{attack}: {:?}", before.elapsed());
    }

    /// Opens connections and writes these bytes to each, as far as the sandbox reads them.
    fn hold(&self, count: usize, bytes: &[u8]) -> Vec<TcpStream> {
        let mut held: Vec<_> = (0..count).map(|_| (self.connect(), 0)).collect();
        // In turns, so that all are open at the same time.
        let deadline = Instant::now() + Duration::from_secs(3);
        while Instant::now() < deadline {
            for (stream, sent) in &mut held {
                stream.set_nonblocking(true).unwrap();
                match stream.write(&bytes[*sent..]) {
                    Ok(length) => *sent += length,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    // Refused. Not read yet, so that the response can be read below.
                    Err(_) => *sent = bytes.len(),
                }
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        held.into_iter().map(|(stream, _)| stream).collect()
    }
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a response has begun to arrive.
fn has_response(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let has_response = stream.peek(&mut [0]).is_ok();
    stream.set_nonblocking(false).unwrap();
    has_response
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn large_bodies_that_do_not_end_are_limited_together() {
    let program = Program::start();
    let size = 4 << 20;
    let mut post = program.head("POST", "/_sandbox/faults", size);
    post.resize(post.len() + size - 1, b'x');
    let held = program.hold(150, &post);
    program.assert_healthy("150 posts of 4 MB");
    drop(held);
    wait_until("the memory is free again", || program.memory("VmRSS") < 64 << 10);
    program.assert_healthy("after 150 posts of 4 MB");
    let body = json!({"fault": "answer", "status": 200, "body": "x".repeat(3 << 20)}).to_string();
    let large = program.request("POST", "/_sandbox/faults", body.as_bytes());
    assert_eq!(program.status(&large), "200");
}

#[test]
fn request_that_exceeds_the_memory_limit_gets_a_503_with_a_reason() {
    let program = Program::start();
    let head = program.head("POST", "/_sandbox/faults", 4 << 20);
    // The first four to arrive get all of the memory.
    let mut held: Vec<_> = (0..5)
        .map(|_| {
            let mut stream = program.connect();
            stream.write_all(&head).unwrap();
            stream
        })
        .collect();
    let mut refused = None;
    wait_until("one of them is refused", || {
        refused = held.iter().position(has_response);
        refused.is_some()
    });
    let mut response = String::new();
    held.remove(refused.unwrap()).read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["errors"][0]["code"], "busy");
    program.assert_healthy("4 posts of 4 MB");
}

#[test]
fn many_incomplete_heads_and_bodies_are_limited_together() {
    let program = Program::start();
    let mut head = format!("GET / HTTP/1.1\r\nhost: {}\r\nx: ", program.address).into_bytes();
    head.resize(60_000, b'y');
    let held = program.hold(300, &head);
    program.assert_healthy("300 heads of 60 kB");
    drop(held);
    let mut post = program.head("POST", START, 60_000);
    post.resize(post.len() + 59_999, b'x');
    let held = program.hold(300, &post);
    program.assert_healthy("300 bodies of 60 kB");
    drop(held);
    let waiting = program.hold(
        400,
        &program.request("GET", "/_sandbox/sms?to=%2B46700000000&wait=60", &[b'x'; 4096]),
    );
    program.assert_healthy("400 waiting requests");
    drop(waiting);
}

#[test]
fn responses_that_nobody_reads_are_limited_together() {
    let program = Program::start();
    // In JSON, each of these bytes has six characters.
    let large = program.request("POST", START, &[0; 60_000]);
    let mut stream = program.connect();
    let mut buffer = [0; 4096];
    for _ in 0..500 {
        stream.write_all(&large).unwrap();
        assert!(stream.read(&mut buffer).unwrap() > 0);
    }
    program.assert_healthy("500 requests of 60 kB");
    for (path, count) in [("/_sandbox/requests", 10), ("/", 1), ("/_sandbox/openapi.json", 10)] {
        let requests = program.request("GET", path, b"").repeat(count);
        let unread = program.hold(100, &requests);
        program.assert_healthy(path);
        drop(unread);
    }
    // Who reads gets the complete list.
    let mut stream = program.connect();
    let close = program.request("GET", "/_sandbox/requests", b"");
    let close =
        String::from_utf8(close).unwrap().replace("\r\nhost", "\r\nconnection: close\r\nhost");
    stream.write_all(close.as_bytes()).unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    assert!(response.starts_with(b"HTTP/1.1 200 OK"));
    assert!(response.ends_with(b"\r\n0\r\n\r\n"), "{}", response.len());
    program.assert_healthy("a complete list");
}

#[test]
fn body_that_expands_when_it_is_parsed_is_limited() {
    let program = Program::start();
    for (start, part, end) in [
        (r#"{"a":["#, r#"{"":0},"#, "0]}"),
        (r#"{"headers":["#, "[],", "0]}"),
        (r#"{"fault":"answer","headers":{"#, r#""":"","#, r#""":""}}"#),
        ("", "[", ""),
    ] {
        let count = ((4 << 20) - 100) / part.len();
        let body = [start, &part.repeat(count), end].concat();
        let status = program.status(&program.request("POST", "/_sandbox/faults", body.as_bytes()));
        assert!(["400", "422"].contains(&&*status), "{status} {part}");
        program.assert_healthy(part);
    }
    assert!(program.memory("VmHWM") < 64 << 10, "{} KiB", program.memory("VmHWM"));
}

/// Few descriptors are as good as many connections.
#[test]
fn idle_connections_are_closed_if_there_are_too_many() {
    let program = Program::start_with_files(64);
    let idle: Vec<_> = (0..200).map(|_| program.connect()).collect();
    program.assert_healthy("200 idle connections and 64 files");
    let before = Instant::now();
    for stream in idle.iter().rev() {
        let mut stream = stream;
        stream.write_all(&program.head("GET", "/_sandbox/health", 0)).unwrap_or_default();
    }
    program.assert_healthy("200 connections and 64 files");
    assert!(before.elapsed() < Duration::from_secs(10));
}
