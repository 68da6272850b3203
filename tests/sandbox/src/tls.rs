//! HTTPS with a certificate authority that exists only while the sandbox runs, and TLS faults.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::{Acceptor, WebPkiClientVerifier};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ALL_VERSIONS, RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::connection::{self, Step, Stream};
use crate::faults::Fault;
use crate::options::Options;

/// The TLS configuration of the server.
pub(crate) struct Tls {
    authority: Authority,
    names: Vec<String>,
    config: Arc<ServerConfig>,
}

/// The files of the CA certificate, a client certificate and its key. Dropping this deletes them.
pub(crate) struct Files {
    folder: TempDir,
}

impl Files {
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(crate) fn client_certificate(&self) -> PathBuf {
        self.folder.path().join("client.pem")
    }

    pub(crate) fn client_key(&self) -> PathBuf {
        self.folder.path().join("client-key.pem")
    }
}

/// A new folder that only this user can open. Its mode is set explicitly, because the umask can be
/// anything.
fn private_folder() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("zignsec-sandbox-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let folder = builder.tempdir()?;
    // A umask can remove rights of the owner.
    #[cfg(unix)]
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(folder)
}

/// Creates a file that only this user can read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

const PLAIN_RESPONSE: &str =
    "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

type Authority = CertifiedIssuer<'static, KeyPair>;

impl Tls {
    pub(crate) fn new(options: &Options) -> io::Result<(Self, Files)> {
        let authority = authority("ZignSec sandbox (do not trust elsewhere)")?;
        let files = Files { folder: private_folder()? };
        write_private(&files.ca(), &authority.pem())?;
        let (client, key) = client_certificate(&authority)?;
        write_private(&files.client_certificate(), &client)?;
        write_private(&files.client_key(), &key)?;
        let names = certificate_names(options);
        let config = Arc::new(server_config(&authority, names.clone(), None)?);
        Ok((Self { authority, names, config }, files))
    }

    /// Performs the handshake, with a fault if there is one. Returns `None` if the fault replaces
    /// the handshake.
    pub(crate) async fn accept(
        &self,
        tcp: TcpStream,
        fault: Option<&Fault>,
    ) -> io::Result<Option<TlsStream<TcpStream>>> {
        let script = match fault {
            Some(Fault::TlsStall) => vec![Step::Stall],
            Some(Fault::TlsReset) => vec![Step::Reset],
            Some(Fault::TlsPlainHttp) => {
                vec![Step::Send(PLAIN_RESPONSE.into())]
            }
            fault => {
                let hello = LazyConfigAcceptor::new(Acceptor::default(), tcp).await?;
                let config = self.config_for(hello.client_hello().server_name(), fault)?;
                return hello.into_stream(config).await.map(Some);
            }
        };
        connection::run_script(script, Stream::Plain(tcp)).await;
        Ok(None)
    }

    fn config_for(
        &self,
        name: Option<&str>,
        fault: Option<&Fault>,
    ) -> io::Result<Arc<ServerConfig>> {
        // Strict clients reject a wildcard certificate for *.localhost, so each such name gets its
        // own certificate.
        let name = name.filter(|name| name.to_ascii_lowercase().ends_with(".localhost"));
        if name.is_none() && fault.is_none() {
            return Ok(self.config.clone());
        }
        let names = self.names.iter().cloned().chain(name.map(str::to_owned)).collect();
        let config = if fault == Some(&Fault::TlsUnknownIssuer) {
            server_config(&authority("Unknown authority")?, names, None)
        } else {
            server_config(&self.authority, names, fault)
        };
        config.map(Arc::new)
    }
}

fn authority(name: &str) -> io::Result<Authority> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, key()?).map_err(io::Error::other)
}

fn key() -> io::Result<KeyPair> {
    KeyPair::generate().map_err(io::Error::other)
}

/// A client certificate and its key, as PEM.
fn client_certificate(authority: &Authority) -> io::Result<(String, String)> {
    let key = key()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "ZignSec sandbox client");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.signed_by(&key, authority).map_err(io::Error::other)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn certificate_names(options: &Options) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).to_vec();
    names.push(options.host.to_string());
    names.extend(options.allow_host.iter().cloned());
    names
}

fn server_config(
    authority: &Authority,
    names: Vec<String>,
    fault: Option<&Fault>,
) -> io::Result<ServerConfig> {
    let names = if fault == Some(&Fault::TlsWrongName) {
        vec!["elsewhere.example".to_owned()]
    } else {
        names
    };
    let key = key()?;
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    params.distinguished_name.push(DnType::CommonName, "ZignSec sandbox");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    if fault == Some(&Fault::TlsExpired) {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    let certificate = params.signed_by(&key, authority).map_err(io::Error::other)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let versions = match fault {
        Some(Fault::TlsOnlyV12 | Fault::TlsClientCertificateV12) => &[&TLS12],
        Some(Fault::TlsOnlyV13) => &[&TLS13],
        _ => ALL_VERSIONS,
    };
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .map_err(io::Error::other)?;
    let requires_client = [Fault::TlsClientCertificate, Fault::TlsClientCertificateV12];
    let config = if fault.is_some_and(|fault| requires_client.contains(fault)) {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).map_err(io::Error::other)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        config.with_client_cert_verifier(verifier.build().map_err(io::Error::other)?)
    } else {
        config.with_no_client_auth()
    };
    config.with_single_cert(vec![certificate.der().clone()], key).map_err(io::Error::other)
}
