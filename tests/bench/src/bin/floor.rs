//! The floor, a lower bound: the calls are written directly to a socket or a TLS connection. There
//! are no timeouts, no connection pool and no retries, and the server must keep the connection
//! open.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use zignsec_bench::gateway::{KEY, SESSION_PATH, START_PATH, Session, USER_AGENT, start};
use zignsec_bench::{Client, Target, run};

fn main() {
    run::<Floor>();
}

struct Floor {
    target: Target,
    config: Option<Arc<ClientConfig>>,
    stream: Stream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Floor {
    fn connect(target: Target, config: Option<Arc<ClientConfig>>) -> Self {
        let socket = TcpStream::connect(target.address()).expect("a server");
        socket.set_nodelay(true).expect("a socket");
        let stream = match &config {
            None => Stream::Plain(socket),
            Some(config) => {
                let host = target.address().split(':').next().unwrap_or_default();
                let name = ServerName::try_from(host.to_owned()).expect("an address");
                let session = ClientConnection::new(config.clone(), name).expect("a valid name");
                Stream::Tls(Box::new(StreamOwned::new(session, socket)))
            }
        };
        Self { target, config, stream, request: Vec::new(), buffer: vec![0; 16 * 1024] }
    }

    fn exchange(&mut self) -> Session {
        match &mut self.stream {
            Stream::Plain(stream) => exchange(stream, &self.request, &mut self.buffer),
            Stream::Tls(stream) => exchange(&mut **stream, &self.request, &mut self.buffer),
        }
    }
}

fn exchange(stream: &mut (impl Read + Write), request: &[u8], buffer: &mut [u8]) -> Session {
    stream.write_all(request).expect("an open connection");
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).expect("an open connection");
        assert_ne!(count, 0, "the server closed the connection");
        filled += count;
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut head = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(start) = head.parse(&buffer[..filled]).expect("HTTP") else {
            continue;
        };
        let length = head
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case("content-length"))
            .and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok())
            .expect("a length");
        let status = head.code.expect("a status");
        if let Some(body) = buffer[..filled].get(start..start + length) {
            return Session::parse(status, body);
        }
    }
}

impl Client for Floor {
    fn new(target: &Target) -> Self {
        let config = target.is_https().then(|| {
            let mut roots = RootCertStore::empty();
            let ca = CertificateDer::from_pem_slice(&target.ca_pem()).expect("a certificate");
            roots.add(ca).expect("a certificate");
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("known versions")
                .with_root_certificates(roots)
                .with_no_client_auth();
            Arc::new(config)
        });
        Self::connect(target.clone(), config)
    }

    fn for_another_thread(&self) -> Self {
        Self::connect(self.target.clone(), self.config.clone())
    }

    fn get(&mut self, id: &str) {
        self.request.clear();
        write!(
            self.request,
            "GET {SESSION_PATH}{id} HTTP/1.1\r\nhost: {}\r\nauthorization: {KEY}\r\n\
             user-agent: {USER_AGENT}\r\naccept: application/json\r\naccept-encoding: identity\r\n\r\n",
            self.target.address(),
        )
        .expect("room");
        self.exchange().check_looked_up(id);
    }

    fn post(&mut self) {
        let body = start();
        self.request.clear();
        write!(
            self.request,
            "POST {START_PATH} HTTP/1.1\r\nhost: {}\r\nauthorization: {KEY}\r\n\
             user-agent: {USER_AGENT}\r\naccept: application/json\r\naccept-encoding: identity\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.target.address(),
            body.len(),
        )
        .expect("room");
        self.request.extend_from_slice(&body);
        self.exchange().check_started();
    }
}
