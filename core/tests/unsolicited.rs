//! Bytes that a server sends between two requests over TLS are never read as a response.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use zignsec::Client;

/// The response to every request.
const REQUESTED: &str = r#"{"data":{"id":"a","status":"pending"}}"#;
/// The response that nothing requested. With the same id, so that only its position is wrong.
const UNSOLICITED: &str = r#"{"data":{"id":"a","status":"accepted"}}"#;

fn respond(stream: &mut impl Write, body: &str) {
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream.flush().unwrap();
}

/// Responds to requests. After the first one of each connection, waits for the signal, sends the
/// unsolicited response and confirms it.
fn serve(
    mut stream: StreamOwned<ServerConnection, TcpStream>,
    signal: &Mutex<Receiver<()>>,
    sent: &Sender<()>,
) {
    for number in 0.. {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return,
            }
        }
        respond(&mut stream, REQUESTED);
        if number == 0 && signal.lock().unwrap().recv().is_ok() {
            respond(&mut stream, UNSOLICITED);
            sent.send(()).unwrap();
        }
    }
}

#[test]
fn an_unsolicited_response_over_tls_closes_the_connection() {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, certificate.cert.pem()).unwrap();
    let key = PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], PrivateKeyDer::from(key))
        .unwrap();
    let config = Arc::new(config);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send_now, signal) = mpsc::channel();
    let (confirm, sent) = mpsc::channel();
    let signal = Arc::new(Mutex::new(signal));
    let (count, connections) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let session = ServerConnection::new(config.clone()).unwrap();
            let stream = StreamOwned::new(session, stream.unwrap());
            let (signal, confirm) = (signal.clone(), confirm.clone());
            count.send(()).unwrap();
            thread::spawn(move || serve(stream, &signal, &confirm));
        }
    });

    let client = Client::builder("key")
        .base_url(format!("https://localhost:{port}"))
        .ca_file(ca_file)
        .build()
        .unwrap();
    for _ in 0..3 {
        assert_eq!(client.get_session("a").unwrap().status_text(), "pending");
        send_now.send(()).unwrap();
        sent.recv().unwrap();
    }
    assert_eq!(connections.try_iter().count(), 3);
}
