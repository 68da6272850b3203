//! The certificates that the system trusts.

use std::io;
#[cfg(not(any(windows, target_os = "macos")))]
use std::path::Path;
use std::sync::Arc;

use once_cell::race::OnceBox;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

#[cfg(not(any(windows, target_os = "macos")))]
use super::certificates::{Found, Origin};
#[cfg(not(any(windows, target_os = "macos")))]
use crate::os_error;
use crate::redact::log_line;

/// What messages call the system's store.
#[cfg(not(any(windows, target_os = "macos")))]
const SETTING: &str = "the system's store";

/// The system's store, or Mozilla's list if the system has none. Read once per process, unless a
/// resource ran out: then there may be certificates that were not read.
pub(super) fn source() -> io::Result<Arc<RootCertStore>> {
    // Not a lock, because a fork can leave a lock held in the child.
    static ROOTS: OnceBox<Arc<RootCertStore>> = OnceBox::new();
    let read = || system_store().map(|store| Box::new(Arc::new(system_or_mozilla(store))));
    ROOTS.get_or_try_init(read).cloned()
}

/// The certificates of the system's store: the first of the files and all of the directories in
/// which systems keep it. `rustls_native_certs::load_native_certs` would read `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` again, which may have changed since the client was created, or may not be
/// trusted at all.
#[cfg(not(any(windows, target_os = "macos")))]
fn system_store() -> io::Result<Vec<CertificateDer<'static>>> {
    system_store_below(Path::new("/"))
}

/// The system's store if its root directory were `root`.
#[cfg(not(any(windows, target_os = "macos")))]
fn system_store_below(root: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
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
    let mut found = Found::default();
    let read = (|| {
        if let Some(file) = FILES.iter().find_map(existing) {
            found.add_file(SETTING, &file, Origin::Listed)?;
        }
        DIRS.iter().filter_map(existing).try_for_each(|dir| found.add_folder(SETTING, &dir))
    })();
    read.map_err(|error| os_error::in_operation("cannot read the system's certificates", error))?;
    found.warn();
    Ok(found.certificates())
}

/// The certificates of the system's store. These systems have an API for it, but the crate that
/// calls it reads `SSL_CERT_FILE` and `SSL_CERT_DIR` first: if one of them is set, Mozilla's list is
/// used instead.
#[cfg(any(windows, target_os = "macos"))]
fn system_store() -> io::Result<Vec<CertificateDer<'static>>> {
    if ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some()) {
        return Ok(Vec::new());
    }
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        log_line!(log::Level::Warn, "the system's store: {error}");
    }
    Ok(found.certs)
}

fn system_or_mozilla(system: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(system);
    let source = if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        "Mozilla's list (the system has no usable certificates)"
    } else {
        "the system's store"
    };
    log_line!(log::Level::Debug, "trusting {} certificates of {source}", store.len());
    store
}

#[cfg(all(test, not(any(windows, target_os = "macos"))))]
mod tests {
    use super::*;

    /// The directory and the file that a system keeps are read by their paths.
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
        let count = || system_store_below(root.path()).unwrap().len();
        assert_eq!(count(), 0);
        add(&sandbox, "etc/ssl/cert.pem");
        add(&other, "etc/ssl/cacert.pem");
        assert_eq!(count(), 1);
        add(&sandbox, "etc/ssl/certs/ca-certificates.crt");
        assert_eq!(count(), 1);
        add(&other, "etc/pki/tls/certs/12345678.0");
        assert_eq!(count(), 2);
    }
}
