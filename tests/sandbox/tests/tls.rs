//! TLS faults, seen by a strict client.

#![allow(clippy::unwrap_used, reason = "a panic in a helper fails the test")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use common::*;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    SupportedProtocolVersion, crypto::ring, version,
};
use zignsec_sandbox::Sandbox;

fn sandbox() -> Sandbox {
    Sandbox::builder().tls(true).start().unwrap()
}

/// A TLS client that trusts the sandbox's authority.
fn tls_client(
    sandbox: &Sandbox,
    name: &str,
    versions: &[&'static SupportedProtocolVersion],
    with_certificate: bool,
) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(sandbox.ca_file().unwrap()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let config = if with_certificate {
        let (certificate, key) = sandbox.client_certificate().unwrap();
        let certificate = CertificateDer::from_pem_file(certificate).unwrap();
        config
            .with_client_auth_cert(vec![certificate], PrivateKeyDer::from_pem_file(key).unwrap())
            .unwrap()
    } else {
        config.with_no_client_auth()
    };
    let name = ServerName::try_from(name.to_owned()).unwrap();
    ClientConnection::new(Arc::new(config), name).unwrap()
}

/// Sends a GET over TLS; returns the start of the status line.
fn get_over_tls(
    sandbox: &Sandbox,
    name: &str,
    versions: &[&'static SupportedProtocolVersion],
    with_certificate: bool,
) -> Result<String, std::io::Error> {
    let tcp = socket(sandbox);
    tcp.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut stream = StreamOwned::new(tls_client(sandbox, name, versions, with_certificate), tcp);
    stream.write_all(raw_lookup(sandbox, "x").as_bytes())?;
    let mut response = [0; 12];
    stream.read_exact(&mut response)?;
    Ok(String::from_utf8_lossy(&response).into_owned())
}

fn get_without_certificate(sandbox: &Sandbox) -> Result<String, std::io::Error> {
    get_over_tls(sandbox, "localhost", ALL_VERSIONS, false)
}

#[test]
fn certificate_is_valid_for_every_loopback_name() {
    let sandbox = sandbox();
    for name in ["localhost", "zs.localhost", "127.0.0.1", "::1"] {
        assert_eq!(get_over_tls(&sandbox, name, ALL_VERSIONS, false).unwrap(), "HTTP/1.1 404");
    }
    assert!(get_over_tls(&sandbox, "example.com", ALL_VERSIONS, false).is_err());
}

#[test]
fn each_tls_fault_affects_one_handshake() {
    let sandbox = sandbox();
    for (fault, expected) in [
        ("tls-expired", "certificate expired"),
        ("tls-wrong-name", "not valid for name"),
        ("tls-unknown-issuer", "UnknownIssuer"),
        ("tls-reset", "reset"),
        ("tls-plain-http", "InvalidContentType"),
    ] {
        sandbox.fault(fault, 1).unwrap();
        let error = get_without_certificate(&sandbox).unwrap_err().to_string();
        assert!(error.contains(expected), "{fault}: {error}");
        assert_eq!(get_without_certificate(&sandbox).unwrap(), "HTTP/1.1 404", "{fault} is over");
    }
    sandbox.fault("tls-stall", 1).unwrap();
    let stalled = get_without_certificate(&sandbox).unwrap_err().kind();
    assert!(matches!(stalled, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{stalled}");
}

#[test]
fn tls_version_can_be_limited() {
    let sandbox = sandbox();
    for (fault, supported, other) in [
        ("tls-1.2-only", &version::TLS12, &version::TLS13),
        ("tls-1.3-only", &version::TLS13, &version::TLS12),
    ] {
        sandbox.fault(fault, 2).unwrap();
        assert_eq!(
            get_over_tls(&sandbox, "localhost", &[supported], false).unwrap(),
            "HTTP/1.1 404",
            "{fault}"
        );
        assert!(get_over_tls(&sandbox, "localhost", &[other], false).is_err(), "{fault}");
    }
}

#[test]
fn client_certificate_is_required_and_accepted() {
    let sandbox = sandbox();
    sandbox.fault("tls-client-certificate", 2).unwrap();
    assert!(
        get_without_certificate(&sandbox).unwrap_err().to_string().contains("CertificateRequired")
    );
    assert_eq!(get_over_tls(&sandbox, "localhost", ALL_VERSIONS, true).unwrap(), "HTTP/1.1 404");
}

#[test]
fn missing_client_certificate_fails_the_tls_1_2_handshake() {
    let sandbox = sandbox();
    sandbox.fault("tls-1.2-client-certificate", 3).unwrap();
    assert!(get_without_certificate(&sandbox).unwrap_err().to_string().contains("alert"));
    assert_eq!(
        get_over_tls(&sandbox, "localhost", &[&version::TLS12], true).unwrap(),
        "HTTP/1.1 404"
    );
    assert!(get_over_tls(&sandbox, "localhost", &[&version::TLS13], true).is_err());
}

#[test]
fn close_notify_can_be_in_the_packet_of_the_response() {
    let sandbox = sandbox();
    sandbox.fault("close-with-answer", 1).unwrap();
    let mut session = tls_client(&sandbox, "localhost", ALL_VERSIONS, false);
    let mut tcp = socket(&sandbox);
    while session.is_handshaking() {
        session.complete_io(&mut tcp).unwrap();
    }
    session.writer().write_all(raw_lookup(&sandbox, "x").as_bytes()).unwrap();
    session.complete_io(&mut tcp).unwrap();
    // Session tickets may arrive first.
    loop {
        session.read_tls(&mut tcp).unwrap();
        let state = session.process_new_packets().unwrap();
        if state.plaintext_bytes_to_read() > 0 {
            return assert!(state.peer_has_closed(), "response and close_notify arrive together");
        }
    }
}

#[test]
fn tls_faults_require_tls_and_do_not_affect_plain_admin_requests() {
    assert_eq!(Sandbox::start().unwrap().fault("tls-expired", 1).unwrap_err().status, 409);
    let sandbox = sandbox();
    sandbox.fault("tls-expired", 1).unwrap();
    let admin = sandbox.url().replace("https", "http") + "/_sandbox/faults";
    assert_eq!(agent().delete(&admin).call().unwrap().status(), 200);
    assert_eq!(get_without_certificate(&sandbox).unwrap(), "HTTP/1.1 404");
}

#[test]
fn socket_faults_work_with_tls() {
    let sandbox = sandbox();
    sandbox.fault("reset", 1).unwrap();
    assert_eq!(get_without_certificate(&sandbox).unwrap_err().kind(), ErrorKind::ConnectionReset);
    sandbox.fault("reset-on-accept", 1).unwrap();
    assert_eq!(get_without_certificate(&sandbox).unwrap_err().kind(), ErrorKind::ConnectionReset);
    sandbox.fault("close-on-accept", 1).unwrap();
    let mut stream = TcpStream::connect(address(&sandbox)).unwrap();
    stream.write_all(&[0x16, 3, 1]).unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
}
