//! Whom to trust, and with which certificate to show oneself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::options::Environ;

/// The PEM files that a caller named.
pub(crate) struct TlsFiles<'a> {
    pub(crate) ca: Option<&'a Path>,
    pub(crate) client_cert: Option<&'a Path>,
    pub(crate) client_key: Option<&'a Path>,
}

/// The TLS settings of a client. `needed` is false where no TLS connection can come up: the
/// system's store, a costly thing to read, is then left alone.
pub(crate) fn config(
    files: &TlsFiles<'_>,
    needed: bool,
    environment: &Environ,
) -> Result<TlsConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let client_cert = match (files.client_cert, files.client_key) {
        (None, None) => None,
        (Some(cert), Some(key)) => Some(client_cert(cert, key, &provider)?),
        _ => {
            return Err(Error::configuration(
                "client_cert_file and client_key_file go together: set both or neither",
            ));
        }
    };
    Ok(TlsConfig::builder()
        // Ours, whatever the host program has installed as its default.
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(roots(files.ca, needed, environment)?)
        .client_cert(client_cert)
        .build())
}

/// The first of: the named file; `SSL_CERT_FILE` and `SSL_CERT_DIR`; `REQUESTS_CA_BUNDLE`, then
/// `CURL_CA_BUNDLE`; the system's store; Mozilla's list where the system has none. What is named
/// and cannot be used is an error: to trust somebody else instead would be worse.
fn roots(ca_file: Option<&Path>, needed: bool, environment: &Environ) -> Result<RootCerts, Error> {
    if let Some(file) = ca_file {
        return named(&[("ca_file", file.to_owned(), Form::File)]);
    }
    let path = |name| environment.get_os(name).map(PathBuf::from);
    let mut sources = Vec::new();
    sources.extend(path("SSL_CERT_FILE").map(|file| ("SSL_CERT_FILE", file, Form::File)));
    if let Some(dirs) = environment.get_os("SSL_CERT_DIR") {
        // As for OpenSSL, a list like that of PATH.
        let dirs = std::env::split_paths(&dirs).filter(|dir| !dir.as_os_str().is_empty());
        sources.extend(dirs.map(|dir| ("SSL_CERT_DIR", dir, Form::Dir)));
    }
    if !sources.is_empty() {
        return named(&sources);
    }
    for name in ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        if let Some(bundle) = path(name) {
            let form = if bundle.is_dir() { Form::Dir } else { Form::File };
            return named(&[(name, bundle, form)]);
        }
    }
    if !needed {
        return Ok(RootCerts::WebPki);
    }
    let system = rustls_native_certs::load_native_certs().certs;
    Ok(if system.is_empty() { RootCerts::WebPki } else { specific(&system) })
}

enum Form {
    File,
    Dir,
}

/// The certificates of files and folders that somebody named, all of which must be good.
fn named(sources: &[(&str, PathBuf, Form)]) -> Result<RootCerts, Error> {
    let mut all = Vec::new();
    for (name, path, form) in sources {
        let (file, dir) = match form {
            Form::File => (Some(path.as_path()), None),
            Form::Dir => (None, Some(path.as_path())),
        };
        let loaded = rustls_native_certs::load_certs_from_paths(file, dir);
        if let Some(error) = loaded.errors.into_iter().next() {
            return Err(Error::configuration(format!("{name} cannot be read: {error}"))
                .with_source(Box::new(error)));
        }
        // A certificate that does not parse would be left out without a word.
        let mut store = rustls::RootCertStore::empty();
        for certificate in &loaded.certs {
            store.add(certificate.clone()).map_err(|error| {
                Error::configuration(format!(
                    "{name} holds a certificate that cannot be read: {error}"
                ))
                .with_source(Box::new(error))
            })?;
        }
        all.extend(loaded.certs);
    }
    if all.is_empty() {
        let names: Vec<_> = sources.iter().map(|(name, ..)| *name).collect();
        return Err(Error::configuration(format!(
            "{} holds no certificate in PEM form",
            names.join(" and ")
        )));
    }
    Ok(specific(&all))
}

fn specific(certificates: &[CertificateDer<'static>]) -> RootCerts {
    RootCerts::Specific(Arc::new(certificates.iter().map(to_ureq).collect()))
}

fn to_ureq(der: &CertificateDer<'_>) -> Certificate<'static> {
    Certificate::from_der(der).to_owned()
}

/// Reads a certificate chain and its key, and makes sure that they belong together: ureq would
/// panic over it when the first connection is made.
fn client_cert(cert: &Path, key: &Path, provider: &CryptoProvider) -> Result<ClientCert, Error> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable("client_cert_file", error))?;
    if chain.is_empty() {
        return Err(Error::configuration("client_cert_file holds no certificate in PEM form"));
    }
    let pem = std::fs::read(key)
        .map(Zeroizing::new)
        .map_err(|error| unreadable("client_key_file", error))?;
    let private = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| unreadable("client_key_file", error))?;
    CertifiedKey::from_der(chain.clone(), private, provider).map_err(|error| {
        Error::configuration(format!(
            "client_cert_file and client_key_file do not make a pair: {error}"
        ))
        .with_source(Box::new(error))
    })?;
    let private =
        PrivateKey::from_pem(&pem).map_err(|error| unreadable("client_key_file", error))?;
    let chain: Vec<_> = chain.iter().map(to_ureq).collect();
    Ok(ClientCert::new_with_certs(&chain, private))
}

fn unreadable(name: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::configuration(format!("{name} cannot be read as PEM: {error}"))
        .with_source(Box::new(error))
}
