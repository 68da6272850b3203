//! What becomes of a request on a connection that the server is closing.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use socket2::SockRef;
use zignsec::{Client, ErrorKind, Phone2faRequest};

/// What the server does with the second request of each connection.
#[derive(Clone, Copy)]
enum Second {
    CloseUnread,
    CloseAfterReading,
    Reset,
    /// Sends the beginning of a response and closes.
    CutResponse,
    /// Responds 413 after a part of the request, and resets the connection.
    RespondEarly,
}

/// Reads the head of a request, and returns false at the end of the connection.
fn read_head(stream: &mut TcpStream) -> bool {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return false,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).is_ok()
}

fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
}

fn serve(mut stream: TcpStream, second: Second) {
    const BODY: &str = r#"{"data":{"id":"a","status":"pending"}}"#;
    if !read_head(&mut stream) {
        return;
    }
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len()).unwrap();
    let mut byte = [0];
    if stream.read(&mut byte).unwrap_or(0) == 0 {
        return;
    }
    match second {
        Second::CloseUnread => {}
        Second::CloseAfterReading => {
            read_head(&mut stream);
        }
        Second::Reset => reset(stream),
        Second::CutResponse => {
            read_head(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\n").unwrap();
        }
        Second::RespondEarly => {
            stream.write_all(b"HTTP/1.1 413 x\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        }
    }
}

fn start(second: Second) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || serve(stream, second));
        }
    });
    address
}

fn client(second: Second) -> Client {
    // Not one retry.
    let url = format!("http://{}", start(second));
    Client::builder("key").base_url(url).max_retries(0).build().unwrap()
}

fn request() -> Phone2faRequest {
    Phone2faRequest::new("+46701740605")
        .redirect_success("https://a.example/ok")
        .redirect_failure("https://a.example/no")
}

#[test]
fn a_lookup_on_a_connection_that_breaks_before_the_response_is_repeated() {
    for second in [Second::CloseUnread, Second::CloseAfterReading, Second::Reset] {
        let client = client(second);
        for _ in 0..4 {
            assert_eq!(client.get_session("a").unwrap().id(), "a");
        }
    }
}

#[test]
fn a_lookup_is_not_repeated_once_the_response_has_begun() {
    let client = client(Second::CutResponse);
    client.get_session("a").unwrap();
    let error = client.get_session("a").unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Io, 1));
}

#[test]
fn a_start_on_a_connection_that_breaks_is_in_doubt_and_not_repeated() {
    let client = client(Second::CloseAfterReading);
    client.get_session("a").unwrap();
    let error = client.start_phone_2fa(&request()).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Io, 1));
    assert!(error.in_doubt());
}

#[test]
#[cfg_attr(windows, ignore = "Windows discards what it received if the peer resets the connection")]
fn a_response_that_comes_before_the_request_was_read_is_the_result() {
    let client = client(Second::RespondEarly);
    client.get_session("a").unwrap();
    let error = client.start_phone_2fa(&request().relay_state("x".repeat(16 * 1024))).unwrap_err();
    assert_eq!(error.http_status(), Some(413), "{error}");
    assert!(!error.in_doubt());
}
