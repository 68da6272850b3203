//! The three steps of a phone two-factor check: open a session, (send the user there,) ask for
//! the verdict.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ureq::http::Method;
use zeroize::Zeroizing;

use crate::answer;
use crate::error::Error;
use crate::options::{AuthScheme, Environ, Environment, Options, Settings};
use crate::request::Phone2faRequest;
use crate::session::{self, Session};
use crate::transport::{Answer, Call, Failure, Transport};

/// A connection to the gateway, with its settings and keys.
///
/// Make one and keep it: it holds connections open between calls. Threads share it freely, by
/// reference or in an [`Arc`](std::sync::Arc). Its `Debug` output does not show the key.
pub struct Client {
    settings: Settings,
    transport: Transport,
}

impl Client {
    /// Starts to set up a client with an API key. An empty key counts as none: it is then read
    /// from `ZIGNSEC_API_KEY`.
    pub fn builder(api_key: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new().api_key(api_key)
    }

    /// A client set up from the environment alone: see [`ClientBuilder::new`].
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        ClientBuilder::new().build()
    }

    /// Where the gateway is, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        self.settings.base_url.as_str()
    }

    /// Step 1: opens a session. Send the user to its [`redirect_url`](Session::redirect_url), and
    /// remember its [`id`](Session::id) on your side, in their login.
    ///
    /// Source: `POST /core/api/sessions/two_factor_auth/phone` of ZignSec's phone 2FA page.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) before anything is sent; any kind of a failed
    /// call. Where [`in_doubt`](Error::in_doubt) is true, a session may have been opened.
    pub fn start_phone_2fa(&self, request: &Phone2faRequest) -> Result<Session, Error> {
        request.check()?;
        self.call(&Call {
            method: Method::POST,
            url: self.settings.base_url.join("core/api/sessions/two_factor_auth/phone"),
            csrf_token: request.csrf_header(),
            body: request.to_json(),
            session_id: None,
        })
    }

    /// Step 3: asks how a session stands. [`Session::is_verified`] is the verdict.
    ///
    /// Source: `GET /core/api/sessions/{session_id}` of ZignSec's phone 2FA page.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) before anything is sent;
    /// [`NotFound`](crate::ErrorKind::NotFound) for an id that the gateway does not know;
    /// [`Protocol`](crate::ErrorKind::Protocol) also where the answer is another session's; any kind of a
    /// failed call.
    pub fn get_session(&self, session_id: &str) -> Result<Session, Error> {
        if !session::is_id(session_id) {
            return Err(Error::invalid_argument(
                "session_id",
                "must be 1 to 64 letters, digits and hyphens",
            ));
        }
        #[cfg(feature = "__panic")]
        assert_ne!(session_id, "panic", "a test asked for this");
        self.call(&Call {
            method: Method::GET,
            url: self.settings.base_url.join(&format!("core/api/sessions/{session_id}")),
            csrf_token: None,
            body: Vec::new(),
            session_id: Some(session_id),
        })
    }

    /// Makes a call and reads the session that it answers with.
    fn call(&self, call: &Call<'_>) -> Result<Session, Error> {
        let (answer, attempts) = self.exchange(call)?;
        answer::read(call, &answer, &self.settings.keys.secrets())
            .map_err(|error| error.with_attempts(attempts))
    }

    /// Makes a call with the key in use. Where the gateway does not know that key, tries the other
    /// one, so that keys can be rotated with no downtime.
    fn exchange(&self, call: &Call<'_>) -> Result<(Answer, u32), Error> {
        const UNKNOWN_KEY: u16 = 401;
        let deadline = Instant::now() + self.settings.limits.call;
        let send = |key, attempt| {
            self.transport
                .send(call, key, deadline)
                .map_err(|failure| self.failed(call, failure).with_attempts(attempt))
        };
        let (key, other) = self.settings.keys.in_turn();
        let answer = send(key, 1)?;
        let Some(other) = other.filter(|_| answer.status == UNKNOWN_KEY) else {
            return Ok((answer, 1));
        };
        let answer = send(other, 2)?;
        if answer.status != UNKNOWN_KEY {
            self.settings.keys.keep(other);
        }
        Ok((answer, 2))
    }

    /// No answer came.
    fn failed(&self, call: &Call<'_>, failure: Failure) -> Error {
        let what = format!("{}: {}", self.base_url(), failure.what);
        let error = Error::failed(failure.kind, what, call.creates() && failure.sent);
        match failure.source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}

/// Sets up a [`Client`]. Nothing is checked before [`build`](Self::build).
///
/// An empty text counts as not given.
#[derive(Clone, Default)]
pub struct ClientBuilder {
    options: Options,
}

impl ClientBuilder {
    /// A client that takes everything from the environment:
    ///
    /// - `ZIGNSEC_API_KEY`, and `ZIGNSEC_SECONDARY_API_KEY` beside it;
    /// - `ZIGNSEC_BASE_URL`, else `ZIGNSEC_ENVIRONMENT`: `test`, the default, or `production`;
    /// - `SSL_CERT_FILE` and `SSL_CERT_DIR`, else `REQUESTS_CA_BUNDLE`, else `CURL_CA_BUNDLE`;
    /// - `HTTPS_PROXY`, else `ALL_PROXY`, and `NO_PROXY`; their lower-case spelling wins.
    ///
    /// They are read by [`build`](Self::build) and never again.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The API key: visible ASCII, sent as it is.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.options.api_key = Some(Zeroizing::new(key.into()));
        self
    }

    /// The account's other key. It is tried once where the gateway answers 401 to the one in use,
    /// and kept if that helps.
    #[must_use]
    pub fn secondary_api_key(mut self, key: impl Into<String>) -> Self {
        self.options.secondary_api_key = Some(Zeroizing::new(key.into()));
        self
    }

    /// Where the gateway is: https, or http to loopback. A path stays in front of the endpoints.
    /// It wins over [`environment`](Self::environment).
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.options.base_url = Some(url.into());
        self
    }

    /// Which of ZignSec's gateways to talk to.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.options.environment = Some(environment);
        self
    }

    /// Which header carries the key.
    #[must_use]
    pub fn auth_scheme(mut self, scheme: AuthScheme) -> Self {
        self.options.auth_scheme = scheme;
        self
    }

    /// The limit for name look-up, TCP, proxy and TLS together; it runs inside that of the
    /// attempt. The default is 5 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.options.connect_timeout = Some(limit);
        self
    }

    /// The limit for one attempt, from look-up to the last byte of the answer. The default is 10
    /// seconds.
    #[must_use]
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.options.attempt_timeout = Some(limit);
        self
    }

    /// The limit for a whole call. The default is 30 seconds.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout = Some(limit);
        self
    }

    /// A PEM file with the certificates to trust, in place of every other.
    #[must_use]
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.options.ca_file = given(file.into());
        self
    }

    /// PEM files with the certificate chain and the private key to show to the gateway (mutual
    /// TLS).
    #[must_use]
    pub fn client_cert(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.options.client_cert_file = given(cert.into());
        self.options.client_key_file = given(key.into());
        self
    }

    /// The URL of an http or https proxy, or `none` for a direct connection whatever the
    /// environment says. Loopback is always reached directly.
    #[must_use]
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.options.proxy = Some(Zeroizing::new(url.into()));
        self
    }

    /// The header `user-agent`. The default is `zignsec/` and the version.
    #[must_use]
    pub fn user_agent(mut self, text: impl Into<String>) -> Self {
        self.options.user_agent = Some(text.into());
        self
    }

    /// Checks every setting and makes the client. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration), which names the setting: no key or a malformed
    /// one, a bad base URL, plain http to a host that is not loopback, an unreadable file, a
    /// certificate and key that do not belong together, a proxy that is not supported.
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument): a time limit of zero or of more than 49 days.
    pub fn build(self) -> Result<Client, Error> {
        let settings = self.options.settle(&Environ::PROCESS)?;
        let transport = Transport::new(&settings);
        Ok(Client { settings, transport })
    }
}

fn given(file: PathBuf) -> Option<PathBuf> {
    (!file.as_os_str().is_empty()).then_some(file)
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").finish_non_exhaustive()
    }
}
