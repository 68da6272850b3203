//! Many concurrent calls on one client: no session is created twice, and each call gets the
//! response to its own request.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

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
fn each_call_gets_the_response_to_its_request() {
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
                        .map(|state| (client.start_phone_2fa(&request(&state)).unwrap(), state))
                        .map(|(session, state)| (session.id().to_owned(), state))
                        .collect();
                    for (id, state) in sessions.iter().cycle().take(CALLS - sessions.len()) {
                        let session = client.get_session(id).unwrap();
                        assert_eq!(session.id(), id);
                        assert_eq!(session.relay_state(), Some(state.as_str()));
                    }
                });
            }
        });
        // Connections are numbered: that of a new client shows how many were opened before.
        let error = builder.build().unwrap().get_session("a").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let opened = sandbox.requests()[0].connection - 1;
        assert!(opened <= THREADS, "{opened} connections for {THREADS} threads, TLS: {tls}");
    }
}

/// How the server reacts to a POST that it has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    Respond,
    /// The connection is closed after the response.
    RespondAndClose,
    /// The connection is closed when it is used again.
    RespondAndCloseOnReuse,
    HalfResponse,
    Garbage,
    /// The connection is closed without a response, but a session is created.
    CreateAndClose,
    Close,
    /// The connection is reset without a response, but a session is created.
    CreateAndReset,
    Reset,
    ServerError,
    Unavailable,
    /// The two responses after which a POST may be repeated: 429 or 503 with Retry-After.
    RetryAfter(u16),
}

impl Reaction {
    const SEED: u64 = 0x5eed;

    /// Depends only on the call and on the number of its POST, so that a run can be repeated.
    fn of(call: u64, nth: usize) -> Self {
        match random(call * 8 + nth as u64) % 100 {
            0..2 => Self::RespondAndClose,
            2..4 => Self::RespondAndCloseOnReuse,
            4..6 => Self::HalfResponse,
            6 => Self::Garbage,
            7..9 => Self::CreateAndClose,
            9..11 => Self::Close,
            11..13 => Self::CreateAndReset,
            13..15 => Self::Reset,
            15 => Self::ServerError,
            16 => Self::Unavailable,
            17..20 => Self::RetryAfter(429),
            20..23 => Self::RetryAfter(503),
            _ => Self::Respond,
        }
    }

    fn creates_session(self) -> bool {
        use Reaction::*;
        matches!(
            self,
            Respond
                | RespondAndClose
                | RespondAndCloseOnReuse
                | HalfResponse
                | Garbage
                | CreateAndClose
                | CreateAndReset
                | ServerError
        )
    }
}

/// SplitMix64.
fn random(n: u64) -> u64 {
    let mut z = (Reaction::SEED + n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A gateway that counts the POSTs of each call and fails for one in four. The sandbox is not
/// enough: it does not count requests that a fault intercepts, and keeps only the newest 500.
struct UnreliableGateway {
    /// The reactions to the POSTs of each call, in order.
    seen: Mutex<HashMap<u64, Vec<Reaction>>>,
    connections: AtomicU64,
    stopped: AtomicBool,
}

impl UnreliableGateway {
    fn serve(self: &Arc<Self>, listener: &TcpListener) {
        std::thread::scope(|threads| {
            for stream in listener.incoming() {
                if self.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let stream = stream.unwrap();
                let number = self.connections.fetch_add(1, Ordering::Relaxed);
                if random(u64::MAX / 2 + number).is_multiple_of(20) {
                    // Nothing was read. The client may or may not have sent something already.
                    reset(stream);
                    continue;
                }
                // The thread ends with the connection.
                threads.spawn(move || drop(self.handle(stream)));
            }
        });
    }

    fn handle(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = &stream;
        let mut is_stale = false;
        while let Some(call) = read_post(&mut reader)? {
            let (reaction, id) = self.react(call, is_stale);
            let body = json!({"data": {"id": id, "status": "pending"}}).to_string();
            let response =
                format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let error = |status: u16, header: &str| {
                format!("HTTP/1.1 {status} No\r\n{header}content-length: 0\r\n\r\n")
            };
            match reaction {
                Reaction::Respond => writer.write_all(response.as_bytes())?,
                Reaction::RespondAndClose => return writer.write_all(response.as_bytes()),
                Reaction::RespondAndCloseOnReuse => {
                    is_stale = true;
                    writer.write_all(response.as_bytes())?;
                }
                Reaction::HalfResponse => {
                    return writer.write_all(&response.as_bytes()[..response.len() / 2]);
                }
                Reaction::Garbage => return writer.write_all(b"this is not HTTP\r\n\r\n"),
                Reaction::Close | Reaction::CreateAndClose => return Ok(()),
                Reaction::Reset | Reaction::CreateAndReset => {
                    drop(reader);
                    reset(stream);
                    return Ok(());
                }
                Reaction::ServerError => writer.write_all(error(500, "").as_bytes())?,
                Reaction::Unavailable => writer.write_all(error(503, "").as_bytes())?,
                Reaction::RetryAfter(status) => {
                    writer.write_all(error(status, "retry-after: 0\r\n").as_bytes())?;
                }
            }
        }
        Ok(())
    }

    /// The reaction to a POST, and the id of its session.
    fn react(&self, call: u64, is_stale: bool) -> (Reaction, String) {
        let mut seen = self.seen.lock().unwrap();
        let before = seen.entry(call).or_default();
        let reaction = if is_stale { Reaction::Close } else { Reaction::of(call, before.len()) };
        before.push(reaction);
        (reaction, session_id(call, before.len()))
    }
}

/// The id of the session that the nth POST of a call creates.
fn session_id(call: u64, nth: usize) -> String {
    format!("session-{call}-{nth}")
}

fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Reads a whole POST and returns the number of its call. `None` if the peer closed the connection.
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
fn no_session_is_created_twice_on_unreliable_connections() {
    const THREADS: usize = 32;
    const CALLS: u64 = 10_000;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let gateway = Arc::new(UnreliableGateway {
        seen: Mutex::default(),
        connections: AtomicU64::new(0),
        stopped: AtomicBool::new(false),
    });
    let served_gateway = gateway.clone();
    let server = std::thread::spawn(move || served_gateway.serve(&listener));

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
    let (mut repeated, mut in_doubt, mut successes) = (0, 0, 0);
    for (call, outcome) in outcomes {
        let reactions = seen.remove(&call).unwrap_or_default();
        let details = format!("call {call}: {reactions:?}, then {outcome:?}");
        if let Some((_, earlier)) = reactions.split_last() {
            assert!(
                earlier.iter().all(|reaction| matches!(reaction, Reaction::RetryAfter(_))),
                "{details}"
            );
            repeated += earlier.len();
        }
        let created: Vec<String> = (1..=reactions.len())
            .filter(|nth| reactions[nth - 1].creates_session())
            .map(|nth| session_id(call, nth))
            .collect();
        match outcome {
            Ok(session) => {
                assert_eq!(created, [session.id()], "{details}");
                successes += 1;
            }
            Err(error) if error.in_doubt() => {
                assert!(created.len() <= 1, "{details}");
                in_doubt += 1;
            }
            Err(_) => assert!(created.is_empty(), "{details}"),
        }
    }
    assert!(seen.is_empty(), "{seen:?}");
    // Each outcome occurred often enough.
    assert!(
        repeated > 400 && in_doubt > 1000 && successes > 7000,
        "{repeated} {in_doubt} {successes}"
    );
}
