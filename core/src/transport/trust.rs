//! Whom to trust, and with which certificate to show oneself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use once_cell::race::OnceBox;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::options::Environ;

/// The PEM files that a caller named.
pub(crate) struct TlsFiles<'a> {
    pub(crate) ca: Option<&'a Path>,
    pub(crate) client_cert: Option<&'a Path>,
    pub(crate) client_key: Option<&'a Path>,
}

/// What was named and has been checked.
#[derive(Clone)]
pub(crate) struct TlsSettings {
    /// `None`: the system's store, which is costly to read, and is once it is needed.
    roots: Option<Arc<RootCertStore>>,
    client_cert: Option<Arc<dyn ResolvesClientCert>>,
}

impl TlsSettings {
    pub(crate) fn read(files: &TlsFiles<'_>, environment: &Environ) -> Result<Self, Error> {
        let client_cert = match (files.client_cert, files.client_key) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some(client_cert(cert, key)?),
            _ => {
                return Err(Error::configuration(
                    "client_cert_file and client_key_file go together: set both or neither",
                ));
            }
        };
        Ok(Self { roots: named_roots(files.ca, environment)?.map(Arc::new), client_cert })
    }

    pub(crate) fn client_config(&self) -> Arc<ClientConfig> {
        let roots = self.roots.clone().unwrap_or_else(system_roots);
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("ring knows the cipher suites of TLS 1.2 and 1.3")
            .with_root_certificates(roots);
        Arc::new(match &self.client_cert {
            Some(resolver) => config.with_client_cert_resolver(resolver.clone()),
            None => config.with_no_client_auth(),
        })
    }
}

/// Ours, whatever the host program has installed as its default.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The first of: the named file; `SSL_CERT_FILE` and `SSL_CERT_DIR`; `REQUESTS_CA_BUNDLE`, then
/// `CURL_CA_BUNDLE`. What is named and cannot be used is an error: to trust somebody else instead
/// would be worse.
fn named_roots(
    ca_file: Option<&Path>,
    environment: &Environ,
) -> Result<Option<RootCertStore>, Error> {
    if let Some(file) = ca_file {
        return named(&[("ca_file", file.to_owned(), Form::File)]).map(Some);
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
        return named(&sources).map(Some);
    }
    for name in ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        if let Some(bundle) = path(name) {
            let form = if bundle.is_dir() { Form::Dir } else { Form::File };
            return named(&[(name, bundle, form)]).map(Some);
        }
    }
    Ok(None)
}

/// The system's store, or Mozilla's list where the system has none. Read once a process.
fn system_roots() -> Arc<RootCertStore> {
    // Not a lock: a fork could leave it held.
    static ROOTS: OnceBox<Arc<RootCertStore>> = OnceBox::new();
    let read =
        || Box::new(Arc::new(system_or_mozilla(rustls_native_certs::load_native_certs().certs)));
    ROOTS.get_or_init(read).clone()
}

fn system_or_mozilla(system: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(system);
    let whose = if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        "Mozilla's list, as the system has none"
    } else {
        "the system's store"
    };
    log::debug!(target: "zignsec", "trusting {} certificates of {whose}", store.len());
    store
}

enum Form {
    File,
    Dir,
}

/// The certificates of files and folders that somebody named, all of which must be good.
fn named(sources: &[(&str, PathBuf, Form)]) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
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
        // A folder may be empty beside a file that is not.
        if loaded.certs.is_empty() && matches!(form, Form::File) {
            return Err(no_certificate([*name]));
        }
        for certificate in loaded.certs {
            store.add(certificate).map_err(|error| {
                Error::configuration(format!(
                    "{name} holds a certificate that cannot be read: {error}"
                ))
                .with_source(Box::new(error))
            })?;
        }
    }
    if store.is_empty() {
        return Err(no_certificate(sources.iter().map(|(name, ..)| *name)));
    }
    Ok(store)
}

fn no_certificate<'a>(names: impl IntoIterator<Item = &'a str>) -> Error {
    let names: Vec<_> = names.into_iter().collect();
    Error::configuration(format!("{} holds no certificate in PEM form", names.join(" and ")))
}

/// Reads a certificate chain and its key, and makes sure that they belong together.
fn client_cert(cert: &Path, key: &Path) -> Result<Arc<dyn ResolvesClientCert>, Error> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable("client_cert_file", error))?;
    if chain.is_empty() {
        return Err(Error::configuration("client_cert_file holds no certificate in PEM form"));
    }
    let pem = std::fs::read(key)
        .map(Zeroizing::new)
        .map_err(|error| unreadable("client_key_file", error))?;
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| unreadable("client_key_file", error))?;
    let pair = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| {
        Error::configuration(format!(
            "client_cert_file and client_key_file do not make a pair: {error}"
        ))
        .with_source(Box::new(error))
    })?;
    Ok(Arc::new(SingleCertAndKey::from(pair)))
}

fn unreadable(name: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::configuration(format!("{name} cannot be read as PEM: {error}"))
        .with_source(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_that_is_named_must_hold_a_certificate() {
        let sandbox = zignsec_sandbox::Sandbox::builder().tls(true).start().unwrap();
        let good = sandbox.ca_file().unwrap().to_owned();
        let key_alone = good.with_file_name("client-key.pem");
        let error = named(&[
            ("SSL_CERT_FILE", key_alone, Form::File),
            ("another", good.clone(), Form::File),
        ]);
        assert!(error.unwrap_err().message().contains("SSL_CERT_FILE holds no certificate"));
        let empty = tempfile::tempdir().unwrap();
        let folder = || ("SSL_CERT_DIR", empty.path().to_owned(), Form::Dir);
        assert!(named(&[folder()]).is_err());
        assert_eq!(named(&[("SSL_CERT_FILE", good, Form::File), folder()]).unwrap().len(), 1);
    }
}
