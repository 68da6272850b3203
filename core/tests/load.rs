//! Many calls at once on one client: none is sent twice, and every answer belongs to its question.

#![allow(clippy::unwrap_used, reason = "a test ends where it cannot be set up")]

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use zignsec::{Client, Error, ErrorKind, Phone2faRequest, Session};
use zignsec_sandbox::Sandbox;

fn request(relay_state: &str) -> Phone2faRequest {
    let (ok, no) = ("https://a.example/ok", "https://a.example/no");
    Phone2faRequest::new("+46701740605")
        .redirect_success(ok)
        .redirect_failure(no)
        .relay_state(relay_state)
}

#[test]
fn every_answer_belongs_to_its_question() {
    const THREADS: u64 = 10;
    const CALLS: usize = 1000;
    for tls in [false, true] {
        let sandbox = Sandbox::builder().tls(tls).start().unwrap();
        let mut builder = Client::builder(sandbox.api_key()).base_url(sandbox.url());
        if let Some(ca_file) = sandbox.ca_file() {
            builder = builder.ca_file(ca_file);
        }
        let client = builder.clone().build().unwrap();
        std::thread::scope(|threads| {
            for thread in 0..THREADS {
                let client = &client;
                threads.spawn(move || {
                    let sessions: Vec<(String, String)> = (0..10)
                        .map(|n| format!("{thread}.{n}"))
                        .map(|own| (client.start_phone_2fa(&request(&own)).unwrap(), own))
                        .map(|(session, own)| (session.id().to_owned(), own))
                        .collect();
                    for (id, own) in sessions.iter().cycle().take(CALLS - sessions.len()) {
                        let session = client.get_session(id).unwrap();
                        assert_eq!(session.id(), id);
                        assert_eq!(session.relay_state(), Some(own.as_str()));
                    }
                });
            }
        });
        // Connections are numbered, so that of a client of its own tells how many came before.
        let error = builder.build().unwrap().get_session("a").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let opened = sandbox.requests()[0].connection - 1;
        assert!(opened <= THREADS, "{opened} connections for {THREADS} threads, TLS: {tls}");
    }
}

/// What becomes of a POST that a server has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    /// And the connection is closed at once.
    AnsweredLast,
    /// And the connection is closed when it is used again.
    AnsweredBeforeClose,
    HalfAnswered,
    Garbage,
    ClosedAndOpened,
    Closed,
    ResetAndOpened,
    Reset,
    ServerError,
    Unavailable,
    /// The two answers after which a POST may be sent again.
    ComeBack(u16),
}

impl Fate {
    const SEED: u64 = 0x5eed;

    /// The same for the same POST of the same call, whatever else happens.
    fn of(call: u64, nth: usize) -> Self {
        match random(call * 8 + nth as u64) % 100 {
            0..2 => Self::AnsweredLast,
            2..4 => Self::AnsweredBeforeClose,
            4..6 => Self::HalfAnswered,
            6 => Self::Garbage,
            7..9 => Self::ClosedAndOpened,
            9..11 => Self::Closed,
            11..13 => Self::ResetAndOpened,
            13..15 => Self::Reset,
            15 => Self::ServerError,
            16 => Self::Unavailable,
            17..20 => Self::ComeBack(429),
            20..23 => Self::ComeBack(503),
            _ => Self::Answered,
        }
    }

    fn opens(self) -> bool {
        use Fate::*;
        matches!(
            self,
            Answered
                | AnsweredLast
                | AnsweredBeforeClose
                | HalfAnswered
                | Garbage
                | ClosedAndOpened
                | ResetAndOpened
                | ServerError
        )
    }
}

/// SplitMix64.
fn random(n: u64) -> u64 {
    let mut z = (Fate::SEED + n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A gateway that counts the POSTs of each call and lets one in four go wrong. The sandbox does not
/// count what a fault has taken from it, and keeps the newest 500.
struct Unreliable {
    /// What became of each POST of a call, in their order.
    seen: Mutex<HashMap<u64, Vec<Fate>>>,
    connections: AtomicU64,
    stopped: AtomicBool,
}

impl Unreliable {
    fn serve(self: &Arc<Self>, listener: &TcpListener) {
        std::thread::scope(|threads| {
            for stream in listener.incoming() {
                if self.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let stream = stream.unwrap();
                let number = self.connections.fetch_add(1, Ordering::Relaxed);
                if random(u64::MAX / 2 + number).is_multiple_of(20) {
                    // Before anything is read; whether something was sent is a race.
                    reset(stream);
                    continue;
                }
                // Ends where the connection does.
                threads.spawn(move || drop(self.converse(stream)));
            }
        });
    }

    fn converse(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = &stream;
        let mut is_stale = false;
        while let Some(call) = read_post(&mut reader)? {
            let (fate, id) = self.decide(call, is_stale);
            let body = json!({"data": {"id": id, "status": "pending"}}).to_string();
            let whole =
                format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let error = |status: u16, header: &str| {
                format!("HTTP/1.1 {status} No\r\n{header}content-length: 0\r\n\r\n")
            };
            match fate {
                Fate::Answered => writer.write_all(whole.as_bytes())?,
                Fate::AnsweredLast => return writer.write_all(whole.as_bytes()),
                Fate::AnsweredBeforeClose => {
                    is_stale = true;
                    writer.write_all(whole.as_bytes())?;
                }
                Fate::HalfAnswered => {
                    return writer.write_all(&whole.as_bytes()[..whole.len() / 2]);
                }
                Fate::Garbage => return writer.write_all(b"this is not HTTP\r\n\r\n"),
                Fate::Closed | Fate::ClosedAndOpened => return Ok(()),
                Fate::Reset | Fate::ResetAndOpened => {
                    drop(reader);
                    reset(stream);
                    return Ok(());
                }
                Fate::ServerError => writer.write_all(error(500, "").as_bytes())?,
                Fate::Unavailable => writer.write_all(error(503, "").as_bytes())?,
                Fate::ComeBack(status) => {
                    writer.write_all(error(status, "retry-after: 0\r\n").as_bytes())?;
                }
            }
        }
        Ok(())
    }

    /// What becomes of a POST, and the id of its session.
    fn decide(&self, call: u64, is_stale: bool) -> (Fate, String) {
        let mut seen = self.seen.lock().unwrap();
        let before = seen.entry(call).or_default();
        let fate = if is_stale { Fate::Closed } else { Fate::of(call, before.len()) };
        before.push(fate);
        (fate, session_id(call, before.len()))
    }
}

/// The id of the session that the nth POST of a call opens.
fn session_id(call: u64, nth: usize) -> String {
    format!("session-{call}-{nth}")
}

fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Reads a POST to its last byte and tells which call it belongs to. None where the peer has closed.
fn read_post(reader: &mut impl BufRead) -> io::Result<Option<u64>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body: Value = serde_json::from_slice(&body).unwrap();
    Ok(Some(body["relay_state"].as_str().unwrap().parse().unwrap()))
}

#[test]
fn no_session_is_opened_twice_whatever_becomes_of_the_connections() {
    const THREADS: usize = 32;
    const CALLS: u64 = 10_000;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let gateway = Arc::new(Unreliable {
        seen: Mutex::default(),
        connections: AtomicU64::new(0),
        stopped: AtomicBool::new(false),
    });
    let served = gateway.clone();
    let server = std::thread::spawn(move || served.serve(&listener));

    let client = Client::builder("k").base_url(format!("http://{address}")).build().unwrap();
    let next = AtomicU64::new(0);
    let outcomes: Mutex<HashMap<u64, Result<Session, Error>>> = Mutex::default();
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                loop {
                    let call = next.fetch_add(1, Ordering::Relaxed);
                    if call >= CALLS {
                        return;
                    }
                    let outcome = client.start_phone_2fa(&request(&call.to_string()));
                    outcomes.lock().unwrap().insert(call, outcome);
                }
            });
        }
    });
    drop(client);
    gateway.stopped.store(true, Ordering::Relaxed);
    TcpStream::connect(address).unwrap();
    server.join().unwrap();

    let (mut seen, outcomes) = (gateway.seen.lock().unwrap(), outcomes.into_inner().unwrap());
    let (mut again, mut in_doubt, mut successes) = (0, 0, 0);
    for (call, outcome) in outcomes {
        let fates = seen.remove(&call).unwrap_or_default();
        let told = format!("call {call}: {fates:?}, then {outcome:?}");
        if let Some((_, earlier)) = fates.split_last() {
            assert!(earlier.iter().all(|fate| matches!(fate, Fate::ComeBack(_))), "{told}");
            again += earlier.len();
        }
        let opened: Vec<String> = (1..=fates.len())
            .filter(|nth| fates[nth - 1].opens())
            .map(|nth| session_id(call, nth))
            .collect();
        match outcome {
            Ok(session) => {
                assert_eq!(opened, [session.id()], "{told}");
                successes += 1;
            }
            Err(error) if error.in_doubt() => {
                assert!(opened.len() <= 1, "{told}");
                in_doubt += 1;
            }
            Err(_) => assert!(opened.is_empty(), "{told}"),
        }
    }
    assert!(seen.is_empty(), "{seen:?}");
    // The faults did meet the calls.
    assert!(again > 400 && in_doubt > 1000 && successes > 7000, "{again} {in_doubt} {successes}");
}
