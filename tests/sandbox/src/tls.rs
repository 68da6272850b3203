//! HTTPS with an authority of the sandbox's own, made at start and gone at exit.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;

use crate::options::Options;

/// The server's side of TLS.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
}

/// The authority's certificate as a file, for clients to trust. The file goes when this goes.
pub(crate) struct CaFile {
    folder: TempDir,
}

impl CaFile {
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Tls {
    pub(crate) fn new(options: &Options) -> io::Result<(Self, CaFile)> {
        let ca = authority()?;
        let folder = tempfile::Builder::new().prefix("zignsec-sandbox-").tempdir()?;
        let file = CaFile { folder };
        std::fs::write(file.path(), ca.pem())?;
        let acceptor = TlsAcceptor::from(Arc::new(server_config(&ca, names(options))?));
        Ok((Self { acceptor }, file))
    }

    pub(crate) async fn accept(&self, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(tcp).await
    }
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> io::Result<Authority> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "ZignSec sandbox: trust it nowhere else");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, key()?).map_err(io::Error::other)
}

fn key() -> io::Result<KeyPair> {
    KeyPair::generate().map_err(io::Error::other)
}

fn names(options: &Options) -> Vec<String> {
    let mut names: Vec<String> =
        ["localhost", "*.localhost", "127.0.0.1", "::1"].map(String::from).to_vec();
    names.push(options.host.to_string());
    names.extend(options.allow_host.iter().cloned());
    names
}

fn server_config(ca: &Authority, names: Vec<String>) -> io::Result<ServerConfig> {
    let key = key()?;
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    params.distinguished_name.push(DnType::CommonName, "ZignSec sandbox");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.signed_by(&key, ca).map_err(io::Error::other)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .map_err(io::Error::other)
}
