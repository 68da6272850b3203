//! Trust roots and client certificates.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use once_cell::race::OnceBox;
use rustls::RootCertStore;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use zeroize::Zeroizing;

use super::env::Env;
use crate::error::Error;
use crate::transport::{RootSource, crypto_provider};

/// Chooses the trust roots: those that the caller or the environment configured, else the system's
/// store, which is read at the first TLS connection because that is slow.
pub(super) fn choose(ca_file: Option<&Path>, env: &Env) -> Result<RootSource, Error> {
    Ok(match configured_roots(ca_file, env)?.map(Arc::new) {
        Some(roots) => Box::new(move || roots.clone()),
        None => Box::new(system_roots),
    })
}

/// The first of: the file of the option; `SSL_CERT_FILE` and `SSL_CERT_DIR`; `REQUESTS_CA_BUNDLE`;
/// `CURL_CA_BUNDLE`. A file that is configured but not usable is an error: falling back to other
/// roots would be worse.
fn configured_roots(ca_file: Option<&Path>, env: &Env) -> Result<Option<RootCertStore>, Error> {
    if let Some(file) = ca_file {
        return load_roots(&[("ca_file", file.to_owned(), Form::File)]).map(Some);
    }
    let path = |name| env.get_os(name).map(PathBuf::from);
    let mut sources = Vec::new();
    sources.extend(path("SSL_CERT_FILE").map(|file| ("SSL_CERT_FILE", file, Form::File)));
    if let Some(dirs) = env.get_os("SSL_CERT_DIR") {
        // As in OpenSSL, a list like PATH.
        let dirs = std::env::split_paths(&dirs).filter(|dir| !dir.as_os_str().is_empty());
        sources.extend(dirs.map(|dir| ("SSL_CERT_DIR", dir, Form::Dir)));
    }
    if !sources.is_empty() {
        return load_roots(&sources).map(Some);
    }
    for name in ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        if let Some(bundle) = path(name) {
            let form = if bundle.is_dir() { Form::Dir } else { Form::File };
            return load_roots(&[(name, bundle, form)]).map(Some);
        }
    }
    Ok(None)
}

/// The system's store, or Mozilla's list if the system has none. Read once per process.
fn system_roots() -> Arc<RootCertStore> {
    // Not a lock, because a fork can leave a lock held in the child.
    static ROOTS: OnceBox<Arc<RootCertStore>> = OnceBox::new();
    let read =
        || Box::new(Arc::new(system_or_mozilla(rustls_native_certs::load_native_certs().certs)));
    ROOTS.get_or_init(read).clone()
}

fn system_or_mozilla(system: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(system);
    let source = if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        "Mozilla's list (the system has no certificates)"
    } else {
        "the system's store"
    };
    log::debug!(target: "zignsec", "trusting {} certificates of {source}", store.len());
    store
}

enum Form {
    File,
    Dir,
}

/// Loads the certificates of configured files and directories, each of which must be usable.
fn load_roots(sources: &[(&str, PathBuf, Form)]) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    for (name, path, form) in sources {
        let (file, dir) = match form {
            Form::File => (Some(path.as_path()), None),
            Form::Dir => (None, Some(path.as_path())),
        };
        let loaded = rustls_native_certs::load_certs_from_paths(file, dir);
        if let Some(error) = loaded.errors.into_iter().next() {
            return Err(Error::configuration(format!("cannot read {name}: {error}"))
                .with_source(Box::new(error)));
        }
        // A directory may be empty if a file is not.
        if loaded.certs.is_empty() && matches!(form, Form::File) {
            return Err(no_certificate([*name]));
        }
        for certificate in loaded.certs {
            store.add(certificate).map_err(|error| {
                Error::configuration(format!("{name} contains an invalid certificate: {error}"))
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
    let verb = if names.len() == 1 { "contains" } else { "contain" };
    Error::configuration(format!("{} {verb} no PEM certificate", names.join(" and ")))
}

/// Reads the client's certificate chain and private key, and checks that they match.
pub(super) fn client_cert(
    cert_file: Option<&Path>,
    key_file: Option<&Path>,
) -> Result<Option<Arc<dyn ResolvesClientCert>>, Error> {
    let (cert_file, key_file) = match (cert_file, key_file) {
        (None, None) => return Ok(None),
        (Some(cert_file), Some(key_file)) => (cert_file, key_file),
        _ => {
            return Err(Error::configuration(
                "client_cert_file and client_key_file must be set together",
            ));
        }
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert_file)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable("client_cert_file", error))?;
    if chain.is_empty() {
        return Err(no_certificate(["client_cert_file"]));
    }
    let pem = std::fs::read(key_file)
        .map(Zeroizing::new)
        .map_err(|error| unreadable("client_key_file", error))?;
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| unreadable("client_key_file", error))?;
    let pair = CertifiedKey::from_der(chain, key, &crypto_provider()).map_err(|error| {
        Error::configuration(format!("client_cert_file and client_key_file do not match: {error}"))
            .with_source(Box::new(error))
    })?;
    Ok(Some(Arc::new(SingleCertAndKey::from(pair))))
}

fn unreadable(name: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::configuration(format!("cannot read {name} as PEM: {error}")).with_source(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_configured_file_must_contain_a_certificate() {
        let sandbox = zignsec_sandbox::Sandbox::builder().tls(true).start().unwrap();
        let ca_file = sandbox.ca_file().unwrap().to_owned();
        let key_only = ca_file.with_file_name("client-key.pem");
        let error = load_roots(&[
            ("SSL_CERT_FILE", key_only, Form::File),
            ("another", ca_file.clone(), Form::File),
        ]);
        let message = error.unwrap_err().message().to_owned();
        assert!(message.contains("SSL_CERT_FILE contains no PEM certificate"), "{message}");
        let empty = tempfile::tempdir().unwrap();
        let directory = || ("SSL_CERT_DIR", empty.path().to_owned(), Form::Dir);
        assert!(load_roots(&[directory()]).is_err());
        let both = [("SSL_CERT_FILE", ca_file, Form::File), directory()];
        assert_eq!(load_roots(&both).unwrap().len(), 1);
    }
}
