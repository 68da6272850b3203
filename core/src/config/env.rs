//! The environment variables.

use std::ffi::OsString;

use zeroize::Zeroizing;

use crate::error::Error;

/// Reads environment variables. Tests replace the function.
pub(crate) struct Env(pub(crate) fn(&str) -> Option<OsString>);

impl Env {
    pub(crate) const PROCESS: Self = Self(|name| std::env::var_os(name));

    /// A variable as text. An empty one counts as not set.
    pub(super) fn get(&self, name: &str) -> Result<Option<String>, Error> {
        let Some(value) = self.get_os(name) else {
            return Ok(None);
        };
        value
            .into_string()
            .map(Some)
            .map_err(|_| Error::configuration(format!("{name} is not valid UTF-8")))
    }

    pub(super) fn get_os(&self, name: &str) -> Option<OsString> {
        self.0(name).filter(|value| !value.is_empty())
    }

    pub(super) fn get_secret(&self, name: &str) -> Result<Option<Zeroizing<String>>, Error> {
        Ok(self.get(name)?.map(Zeroizing::new))
    }
}
