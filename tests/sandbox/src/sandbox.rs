//! The sandbox as a value: started, asked and stopped from ordinary blocking code.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::admin;
use crate::faults::Fault;
use crate::journal::RecordedRequest;
use crate::options::{CancelEnds, ErrorShape, Options, SuccessStatus, WebhookShape};
use crate::problem::Problem;
use crate::server;
use crate::session::SessionView;
use crate::sms::Sms;
use crate::tls::{Files, Tls};
use crate::user::{self, Action, Outcome};
use crate::webhooks::{self, WebhookAttempt};
use crate::world::World;

/// A running sandbox. Its methods block; its server runs on a thread of its own, and stops when this is dropped.
pub struct Sandbox {
    world: Arc<World>,
    runtime: tokio::runtime::Handle,
    server: Option<Server>,
    tls: Option<TlsFiles>,
}

/// The files' paths beside what removes the files.
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
    /// Starts a sandbox with every dial at its default, on a port that the system chooses.
    ///
    /// # Errors
    ///
    /// Where no loopback port can be had.
    pub fn start() -> io::Result<Self> {
        Self::builder().start()
    }

    /// Dials first, then [`Builder::start`].
    pub fn builder() -> Builder {
        // A test never wants the command line's fixed port.
        Builder { options: Options { port: 0, ..Options::default() } }
    }

    pub(crate) fn with(options: Options) -> io::Result<Self> {
        options.check()?;
        let (tls, files) = match options.tls {
            true => Tls::new(&options).map(|(tls, files)| (Some(tls), Some(files)))?,
            false => (None, None),
        };
        let listener = server::bind(SocketAddr::new(options.host, options.port))?;
        let scheme = if options.tls { "https" } else { "http" };
        let base_url = format!("{scheme}://{}", reachable(listener.local_addr()?));
        let (world, pending) = World::new(options, base_url);
        let world = Arc::new(world);

        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let served = world.clone();
        let thread =
            std::thread::Builder::new().name("zignsec-sandbox".to_owned()).spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = server::serve(listener, served, pending, tls) => {}
                        _ = stopped => {}
                    }
                });
                // Dropping the runtime drops every connection with it.
            })?;
        let files = files.map(|files| TlsFiles {
            ca: files.ca(),
            client: (files.client_certificate(), files.client_key()),
            _files: files,
        });
        Ok(Self { world, runtime: handle, server: Some(Server { stop, thread }), tls: files })
    }

    /// The base URL, without a slash at its end: `http://127.0.0.1:PORT`, or `https` with [`Builder::tls`].
    #[must_use]
    pub fn url(&self) -> &str {
        &self.world.base_url
    }

    /// The key that callers must send.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.world.options.api_key
    }

    /// A PEM file with the certificate authority to trust, where TLS is spoken. It is removed with the sandbox.
    #[must_use]
    pub fn ca_file(&self) -> Option<&Path> {
        self.tls.as_ref().map(|files| files.ca.as_path())
    }

    /// PEM files with a client's certificate and its key, which a sandbox under the fault `tls-client-certificate` accepts. They
    /// lie beside [`Self::ca_file`] as `client.pem` and `client-key.pem`.
    #[must_use]
    pub fn client_certificate(&self) -> Option<(&Path, &Path)> {
        self.tls.as_ref().map(|TlsFiles { client: (certificate, key), .. }| {
            (certificate.as_path(), key.as_path())
        })
    }

    /// The secret that webhooks are signed with.
    #[must_use]
    pub fn webhook_secret(&self) -> &str {
        &self.world.options.webhook_secret
    }

    /// The seed of ids, codes and chaos, given or made at start.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.world.seed
    }

    /// Every session, newest first.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionView> {
        self.world.sessions()
    }

    /// One session.
    ///
    /// # Errors
    ///
    /// Where no session has the id.
    pub fn session(&self, id: &str) -> Result<SessionView, Problem> {
        self.world.session(id, |session, _| session.view(&self.world.base_url))
    }

    /// Every SMS to a number, newest first. Where there is none yet, waits up to `wait` for the first.
    #[must_use]
    pub fn sms(&self, to: &str, wait: Duration) -> Vec<Sms> {
        let (world, to) = (self.world.clone(), to.to_owned());
        self.run(async move { admin::wait_for_sms(&world, Some(&to), wait).await })
    }

    /// Lets the session's scripted user act on the hosted pages.
    ///
    /// # Errors
    ///
    /// Where there is no such session, it has ended, or the action cannot succeed.
    pub fn user(&self, id: &str, action: Action) -> Result<Outcome, Problem> {
        let (world, id) = (self.world.clone(), id.to_owned());
        self.run(async move { user::act(&world, &id, action).await })
    }

    /// What arrived, newest first; keys are redacted, the sandbox's own routes left out. The newest 500 are kept.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.world.journal.lock().newest_first()
    }

    /// Waits for a request that `wanted` is true of, past ones included; none where it has not come after `timeout`.
    /// The newest is looked at first.
    pub fn wait_for_request(
        &self,
        mut wanted: impl FnMut(&RecordedRequest) -> bool,
        timeout: Duration,
    ) -> Option<RecordedRequest> {
        self.wait(timeout, |world| world.journal.lock().find(&mut wanted))
    }

    /// Looks after every change until something is found.
    fn wait<T>(&self, timeout: Duration, mut look: impl FnMut(&World) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + timeout;
        loop {
            let seen = self.world.change();
            if let Some(found) = look(&self.world) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let world = self.world.clone();
            if !self.run(async move { world.changed_since(seen, left).await }) {
                return None;
            }
        }
    }

    /// Every attempt at a webhook, newest first. The newest 500 are kept.
    #[must_use]
    pub fn webhooks(&self) -> Vec<WebhookAttempt> {
        self.world.webhooks.lock().newest_first()
    }

    /// Waits for an attempt at a webhook that `wanted` is true of, past ones included.
    pub fn wait_for_webhook(
        &self,
        mut wanted: impl FnMut(&WebhookAttempt) -> bool,
        timeout: Duration,
    ) -> Option<WebhookAttempt> {
        self.wait(timeout, |world| {
            world.webhooks.lock().newest_first().into_iter().find(|attempt| wanted(attempt))
        })
    }

    /// Sends the webhook of an earlier attempt once more, and returns the new attempt.
    ///
    /// # Errors
    ///
    /// Where no attempt has the id.
    pub fn resend_webhook(&self, id: u64) -> Result<WebhookAttempt, Problem> {
        let world = self.world.clone();
        self.run(async move { webhooks::resend(&world, id).await })
    }

    /// Arms a fault for the next `times` calls.
    ///
    /// # Errors
    ///
    /// Where `times` is 0, or the fault has a status that no answer can have.
    pub fn arm(&self, fault: Fault, times: u32) -> Result<(), Problem> {
        self.world.arm(fault, times)
    }

    /// Arms a fault by its name, such as `reset` or `http-503`.
    ///
    /// # Errors
    ///
    /// Where there is no fault of that name, or `times` is 0.
    pub fn fault(&self, name: &str, times: u32) -> Result<(), Problem> {
        self.arm(Fault::named(name)?, times)
    }

    /// Disarms every fault.
    pub fn clear_faults(&self) {
        self.world.clear_faults();
    }

    /// Moves the sandbox's clock forward: codes and sessions grow old by it, and webhooks are
    /// tried again.
    pub fn advance(&self, by: Duration) {
        self.world.advance(by);
    }

    /// Forgets every session, SMS, request, webhook and fault; ids, codes and chaos start over from the seed. The clock stays.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Stops, as dropping does: every connection is closed and the port is free when this returns.
    pub fn stop(self) {}

    /// Runs on the server's thread and waits for the outcome. Not `Handle::block_on`, which panics where the caller's own thread
    /// is in an async runtime.
    fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (tell, told) = mpsc::channel();
        self.runtime.spawn(async move { tell.send(work.await) });
        told.recv().expect("the server's thread lives as long as the sandbox")
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

/// An address that can be connected to, for one that can be listened on.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The dials of a sandbox that is about to be started.
#[must_use]
pub struct Builder {
    options: Options,
}

impl Builder {
    /// Starts the sandbox; it answers when this returns.
    ///
    /// # Errors
    ///
    /// Where the address cannot be listened on, no certificate can be made, or the key is one that no header can carry.
    pub fn start(self) -> io::Result<Sandbox> {
        Sandbox::with(self.options)
    }

    /// The port; 0, the default here, lets the system choose.
    pub fn port(mut self, port: u16) -> Self {
        self.options.port = port;
        self
    }

    /// The address to listen on; the default is `127.0.0.1`.
    pub fn host(mut self, host: IpAddr) -> Self {
        self.options.host = host;
        self
    }

    /// Allows one more name in Host headers; loopback names always are.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.options.allow_host.push(name.into());
        self
    }

    /// Speaks HTTPS, with an authority made at start: [`Sandbox::ca_file`].
    pub fn tls(mut self, tls: bool) -> Self {
        self.options.tls = tls;
        self
    }

    /// The key that callers must send; the default is `sandbox-key`.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.options.api_key = key.into();
        self
    }

    /// The secret that webhooks are signed with.
    pub fn webhook_secret(mut self, secret: impl Into<String>) -> Self {
        self.options.webhook_secret = secret.into();
        self
    }

    /// The word for a session that went well.
    pub fn success_status(mut self, word: SuccessStatus) -> Self {
        self.options.success_status = word;
        self
    }

    /// Wrong codes until the session has failed; the default is 3, and 0 means no limit.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.options.max_attempts = attempts;
        self
    }

    /// Where a user who cancels ends.
    pub fn cancel(mut self, ends: CancelEnds) -> Self {
        self.options.cancel = ends;
        self
    }

    /// The JSON of an error answer.
    pub fn error_shape(mut self, shape: ErrorShape) -> Self {
        self.options.error_shape = shape;
        self
    }

    /// The JSON of a webhook.
    pub fn webhook_shape(mut self, shape: WebhookShape) -> Self {
        self.options.webhook_shape = shape;
        self
    }

    /// Lets webhooks go to one more host; loopback always is allowed.
    pub fn webhook_allow(mut self, host: impl Into<String>) -> Self {
        self.options.webhook_allow.push(host.into());
        self
    }

    /// Lets a fault strike, by chance, in this percentage of calls, page views and webhooks.
    pub fn chaos(mut self, percent: u8) -> Self {
        self.options.chaos = percent.min(100);
        self
    }

    /// The seed of ids, codes and chaos; a fresh one is made where none is given.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = Some(seed);
        self
    }
}
