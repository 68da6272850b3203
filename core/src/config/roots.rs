//! Trust roots and client certificates.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use once_cell::race::OnceBox;
use rustls::RootCertStore;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use zeroize::Zeroizing;

use super::env::Env;
use crate::error::Error;
use crate::redact::{self, log_line};
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
    let read = || Box::new(Arc::new(system_or_mozilla(system_store())));
    ROOTS.get_or_init(read).clone()
}

/// The certificates of the system's store: the first of the files and all of the directories in
/// which systems keep it. `rustls_native_certs::load_native_certs` would read `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` again, which may have changed since the client was created, or may not be
/// trusted at all.
#[cfg(not(any(windows, target_os = "macos")))]
fn system_store() -> Vec<CertificateDer<'static>> {
    system_store_below(Path::new("/"))
}

/// The system's store if its root directory were `root`.
#[cfg(not(any(windows, target_os = "macos")))]
fn system_store_below(root: &Path) -> Vec<CertificateDer<'static>> {
    /// As in the crate `openssl-probe`.
    const FILES: [&str; 14] = [
        "etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Gentoo, Arch
        "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, Red Hat
        "etc/pki/tls/certs/ca-bundle.crt",   // older Fedora and Red Hat
        "etc/ssl/ca-bundle.pem",             // openSUSE
        "etc/pki/tls/cacert.pem",
        "etc/ssl/cert.pem", // Alpine, OpenBSD
        "opt/etc/ssl/certs/ca-certificates.crt",
        "etc/ssl/certs/cacert.pem",
        "usr/local/etc/ssl/cert.pem",            // FreeBSD
        "usr/local/share/certs/ca-root-nss.crt", // DragonFly
        "etc/openssl/certs/ca-certificates.crt", // NetBSD
        "etc/certs/ca-certificates.crt",         // Solaris
        "etc/ssl/cacert.pem",                    // illumos
        "data/data/com.termux/files/usr/etc/tls/cert.pem",
    ];
    const DIRS: [&str; 6] = [
        "etc/ssl/certs",
        "etc/pki/tls/certs",
        "etc/security/certificates",
        "usr/local/share/certs",
        "etc/openssl/certs",
        "etc/certs/CA",
    ];
    let existing = |path: &&str| Some(root.join(path)).filter(|path| path.exists());
    let mut file = FILES.iter().find_map(existing);
    let mut certificates = Vec::new();
    // The file is read together with the first directory, which often contains it.
    let mut dirs = DIRS.iter().filter_map(existing);
    loop {
        let dir = dirs.next();
        if file.is_none() && dir.is_none() {
            break;
        }
        let loaded =
            rustls_native_certs::load_certs_from_paths(file.take().as_deref(), dir.as_deref());
        certificates.extend(loaded.certs);
    }
    certificates.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
    certificates.dedup();
    certificates
}

/// The certificates of the system's store. These systems have an API for it, but the crate that
/// calls it reads `SSL_CERT_FILE` and `SSL_CERT_DIR` first: if one of them is set, Mozilla's list is
/// used instead.
#[cfg(any(windows, target_os = "macos"))]
fn system_store() -> Vec<CertificateDer<'static>> {
    if ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some()) {
        return Vec::new();
    }
    rustls_native_certs::load_native_certs().certs
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
    log_line!(log::Level::Debug, "trusting {} certificates of {source}", store.len());
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
            return Err(unusable(name, error));
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
        .map_err(|error| not_pem("client_cert_file", error))?;
    if chain.is_empty() {
        return Err(no_certificate(["client_cert_file"]));
    }
    let pem = std::fs::read(key_file)
        .map(Zeroizing::new)
        .map_err(|error| unreadable("client_key_file", "", error))?;
    let key =
        PrivateKeyDer::from_pem_slice(&pem).map_err(|error| not_pem("client_key_file", error))?;
    let pair = CertifiedKey::from_der(chain, key, &crypto_provider()).map_err(|error| {
        Error::configuration(format!("client_cert_file and client_key_file do not match: {error}"))
            .with_source(Box::new(error))
    })?;
    Ok(Some(Arc::new(SingleCertAndKey::from(pair))))
}

/// The error of a file or directory of certificates.
fn unusable(name: &str, error: rustls_native_certs::Error) -> Error {
    use rustls_native_certs::ErrorKind;
    match error.kind {
        ErrorKind::Io { inner, path } => {
            let path = redact::text(&path.to_string_lossy(), &[]);
            unreadable(name, &format!(" ({path})"), inner)
        }
        ErrorKind::Pem(error) => not_pem(name, error),
        _ => Error::configuration(format!("cannot read {name}")),
    }
}

fn unreadable(name: &str, path: &str, error: io::Error) -> Error {
    Error::configuration(format!("cannot read {name}{path}: {error}")).with_source(Box::new(error))
}

/// The error of a file that is not PEM. Neither message nor source shows a line of it: that may be
/// the private key, for example if the line breaks of the file were lost.
fn not_pem(name: &str, error: pem::Error) -> Error {
    match error {
        pem::Error::Io(error) => unreadable(name, "", error),
        pem::Error::NoItemsFound => {
            Error::configuration(format!("{name} does not contain the PEM section it needs"))
        }
        _ => Error::configuration(format!(
            "{name} is not valid PEM; check its BEGIN and END lines and its line breaks"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The directory and the file that a system keeps are read by their paths.
    #[cfg(not(any(windows, target_os = "macos")))]
    #[test]
    fn the_first_file_and_all_directories_of_the_system_are_read() {
        let sandbox = zignsec_sandbox::Sandbox::builder().tls(true).start().unwrap();
        let other = zignsec_sandbox::Sandbox::builder().tls(true).start().unwrap();
        let root = tempfile::tempdir().unwrap();
        let add = |of: &zignsec_sandbox::Sandbox, path: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::copy(of.ca_file().unwrap(), path).unwrap();
        };
        let count = || system_store_below(root.path()).len();
        assert_eq!(count(), 0);
        add(&sandbox, "etc/ssl/cert.pem");
        add(&other, "etc/ssl/cacert.pem");
        assert_eq!(count(), 1);
        add(&sandbox, "etc/ssl/certs/ca-certificates.crt");
        assert_eq!(count(), 1);
        add(&other, "etc/pki/tls/certs/12345678.0");
        assert_eq!(count(), 2);
    }

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
