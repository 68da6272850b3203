//! The Rust API: a sandbox inside the calling process, controlled by blocking methods.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::app::App;
use crate::delivery;
use crate::faults::Fault;
use crate::options::{CancelDestination, ErrorShape, Options, SuccessStatus, WebhookShape};
use crate::problem::Problem;
use crate::request_log::RecordedRequest;
use crate::server;
use crate::session::SessionView;
use crate::sms::Sms;
use crate::tls::{Files, Tls};
use crate::user::{self, Action, Outcome};
use crate::webhooks::WebhookAttempt;

/// A running sandbox. Its methods block. The server runs on its own thread and stops when this
/// value is dropped.
pub struct Sandbox {
    app: Arc<App>,
    runtime: tokio::runtime::Handle,
    server: Option<Server>,
    tls: Option<TlsFiles>,
}

/// The paths of the TLS files. Dropping `_files` deletes them.
struct TlsFiles {
    _files: Files,
    ca: PathBuf,
    client: (PathBuf, PathBuf),
}

struct Server {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Sandbox {
    /// Starts a sandbox with the default options, on a free port.
    ///
    /// # Errors
    ///
    /// If no loopback port is available.
    pub fn start() -> io::Result<Self> {
        Self::builder().start()
    }

    /// Returns a builder to set options; [`Builder::start`] then starts the sandbox.
    pub fn builder() -> Builder {
        // Unlike on the command line, a fixed port as default would make tests conflict.
        Builder { options: Options { port: 0, ..Options::default() } }
    }

    pub(crate) fn with(options: Options) -> io::Result<Self> {
        options.validate()?;
        let (tls, files) = match options.tls {
            true => Tls::new(&options).map(|(tls, files)| (Some(tls), Some(files)))?,
            false => (None, None),
        };
        let listener = server::bind(SocketAddr::new(options.host, options.port))?;
        let scheme = if options.tls { "https" } else { "http" };
        let base_url = format!("{scheme}://{}", connectable(listener.local_addr()?));
        let (app, queues) = App::new(options, base_url);
        let app = Arc::new(app);

        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let server_app = app.clone();
        let thread =
            std::thread::Builder::new().name("zignsec-sandbox".to_owned()).spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = server::serve(listener, server_app, queues, tls) => {}
                        _ = stopped => {}
                    }
                });
                // Dropping the runtime closes every connection.
            })?;
        let files = files.map(|files| TlsFiles {
            ca: files.ca(),
            client: (files.client_certificate(), files.client_key()),
            _files: files,
        });
        Ok(Self { app, runtime: handle, server: Some(Server { stop, thread }), tls: files })
    }

    /// The base URL without a trailing slash: `http://127.0.0.1:PORT`, or `https` with
    /// [`Builder::tls`].
    #[must_use]
    pub fn url(&self) -> &str {
        &self.app.base_url
    }

    /// The API key that clients must send.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.app.options.api_key
    }

    /// A PEM file with the certificate authority to trust; `None` without TLS. The file is deleted
    /// when the sandbox stops.
    #[must_use]
    pub fn ca_file(&self) -> Option<&Path> {
        self.tls.as_ref().map(|files| files.ca.as_path())
    }

    /// PEM files with a client certificate and its key, which the fault `tls-client-certificate`
    /// accepts. They are in the folder of [`Self::ca_file`], as `client.pem` and `client-key.pem`.
    #[must_use]
    pub fn client_certificate(&self) -> Option<(&Path, &Path)> {
        self.tls.as_ref().map(|TlsFiles { client: (certificate, key), .. }| {
            (certificate.as_path(), key.as_path())
        })
    }

    /// The secret that webhooks are signed with.
    #[must_use]
    pub fn webhook_secret(&self) -> &str {
        &self.app.options.webhook_secret
    }

    /// The seed of IDs, codes and chaos: the one of the options, or a random one.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.app.seed
    }

    /// Every session, newest first.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionView> {
        self.app.sessions()
    }

    /// One session.
    ///
    /// # Errors
    ///
    /// If there is no session with this ID.
    pub fn session(&self, id: &str) -> Result<SessionView, Problem> {
        self.app.session_view(id)
    }

    /// Every SMS to a number, newest first. If there is none yet, waits up to `wait` for the first.
    #[must_use]
    pub fn sms(&self, to: &str, wait: Duration) -> Vec<Sms> {
        let (app, to) = (self.app.clone(), to.to_owned());
        self.run(async move {
            app.wait_for_sms(Some(&to), wait).await;
            app.sms(Some(&to))
        })
    }

    /// Lets a scripted user act on the hosted pages of a session.
    ///
    /// # Errors
    ///
    /// If there is no such session, it has ended, or the action cannot succeed.
    pub fn user(&self, id: &str, action: Action) -> Result<Outcome, Problem> {
        let (app, id) = (self.app.clone(), id.to_owned());
        self.run(async move { user::act(&app, &id, action).await })
    }

    /// The newest 500 requests to the endpoints and the hosted pages, newest first. Keys are
    /// redacted.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.app.requests()
    }

    /// Waits for a request for which `wanted` returns true and returns it, or `None` after
    /// `timeout`. Past requests count; the newest is checked first.
    pub fn wait_for_request(
        &self,
        mut wanted: impl FnMut(&RecordedRequest) -> bool,
        timeout: Duration,
    ) -> Option<RecordedRequest> {
        self.wait(timeout, |app| app.requests().into_iter().find(&mut wanted))
    }

    /// Calls `find` now and after every change until it returns a value.
    fn wait<T>(&self, timeout: Duration, mut find: impl FnMut(&App) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + timeout;
        loop {
            let seen = self.app.version();
            if let Some(found) = find(&self.app) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let app = self.app.clone();
            if !self.run(async move { app.wait_for_change(seen, left).await }) {
                return None;
            }
        }
    }

    /// The newest 500 attempts to send a webhook, newest first.
    #[must_use]
    pub fn webhooks(&self) -> Vec<WebhookAttempt> {
        self.app.webhooks()
    }

    /// Waits for an attempt to send a webhook for which `wanted` returns true and returns it, or
    /// `None` after `timeout`. Past attempts count.
    pub fn wait_for_webhook(
        &self,
        mut wanted: impl FnMut(&WebhookAttempt) -> bool,
        timeout: Duration,
    ) -> Option<WebhookAttempt> {
        self.wait(timeout, |app| app.webhooks().into_iter().find(&mut wanted))
    }

    /// Sends the webhook of an earlier attempt again and returns the new attempt.
    ///
    /// # Errors
    ///
    /// If there is no attempt with this ID.
    pub fn resend_webhook(&self, id: u64) -> Result<WebhookAttempt, Problem> {
        let app = self.app.clone();
        self.run(async move { delivery::resend(&app, id).await })
    }

    /// Arms a fault for the next `times` requests (or pages, SMS, webhooks or handshakes, by its
    /// level).
    ///
    /// # Errors
    ///
    /// If `times` is 0, the fault has an invalid status, or it needs TLS and the sandbox has none.
    pub fn arm(&self, fault: Fault, times: u32) -> Result<(), Problem> {
        self.app.arm(fault, times)
    }

    /// Arms a fault by its name, such as `reset` or `http-503`.
    ///
    /// # Errors
    ///
    /// If there is no fault of that name; otherwise as [`Self::arm`].
    pub fn fault(&self, name: &str, times: u32) -> Result<(), Problem> {
        self.arm(Fault::from_name(name)?, times)
    }

    /// Disarms every fault.
    pub fn clear_faults(&self) {
        self.app.clear_faults();
    }

    /// Moves the sandbox's clock forward: codes and sessions expire, and webhooks are retried.
    pub fn advance(&self, by: Duration) {
        self.app.advance(by);
    }

    /// Deletes every session, SMS, request, webhook and armed fault, and restarts the seed. The
    /// clock keeps its time.
    pub fn reset(&self) {
        self.app.reset();
    }

    /// Stops the sandbox, as dropping it does. When this returns, every connection is closed and
    /// the port is free.
    pub fn stop(self) {}

    /// Runs a future on the server's thread and blocks until it completes. `Handle::block_on` would
    /// panic if the caller's thread is in an async runtime.
    fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, receiver) = mpsc::channel();
        self.runtime.spawn(async move { sender.send(work.await) });
        receiver.recv().expect("the server's thread runs as long as the sandbox")
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(Server { stop, thread }) = self.server.take() {
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

/// The address that clients connect to, for an address that the server listens on.
fn connectable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Options for a sandbox that is not started yet.
#[must_use]
pub struct Builder {
    options: Options,
}

impl Builder {
    /// Starts the sandbox. It accepts connections when this returns.
    ///
    /// # Errors
    ///
    /// If the address is not available, the certificates cannot be created, or the API key is not
    /// a valid header value.
    pub fn start(self) -> io::Result<Sandbox> {
        Sandbox::with(self.options)
    }

    /// The port to listen on. The default, 0, selects a free port.
    pub fn port(mut self, port: u16) -> Self {
        self.options.port = port;
        self
    }

    /// The address to listen on; the default is `127.0.0.1`.
    pub fn host(mut self, host: IpAddr) -> Self {
        self.options.host = host;
        self
    }

    /// Accepts another name in the Host header. Loopback names are always accepted.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.options.allow_host.push(name.into());
        self
    }

    /// Uses HTTPS, with a certificate authority created at start: see [`Sandbox::ca_file`].
    pub fn tls(mut self, tls: bool) -> Self {
        self.options.tls = tls;
        self
    }

    /// The API key that clients must send; the default is `sandbox-key`.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.options.api_key = key.into();
        self
    }

    /// The secret that webhooks are signed with.
    pub fn webhook_secret(mut self, secret: impl Into<String>) -> Self {
        self.options.webhook_secret = secret.into();
        self
    }

    /// The status of a verified session.
    pub fn success_status(mut self, status: SuccessStatus) -> Self {
        self.options.success_status = status;
        self
    }

    /// The number of wrong codes after which a session fails. The default is 3; 0 means no limit.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.options.max_attempts = attempts;
        self
    }

    /// What a user who cancels sees.
    pub fn cancel(mut self, destination: CancelDestination) -> Self {
        self.options.cancel = destination;
        self
    }

    /// The format of error responses.
    pub fn error_shape(mut self, shape: ErrorShape) -> Self {
        self.options.error_shape = shape;
        self
    }

    /// The format of webhook bodies.
    pub fn webhook_shape(mut self, shape: WebhookShape) -> Self {
        self.options.webhook_shape = shape;
        self
    }

    /// Allows webhooks to another host. Loopback is always allowed.
    pub fn webhook_allow(mut self, host: impl Into<String>) -> Self {
        self.options.webhook_allow.push(host.into());
        self
    }

    /// Injects random faults into this percentage of requests, page views and webhooks.
    pub fn chaos(mut self, percent: u8) -> Self {
        self.options.chaos = percent.min(100);
        self
    }

    /// The seed of IDs, codes and chaos. The default is a random seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = Some(seed);
        self
    }
}
