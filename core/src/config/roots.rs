//! Which certificates are trusted: those that a setting names, else the system's.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use once_cell::race::OnceBox;
use rustls::RootCertStore;

use super::certificates::{Found, Origin};
use super::env::Env;
use super::system_roots;
use crate::error::Error;
use crate::os_error;
use crate::transport::RootSource;

/// Chooses the trust roots: those that the caller or the environment configured, else the system's
/// store, which is read at the first TLS connection because that is slow.
pub(super) fn choose(ca_file: Option<&Path>, env: &Env) -> Result<RootSource, Error> {
    let sources = configured(ca_file, env);
    if sources.is_empty() {
        return Ok(Box::new(system_roots::source));
    }
    match load(&sources) {
        Ok(roots) => {
            let roots = Arc::new(roots);
            Ok(Box::new(move || Ok(roots.clone())))
        }
        Err(ReadError::Exhausted(_)) => Ok(read_later(sources)),
        Err(ReadError::Unusable(error)) => Err(error),
    }
}

/// Reads the roots at the next connection, as often as needed: a resource had run out.
fn read_later(sources: Vec<Source>) -> RootSource {
    let roots = OnceBox::new();
    let setting = first_setting(&sources);
    Box::new(move || {
        let read = || match load(&sources) {
            Ok(roots) => Ok(Box::new(Arc::new(roots))),
            Err(ReadError::Exhausted(error)) => Err(os_error::in_operation(
                format!("cannot read the certificates of {setting}"),
                error,
            )),
            Err(ReadError::Unusable(error)) => Err(io::Error::other(error.message().to_owned())),
        };
        roots.get_or_try_init(read).cloned()
    })
}

/// The setting that the roots of [`choose`] come from. `None` for the system's store.
pub(super) fn setting(ca_file: Option<&Path>, env: &Env) -> Option<&'static str> {
    const VARIABLES: [&str; 4] =
        ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
    match ca_file {
        Some(_) => Some("ca_file"),
        None => VARIABLES.into_iter().find(|name| env.get_os(name).is_some()),
    }
}

/// Where configured certificates are.
struct Source {
    setting: &'static str,
    path: PathBuf,
    form: Form,
}

#[derive(Clone, Copy)]
enum Form {
    File,
    Folder,
}

/// Why configured certificates cannot be used.
enum ReadError {
    /// A resource ran out: they may be readable later.
    Exhausted(io::Error),
    Unusable(Error),
}

/// The first of: the file of the option; `SSL_CERT_FILE` and `SSL_CERT_DIR`; `REQUESTS_CA_BUNDLE`;
/// `CURL_CA_BUNDLE`.
fn configured(ca_file: Option<&Path>, env: &Env) -> Vec<Source> {
    let source = |setting, path, form| Source { setting, path, form };
    if let Some(file) = ca_file {
        return vec![source("ca_file", file.to_owned(), Form::File)];
    }
    let path = |name| env.get_os(name).map(PathBuf::from);
    let mut sources = Vec::new();
    sources.extend(path("SSL_CERT_FILE").map(|file| source("SSL_CERT_FILE", file, Form::File)));
    if let Some(folders) = env.get_os("SSL_CERT_DIR") {
        // As in OpenSSL, a list like PATH.
        let folders = std::env::split_paths(&folders).filter(|path| !path.as_os_str().is_empty());
        sources.extend(folders.map(|folder| source("SSL_CERT_DIR", folder, Form::Folder)));
    }
    if !sources.is_empty() {
        return sources;
    }
    let bundle = |name| {
        let path = path(name)?;
        let form = if path.is_dir() { Form::Folder } else { Form::File };
        Some(source(name, path, form))
    };
    ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"].into_iter().find_map(bundle).into_iter().collect()
}

/// Loads the configured certificates. A file without a usable one is an error: falling back to
/// other roots would be worse. What else is unusable is named in the log.
fn load(sources: &[Source]) -> Result<RootCertStore, ReadError> {
    let mut all = Found::default();
    for Source { setting, path, form } in sources {
        match form {
            Form::File => {
                if path.is_dir() {
                    return Err(ReadError::Unusable(folder(setting)));
                }
                let mut found = Found::default();
                found.add_file(setting, path, Origin::Named).map_err(ReadError::Exhausted)?;
                if found.is_empty() {
                    return Err(ReadError::Unusable(found.error(setting)));
                }
                all.append(found);
            }
            Form::Folder => all.add_folder(setting, path).map_err(ReadError::Exhausted)?,
        }
    }
    if all.is_empty() {
        return Err(ReadError::Unusable(all.error(first_setting(sources))));
    }
    all.warn();
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(all.certificates());
    Ok(store)
}

fn first_setting(sources: &[Source]) -> &'static str {
    sources.first().map_or("ca_file", |source| source.setting)
}

fn folder(setting: &str) -> Error {
    Error::configuration(format!("{setting} is a folder; name a file, or set SSL_CERT_DIR"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_configured_file_must_contain_a_certificate() {
        let sandbox = zignsec_sandbox::Sandbox::builder().tls(true).start().unwrap();
        let ca_file = sandbox.ca_file().unwrap().to_owned();
        let key_only = ca_file.with_file_name("client-key.pem");
        let source = |setting, path: &Path, form| Source { setting, path: path.to_owned(), form };
        let failed = load(&[
            source("SSL_CERT_FILE", &key_only, Form::File),
            source("another", &ca_file, Form::File),
        ]);
        let Err(ReadError::Unusable(error)) = failed else { panic!("it was loaded") };
        assert!(error.message().contains("SSL_CERT_FILE"), "{error}");
        assert!(error.message().contains("a private key, not a certificate"), "{error}");
        let empty = tempfile::tempdir().unwrap();
        let folder = || source("SSL_CERT_DIR", empty.path(), Form::Folder);
        assert!(load(&[folder()]).is_err());
        let both = [source("SSL_CERT_FILE", &ca_file, Form::File), folder()];
        assert_eq!(load(&both).unwrap_or_else(|_| panic!("not loaded")).len(), 1);
    }
}
