//! Every setting: its default, its environment variable, its validation.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::request::{LONGEST_HEADER, is_printable_ascii};
use crate::transport::Hook;
use crate::transport::proxy::{self, Proxy};
use crate::transport::trust::{TlsFiles, TlsSettings};
use crate::url::BaseUrl;

/// Which of ZignSec's gateways to talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Environment {
    /// `https://test-gateway.zignsec.com`, the default.
    Test,
    /// `https://gateway.zignsec.com`.
    Production,
}

impl Environment {
    /// The base URL of this gateway.
    #[must_use]
    pub fn base_url(self) -> &'static str {
        match self {
            Self::Test => "https://test-gateway.zignsec.com",
            Self::Production => "https://gateway.zignsec.com",
        }
    }
}

impl std::str::FromStr for Environment {
    type Err = Error;

    /// Reads `test` or `production`; case does not count.
    fn from_str(word: &str) -> Result<Self, Error> {
        match word.to_ascii_lowercase().as_str() {
            "test" => Ok(Self::Test),
            "production" => Ok(Self::Production),
            _ => Err(Error::configuration("the environment must be test or production")),
        }
    }
}

/// Which header carries the API key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthScheme {
    /// `Authorization: <key>`, the default.
    #[default]
    Authorization,
    /// `Zs-Product-Key: <key>`, as ZignSec's newer products take it.
    ZsProductKey,
}

impl AuthScheme {
    /// The name of the header.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::ZsProductKey => "zs-product-key",
        }
    }
}

impl std::str::FromStr for AuthScheme {
    type Err = Error;

    /// Reads `authorization` or `zs-product-key`; case does not count.
    fn from_str(word: &str) -> Result<Self, Error> {
        match word.to_ascii_lowercase().as_str() {
            "authorization" => Ok(Self::Authorization),
            "zs-product-key" => Ok(Self::ZsProductKey),
            _ => {
                Err(Error::configuration("the auth scheme must be authorization or zs-product-key"))
            }
        }
    }
}

/// What a caller asked for; what is absent comes from the environment or is the default.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) api_key: Option<Zeroizing<String>>,
    pub(crate) secondary_api_key: Option<Zeroizing<String>>,
    pub(crate) base_url: Option<String>,
    pub(crate) environment: Option<Environment>,
    pub(crate) auth_scheme: AuthScheme,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) attempt_timeout: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_retries: Option<u32>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) client_cert_file: Option<PathBuf>,
    pub(crate) client_key_file: Option<PathBuf>,
    pub(crate) proxy: Option<Zeroizing<String>>,
    pub(crate) user_agent: Option<String>,
    pub(crate) interrupt: Option<Arc<Hook>>,
}

/// Options that have been checked and completed.
pub(crate) struct Settings {
    pub(crate) keys: Keys,
    pub(crate) auth_scheme: AuthScheme,
    pub(crate) base_url: BaseUrl,
    pub(crate) limits: Limits,
    pub(crate) tls: TlsSettings,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) user_agent: String,
    pub(crate) interrupt: Option<Arc<Hook>>,
}

/// The limits of a call.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Look-up, TCP, proxy and TLS; part of an attempt.
    pub(crate) connect: Duration,
    pub(crate) attempt: Duration,
    /// The whole call.
    pub(crate) call: Duration,
    /// How many more attempts a call may make.
    pub(crate) retries: u32,
}

/// The longest time limit: what fits 32 bits of milliseconds, as in C, about 49 days.
const LONGEST: Duration = Duration::from_millis(u32::MAX as u64);

impl Options {
    pub(crate) fn settle(self, environment: &Environ) -> Result<Settings, Error> {
        let base_url = self.base_url(environment)?;
        let proxy =
            proxy::choose(self.proxy.as_deref().map(String::as_str), &base_url, environment)?;
        let tls = TlsSettings::read(
            &TlsFiles {
                ca: self.ca_file.as_deref(),
                client_cert: self.client_cert_file.as_deref(),
                client_key: self.client_key_file.as_deref(),
            },
            environment,
        )?;
        Ok(Settings {
            limits: Limits {
                connect: limit("connect_timeout", self.connect_timeout, 5)?,
                attempt: limit("attempt_timeout", self.attempt_timeout, 10)?,
                call: limit("timeout", self.timeout, 30)?,
                retries: self.max_retries.unwrap_or(2),
            },
            user_agent: user_agent(self.user_agent)?,
            auth_scheme: self.auth_scheme,
            keys: Keys::settle(self.api_key, self.secondary_api_key, environment)?,
            base_url,
            tls,
            proxy,
            interrupt: self.interrupt,
        })
    }

    fn base_url(&self, environment: &Environ) -> Result<BaseUrl, Error> {
        let (name, text) = if let Some(url) = self.base_url.as_deref().filter(|url| !url.is_empty())
        {
            ("base_url", url.to_owned())
        } else if let Some(chosen) = self.environment {
            ("environment", chosen.base_url().to_owned())
        } else if let Some(url) = environment.get("ZIGNSEC_BASE_URL")? {
            ("ZIGNSEC_BASE_URL", url)
        } else if let Some(word) = environment.get("ZIGNSEC_ENVIRONMENT")? {
            let chosen: Environment = word.parse().map_err(|_| {
                Error::configuration("ZIGNSEC_ENVIRONMENT must be test or production")
            })?;
            ("ZIGNSEC_ENVIRONMENT", chosen.base_url().to_owned())
        } else {
            ("environment", Environment::Test.base_url().to_owned())
        };
        BaseUrl::parse(&text).map_err(|rule| Error::configuration(format!("{name} {rule}")))
    }
}

/// A time limit: the default where none is given.
pub(crate) fn limit(
    name: &str,
    given: Option<Duration>,
    default_s: u64,
) -> Result<Duration, Error> {
    match given {
        None => Ok(Duration::from_secs(default_s)),
        Some(limit) if limit.is_zero() || limit > LONGEST => {
            Err(Error::invalid_argument(name, "must be more than zero and at most 49 days"))
        }
        Some(limit) => Ok(limit),
    }
}

fn user_agent(given: Option<String>) -> Result<String, Error> {
    match given.filter(|text| !text.is_empty()) {
        None => Ok(concat!("zignsec/", env!("CARGO_PKG_VERSION")).to_owned()),
        Some(text)
            if is_printable_ascii(&text) && text.trim() == text && text.len() <= LONGEST_HEADER =>
        {
            Ok(text)
        }
        Some(_) => Err(Error::configuration(
            "user_agent must be printable ASCII without spaces at its ends, at most 4096 characters",
        )),
    }
}

/// An API key, in the only copy that the library keeps: it is wiped when the last use of it ends.
pub(crate) struct Key(Zeroizing<String>);

impl Key {
    /// `None` where the key holds what no header may.
    fn new(text: Zeroizing<String>) -> Option<Self> {
        let is_good =
            text.bytes().all(|byte| byte.is_ascii_graphic()) && text.len() <= LONGEST_HEADER;
        is_good.then_some(Self(text))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The API keys, and which of them the gateway took last.
pub(crate) struct Keys {
    primary: Key,
    secondary: Option<Key>,
    secondary_in_use: AtomicBool,
}

impl Keys {
    fn settle(
        primary: Option<Zeroizing<String>>,
        secondary: Option<Zeroizing<String>>,
        environment: &Environ,
    ) -> Result<Self, Error> {
        let given = |key: Option<Zeroizing<String>>| key.filter(|key| !key.is_empty());
        let (primary, mut secondary) = (given(primary), given(secondary));
        let mut names = ["api_key", "secondary_api_key"];
        let primary = match primary {
            Some(primary) => primary,
            None => {
                names[0] = "ZIGNSEC_API_KEY";
                // The second of a pair that belongs together: never beside a key from elsewhere.
                if secondary.is_none() {
                    names[1] = "ZIGNSEC_SECONDARY_API_KEY";
                    secondary = environment.get_secret(names[1])?;
                }
                environment.get_secret(names[0])?.ok_or_else(|| {
                    Error::configuration("no API key: pass api_key or set ZIGNSEC_API_KEY")
                })?
            }
        };
        let checked = |name, key| {
            Key::new(key).ok_or_else(|| {
                Error::configuration(format!(
                    "{name} must be visible ASCII without spaces, at most 4096 characters; look for \
                     a line break or a quotation mark around it"
                ))
            })
        };
        let primary = checked(names[0], primary)?;
        let secondary = secondary.map(|key| checked(names[1], key)).transpose()?;
        let secondary = secondary.filter(|key| key.as_str() != primary.as_str());
        Ok(Self { primary, secondary, secondary_in_use: AtomicBool::new(false) })
    }

    /// The key to try first, then the one to try where the gateway does not know it.
    pub(crate) fn in_turn(&self) -> (&Key, Option<&Key>) {
        match &self.secondary {
            None => (&self.primary, None),
            Some(secondary) if self.secondary_in_use.load(Ordering::Relaxed) => {
                (secondary, Some(&self.primary))
            }
            Some(secondary) => (&self.primary, Some(secondary)),
        }
    }

    /// Remembers that `key` works.
    pub(crate) fn keep(&self, key: &Key) {
        self.secondary_in_use.store(!std::ptr::eq(key, &self.primary), Ordering::Relaxed);
    }

    /// Every key, to be cut out of what is shown.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        let (first, second) = self.in_turn();
        std::iter::once(first).chain(second).map(Key::as_str).collect()
    }
}

/// The environment variables, or what a test has in their place.
pub(crate) struct Environ(pub(crate) fn(&str) -> Option<OsString>);

impl Environ {
    pub(crate) const PROCESS: Self = Self(|name| std::env::var_os(name));

    /// A variable; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Result<Option<String>, Error> {
        let Some(value) = self.get_os(name) else {
            return Ok(None);
        };
        value
            .into_string()
            .map(Some)
            .map_err(|_| Error::new(ErrorKind::Configuration, format!("{name} is not UTF-8")))
    }

    pub(crate) fn get_os(&self, name: &str) -> Option<OsString> {
        self.0(name).filter(|value| !value.is_empty())
    }

    fn get_secret(&self, name: &str) -> Result<Option<Zeroizing<String>>, Error> {
        Ok(self.get(name)?.map(Zeroizing::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(options: Options, environment: fn(&str) -> Option<OsString>) -> Settings {
        options.settle(&Environ(environment)).unwrap()
    }

    fn refused(options: Options, environment: fn(&str) -> Option<OsString>) -> Error {
        options.settle(&Environ(environment)).err().unwrap()
    }

    fn with_key() -> Options {
        Options { api_key: Some(Zeroizing::new("k".to_owned())), ..Options::default() }
    }

    #[test]
    fn the_gateway_is_chosen_by_option_then_variable_then_default() {
        let none = |_: &str| None;
        let both = |name: &str| match name {
            "ZIGNSEC_BASE_URL" => Some("https://of.variable".into()),
            "ZIGNSEC_ENVIRONMENT" => Some("Production".into()),
            _ => None,
        };
        let word = |name: &str| (name == "ZIGNSEC_ENVIRONMENT").then(|| "Production".into());

        let host = |options, environment| settled(options, environment).base_url.host().to_owned();
        assert_eq!(host(with_key(), none), "test-gateway.zignsec.com");
        assert_eq!(host(with_key(), word), "gateway.zignsec.com");
        assert_eq!(host(with_key(), both), "of.variable");
        let test = Options { environment: Some(Environment::Test), ..with_key() };
        assert_eq!(host(test.clone(), both), "test-gateway.zignsec.com");
        let url = Options { base_url: Some("https://of.option".to_owned()), ..test };
        assert_eq!(host(url, both), "of.option");
    }

    #[test]
    fn an_unknown_environment_word_is_named() {
        let error =
            refused(with_key(), |name| (name == "ZIGNSEC_ENVIRONMENT").then(|| "prod".into()));
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains("ZIGNSEC_ENVIRONMENT"), "{error}");
    }

    #[test]
    fn the_second_key_of_the_environment_goes_with_the_first() {
        let environment = |name: &str| match name {
            "ZIGNSEC_API_KEY" => Some("first".into()),
            "ZIGNSEC_SECONDARY_API_KEY" => Some("second".into()),
            _ => None,
        };
        let keys = settled(Options::default(), environment).keys;
        assert_eq!(keys.secrets(), ["first", "second"]);
        let keys = settled(with_key(), environment).keys;
        assert_eq!(keys.secrets(), ["k"]);
    }

    #[test]
    fn no_key_and_bad_keys_are_told_apart_without_showing_them() {
        let error = refused(Options::default(), |_| None);
        assert!(error.message().contains("ZIGNSEC_API_KEY"), "{error}");
        for bad in ["se cret", "secret\n", "sécret", " secret"] {
            let options = Options { api_key: Some(Zeroizing::new(bad.to_owned())), ..with_key() };
            let error = refused(options, |_| None);
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(!format!("{error} {error:?}").contains("cret"), "{error}");
        }
    }

    #[test]
    fn a_limit_of_nothing_or_of_ages_is_refused() {
        for bad in [Duration::ZERO, Duration::MAX] {
            let error = refused(Options { timeout: Some(bad), ..with_key() }, |_| None);
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
    }
}
