//! The options of a client, and the settings that result from them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use log::Level;
use zeroize::Zeroizing;

use super::defaults;
use super::env::Env;
use super::keys::Keys;
use super::{client_cert, proxy, roots};
use crate::error::Error;
use crate::header::{self, HEADER_RULE};
use crate::redact::log_line;
use crate::text_problem;
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
            _ => Err(Error::configuration(format!(
                "environment {}",
                word_problem(word, ENVIRONMENTS)
            ))),
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
            _ => Err(Error::configuration(format!(
                "auth_scheme {}",
                word_problem(word, AUTH_SCHEMES)
            ))),
        }
    }
}

const ENVIRONMENTS: &str = "test or production";
const AUTH_SCHEMES: &str = "authorization or zs-product-key";

/// What is wrong with a word that is not one of the `allowed`.
fn word_problem(word: &str, allowed: &str) -> String {
    match text_problem::find(word, &|c| c.is_ascii_alphanumeric() || c == '-') {
        Some(problem) => format!("{problem}; it must be {allowed}"),
        None => format!("must be {allowed}"),
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
        let (roots, roots_setting) = roots::choose(self.ca_file.as_deref(), env)?;
        let tls = transport::TlsConfig {
            roots,
            roots_setting,
            client_cert: client_cert::read(
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
                let problem = word_problem(&word, ENVIRONMENTS);
                Error::configuration(format!("ZIGNSEC_ENVIRONMENT {problem}"))
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
        log_line!(Level::Warn, "ZIGNSEC_BASE_URL overrides ZIGNSEC_ENVIRONMENT");
    }
    if !url.is_https() {
        log_line!(
            Level::Warn,
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
    let Some(text) = text else {
        return Ok(concat!("zignsec/", env!("CARGO_PKG_VERSION")).to_owned());
    };
    match header::problem(&text) {
        Some(problem) => Err(problem),
        // A server removes them.
        None if text.starts_with(' ') => Err("has a space at the beginning".to_owned()),
        None if text.ends_with(' ') => Err("has a space at the end".to_owned()),
        None => Ok(text),
    }
    .map_err(|problem| {
        Error::configuration(format!(
            "user_agent {problem}; it must be {HEADER_RULE}, without spaces at its ends"
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::ffi::OsString;
    use std::path::Path;

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
        assert_eq!(keys.secrets(), ["k", ""]);
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

    const SECRET: &str = "hunter2pass";

    /// Garbled URLs with a secret. Each is refused.
    const GARBLED: [&str; 36] = [
        "u:hunter2pass@http://proxy.example:3128",
        "u:hunter2pass@proxy.example:3128/?x=http://y",
        "http//u:hunter2pass@proxy.example://x",
        "hunter2pass://x",
        "hunter2pass://u@proxy.example:3128",
        "u:hunter2pass://proxy.example:3128",
        "://u:hunter2pass@proxy.example",
        "//u:hunter2pass@proxy.example:3128",
        "http:/u:hunter2pass@proxy.example:3128",
        "http:///u:hunter2pass@proxy.example:3128",
        "http:://u:hunter2pass@proxy.example:3128",
        "http://http://u:hunter2pass@proxy.example:3128",
        "https://u:hunter2pass@http://proxy.example",
        "http ://u:hunter2pass@proxy.example:3128",
        "<http://u:hunter2pass@proxy.example:3128>",
        "http://u:hunter2pass@proxy.example:port",
        "http://u:hunter2pass@proxy.example:99999",
        "http://u:hunter2pass@proxy.example:",
        "http://u:hunter2pass@",
        "http://u:hunter2pass@:3128",
        "http://u:hunter2pass@proxy example:3128",
        "http://u:hunter2pass@[fd00::1:3128",
        "http://u:hunter2pass",
        "http://u:1/hunter2pass@proxy.example:3128",
        "http://u:1?hunter2pass@proxy.example:3128",
        "http://u:1#hunter2pass@proxy.example:3128",
        "http://u/hunter2pass@proxy.example:3128",
        "http://hunter2pass@1/@proxy.example:3128",
        "http://u:hunter2pass/x@proxy.example:3128",
        "SOCKS4a://u:hunter2pass@proxy.example:1080",
        "ftp://u:hunter2pass@proxy.example",
        "socks5+hunter2pass://proxy.example:1080",
        "hunter2pass+http://proxy.example:1080",
        "htp://u:hunter2pass@proxy.example:3128",
        "https+hunter2pass://u@proxy.example",
        "proxy=http://u:hunter2pass@proxy.example:3128",
    ];

    /// URLs of a proxy that are accepted, but not as a base URL.
    const UNUSUAL: [&str; 8] = [
        " http://u:hunter2pass@proxy.example:3128",
        "\thttp://u:hunter2pass@proxy.example:3128",
        "'http://u:hunter2pass@proxy.example:3128'",
        "\"http://u:hunter2pass@proxy.example:3128\"",
        "http://u:hunter2pass@proxy.example:3128\n",
        "http://u:hunter2pass\\x@proxy.example:3128",
        "http://u:hunter2påss:hunter2pass@proxy.example:3128\u{0}",
        "socks5://u:hunter2pass@proxy.example:1080",
    ];

    thread_local! {
        static VARIABLE: RefCell<(&'static str, String)> = RefCell::default();
    }

    /// Resolves options with one environment variable, and returns the error in every form.
    fn shown_error(options: Options, name: &'static str, value: &str) -> Option<String> {
        VARIABLE.set((name, value.to_owned()));
        let env = Env::of(|asked| {
            VARIABLE.with_borrow(|(name, value)| (asked == *name).then(|| value.into()))
        });
        let error = options.resolve(&env).err()?;
        assert_eq!(error.kind(), ErrorKind::Configuration, "{value}");
        assert!(error.message().len() <= 300, "{error}");
        Some(format!("{error} {error:?} {error:#?} {:?}", std::error::Error::source(&error)))
    }

    /// A message must name the setting and show nothing of the value but a known scheme.
    fn assert_hidden(name: &str, value: &str, shown: Option<&String>) {
        let shown = shown.unwrap_or_else(|| panic!("{name} accepts {value:?}"));
        assert!(shown.contains(name), "{shown}");
        assert!(!shown.contains("hunter2"), "{value:?}: {shown}");
    }

    #[test]
    fn no_error_shows_a_part_of_a_refused_proxy() {
        for value in GARBLED {
            let proxy = Some(Zeroizing::new(value.to_owned()));
            let shown = shown_error(Options { proxy, ..with_key() }, "", "");
            assert_hidden("proxy", value, shown.as_ref());
            for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
                let shown = shown_error(with_key(), name, value);
                assert_hidden(&name.to_ascii_uppercase(), value, shown.as_ref());
            }
        }
        for value in UNUSUAL {
            assert_eq!(shown_error(with_key(), "HTTPS_PROXY", value), None);
        }
        for scheme in ["socks4", "socks4a", "ftp"] {
            let value = format!("{}://u:{SECRET}@p", scheme.to_ascii_uppercase());
            let shown = shown_error(with_key(), "HTTPS_PROXY", &value).unwrap();
            assert!(shown.contains(&format!("HTTPS_PROXY: {scheme} proxies")), "{shown}");
        }
    }

    #[test]
    fn no_error_shows_a_part_of_a_refused_base_url() {
        let more = [
            "https://u:hunter2pass@gateway.example",
            "https://gateway.example?key=hunter2pass",
            "https://gateway.example#hunter2pass",
            "https://gateway.example/hunter2pass@x",
            "http://hunter2pass.example",
        ];
        for value in GARBLED.into_iter().chain(UNUSUAL).chain(more) {
            let options = Options { base_url: Some(value.to_owned()), ..with_key() };
            assert_hidden("base_url", value, shown_error(options, "", "").as_ref());
            let shown = shown_error(with_key(), "ZIGNSEC_BASE_URL", value);
            assert_hidden("ZIGNSEC_BASE_URL", value, shown.as_ref());
        }
        let shown = shown_error(with_key(), "ZIGNSEC_ENVIRONMENT", SECRET);
        assert_hidden("ZIGNSEC_ENVIRONMENT", SECRET, shown.as_ref());
        let error = SECRET.parse::<Environment>().unwrap_err();
        assert!(!format!("{error:?}").contains(SECRET));
    }

    #[test]
    fn no_error_shows_a_part_of_a_refused_key() {
        for value in ["hunter2pass x", "hunter2pass\n", "\"hunter2påss\"", "\u{feff}hunter2pass"] {
            let key = Some(Zeroizing::new(value.to_owned()));
            let shown = shown_error(Options { api_key: key.clone(), ..with_key() }, "", "");
            assert_hidden("api_key", value, shown.as_ref());
            let options = Options { secondary_api_key: key, ..with_key() };
            assert_hidden("secondary_api_key", value, shown_error(options, "", "").as_ref());
            let shown = shown_error(Options::default(), "ZIGNSEC_API_KEY", value);
            assert_hidden("ZIGNSEC_API_KEY", value, shown.as_ref());
            let options = Options { user_agent: Some(format!("{value}\r")), ..with_key() };
            assert_hidden("user_agent", value, shown_error(options, "", "").as_ref());
        }
    }

    #[test]
    fn errors_say_what_is_wrong_with_a_variable_and_where() {
        let cases = include_str!("../../../tests/vectors/typed.json");
        let cases: Vec<serde_json::Value> = serde_json::from_str(cases).unwrap();
        let mut count = 0;
        for case in cases {
            let Some((name, value)) = case["env"].as_object().and_then(|env| env.iter().next())
            else {
                continue;
            };
            let options = if name == "ZIGNSEC_API_KEY" { Options::default() } else { with_key() };
            let name: &'static str = name.clone().leak();
            let shown = shown_error(options, name, value.as_str().unwrap()).unwrap();
            let parts = |name: &str| case[name].as_array().cloned().unwrap_or_default();
            for part in parts("says") {
                assert!(shown.contains(part.as_str().unwrap()), "{}: {shown}", case["name"]);
            }
            for part in parts("hides") {
                assert!(!shown.contains(part.as_str().unwrap()), "{}: {shown}", case["name"]);
            }
            count += 1;
        }
        assert!(count > 20, "{count}");
    }

    #[test]
    fn no_error_shows_a_line_of_a_private_key() {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = zignsec_sandbox::Sandbox::builder().tls(true).start().unwrap();
        let ca_file = sandbox.ca_file().unwrap();
        let cert_file = ca_file.with_file_name("client.pem");
        assert!(cert_file.exists());
        for (number, text) in [
            // Without its line breaks.
            "-----BEGIN PRIVATE KEY-----hunter2pass-----END PRIVATE KEY-----",
            "-----BEGIN hunter2pass",
            "-----BEGIN PRIVATE KEY-----\nhunter2pass",
            "-----BEGIN PRIVATE KEY-----\nhunter2pass!\n-----END PRIVATE KEY-----\n",
            "-----BEGIN hunter2pass KEY-----\nAAAA\n",
            "hunter2pass",
        ]
        .into_iter()
        .enumerate()
        {
            let file = folder.path().join(number.to_string());
            std::fs::write(&file, text).unwrap();
            let with_files = |ca: Option<&Path>, cert: Option<&Path>, key: Option<&Path>| Options {
                ca_file: ca.map(Path::to_owned),
                client_cert_file: cert.map(Path::to_owned),
                client_key_file: key.map(Path::to_owned),
                ..with_key()
            };
            // A line would be shown as numbers.
            let bytes = "104, 117, 110, 116, 101, 114";
            for (name, options) in [
                ("ca_file", with_files(Some(&file), None, None)),
                ("client_cert_file", with_files(None, Some(&file), Some(&file))),
                ("client_key_file", with_files(None, Some(&cert_file), Some(&file))),
            ] {
                let shown = shown_error(options, "", "");
                assert_hidden(name, text, shown.as_ref());
                assert!(!shown.unwrap().contains(bytes));
            }
        }
    }

    #[test]
    fn a_path_is_shown_without_control_characters() {
        let file = "/no/\u{1b}[31mfile\n\u{202e}gpj.pem";
        let options = Options { ca_file: Some(file.into()), ..with_key() };
        let shown = shown_error(options, "", "").unwrap();
        assert!(shown.contains("ca_file (/no/[31mfile gpj.pem)"), "{shown}");
        let shown = shown_error(with_key(), "SSL_CERT_FILE", file).unwrap();
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    }

    #[test]
    fn a_time_limit_of_zero_or_over_49_days_is_an_error() {
        for bad in [Duration::ZERO, Duration::MAX] {
            let error = resolve_error(Options { timeout: Some(bad), ..with_key() }, |_| None);
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
    }
}
