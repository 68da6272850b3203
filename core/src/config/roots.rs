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
/// store, which is read at the first TLS connection because that is slow. Also returns the setting
/// that they come from, `None` for the system's store.
pub(super) fn choose(
    ca_file: Option<&Path>,
    env: &Env,
) -> Result<(RootSource, Option<&'static str>), Error> {
    let sources = configured(ca_file, env)?;
    let Some(setting) = sources.first().map(|source| source.setting) else {
        return Ok((Box::new(system_roots::source), None));
    };
    let roots: RootSource = match load(setting, &sources) {
        Ok(roots) => {
            let roots = Arc::new(roots);
            Box::new(move || Ok(roots.clone()))
        }
        Err(ReadError::Exhausted(_)) => read_later(setting, sources),
        Err(ReadError::Unusable(error)) => return Err(error),
    };
    Ok((roots, Some(setting)))
}

/// Reads the roots at the next connection, as often as needed: a resource had run out.
fn read_later(setting: &'static str, sources: Vec<Source>) -> RootSource {
    let roots = OnceBox::new();
    Box::new(move || {
        let read = || match load(setting, &sources) {
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
/// `CURL_CA_BUNDLE`. Empty if none of them is set.
fn configured(ca_file: Option<&Path>, env: &Env) -> Result<Vec<Source>, Error> {
    let source = |setting, path, form| Source { setting, path, form };
    if let Some(file) = ca_file {
        return Ok(vec![source("ca_file", file.to_owned(), Form::File)]);
    }
    let path = |name| env.get_os(name).map(PathBuf::from);
    let mut sources = Vec::new();
    sources.extend(path("SSL_CERT_FILE").map(|file| source("SSL_CERT_FILE", file, Form::File)));
    if let Some(folders) = env.get_os("SSL_CERT_DIR") {
        // As in OpenSSL, a list like PATH.
        let folders = std::env::split_paths(&folders).filter(|path| !path.as_os_str().is_empty());
        let before = sources.len();
        sources.extend(folders.map(|folder| source("SSL_CERT_DIR", folder, Form::Folder)));
        if sources.len() == before {
            const NO_FOLDER: &str = "SSL_CERT_DIR names no folder; name one, or unset it";
            return Err(Error::configuration(NO_FOLDER));
        }
    }
    if !sources.is_empty() {
        return Ok(sources);
    }
    let bundle = |name| {
        let path = path(name)?;
        let form = if path.is_dir() { Form::Folder } else { Form::File };
        Some(source(name, path, form))
    };
    Ok(["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"].into_iter().find_map(bundle).into_iter().collect())
}

/// Loads the configured certificates. A file without a usable one is an error: falling back to
/// other roots would be worse. What else is unusable is named in the log. `setting` is named in the
/// error if no source contains a certificate.
fn load(setting: &str, sources: &[Source]) -> Result<RootCertStore, ReadError> {
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
        return Err(ReadError::Unusable(all.error(setting)));
    }
    all.warn();
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(all.certificates());
    Ok(store)
}

fn folder(setting: &str) -> Error {
    Error::configuration(format!("{setting} is a folder; name a file, or set SSL_CERT_DIR"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn each_configured_file_must_contain_a_certificate() {
        let sandbox = zignsec_sandbox::Sandbox::builder().tls(true).start().unwrap();
        let ca_file = sandbox.ca_file().unwrap().to_owned();
        let key_only = ca_file.with_file_name("client-key.pem");
        let source = |setting, path: &Path, form| Source { setting, path: path.to_owned(), form };
        let failed = load(
            "SSL_CERT_FILE",
            &[
                source("SSL_CERT_FILE", &key_only, Form::File),
                source("another", &ca_file, Form::File),
            ],
        );
        let Err(ReadError::Unusable(error)) = failed else { panic!("it was loaded") };
        assert!(error.message().contains("SSL_CERT_FILE"), "{error}");
        assert!(error.message().contains("a private key, not a certificate"), "{error}");
        let empty = tempfile::tempdir().unwrap();
        let folder = || source("SSL_CERT_DIR", empty.path(), Form::Folder);
        assert!(load("SSL_CERT_DIR", &[folder()]).is_err());
        let both = [source("SSL_CERT_FILE", &ca_file, Form::File), folder()];
        assert_eq!(load("SSL_CERT_FILE", &both).unwrap_or_else(|_| panic!("not loaded")).len(), 1);
    }

    #[test]
    fn a_variable_that_names_no_folder_is_an_error() {
        let only = |name: &str| (name == "SSL_CERT_DIR").then(no_folders);
        let with_file = |name: &str| match name {
            "SSL_CERT_FILE" => Some("unused".into()),
            _ => (name == "SSL_CERT_DIR").then(no_folders),
        };
        let with_bundle = |name: &str| match name {
            "REQUESTS_CA_BUNDLE" => Some("unused".into()),
            _ => (name == "SSL_CERT_DIR").then(no_folders),
        };
        for env in [Env::of(only), Env::of(with_file), Env::of(with_bundle)] {
            let error = choose(None, &env).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert_eq!(error.message(), "SSL_CERT_DIR names no folder; name one, or unset it");
        }
    }

    fn no_folders() -> OsString {
        std::env::join_paths(["", ""]).unwrap()
    }

    #[test]
    fn the_setting_is_that_of_the_roots() {
        let setting = |ca_file, env| choose(ca_file, &env).map(|(_, setting)| setting).unwrap();
        let sandbox = zignsec_sandbox::Sandbox::builder().tls(true).start().unwrap();
        assert_eq!(setting(None, Env::NONE), None);
        assert_eq!(setting(None, Env::of(|_| Some(OsString::new()))), None);
        // The option comes first, also if a variable is invalid.
        let invalid = Env::of(|name| (name == "SSL_CERT_DIR").then(no_folders));
        assert_eq!(setting(sandbox.ca_file(), invalid), Some("ca_file"));
        for (env, expected) in [
            (Env::of(|_| Some("unused".into())), "SSL_CERT_FILE"),
            (Env::of(|name| (name != "SSL_CERT_FILE").then(|| "unused".into())), "SSL_CERT_DIR"),
            (
                Env::of(|name| (!name.starts_with("SSL")).then(|| "unused".into())),
                "REQUESTS_CA_BUNDLE",
            ),
            (Env::of(|name| (name == "CURL_CA_BUNDLE").then(|| "unused".into())), "CURL_CA_BUNDLE"),
        ] {
            assert_eq!(configured(None, &env).unwrap()[0].setting, expected);
        }
    }
}
