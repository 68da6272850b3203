//! Handshakes that go wrong, each seen by a strict client.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

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

/// The side of a client that trusts the sandbox's authority.
fn session(
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

/// A lookup over TLS: the answer's first line, or the error.
fn call(
    sandbox: &Sandbox,
    name: &str,
    versions: &[&'static SupportedProtocolVersion],
    with_certificate: bool,
) -> Result<String, std::io::Error> {
    let tcp = socket(sandbox);
    tcp.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut stream = StreamOwned::new(session(sandbox, name, versions, with_certificate), tcp);
    stream.write_all(raw_lookup(sandbox, "x").as_bytes())?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn plain(sandbox: &Sandbox) -> Result<String, std::io::Error> {
    call(sandbox, "localhost", ALL_VERSIONS, false)
}

#[test]
fn the_certificate_is_good_for_every_loopback_name() {
    let sandbox = sandbox();
    for name in ["localhost", "zs.localhost", "127.0.0.1", "::1"] {
        assert_eq!(call(&sandbox, name, ALL_VERSIONS, false).unwrap(), "HTTP/1.1 404");
    }
    assert!(call(&sandbox, "example.com", ALL_VERSIONS, false).is_err());
}

#[test]
fn each_fault_breaks_one_handshake_in_its_own_way() {
    let sandbox = sandbox();
    for (fault, expected) in [
        ("tls-expired", "certificate expired"),
        ("tls-wrong-name", "not valid for name"),
        ("tls-unknown-issuer", "UnknownIssuer"),
        ("tls-reset", "reset"),
        ("tls-plain-http", "InvalidContentType"),
    ] {
        sandbox.fault(fault, 1).unwrap();
        let error = plain(&sandbox).unwrap_err().to_string();
        assert!(error.contains(expected), "{fault}: {error}");
        assert_eq!(plain(&sandbox).unwrap(), "HTTP/1.1 404", "{fault} is over");
    }
    sandbox.fault("tls-stall", 1).unwrap();
    let stalled = plain(&sandbox).unwrap_err().kind();
    assert!(matches!(stalled, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{stalled}");
}

#[test]
fn versions_can_be_held_to_one() {
    let sandbox = sandbox();
    for (fault, spoken, other) in [
        ("tls-1.2-only", &version::TLS12, &version::TLS13),
        ("tls-1.3-only", &version::TLS13, &version::TLS12),
    ] {
        sandbox.fault(fault, 2).unwrap();
        assert_eq!(
            call(&sandbox, "localhost", &[spoken], false).unwrap(),
            "HTTP/1.1 404",
            "{fault}"
        );
        assert!(call(&sandbox, "localhost", &[other], false).is_err(), "{fault}");
    }
}

#[test]
fn a_client_certificate_is_asked_for_and_the_sandboxs_own_accepted() {
    let sandbox = sandbox();
    sandbox.fault("tls-client-certificate", 2).unwrap();
    assert!(plain(&sandbox).unwrap_err().to_string().contains("CertificateRequired"));
    assert_eq!(call(&sandbox, "localhost", ALL_VERSIONS, true).unwrap(), "HTTP/1.1 404");
}

#[test]
fn under_tls_1_2_a_missing_client_certificate_ends_the_handshake() {
    let sandbox = sandbox();
    sandbox.fault("tls-1.2-client-certificate", 3).unwrap();
    assert!(plain(&sandbox).unwrap_err().to_string().contains("alert"));
    assert_eq!(call(&sandbox, "localhost", &[&version::TLS12], true).unwrap(), "HTTP/1.1 404");
    assert!(call(&sandbox, "localhost", &[&version::TLS13], true).is_err());
}

#[test]
fn the_close_of_tls_can_come_in_the_packet_of_the_answer() {
    let sandbox = sandbox();
    sandbox.fault("close-with-answer", 1).unwrap();
    let mut session = session(&sandbox, "localhost", ALL_VERSIONS, false);
    let mut tcp = socket(&sandbox);
    while session.is_handshaking() {
        session.complete_io(&mut tcp).unwrap();
    }
    session.writer().write_all(raw_lookup(&sandbox, "x").as_bytes()).unwrap();
    session.complete_io(&mut tcp).unwrap();
    // Tickets for later sessions may come first.
    loop {
        session.read_tls(&mut tcp).unwrap();
        let state = session.process_new_packets().unwrap();
        if state.plaintext_bytes_to_read() > 0 {
            return assert!(state.peer_has_closed(), "one read has both");
        }
    }
}

#[test]
fn faults_of_the_handshake_need_tls_and_spare_plain_admin_calls() {
    assert_eq!(Sandbox::start().unwrap().fault("tls-expired", 1).unwrap_err().status, 409);
    let sandbox = sandbox();
    sandbox.fault("tls-expired", 1).unwrap();
    let admin = sandbox.url().replace("https", "http") + "/_sandbox/faults";
    assert_eq!(agent().delete(&admin).call().unwrap().status(), 200);
    assert_eq!(plain(&sandbox).unwrap(), "HTTP/1.1 404");
}

#[test]
fn resets_and_cuts_work_under_tls_too() {
    let sandbox = sandbox();
    sandbox.fault("reset", 1).unwrap();
    assert_eq!(plain(&sandbox).unwrap_err().kind(), ErrorKind::ConnectionReset);
    sandbox.fault("reset-on-accept", 1).unwrap();
    assert_eq!(plain(&sandbox).unwrap_err().kind(), ErrorKind::ConnectionReset);
    sandbox.fault("close-on-accept", 1).unwrap();
    let mut stream = TcpStream::connect(address(&sandbox)).unwrap();
    stream.write_all(&[0x16, 3, 1]).unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
}
