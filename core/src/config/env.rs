//! The environment variables. All of the library reads them here.

use std::ffi::OsString;

use log::Level;
use zeroize::Zeroizing;

use super::privilege;
use crate::error::Error;
use crate::redact::log_line;
use crate::text_problem;

/// The environment variables, or none of them if the process runs with raised privileges: the
/// user who started it chose them, and must not choose the gateway, the proxy or the trust roots
/// of a program that may do more than this user.
pub(crate) struct Env {
    read: fn(&str) -> Option<OsString>,
    ignored: bool,
}

impl Env {
    /// The environment of the process. `at_secure` is what a binding knows about its privileges.
    pub(crate) fn of_process(at_secure: Option<bool>) -> Self {
        if privilege::is_raised(at_secure) {
            log_line!(Level::Debug, "the environment variables are ignored: {}", privilege::REASON);
            return Self { read: |_| None, ignored: true };
        }
        Self { read: |name| std::env::var_os(name), ignored: false }
    }

    /// Why a variable that would help is not read, if it is not.
    pub(super) fn why_ignored(&self) -> Option<&'static str> {
        self.ignored.then_some(privilege::REASON)
    }

    /// A variable as text. An empty one counts as not set.
    pub(super) fn get(&self, name: &str) -> Result<Option<String>, Error> {
        let Some(value) = self.get_os(name) else {
            return Ok(None);
        };
        value.into_string().map(Some).map_err(|value| {
            let bytes = value.as_encoded_bytes();
            let valid_up_to =
                str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
            Error::configuration(format!("{name} {}", text_problem::not_utf8(name, valid_up_to)))
        })
    }

    /// Whether a variable is set, also if it is empty.
    pub(super) fn is_set(&self, name: &str) -> bool {
        (self.read)(name).is_some()
    }

    pub(super) fn get_os(&self, name: &str) -> Option<OsString> {
        (self.read)(name).filter(|value| !value.is_empty())
    }

    pub(super) fn get_secret(&self, name: &str) -> Result<Option<Zeroizing<String>>, Error> {
        Ok(self.get(name)?.map(Zeroizing::new))
    }
}

#[cfg(test)]
impl Env {
    pub(super) const NONE: Self = Self::of(|_| None);

    pub(super) const fn of(read: fn(&str) -> Option<OsString>) -> Self {
        Self { read, ignored: false }
    }
}
