//! The client: start a session, send the user to its page, get the result.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::config::{
    self, AuthScheme, Env, Environment, Keys, Limits, Options, Settings, time_limit,
};
use crate::endpoint::ApiRequest;
use crate::error::{Error, ErrorKind};
use crate::log;
use crate::request::Phone2faRequest;
use crate::response;
use crate::retry::{self, Budget};
use crate::session::{self, Session};
use crate::transport::{
    self, Attempt, AttemptError, CancelSource, CancelToken, Cancelled, InterruptFn, Transport,
};
use crate::wait::{self, Wait, WaitOptions};

/// A client of the gateway, with its options, API keys and open connections.
///
/// Create one and keep it: it reuses connections. Threads can share it, by reference or in an
/// [`Arc`](std::sync::Arc). Its `Debug` output does not contain the key.
pub struct Client {
    shared: Arc<Shared>,
    limits: Limits,
    /// When the call ends at the latest, for a client of one call.
    end: Option<Instant>,
    cancel: CancelSource,
}

/// What the duplicates of a client share.
struct Shared {
    keys: Keys,
    auth_scheme: AuthScheme,
    interrupt: Option<Arc<InterruptFn>>,
    transport: Transport,
}

impl Client {
    /// Starts to build a client with an API key. To read the key from the environment, use
    /// [`ClientBuilder::new`].
    pub fn builder(api_key: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new().api_key(api_key)
    }

    /// Creates a client from environment variables only: see [`ClientBuilder::new`].
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        ClientBuilder::new().build()
    }

    pub(crate) fn from_options(options: Options) -> Result<Self, Error> {
        let env = Env::of_process(options.at_secure);
        let Settings { keys, auth_scheme, limits, interrupt, transport } = options.resolve(&env)?;
        let transport = Transport::new(transport);
        let shared = Arc::new(Shared { keys, auth_scheme, interrupt, transport });
        Ok(Self { shared, limits, end: None, cancel: CancelSource::default() })
    }

    /// The base URL of the gateway, without a trailing slash.
    #[must_use]
    pub fn base_url(&self) -> &str {
        self.shared.transport.config().base_url.as_str()
    }

    /// The proxy, as `scheme://host:port`, without its user and password.
    #[must_use]
    pub fn proxy(&self) -> Option<String> {
        self.shared.transport.config().proxy.as_ref().map(ToString::to_string)
    }

    /// Step 1: starts a session. Send the user to its [`redirect_url`](Session::redirect_url), and
    /// store its [`id`](Session::id) on your server, with the user's login. The session that this
    /// returns is never verified.
    ///
    /// The request is repeated only if nothing was sent yet, or if the gateway returned 429 or 503
    /// with `Retry-After`. So one call never creates two sessions.
    ///
    /// Source: `POST /core/api/sessions/two_factor_auth/phone` in ZignSec's phone 2FA
    /// documentation.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) before anything is sent, or any other
    /// kind. If [`in_doubt`](Error::in_doubt) is true, the gateway may have created a session.
    pub fn start_phone_2fa(&self, request: &Phone2faRequest) -> Result<Session, Error> {
        request.check()?;
        let mut cancel = self.cancel_token()?;
        self.call(&ApiRequest::Start(request), &mut cancel, self.deadline())
            .map(|(session, _)| session)
    }

    /// Step 3: gets a session. [`Session::is_verified_for`] is the result.
    ///
    /// Use the session id and the phone number that your server stored for the logged-in user,
    /// never those of a query string, a form or the response.
    ///
    /// Source: `GET /core/api/sessions/{session_id}` in ZignSec's phone 2FA documentation.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) before anything is sent;
    /// [`NotFound`](crate::ErrorKind::NotFound) if the gateway does not know the id;
    /// [`Protocol`](crate::ErrorKind::Protocol) also if the response is for a different session, or
    /// exceeds a limit: 16 KiB or 100 fields of headers, 1 MiB of body; or any other kind.
    pub fn get_session(&self, session_id: &str) -> Result<Session, Error> {
        let mut cancel = self.cancel_token()?;
        self.fetch_session(session_id, &mut cancel, self.deadline()).map(|(session, _)| session)
    }

    /// Step 3, repeated: polls a session until it is [final](Session::is_final).
    /// [`Session::is_verified_for`] is the result. Blocks until then, at most for the timeout of
    /// `options` (300 seconds by default). Temporary errors while polling do not end the wait, nor
    /// do one or two polls in a row that fail with [`Protocol`](crate::ErrorKind::Protocol),
    /// [`Tls`](crate::ErrorKind::Tls), [`Permission`](crate::ErrorKind::Permission) or
    /// [`NotFound`](crate::ErrorKind::NotFound): a server or proxy that restarts can cause them. If
    /// the gateway returns `Retry-After`, the next pause is at least that long.
    ///
    /// # Errors
    ///
    /// [`WaitTimeout`](crate::ErrorKind::WaitTimeout) with the last status and the last error of a
    /// poll; [`Cancelled`](crate::ErrorKind::Cancelled) if the caller cancelled the wait;
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a time of zero or more than 49
    /// days; and the permanent errors of [`get_session`](Self::get_session).
    pub fn wait_for_session(
        &self,
        session_id: &str,
        options: &WaitOptions<'_>,
    ) -> Result<Session, Error> {
        wait::wait(options, &mut self.cancel_token()?, |cancel, end| {
            self.fetch_session(session_id, cancel, self.deadline().min(end))
        })
    }

    /// One poll of a wait in steps.
    pub(crate) fn poll(&self, wait: &mut Wait, session_id: &str) -> Result<Option<Session>, Error> {
        let mut cancel = self.cancel_token()?;
        wait.poll(|end| self.fetch_session(session_id, &mut cancel, self.deadline().min(end)))
    }

    /// Cancels all running calls of this client: they fail as
    /// [`Cancelled`](crate::ErrorKind::Cancelled) within 100 ms. The client stays usable. Any
    /// thread may call it, and so may a signal handler: it takes no lock.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    pub(crate) fn close(&self) {
        self.cancel.close();
    }

    /// Another client with the same settings, keys and connections. [`cancel`](Self::cancel)
    /// affects the calls of one client only, not those of its duplicates.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            limits: self.limits,
            end: self.end,
            cancel: CancelSource::default(),
        }
    }

    /// A duplicate for a call that begins now, even if it has to wait for a thread first.
    pub(crate) fn begin_call(&self) -> Self {
        Self { end: Some(self.deadline()), ..self.duplicate() }
    }

    /// The time limit for a whole call.
    pub(crate) fn timeout(&self) -> Duration {
        self.limits.call
    }

    /// The same client with another time limit for a whole call.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument): a limit of zero or more than 49
    /// days.
    pub fn with_timeout(mut self, limit: Duration) -> Result<Self, Error> {
        self.limits.call = time_limit("timeout", Some(limit), limit)?;
        Ok(self)
    }

    /// The same client with another [`max_retries`](ClientBuilder::max_retries).
    #[must_use]
    pub fn with_max_retries(mut self, count: u32) -> Self {
        self.limits.retries = count;
        self
    }

    fn fetch_session(
        &self,
        session_id: &str,
        cancel: &mut CancelToken,
        deadline: Instant,
    ) -> Result<(Session, u32), Error> {
        if let Some(problem) = session::id_problem(session_id) {
            let rule = format!("{problem}; it must be 1 to 64 letters, digits and hyphens");
            return Err(Error::invalid_argument("session_id", &rule));
        }
        self.call(&ApiRequest::Get { session_id }, cancel, deadline)
    }

    fn cancel_token(&self) -> Result<CancelToken, Error> {
        let token = self.cancel.token(self.shared.interrupt.clone());
        token.ok_or_else(Error::closed)
    }

    fn deadline(&self) -> Instant {
        let limit = Instant::now() + self.limits.call;
        self.end.map_or(limit, |end| end.min(limit))
    }

    /// Sends a request, and repeats it while that is safe and may help. Returns the session and the
    /// number of attempts.
    fn call(
        &self,
        request: &ApiRequest<'_>,
        cancel: &mut CancelToken,
        deadline: Instant,
    ) -> Result<(Session, u32), Error> {
        const UNAUTHORIZED: u16 = 401;
        let Shared { keys, auth_scheme, transport, .. } = &*self.shared;
        let (mut key, mut other_key) = keys.ordered();
        let (path, body) = (request.path(), request.body());
        let mut budget = Budget::new(deadline, self.limits.retries);
        let mut attempts = 0;
        let mut connection_failed = false;
        loop {
            let begun = Instant::now();
            if attempts == 0 && deadline <= begun {
                let message = "no time was left for the call; nothing was sent";
                return Err(Error::failed(ErrorKind::Timeout, message, false).with_transient(true));
            }
            attempts += 1;
            let mut attempt = Attempt::new(
                cancel.clone(),
                begun + self.limits.connect,
                deadline.min(begun + self.limits.attempt),
            );
            let http_request = transport::Request {
                method: request.method(),
                path: &path,
                key_header: auth_scheme.header(),
                key: key.as_str(),
                secrets: keys.secrets(),
                csrf_token: request.csrf_token(),
                body: body.as_deref(),
                creates: request.creates(),
            };
            let outcome = transport.send(&mut attempt, &http_request, connection_failed);
            log::attempt(request, attempts, &outcome, begun.elapsed());
            let result = outcome.result;
            if let Ok(response) = &result {
                if response.status != UNAUTHORIZED {
                    keys.mark_working(key);
                } else if let Some(second) = other_key.take() {
                    // Two keys allow one of them to be replaced without downtime.
                    key = second;
                    continue;
                }
            }
            connection_failed = result.is_err();
            // Not a failure of the gateway, so it is not counted as a retry. A new connection cannot
            // be stale, so this happens once.
            if outcome.was_stale && !request.creates() {
                continue;
            }
            let is_retryable = retry::is_retryable(request, &result);
            let session = match result {
                Ok(response) => {
                    let base_url = &transport.config().base_url;
                    response::read(request, &response, base_url, &keys.secrets())
                }
                Err(error) => Err(self.no_response(request, error)),
            };
            let error = match session {
                Ok(session) => return Ok((session, attempts)),
                Err(error) => error.with_attempts(attempts).with_transient(is_retryable),
            };
            if !is_retryable {
                return Err(error);
            }
            let Some(pause) = budget.pause(error.retry_after()) else {
                return Err(error);
            };
            cancel
                .sleep(pause)
                .map_err(|cancelled| Error::from(cancelled).with_attempts(attempts))?;
        }
    }

    /// The error of an attempt that got no response.
    fn no_response(&self, request: &ApiRequest<'_>, error: AttemptError) -> Error {
        let what = format!("{}: {}", self.base_url(), error.message);
        let in_doubt = request.creates() && error.sent;
        let failed = Error::failed_with_advice(error.kind, what, in_doubt, error.advice);
        match error.source {
            Some(source) => failed.with_source(source),
            None => failed,
        }
    }
}

impl From<Cancelled> for Error {
    fn from(cancelled: Cancelled) -> Self {
        Self::failed(ErrorKind::Cancelled, cancelled, false)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}

/// Builds a [`Client`]. All settings are checked by [`build`](Self::build).
///
/// An empty string counts as not set, except for a key.
#[derive(Clone, Default)]
pub struct ClientBuilder {
    options: Options,
}

impl ClientBuilder {
    /// A builder for a client that reads all settings from environment variables:
    ///
    /// - `ZIGNSEC_API_KEY`, and with it `ZIGNSEC_SECONDARY_API_KEY` if it is set;
    /// - `ZIGNSEC_BASE_URL`, else `ZIGNSEC_ENVIRONMENT`: `test`, the default, or `production`;
    /// - `SSL_CERT_FILE` and `SSL_CERT_DIR`, else `REQUESTS_CA_BUNDLE`, else `CURL_CA_BUNDLE`;
    /// - `HTTPS_PROXY`, else `ALL_PROXY`, and `NO_PROXY`; the lower-case spelling wins, also if it is
    ///   empty. The values are those of [`proxy`](Self::proxy).
    ///
    /// They are read only by [`build`](Self::build). They are all ignored if the process runs with
    /// raised privileges (a set-user-ID or set-group-ID program, or one with file capabilities),
    /// because the user who started it chose them. Pass the key with [`api_key`](Self::api_key)
    /// there.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The API key: visible ASCII, sent unchanged. It must not be empty.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.options.api_key = Some(Zeroizing::new(key.into()));
        self
    }

    /// The account's second key, for key rotation. If the gateway returns 401 for one key, the
    /// other one is tried once, and kept if it works.
    #[must_use]
    pub fn secondary_api_key(mut self, key: impl Into<String>) -> Self {
        self.options.secondary_api_key = Some(Zeroizing::new(key.into()));
        self
    }

    /// The base URL of the gateway: https, or http to loopback. The paths of the endpoints are
    /// appended to its path. It takes precedence over [`environment`](Self::environment).
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.options.base_url = Some(url.into());
        self
    }

    /// Which of ZignSec's gateways to use.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.options.environment = Some(environment);
        self
    }

    /// Which header carries the key.
    #[must_use]
    pub fn auth_scheme(mut self, scheme: AuthScheme) -> Self {
        self.options.auth_scheme = Some(scheme);
        self
    }

    /// The time limit for DNS, TCP, proxy and TLS together, which is part of the limit for the
    /// attempt. The default is 5 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.options.connect_timeout = Some(limit);
        self
    }

    /// The time limit for one attempt, from DNS to the last byte of the response. The default is 10
    /// seconds.
    #[must_use]
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.options.attempt_timeout = Some(limit);
        self
    }

    /// The time limit for a whole call: all attempts and the pauses between them. The default is 30
    /// seconds.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout = Some(limit);
        self
    }

    /// How many more attempts a call may make if that is safe and may help. The default is 2. The
    /// pauses between attempts are random; their upper bound grows from 0.25 to 8 seconds. If the
    /// gateway returns `Retry-After`, the pause is at least that long.
    #[must_use]
    pub fn max_retries(mut self, count: u32) -> Self {
        self.options.max_retries = Some(count);
        self
    }

    /// A file with the certificates to trust, instead of all others: PEM, or one certificate in DER.
    /// What is not usable in it is named in the log, and is an error if nothing is usable.
    #[must_use]
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.options.ca_file = Some(file.into());
        self
    }

    /// Files with the client's certificate chain and private key, for mutual TLS: PEM or DER. The
    /// first certificate is the client's own. The key is not encrypted: P-256, P-384, Ed25519, or RSA
    /// of 2048 to 4096 bits.
    #[must_use]
    pub fn client_cert(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.options.client_cert_file = Some(cert.into());
        self.options.client_key_file = Some(key.into());
        self
    }

    /// The URL of a proxy, such as `http://user:password@proxy.example:3128`. The schemes are `http`
    /// (the default), `https`, `socks5` and `socks5h`; the default ports are 80, 443 and 1080. With
    /// `socks5`, the client resolves the host name of the gateway; with `socks5h` or `socks`, the
    /// proxy does. Special characters of the user and password must be percent-encoded.
    ///
    /// `none` means [`no_proxy`](Self::no_proxy). Loopback is always reached directly. Blanks and
    /// quotation marks around the value are ignored.
    #[must_use]
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.options.proxy = Some(Zeroizing::new(url.into()));
        self
    }

    /// Connects directly, whatever the environment says.
    #[must_use]
    pub fn no_proxy(self) -> Self {
        self.proxy(config::DIRECT)
    }

    /// The header `user-agent`. The default is `zignsec/` and the version.
    #[must_use]
    pub fn user_agent(mut self, text: impl Into<String>) -> Self {
        self.options.user_agent = Some(text.into());
        self
    }

    /// Checks all settings and creates the client. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration), which names the setting: a missing or
    /// invalid key, an invalid base URL, plain http to a host that is not loopback, an unreadable
    /// file, a certificate and key that do not match, an unsupported proxy.
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument): a time limit of zero or more than 49
    /// days.
    pub fn build(self) -> Result<Client, Error> {
        Client::from_options(self.options)
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").finish_non_exhaustive()
    }
}
