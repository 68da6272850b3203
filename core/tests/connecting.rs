//! Where a client connects to, if its host has two addresses.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use zignsec::{Client, ClientBuilder, ErrorKind};

/// Two servers, on the addresses of `localhost`.
struct Servers {
    v4: socket2::Socket,
    v6: TcpListener,
    url: String,
}

impl Servers {
    /// `None` if this machine has no IPv6.
    fn new() -> Option<Self> {
        for _ in 0..100 {
            let v4 = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
            let v4 = v4.unwrap();
            v4.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
            let port = v4.local_addr().unwrap().as_socket().unwrap().port();
            // Another program can have the same port for IPv6.
            if let Ok(v6) = TcpListener::bind(("::1", port)) {
                return Some(Self { v4, v6, url: format!("localhost:{port}") });
            }
        }
        assert!(std::env::var_os("ZIGNSEC_TEST_ALL").is_none(), "IPv6 is missing");
        println!("skipped: IPv6 is missing");
        None
    }

    fn builder(&self, scheme: &str) -> ClientBuilder {
        Client::builder("key").base_url(format!("{scheme}://{}", self.url))
    }

    /// The server of IPv4.
    fn listen(&self) -> TcpListener {
        self.v4.listen(16).unwrap();
        self.v4.try_clone().unwrap().into()
    }
}

/// The servers that a client connected to.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    /// Handles each connection with `handle`.
    fn serve(&self, name: &'static str, listener: TcpListener, handle: fn(TcpStream)) {
        let log = self.0.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                log.lock().unwrap().push(name);
                handle(stream.unwrap());
            }
        });
    }

    fn assert_is(&self, expected: &[&str]) {
        assert_eq!(*self.0.lock().unwrap(), expected);
    }
}

fn read_request(stream: &TcpStream) {
    let lines = BufReader::new(stream).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.is_empty()));
}

/// Reads a request, and answers it.
fn answer(mut stream: TcpStream) {
    read_request(&stream);
    let response = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(response.as_bytes()).unwrap();
}

fn assert_is_answered(client: &Client) {
    assert_eq!(client.get_session("a").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn an_attempt_begins_at_another_address_than_that_of_a_failed_handshake() {
    let Some(servers) = Servers::new() else { return };
    let client = servers.builder("https").build().unwrap();
    let log = Log::default();
    log.serve("v4", servers.listen(), drop);
    log.serve("v6", servers.v6, drop);
    let error = client.get_session("a").unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Tls, 3), "{error}");
    log.assert_is(&["v4", "v6", "v4"]);
}

#[test]
fn an_attempt_begins_at_another_address_than_one_that_did_not_answer() {
    let Some(servers) = Servers::new() else { return };
    let client = servers.builder("http").build().unwrap();
    let log = Log::default();
    log.serve("v4", servers.listen(), |stream| read_request(&stream));
    log.serve("v6", servers.v6, answer);
    assert_is_answered(&client);
    log.assert_is(&["v4", "v6"]);
    // This one has not failed yet.
    assert_is_answered(&client);
    log.assert_is(&["v4", "v6", "v6"]);
}

#[test]
fn a_client_begins_where_it_connected_before() {
    let Some(servers) = Servers::new() else { return };
    let client = servers.builder("http").max_retries(0).build().unwrap();
    let log = Log::default();
    log.serve("v6", servers.v6.try_clone().unwrap(), answer);
    // Nothing listens on the first address.
    assert_is_answered(&client);
    log.serve("v4", servers.listen(), answer);
    assert_is_answered(&client);
    log.assert_is(&["v6", "v6"]);
    // Another client begins at the first one.
    assert_is_answered(&servers.builder("http").build().unwrap());
    log.assert_is(&["v6", "v6", "v4"]);
}
