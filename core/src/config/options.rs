//! The options of a client, and the settings that result from them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::defaults;
use super::env::Env;
use super::keys::Keys;
use super::{proxy, roots};
use crate::error::Error;
use crate::header::{HEADER_RULE, is_header_value};
use crate::transport::{self, InterruptFn};
use crate::url::BaseUrl;

/// Which of ZignSec's gateways to use.
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

    /// Parses `test` or `production`, ignoring case.
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
    /// `Zs-Product-Key: <key>`, used by ZignSec's newer products.
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

    /// Parses `authorization` or `zs-product-key`, ignoring case.
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

/// The options of a client as the caller set them. An option that is not set is read from the
/// environment or has its [default](defaults).
///
/// [`ClientBuilder`](crate::ClientBuilder) documents each of them; the language bindings fill this
/// struct directly. An empty string or path counts as not set, except for a key.
#[derive(Clone, Default)]
#[allow(missing_docs, reason = "documented at the setters of ClientBuilder")]
pub struct Options {
    pub api_key: Option<Zeroizing<String>>,
    pub secondary_api_key: Option<Zeroizing<String>>,
    pub base_url: Option<String>,
    pub environment: Option<Environment>,
    pub auth_scheme: Option<AuthScheme>,
    pub connect_timeout: Option<Duration>,
    pub attempt_timeout: Option<Duration>,
    pub timeout: Option<Duration>,
    pub max_retries: Option<u32>,
    pub ca_file: Option<PathBuf>,
    pub client_cert_file: Option<PathBuf>,
    pub client_key_file: Option<PathBuf>,
    pub proxy: Option<Zeroizing<String>>,
    pub user_agent: Option<String>,
    /// A function that is called while a call blocks, on the thread of the call and about 20 times
    /// a second. If it returns true, the call is cancelled. For the signal handling of a language.
    pub interrupt: Option<Arc<InterruptFn>>,
    /// The value of `getauxval(AT_SECURE)`, from a binding that can call it. The library ignores the
    /// environment if it is true. `None`: the library asks `/proc`.
    pub at_secure: Option<bool>,
}

/// Options that have been checked and completed.
pub(crate) struct Settings {
    pub(crate) keys: Keys,
    pub(crate) auth_scheme: AuthScheme,
    pub(crate) limits: Limits,
    pub(crate) interrupt: Option<Arc<InterruptFn>>,
    pub(crate) transport: transport::Config,
}

/// The limits of a call.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// DNS, TCP, proxy and TLS; part of an attempt.
    pub(crate) connect: Duration,
    pub(crate) attempt: Duration,
    /// The whole call.
    pub(crate) call: Duration,
    /// How many more attempts a call may make.
    pub(crate) retries: u32,
}

/// The longest time limit: the largest number of milliseconds in 32 bits, about 49 days. C passes
/// limits in this form.
const MAX_TIME_LIMIT: Duration = Duration::from_millis(u32::MAX as u64);

impl Options {
    /// Checks every option and completes it from the environment and the defaults.
    pub(crate) fn resolve(mut self, env: &Env) -> Result<Settings, Error> {
        self.unset_empty();
        let base_url = self.base_url(env)?;
        let proxy = proxy::choose(self.proxy.as_deref().map(String::as_str), &base_url, env)?;
        let tls = transport::TlsConfig {
            roots: roots::choose(self.ca_file.as_deref(), env)?,
            client_cert: roots::client_cert(
                self.client_cert_file.as_deref(),
                self.client_key_file.as_deref(),
            )?,
        };
        Ok(Settings {
            limits: Limits {
                connect: time_limit(
                    "connect_timeout",
                    self.connect_timeout,
                    defaults::CONNECT_TIMEOUT,
                )?,
                attempt: time_limit(
                    "attempt_timeout",
                    self.attempt_timeout,
                    defaults::ATTEMPT_TIMEOUT,
                )?,
                call: time_limit("timeout", self.timeout, defaults::TIMEOUT)?,
                retries: self.max_retries.unwrap_or(defaults::MAX_RETRIES),
            },
            auth_scheme: self.auth_scheme.unwrap_or_default(),
            keys: Keys::resolve(self.api_key, self.secondary_api_key, env)?,
            interrupt: self.interrupt,
            transport: transport::Config {
                user_agent: user_agent(self.user_agent)?,
                base_url,
                proxy,
                tls,
            },
        })
    }

    /// An empty string or path counts as not set. Keys are different: an empty key is an error.
    fn unset_empty(&mut self) {
        self.base_url.take_if(|text| text.is_empty());
        self.user_agent.take_if(|text| text.is_empty());
        self.proxy.take_if(|text| text.is_empty());
        for file in [&mut self.ca_file, &mut self.client_cert_file, &mut self.client_key_file] {
            file.take_if(|path| path.as_os_str().is_empty());
        }
    }

    fn base_url(&self, env: &Env) -> Result<BaseUrl, Error> {
        let (name, text) = if let Some(url) = &self.base_url {
            ("base_url", url.clone())
        } else if let Some(environment) = self.environment {
            ("environment", environment.base_url().to_owned())
        } else if let Some(url) = env.get("ZIGNSEC_BASE_URL")? {
            ("ZIGNSEC_BASE_URL", url)
        } else if let Some(word) = env.get("ZIGNSEC_ENVIRONMENT")? {
            let environment: Environment = word.parse().map_err(|_| {
                Error::configuration("ZIGNSEC_ENVIRONMENT must be test or production")
            })?;
            ("ZIGNSEC_ENVIRONMENT", environment.base_url().to_owned())
        } else {
            ("environment", Environment::Test.base_url().to_owned())
        };
        let url =
            BaseUrl::parse(&text).map_err(|rule| Error::configuration(format!("{name} {rule}")))?;
        if name == "ZIGNSEC_BASE_URL" {
            warn_about_variable(&url, env);
        }
        Ok(url)
    }
}

/// Warns about a base URL from the environment that may not be the one the developer expects.
fn warn_about_variable(url: &BaseUrl, env: &Env) {
    if env.get_os("ZIGNSEC_ENVIRONMENT").is_some() {
        log::warn!(target: "zignsec", "ZIGNSEC_BASE_URL overrides ZIGNSEC_ENVIRONMENT");
    }
    if !url.is_https() {
        log::warn!(
            target: "zignsec",
            "ZIGNSEC_BASE_URL is plain http to loopback, which is not authenticated: any program \
             on this machine that listens on its port gets the API key and chooses the results"
        );
    }
}

/// Checks a time limit, or returns the default if none was set.
pub(crate) fn time_limit(
    name: &str,
    limit: Option<Duration>,
    default: Duration,
) -> Result<Duration, Error> {
    match limit {
        None => Ok(default),
        Some(limit) if limit.is_zero() || limit > MAX_TIME_LIMIT => {
            Err(Error::invalid_argument(name, "must be more than zero and at most 49 days"))
        }
        Some(limit) => Ok(limit),
    }
}

fn user_agent(text: Option<String>) -> Result<String, Error> {
    match text {
        None => Ok(concat!("zignsec/", env!("CARGO_PKG_VERSION")).to_owned()),
        Some(text) if is_header_value(&text) && text.trim() == text => Ok(text),
        Some(_) => Err(Error::configuration(format!(
            "user_agent must be {HEADER_RULE}, without leading or trailing spaces"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::error::ErrorKind;

    fn resolve(options: Options, env: fn(&str) -> Option<OsString>) -> Settings {
        options.resolve(&Env::of(env)).unwrap()
    }

    fn resolve_error(options: Options, env: fn(&str) -> Option<OsString>) -> Error {
        options.resolve(&Env::of(env)).err().unwrap()
    }

    fn with_key() -> Options {
        Options { api_key: Some(Zeroizing::new("k".to_owned())), ..Options::default() }
    }

    #[test]
    fn the_gateway_is_chosen_by_option_then_variable_then_default() {
        let none = |_: &str| None;
        let both = |name: &str| match name {
            "ZIGNSEC_BASE_URL" => Some("https://from.variable".into()),
            "ZIGNSEC_ENVIRONMENT" => Some("Production".into()),
            _ => None,
        };
        let word = |name: &str| (name == "ZIGNSEC_ENVIRONMENT").then(|| "Production".into());

        let host = |options, environment| {
            resolve(options, environment).transport.base_url.host().to_owned()
        };
        assert_eq!(host(with_key(), none), "test-gateway.zignsec.com");
        assert_eq!(host(with_key(), word), "gateway.zignsec.com");
        assert_eq!(host(with_key(), both), "from.variable");
        let test = Options { environment: Some(Environment::Test), ..with_key() };
        assert_eq!(host(test.clone(), both), "test-gateway.zignsec.com");
        let url = Options { base_url: Some("https://from.option".to_owned()), ..test };
        assert_eq!(host(url, both), "from.option");
    }

    #[test]
    fn an_unknown_environment_is_an_error_that_names_the_variable() {
        let error = resolve_error(with_key(), |name| {
            (name == "ZIGNSEC_ENVIRONMENT").then(|| "prod".into())
        });
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains("ZIGNSEC_ENVIRONMENT"), "{error}");
    }

    #[test]
    fn the_second_key_of_the_environment_is_used_only_with_the_first() {
        let environment = |name: &str| match name {
            "ZIGNSEC_API_KEY" => Some("first".into()),
            "ZIGNSEC_SECONDARY_API_KEY" => Some("second".into()),
            _ => None,
        };
        let keys = resolve(Options::default(), environment).keys;
        assert_eq!(keys.secrets(), ["first", "second"]);
        let keys = resolve(with_key(), environment).keys;
        assert_eq!(keys.secrets(), ["k"]);
    }

    #[test]
    fn a_missing_key_and_an_invalid_key_are_reported_without_showing_the_key() {
        let error = resolve_error(Options::default(), |_| None);
        assert!(error.message().contains("ZIGNSEC_API_KEY"), "{error}");
        let empty = Options { api_key: Some(Zeroizing::default()), ..Options::default() };
        let error = resolve_error(empty, |name| {
            (name == "ZIGNSEC_API_KEY").then(|| "from.variable".into())
        });
        assert_eq!(error.message(), "api_key must not be empty");
        for bad in ["se cret", "secret\n", "sécret", " secret"] {
            let options = Options { api_key: Some(Zeroizing::new(bad.to_owned())), ..with_key() };
            let error = resolve_error(options, |_| None);
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(!format!("{error} {error:?}").contains("cret"), "{error}");
        }
    }

    #[test]
    fn a_time_limit_of_zero_or_over_49_days_is_an_error() {
        for bad in [Duration::ZERO, Duration::MAX] {
            let error = resolve_error(Options { timeout: Some(bad), ..with_key() }, |_| None);
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
    }
}
