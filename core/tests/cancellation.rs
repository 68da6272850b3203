//! Cancellation ends a blocked call within 100 ms, whatever it waits for.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::{arm, capture};
use serde_json::json;
use zignsec::bindings::{self, Options, Zeroizing};
use zignsec::{Client, ErrorKind, Phone2faRequest};
use zignsec_sandbox::{Fault, Sandbox, ScriptedAnswer};

/// The documented limit for the time from `cancel()` to the error.
const LIMIT: Duration = Duration::from_millis(100);

fn request() -> Phone2faRequest {
    Phone2faRequest::new("+46701740605")
        .redirect_success("https://a.example/ok")
        .redirect_failure("https://a.example/no")
}

/// Cancels a call when it blocks, and returns its error.
fn cancel_when_blocked(client: &Client, is_blocked: impl Fn() -> bool) -> zignsec::Error {
    // One test at a time: on few cores, the others would distort the measured time.
    static LOCK: Mutex<()> = Mutex::new(());
    let _lock = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|threads| {
        let call = threads.spawn(|| (client.start_phone_2fa(&request()), Instant::now()));
        let limit = Instant::now() + Duration::from_secs(10);
        while !is_blocked() {
            assert!(Instant::now() < limit, "the call does not block");
            std::thread::sleep(Duration::from_millis(1));
        }
        // Gives the call time to enter its wait.
        std::thread::sleep(Duration::from_millis(20));
        let start = Instant::now();
        client.cancel();
        let (outcome, ended) = call.join().unwrap();
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:?}");
        assert!(ended - start <= LIMIT, "{:?}", ended - start);
        error
    })
}

/// A listening port whose backlog is full: a further connection is neither accepted nor refused.
fn black_hole() -> (socket2::Socket, Vec<socket2::Socket>, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap();
    let waiting = (0..4)
        .map(|_| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
            let socket = socket.unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address);
            socket
        })
        .collect();
    (socket, waiting, address.as_socket().unwrap())
}

/// Returns a function that accepts connections and reports whether there is any.
fn has_accepted(listener: TcpListener) -> impl Fn() -> bool {
    listener.set_nonblocking(true).unwrap();
    let accepted = Mutex::new(Vec::<TcpStream>::new());
    move || {
        let mut accepted = accepted.lock().unwrap();
        accepted.extend(listener.accept().map(|(stream, _)| stream));
        !accepted.is_empty()
    }
}

#[test]
fn a_connect_is_cancelled() {
    let (_listener, _waiting, address) = black_hole();
    let client = Client::builder("key").base_url(format!("http://{address}")).build().unwrap();
    let start = Instant::now();
    let error = cancel_when_blocked(&client, || start.elapsed() > Duration::from_millis(100));
    assert!(!error.in_doubt());
}

#[test]
fn a_tls_handshake_is_cancelled() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let client = Client::builder("key").base_url(url).build().unwrap();
    let error = cancel_when_blocked(&client, has_accepted(listener));
    assert!(!error.in_doubt());
}

#[test]
fn waiting_for_the_proxy_is_cancelled() {
    for scheme in ["http", "https", "socks5h"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = format!("{scheme}://{}", listener.local_addr().unwrap());
        let builder = Client::builder("key").base_url("https://gateway.example").proxy(proxy);
        let error = cancel_when_blocked(&builder.build().unwrap(), has_accepted(listener));
        assert!(!error.in_doubt());
    }
}

#[test]
fn waiting_for_a_stalled_or_slow_response_is_cancelled() {
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
            let error = cancel_when_blocked(&client, || !sandbox.requests().is_empty());
            assert!(error.in_doubt(), "{fault}");
            client.start_phone_2fa(&request()).unwrap();
        }
    }
}

#[test]
fn reading_the_body_of_an_error_is_cancelled() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::builder("key").base_url(url).build().unwrap();
    let (sender, answered) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 500\r\n\r\n{").unwrap();
        sender.send(()).unwrap();
        // Until the client closes the connection.
        let _ = stream.read(&mut request);
    });
    cancel_when_blocked(&client, || answered.try_recv().is_ok());
    server.join().unwrap();
}

#[test]
fn a_pause_between_two_attempts_is_cancelled() {
    capture::start();
    let sandbox = Sandbox::start().unwrap();
    let client = Client::builder(sandbox.api_key()).base_url(sandbox.url()).build().unwrap();
    let response = ScriptedAnswer::new(503, "{}").header("retry-after", "20");
    sandbox.arm(Fault::Answer(response), 1).unwrap();
    // The first attempt is logged when it has ended.
    let error = cancel_when_blocked(&client, || {
        capture::lines().iter().any(|line| line.ends_with(": 503"))
    });
    assert_eq!((error.attempts(), error.in_doubt()), (1, false));
    client.start_phone_2fa(&request()).unwrap();
}

fn options(sandbox: &Sandbox) -> Options {
    Options {
        api_key: Some(Zeroizing::new(sandbox.api_key().to_owned())),
        base_url: Some(sandbox.url().to_owned()),
        ..Options::default()
    }
}

#[test]
fn the_interrupt_function_cancels_a_call_and_runs_on_its_thread() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let sandbox = Sandbox::start().unwrap();
    let thread = std::thread::current().id();
    let client = bindings::client(Options {
        interrupt: Some(Arc::new(move || {
            assert_eq!(std::thread::current().id(), thread);
            CALLS.fetch_add(1, Ordering::Relaxed) == 2
        })),
        ..options(&sandbox)
    })
    .unwrap();
    arm(&sandbox, &json!({"fault": "stall"}));
    let error = client.start_phone_2fa(&request()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(CALLS.load(Ordering::Relaxed), 3);
}

#[test]
fn the_interrupt_function_can_make_a_call() {
    let sandbox = Sandbox::start().unwrap();
    let inner = bindings::client(options(&sandbox)).unwrap();
    let client = bindings::client(Options {
        interrupt: Some(Arc::new(move || {
            inner.start_phone_2fa(&request()).unwrap();
            false
        })),
        attempt_timeout: Some(Duration::from_millis(200)),
        max_retries: Some(0),
        ..options(&sandbox)
    })
    .unwrap();
    arm(&sandbox, &json!({"fault": "stall"}));
    let error = client.start_phone_2fa(&request()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.in_doubt());
    assert!(sandbox.sessions().len() > 1);
}
