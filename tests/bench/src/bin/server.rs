//! A minimal gateway that sends the documented responses immediately, over HTTP and HTTPS on
//! loopback.
//!
//! `server FOLDER` writes its CA certificate to `FOLDER/ca.pem`, prints its URLs, and exits at the
//! end of its standard input. A lookup of the session `held-N-...` is answered when N such requests
//! have arrived; the session `wait-N-...` is pending N times, then accepted. `GET /connections`
//! returns the number of connections so far.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use zignsec_bench::gateway;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: server FOLDER")?;
    let ca_file = Path::new(&folder).join("ca.pem");
    let config = tls(&ca_file)?;
    let world = Arc::new(World::default());
    let http = listen(&world, |socket| socket)?;
    let https = listen(&world, move |socket| {
        let session = ServerConnection::new(config.clone()).expect("a valid configuration");
        StreamOwned::new(session, socket)
    })?;
    let connections = format!("{http}/connections");
    println!(
        "{}",
        serde_json::json!({
            "http": http,
            "https": format!("https{}", &https[4..]),
            "ca_file": ca_file,
            "connections": connections,
        })
    );
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// Creates a certificate for loopback, from a new authority.
fn tls(ca_file: &Path) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error>> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "zignsec bench: trust it nowhere else");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    std::fs::write(ca_file, authority.pem())?;
    let key = KeyPair::generate()?;
    let certificate =
        CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok(Arc::new(config))
}

/// Serves each connection on its own thread. Returns the URL.
fn listen<S: Read + Write>(
    world: &Arc<World>,
    stream: impl Fn(TcpStream) -> S + Send + Sync + 'static,
) -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("http://{}", listener.local_addr()?);
    let (world, stream) = (world.clone(), Arc::new(stream));
    thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(socket) = socket else { continue };
            world.connections.fetch_add(1, Ordering::Relaxed);
            let (world, stream) = (world.clone(), stream.clone());
            let serve = move || {
                let _ = socket.set_nodelay(true);
                // A connection ends when the client closes it.
                let _ = world.serve(stream(socket));
            };
            thread::Builder::new().stack_size(256 * 1024).spawn(serve).expect("a thread");
        }
    });
    Ok(url)
}

struct World {
    connections: AtomicUsize,
    /// The number of held requests that have arrived, by the number that must arrive.
    held: Mutex<HashMap<String, usize>>,
    all_arrived: Condvar,
    /// The number of lookups of each session.
    looked_up: Mutex<HashMap<String, usize>>,
    lookup_response: Vec<u8>,
    start_response: Vec<u8>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            connections: AtomicUsize::default(),
            held: Mutex::default(),
            all_arrived: Condvar::new(),
            looked_up: Mutex::default(),
            lookup_response: response(&gateway::session(gateway::ID, "accepted")),
            start_response: response(gateway::STARTED),
        }
    }
}

/// A response with the headers that a web framework adds.
fn response(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ncache-control: max-age=0, private, must-revalidate\r\n\
         content-length: {}\r\ncontent-type: application/json; charset=utf-8\r\n\
         date: Mon, 05 Jan 2026 12:00:00 GMT\r\nserver: bench\r\n\
         x-request-id: GIeGmPkq1mAAAAABAAAB\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

impl World {
    fn serve(&self, mut stream: impl Read + Write) -> io::Result<()> {
        let mut buffer = vec![0; 4096];
        let mut filled = 0;
        loop {
            match stream.read(&mut buffer[filled..])? {
                0 => return Ok(()),
                count => filled += count,
            }
            let Some(path) = whole_request(&buffer[..filled]) else { continue };
            let dynamic;
            let response = if path == gateway::START_PATH {
                &self.start_response
            } else if path.strip_prefix(gateway::SESSION_PATH) == Some(gateway::ID) {
                &self.lookup_response
            } else {
                dynamic = self.response_to(path);
                &dynamic
            };
            stream.write_all(response)?;
            stream.flush()?;
            filled = 0;
        }
    }

    fn response_to(&self, path: &str) -> Vec<u8> {
        let Some(id) = path.strip_prefix(gateway::SESSION_PATH) else {
            return response(&self.connections.load(Ordering::Relaxed).to_string());
        };
        let mut parts = id.split('-');
        let (kind, number) = (parts.next(), parts.next().and_then(|number| number.parse().ok()));
        match (kind, number) {
            (Some("held"), Some(count)) => {
                self.hold(count);
                response(&gateway::session(id, "accepted"))
            }
            (Some("wait"), Some(count)) => {
                let status = if self.look_up(id) > count { "accepted" } else { "pending" };
                response(&gateway::session(id, status))
            }
            _ => response(&gateway::session(id, "accepted")),
        }
    }

    /// Returns when a multiple of `count` requests has arrived.
    fn hold(&self, count: usize) {
        let mut held = self.held.lock().expect("no panics");
        let name = count.to_string();
        let mine = held.entry(name.clone()).or_default();
        let end = *mine / count * count + count;
        *mine += 1;
        self.all_arrived.notify_all();
        while held[&name] < end {
            held = self.all_arrived.wait(held).expect("no panics");
        }
    }

    fn look_up(&self, id: &str) -> usize {
        let mut looked_up = self.looked_up.lock().expect("no panics");
        let count = looked_up.entry(id.to_owned()).or_default();
        *count += 1;
        *count
    }
}

/// The path, if head and body are complete.
fn whole_request(bytes: &[u8]) -> Option<&str> {
    const LENGTH: &[u8] = b"content-length: ";
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let (head, body) = bytes.split_at(end);
    if head.starts_with(b"POST") {
        let at =
            head.windows(LENGTH.len()).position(|window| window.eq_ignore_ascii_case(LENGTH))?
                + LENGTH.len();
        let digits = head[at..].iter().take_while(|byte| byte.is_ascii_digit());
        let length = digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
        if body.len() < length {
            return None;
        }
    }
    std::str::from_utf8(head).ok()?.split(' ').nth(1)
}
