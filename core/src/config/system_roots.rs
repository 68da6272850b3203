//! The certificates that the system trusts.
//!
//! The crate `rustls-native-certs` is not used: it reads `SSL_CERT_FILE` and `SSL_CERT_DIR` itself,
//! which may have changed since the client was created, or may not be trusted at all.

use std::io;
#[cfg(not(any(windows, target_os = "macos")))]
use std::path::Path;
use std::sync::Arc;

use once_cell::race::OnceBox;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

#[cfg(not(any(windows, target_os = "macos")))]
use super::certificates::{Found, Origin};
#[cfg(not(target_os = "macos"))]
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
/// which systems keep it.
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

/// The certificates of the system's store that are trusted for servers, as `rustls-native-certs`
/// reads them.
#[cfg(windows)]
fn system_store() -> io::Result<Vec<CertificateDer<'static>>> {
    use schannel::cert_context::{CertContext, ValidUses};
    use schannel::cert_store::CertStore;

    const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
    let is_trusted = |certificate: &CertContext| -> io::Result<bool> {
        let is_for_servers = match certificate.valid_uses()? {
            ValidUses::All => true,
            ValidUses::Oids(oids) => oids.iter().any(|oid| oid == SERVER_AUTH),
        };
        Ok(is_for_servers && certificate.is_time_valid()?)
    };
    let warn = |what, error: &io::Error| {
        log_line!(log::Level::Warn, "cannot read {what}: {}", os_error::describe(error));
    };
    let mut certificates = Vec::new();
    match CertStore::open_current_user("ROOT") {
        Ok(store) => {
            for certificate in store.certs() {
                match is_trusted(&certificate) {
                    Ok(true) => certificates.push(certificate.to_der().to_vec().into()),
                    Ok(false) => {}
                    Err(error) => warn("a certificate of the system's store", &error),
                }
            }
        }
        Err(error) => warn("the system's store", &error),
    }
    Ok(certificates)
}

/// The certificates of the system's store that are trusted for TLS, as `rustls-native-certs` reads
/// them.
#[cfg(target_os = "macos")]
fn system_store() -> io::Result<Vec<CertificateDer<'static>>> {
    use std::collections::HashMap;

    use TrustSettingsForCertificate::{TrustAsRoot, TrustRoot};
    use security_framework::base::Error;
    use security_framework::trust_settings::{Domain, TrustSettings, TrustSettingsForCertificate};

    // The text of such an error is in the language of the host program.
    let warn = |what, error: Error| {
        log_line!(log::Level::Warn, "cannot read {what} (OSStatus {})", error.code());
    };
    let mut is_trusted = HashMap::new();
    // Settings of the user override those of the administrator, which override the system's.
    for domain in [Domain::User, Domain::Admin, Domain::System] {
        let settings = TrustSettings::new(domain);
        let certificates = match settings.iter() {
            Ok(certificates) => certificates,
            Err(error) => {
                warn("trust settings of the system's store", error);
                continue;
            }
        };
        for certificate in certificates {
            match settings.tls_trust_settings_for_certificate(&certificate) {
                Ok(trust) => {
                    // It is trusted if there are no settings for it.
                    let is_root = matches!(trust, None | Some(TrustRoot | TrustAsRoot));
                    is_trusted.entry(certificate.to_der()).or_insert(is_root);
                }
                Err(error) => warn("a certificate of the system's store", error),
            }
        }
    }
    let trusted = is_trusted.into_iter().filter(|(_, is_trusted)| *is_trusted);
    Ok(trusted.map(|(der, _)| der.into()).collect())
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
