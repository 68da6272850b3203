//! A blocked call ends soon after it is cancelled, whatever it is blocked in.

#![allow(clippy::unwrap_used, reason = "a test ends where it cannot be set up")]

mod common;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::{arm, capture};
use serde_json::json;
use zignsec::{Client, ErrorKind, Phone2faRequest};
use zignsec_sandbox::{Fault, Sandbox, ScriptedAnswer};

/// What the contract promises, from `cancel()` to the error.
const PROMPT: Duration = Duration::from_millis(100);

fn request() -> Phone2faRequest {
    Phone2faRequest::new("+46701740605")
        .redirect_success("https://a.example/ok")
        .redirect_failure("https://a.example/no")
}

/// Cancels a call once it blocks, and tells how it ended.
fn cancelled(client: &Client, is_blocked: impl Fn() -> bool) -> zignsec::Error {
    // One at a time: on few cores the others would be in its time.
    static TIMED: Mutex<()> = Mutex::new(());
    let _alone = TIMED.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|threads| {
        let call = threads.spawn(|| (client.start_phone_2fa(&request()), Instant::now()));
        let limit = Instant::now() + Duration::from_secs(10);
        while !is_blocked() {
            assert!(Instant::now() < limit, "the call does not block");
            std::thread::sleep(Duration::from_millis(1));
        }
        // Blocked in a wait, rather than on its way to one.
        std::thread::sleep(Duration::from_millis(20));
        let begun = Instant::now();
        client.cancel();
        let (outcome, ended) = call.join().unwrap();
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:?}");
        assert!(ended - begun <= PROMPT, "{:?}", ended - begun);
        error
    })
}

/// A port whose queue of connections is full: one more is never answered.
fn black_hole() -> (socket2::Socket, Vec<socket2::Socket>, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap();
    let waiting = (0..4)
        .map(|_| {
            let one = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
            let one = one.unwrap();
            one.set_nonblocking(true).unwrap();
            let _ = one.connect(&address);
            one
        })
        .collect();
    (socket, waiting, address.as_socket().unwrap())
}

fn accepting(listener: TcpListener) -> impl Fn() -> bool {
    listener.set_nonblocking(true).unwrap();
    let held = Mutex::new(Vec::<TcpStream>::new());
    move || {
        let mut held = held.lock().unwrap();
        held.extend(listener.accept().map(|(stream, _)| stream));
        !held.is_empty()
    }
}

#[test]
fn in_a_connect() {
    let (_listener, _waiting, address) = black_hole();
    let client = Client::builder("key").base_url(format!("http://{address}")).build().unwrap();
    let begun = Instant::now();
    let error = cancelled(&client, || begun.elapsed() > Duration::from_millis(100));
    assert!(!error.in_doubt());
}

#[test]
fn in_a_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let client = Client::builder("key").base_url(url).build().unwrap();
    let error = cancelled(&client, accepting(listener));
    assert!(!error.in_doubt());
}

#[test]
fn in_a_proxys_silence() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let builder = Client::builder("key").base_url("https://gateway.example").proxy(proxy);
    let error = cancelled(&builder.build().unwrap(), accepting(listener));
    assert!(!error.in_doubt());
}

#[test]
fn in_the_gateways_silence_and_in_its_drip() {
    for tls in [false, true] {
        let sandbox = Sandbox::builder().tls(tls).start().unwrap();
        let mut builder = Client::builder(sandbox.api_key()).base_url(sandbox.url());
        if let Some(ca_file) = sandbox.ca_file() {
            builder = builder.ca_file(ca_file);
        }
        let client = builder.build().unwrap();
        for fault in ["stall", "drip-head", "drip-body"] {
            sandbox.reset();
            arm(&sandbox, &json!({"fault": fault}));
            let error = cancelled(&client, || !sandbox.requests().is_empty());
            assert!(error.in_doubt(), "{fault}");
            client.start_phone_2fa(&request()).unwrap();
        }
    }
}

#[test]
fn in_the_pause_between_two_attempts() {
    capture::start();
    let sandbox = Sandbox::start().unwrap();
    let client = Client::builder(sandbox.api_key()).base_url(sandbox.url()).build().unwrap();
    let answer = ScriptedAnswer::new(503, "{}").header("retry-after", "20");
    sandbox.arm(Fault::Answer(answer), 1).unwrap();
    // The first attempt is over once it is logged.
    let error = cancelled(&client, || capture::lines().iter().any(|line| line.ends_with(": 503")));
    assert_eq!((error.attempts(), error.in_doubt()), (1, false));
    client.start_phone_2fa(&request()).unwrap();
}

#[test]
fn the_hook_stops_a_call_and_is_asked_on_its_thread() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let sandbox = Sandbox::start().unwrap();
    let thread = std::thread::current().id();
    let client = Client::builder(sandbox.api_key())
        .base_url(sandbox.url())
        .interrupt(move || {
            assert_eq!(std::thread::current().id(), thread);
            ASKED.fetch_add(1, Ordering::Relaxed) == 2
        })
        .build()
        .unwrap();
    arm(&sandbox, &json!({"fault": "stall"}));
    let error = client.start_phone_2fa(&request()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(ASKED.load(Ordering::Relaxed), 3);
}

#[test]
fn a_hook_may_make_a_call_of_its_own() {
    let sandbox = Sandbox::start().unwrap();
    let builder = Client::builder(sandbox.api_key()).base_url(sandbox.url());
    let inner = builder.clone().build().unwrap();
    let client = builder
        .interrupt(move || {
            inner.start_phone_2fa(&request()).unwrap();
            false
        })
        .attempt_timeout(Duration::from_millis(200))
        .max_retries(0)
        .build()
        .unwrap();
    arm(&sandbox, &json!({"fault": "stall"}));
    let error = client.start_phone_2fa(&request()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.in_doubt());
    assert!(sandbox.sessions().len() > 1);
}
