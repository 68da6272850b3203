//! TLS sessions with the gateway and with a proxy: which are resumed, and who is shown the client
//! certificate.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{
    HandshakeKind, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
};
use tempfile::TempDir;
use zignsec::{Client, ClientBuilder};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// An authority, with the files of its certificate and of a client certificate.
struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let client = CertificateParams::new(["client.example".to_owned()]).unwrap();
        let client = client.signed_by(&key, &issuer).unwrap();
        std::fs::write(folder.path().join("client.pem"), client.pem()).unwrap();
        std::fs::write(folder.path().join("client-key.pem"), key.serialize_pem()).unwrap();
        Self { folder, issuer }
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }

    /// A server that requests a client certificate, with a certificate that expires after
    /// `lifetime`.
    fn server(
        &self,
        version: &'static SupportedProtocolVersion,
        lifetime: Duration,
    ) -> Arc<ServerConfig> {
        let names = ["localhost".to_owned(), "gateway.example".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        params.not_after = date_time_ymd(1970, 1, 1) + now + lifetime;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .allow_unauthenticated()
                .build()
                .unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }

    fn client(&self) -> ClientBuilder {
        Client::builder("key")
            .ca_file(self.file("ca.pem"))
            .client_cert(self.file("client.pem"), self.file("client-key.pem"))
    }
}

/// A connection as a server saw it.
#[derive(Debug, PartialEq)]
struct Seen {
    server: &'static str,
    is_resumed: bool,
    has_client_certificate: bool,
}

impl Seen {
    fn new(server: &'static str, session: &ServerConnection) -> Self {
        let certificates = session.peer_certificates().unwrap_or_default();
        Self {
            server,
            is_resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
            has_client_certificate: !<[CertificateDer<'_>]>::is_empty(certificates),
        }
    }
}

fn read_head(stream: &mut impl Read) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
}

fn accept<S: Read + Write>(
    config: &Arc<ServerConfig>,
    stream: S,
) -> StreamOwned<ServerConnection, S> {
    StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream)
}

/// Answers one request, and closes the connection.
fn serve_gateway(config: &Arc<ServerConfig>, stream: impl Read + Write, seen: &Sender<Seen>) {
    let mut stream = accept(config, stream);
    read_head(&mut stream);
    seen.send(Seen::new("gateway", &stream.conn)).unwrap();
    let body = r#"{"data":{"id":"a","status":"pending"}}"#;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    stream.flush().unwrap();
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

/// Handles one connection after the other. Returns the port.
fn serve(handle: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(|stream| handle(stream.unwrap())));
    port
}

fn start_gateway(config: Arc<ServerConfig>) -> (u16, Receiver<Seen>) {
    let (sender, seen) = mpsc::channel();
    (serve(move |stream| serve_gateway(&config, stream, &sender)), seen)
}

/// Which of three connections of one client were resumed.
fn resumed(version: &'static SupportedProtocolVersion, lifetime: Duration) -> [bool; 3] {
    let authority = Authority::new();
    let (port, seen) = start_gateway(authority.server(version, lifetime));
    let client = authority.client().base_url(format!("https://localhost:{port}")).build().unwrap();
    [(); 3].map(|()| {
        client.get_session("a").unwrap();
        let seen = seen.recv().unwrap();
        assert!(seen.has_client_certificate);
        seen.is_resumed
    })
}

#[test]
fn a_session_is_resumed() {
    for version in VERSIONS {
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        assert_eq!(resumed(version, year), [false, true, true], "{version:?}");
    }
}

#[test]
fn a_session_is_not_resumed_if_its_certificate_expires_within_the_hour() {
    for version in VERSIONS {
        let half_an_hour = Duration::from_secs(30 * 60);
        assert_eq!(resumed(version, half_an_hour), [false; 3], "{version:?}");
    }
}

#[test]
fn a_proxy_is_not_shown_the_client_certificate_and_has_its_own_sessions() {
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    for version in VERSIONS {
        let authority = Authority::new();
        // Proxy and gateway have one session store and one certificate, so that each would accept
        // a session of the other.
        let config = authority.server(version, year);
        let (sender, seen) = mpsc::channel();
        let port = serve(move |stream| {
            let mut tunnel = accept(&config, stream);
            read_head(&mut tunnel);
            sender.send(Seen::new("proxy", &tunnel.conn)).unwrap();
            tunnel.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            tunnel.flush().unwrap();
            serve_gateway(&config, tunnel, &sender);
        });
        let client = authority
            .client()
            .base_url("https://gateway.example")
            .proxy(format!("https://localhost:{port}"))
            .build()
            .unwrap();
        for is_resumed in [false, true, true] {
            client.get_session("a").unwrap();
            for (server, has_client_certificate) in [("proxy", false), ("gateway", true)] {
                let expected = Seen { server, is_resumed, has_client_certificate };
                assert_eq!(seen.recv().unwrap(), expected, "{version:?}");
            }
        }
    }
}
