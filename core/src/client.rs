//! The three steps of a phone two-factor check: open a session, (send the user there,) ask for
//! the verdict.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::answer;
use crate::error::{Error, ErrorKind};
use crate::log;
use crate::options::{self, AuthScheme, Environ, Environment, Limits, Options};
use crate::request::Phone2faRequest;
use crate::retry::{self, Budget};
use crate::session::{self, Session};
use crate::transport::proxy;
use crate::transport::{Answer, Bounds, Call, Failure, Scope, Stopped, Transport, Watch};
use crate::wait::{self, Wait, WaitOptions};

/// A connection to the gateway, with its settings and keys.
///
/// Make one and keep it: it holds connections open between calls. Threads share it freely, by
/// reference or in an [`Arc`](std::sync::Arc). Its `Debug` output does not show the key.
pub struct Client {
    /// What the duplicates of a client have in common.
    transport: Arc<Transport>,
    limits: Limits,
    scope: Scope,
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
        self.transport.settings.base_url.as_str()
    }

    /// The proxy that calls go through, as `scheme://host:port`, without its user and password.
    #[must_use]
    pub fn proxy(&self) -> Option<String> {
        self.transport.settings.proxy.as_ref().map(proxy::shown)
    }

    /// Step 1: opens a session. Send the user to its [`redirect_url`](Session::redirect_url), and
    /// remember its [`id`](Session::id) on your side, in their login.
    ///
    /// It is tried again only where no byte of the request left this process, or where the gateway
    /// says when to come back (429 or 503 with `Retry-After`): a failure never opens two.
    ///
    /// Source: `POST /core/api/sessions/two_factor_auth/phone` of ZignSec's phone 2FA page.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) before anything is sent; any kind of a failed
    /// call. Where [`in_doubt`](Error::in_doubt) is true, a session may have been opened.
    pub fn start_phone_2fa(&self, request: &Phone2faRequest) -> Result<Session, Error> {
        request.check()?;
        let call = Call {
            path: "core/api/sessions/two_factor_auth/phone".to_owned(),
            csrf_token: request.csrf_header(),
            body: Some(request.to_json()),
            session_id: None,
        };
        self.call(&call, &self.watch()?, self.deadline()).map(|(session, _)| session)
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
        #[cfg(feature = "__panic")]
        assert_ne!(session_id, "panic", "a test asked for this");
        self.look_up(session_id, &self.watch()?, self.deadline()).map(|(session, _)| session)
    }

    /// Step 3, until there is a verdict: asks again and again, and blocks, until the session is
    /// [final](Session::is_final). A poll that fails as time may heal is not the end; a pause is at
    /// least what the gateway asks for.
    ///
    /// # Errors
    ///
    /// [`WaitTimeout`](crate::ErrorKind::WaitTimeout) with the last status and the last poll that
    /// failed; [`Cancelled`](crate::ErrorKind::Cancelled) where the caller stopped it;
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a time of zero or of more than 49 days;
    /// those of [`get_session`](Self::get_session) that time does not heal.
    pub fn wait_for_session(
        &self,
        session_id: &str,
        options: &WaitOptions<'_>,
    ) -> Result<Session, Error> {
        let watch = self.watch()?;
        wait::wait(options, &watch, |end| {
            self.look_up(session_id, &watch, self.deadline().min(end))
        })
    }

    /// One poll of a [`Wait`]: the session, or `None` where the poll failed as time may heal. Sleep
    /// for [`Wait::pause`] before the next one.
    ///
    /// # Errors
    ///
    /// As [`wait_for_session`](Self::wait_for_session).
    pub fn poll(&self, wait: &mut Wait, session_id: &str) -> Result<Option<Session>, Error> {
        let watch = self.watch()?;
        wait.poll(|end| self.look_up(session_id, &watch, self.deadline().min(end)))
    }

    /// Stops the calls in flight on this client, from any thread: they fail as
    /// [`Cancelled`](crate::ErrorKind::Cancelled) within a tenth of a second. Later calls are not
    /// touched. It takes no lock, so a signal handler may call it.
    pub fn cancel(&self) {
        self.scope.cancel();
    }

    /// [Cancels](Self::cancel) the calls in flight on this client and refuses later ones as
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument); no call slips through in between. Its
    /// duplicates go on, and connections are kept until the last of them is dropped.
    pub fn close(&self) {
        self.scope.close();
    }

    /// Another client with the same settings, keys and connections, whose calls are
    /// [cancelled](Self::cancel) apart from those of this one.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self { transport: self.transport.clone(), limits: self.limits, scope: Scope::default() }
    }

    /// The same client with another limit for a whole call.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument): a limit of zero or of more than 49 days.
    pub fn with_timeout(mut self, limit: Duration) -> Result<Self, Error> {
        self.limits.call = options::limit("timeout", Some(limit), 0)?;
        Ok(self)
    }

    /// The same client with another [`max_retries`](ClientBuilder::max_retries).
    #[must_use]
    pub fn with_max_retries(mut self, count: u32) -> Self {
        self.limits.retries = count;
        self
    }

    fn look_up(
        &self,
        session_id: &str,
        watch: &Watch,
        deadline: Instant,
    ) -> Result<(Session, u32), Error> {
        if !session::is_id(session_id) {
            return Err(Error::invalid_argument(
                "session_id",
                "must be 1 to 64 letters, digits and hyphens",
            ));
        }
        let call = Call {
            path: ["core/api/sessions/", session_id].concat(),
            csrf_token: None,
            body: None,
            session_id: Some(session_id),
        };
        self.call(&call, watch, deadline)
    }

    fn watch(&self) -> Result<Watch, Error> {
        self.scope
            .watch(self.transport.settings.interrupt.clone())
            .ok_or_else(|| Error::invalid_argument("the client", "is closed"))
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.limits.call
    }

    /// Makes a call, and makes it again where that is safe and can help. Tells the session that
    /// answers it, and how many attempts that took.
    fn call(
        &self,
        call: &Call<'_>,
        watch: &Watch,
        deadline: Instant,
    ) -> Result<(Session, u32), Error> {
        const UNKNOWN_KEY: u16 = 401;
        let keys = &self.transport.settings.keys;
        let (mut key, mut other) = keys.in_turn();
        let bounds = Bounds { limits: &self.limits, deadline, watch };
        let mut budget = Budget::new(deadline, self.limits.retries);
        let mut attempts = 0;
        let mut broken = false;
        loop {
            attempts += 1;
            let begun = Instant::now();
            let outcome = self.transport.send(call, key, &bounds, broken);
            log::attempt(call, attempts, &outcome, begun.elapsed());
            let result = outcome.result;
            if let Ok(answer) = &result {
                if answer.status != UNKNOWN_KEY {
                    keys.keep(key);
                } else if let Some(second) = other.take() {
                    // With the keys of an account tried in turn, one can be replaced with no
                    // downtime.
                    key = second;
                    continue;
                }
            }
            broken = result.is_err();
            let is_safe = retry::is_safe(call, &result);
            let error = match self.read(call, result) {
                Ok(session) => return Ok((session, attempts)),
                Err(error) => error.with_attempts(attempts).with_transient(is_safe),
            };
            if !is_safe {
                return Err(error);
            }
            let Some(pause) = budget.pause(error.retry_after()) else {
                return Err(error);
            };
            watch.pause(pause).map_err(|stopped| Error::from(stopped).with_attempts(attempts))?;
        }
    }

    /// What an attempt came to: a session, or an error.
    fn read(&self, call: &Call<'_>, result: Result<Answer, Failure>) -> Result<Session, Error> {
        match result {
            Ok(answer) => answer::read(call, &answer, &self.transport.settings.keys.secrets()),
            Err(failure) => Err(self.failed(call, failure)),
        }
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

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        Self::failed(ErrorKind::Cancelled, stopped, false)
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

    /// How many more attempts a call may make where that is safe and can help. The default is 2.
    /// The limit for the whole call is for all of them and the pauses between, which are random and
    /// grow from 0.25 to 8 seconds, or are as long as the gateway asks for (`Retry-After`).
    #[must_use]
    pub fn max_retries(mut self, count: u32) -> Self {
        self.options.max_retries = Some(count);
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

    /// What to ask while a call is blocked, on its own thread and about 20 times a second: where it
    /// says true, the call fails as [`Cancelled`](crate::ErrorKind::Cancelled). For a host that has
    /// its own way to be interrupted, such as a language's signal handling.
    #[must_use]
    pub fn interrupt(mut self, hook: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.options.interrupt = Some(Arc::new(hook));
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
        Ok(Client {
            limits: settings.limits,
            transport: Arc::new(Transport::new(settings)),
            scope: Scope::default(),
        })
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
