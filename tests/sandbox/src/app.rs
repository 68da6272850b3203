//! The state of one sandbox and the operations on it. The admin routes, the dashboard, the hosted
//! pages and the methods of [`Sandbox`](crate::Sandbox) all call these.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use crate::bounded::Bounded;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::faults::{Armed, ArmedFault, Fault, PAGE_CHAOS, REQUEST_CHAOS, Target, WEBHOOK_CHAOS};
use crate::magic::{Behaviour, KNOWN_CODE, MagicCounters, behaviour_of};
use crate::messages::Messages;
use crate::options::Options;
use crate::problem::Problem;
use crate::random::{Chaos, Random, random_seed};
use crate::request::StartRequest;
use crate::request_log::{IncomingRequest, RecordedRequest, RequestLog};
use crate::session::{CodeResult, Rules, SESSION_LIFETIME, Session, SessionView, redirect_url};
use crate::sms::{Inbox, Sms};
use crate::webhooks::{CREATED, Event, FINISHED, WebhookAttempt, WebhookLog};

/// One sandbox.
///
/// Everything that changes is behind the one lock `state`, so there is no lock order. Only methods
/// in this file take it, and no code of other files runs while it is held: callers get copies.
pub(crate) struct App {
    pub(crate) options: Options,
    pub(crate) base_url: String,
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    pub(crate) budget: Budget,
    state: Mutex<AppState>,
    events: mpsc::UnboundedSender<Event>,
    delayed_sms: mpsc::Sender<Sms>,
    /// Incremented by every change.
    version: watch::Sender<u64>,
}

struct AppState {
    sessions: Sessions,
    magic_counters: MagicCounters,
    inbox: Inbox,
    request_log: RequestLog,
    armed: Armed,
    webhooks: WebhookLog,
    random: Random,
}

/// The receiving ends of the queues that the server's background tasks process.
pub(crate) struct Queues {
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) delayed_sms: mpsc::Receiver<Sms>,
}

/// How late the fault `sms-late` and its magic number deliver an SMS.
const SMS_DELAY: Duration = Duration::from_secs(10);
const MAX_DELAYED_SMS: usize = 10_000;

impl App {
    pub(crate) fn new(options: Options, base_url: String) -> (Self, Queues) {
        let seed = options.seed.unwrap_or_else(random_seed);
        let (events, event_queue) = mpsc::unbounded_channel();
        let (delayed_sms, delayed_sms_queue) = mpsc::channel(MAX_DELAYED_SMS);
        let state = AppState {
            sessions: Sessions::new(),
            magic_counters: MagicCounters::default(),
            inbox: Inbox::new(),
            request_log: RequestLog::new(&options.api_key),
            armed: Armed::default(),
            webhooks: WebhookLog::new(),
            random: Random::new(seed),
        };
        let app = Self {
            options,
            base_url,
            seed,
            clock: Clock::new(),
            budget: Budget::new(),
            state: Mutex::new(state),
            events,
            delayed_sms,
            version: watch::Sender::new(0),
        };
        (app, Queues { events: event_queue, delayed_sms: delayed_sms_queue })
    }

    /// Deletes all data and restarts the seed; options and clock stay.
    pub(crate) fn reset(&self) {
        let mut state = self.state.lock();
        state.sessions.clear();
        state.magic_counters = MagicCounters::default();
        state.inbox.clear();
        state.request_log.clear();
        state.armed.clear();
        state.webhooks.clear();
        state.random = Random::new(self.seed);
        drop(state);
        self.notify_change();
    }

    fn notify_change(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    /// The current version, for [`Self::wait_for_change`].
    pub(crate) fn version(&self) -> u64 {
        *self.version.borrow()
    }

    /// Waits for a change after version `seen`. Returns false if there was none within `timeout`.
    pub(crate) async fn wait_for_change(&self, seen: u64, timeout: Duration) -> bool {
        let mut version = self.version.subscribe();
        tokio::time::timeout(timeout, version.wait_for(|version| *version > seen)).await.is_ok()
    }
}

/// Sessions and codes.
impl App {
    /// Starts a session and returns its ID and its `redirect_url`.
    pub(crate) fn start(&self, request: StartRequest) -> (String, String) {
        let rules =
            Rules { success: self.options.success_status, max_attempts: self.options.max_attempts };
        let mut state = self.state.lock();
        let AppState { sessions, armed, random, .. } = &mut *state;
        let id = random.id();
        let mut session = Session::new(id.clone(), request, rules, self.clock.now());
        let fault = self.emit_webhook(&session, CREATED, armed, random);
        session.webhook_before_response = fault == Some(Fault::WebhookBeforeAnswer);
        if let Behaviour::EndsImmediately(end) = behaviour_of(session.phone_number()) {
            session.state = end.clone();
            self.emit_webhook(&session, FINISHED, armed, random);
        }
        sessions.add(session);
        drop(state);
        self.notify_change();
        let url = redirect_url(&self.base_url, &id);
        (id, url)
    }

    /// A copy of one session, as it is now.
    pub(crate) fn session(&self, id: &str) -> Result<Session, Problem> {
        self.update_session(id, |session, _, _| session.clone())
    }

    /// Counts a GET for a session and returns a copy of the session.
    pub(crate) fn look_up(&self, id: &str) -> Result<Session, Problem> {
        self.update_session(id, |session, _, _| {
            session.lookups += 1;
            let behaviour = behaviour_of(session.phone_number());
            if let (Behaviour::ExpiresAtSecondLookup, 2..) = (behaviour, session.lookups) {
                session.expire();
            }
            session.clone()
        })
    }

    /// Calls `update` with one session and the current time. `update` must not use `self`, because
    /// the state is locked.
    fn update_session<T>(
        &self,
        id: &str,
        update: impl FnOnce(&mut Session, Timestamp, &mut Random) -> T,
    ) -> Result<T, Problem> {
        let mut state = self.state.lock();
        let AppState { sessions, armed, random, .. } = &mut *state;
        let session = sessions.by_id.get_mut(id).ok_or_else(|| Problem::session_not_found(id))?;
        let (now, before, had_ended) =
            (self.clock.now(), session.state.clone(), session.has_ended());
        session.expire_if_due(now);
        let result = update(session, now, random);
        if !had_ended && session.has_ended() {
            self.emit_webhook(session, FINISHED, armed, random);
        }
        let changed = session.state != before;
        drop(state);
        if changed {
            self.notify_change();
        }
        Ok(result)
    }

    pub(crate) fn session_view(&self, id: &str) -> Result<SessionView, Problem> {
        Ok(self.session(id)?.view(&self.base_url))
    }

    /// Every session, newest first.
    pub(crate) fn sessions(&self) -> Vec<SessionView> {
        self.expire_sessions();
        let state = self.state.lock();
        let Sessions { by_id, ids } = &state.sessions;
        ids.newest_first().filter_map(|id| Some(by_id.get(id)?.view(&self.base_url))).collect()
    }

    /// The newest session before a position, or of all.
    pub(crate) fn session_before(&self, position: Option<u64>) -> Option<(u64, SessionView)> {
        let state = self.state.lock();
        let Sessions { by_id, ids } = &state.sessions;
        let (position, id) = ids.before(position).next()?;
        by_id.get(id).map(|session| (position, session.view(&self.base_url)))
    }

    /// Ends the sessions that are due and returns when the next one is.
    pub(crate) fn expire_sessions(&self) -> Timestamp {
        let mut state = self.state.lock();
        let AppState { sessions, armed, random, .. } = &mut *state;
        let now = self.clock.now();
        // A session that starts after this point expires later than this.
        let mut next = now.saturating_add(SESSION_LIFETIME).unwrap_or(Timestamp::MAX);
        let mut ended = false;
        for session in sessions.by_id.values_mut().filter(|session| !session.has_ended()) {
            session.expire_if_due(now);
            if session.has_ended() {
                self.emit_webhook(session, FINISHED, armed, random);
                ended = true;
            } else {
                next = next.min(session.expires_at);
            }
        }
        drop(state);
        if ended {
            self.notify_change();
        }
        next
    }

    /// Expires sessions on time, so that their webhooks are sent even if no request arrives.
    pub(crate) async fn expire_sessions_on_time(self: Arc<Self>) {
        loop {
            let next = self.expire_sessions();
            self.clock.sleep_until(next).await;
        }
    }

    /// Sends the user of a session a new code. Returns false if the session has ended.
    pub(crate) fn send_code(&self, id: &str) -> Result<bool, Problem> {
        let mut magic_fault = None;
        let sms = self.update_session(id, |session, now, random| {
            let behaviour = behaviour_of(session.phone_number());
            let code = if let Behaviour::KnownCode = behaviour {
                KNOWN_CODE.to_owned()
            } else {
                random.code()
            };
            let first = session.codes_sent == 0;
            if !session.send_code(code.clone(), now) {
                return None;
            }
            if let Behaviour::Sms(fault) = behaviour {
                magic_fault = Some(fault.clone());
            }
            let code = if let (Behaviour::FirstCodeWrong, true) = (behaviour, first) {
                different_code(&code)
            } else {
                code
            };
            Some(Sms {
                to: session.phone_number().to_owned(),
                text: Messages::for_locale(&session.request.locale).sms.replace("{}", &code),
                code,
                session_id: session.id.clone(),
                at: now,
            })
        })?;
        let Some(sms) = sms else { return Ok(false) };
        match self.take_fault(Target::Sms).or(magic_fault) {
            Some(Fault::SmsLost) => {}
            // Lost if the queue is full.
            Some(Fault::SmsLate) => drop(self.delayed_sms.try_send(sms)),
            _ => self.state.lock().inbox.deliver(sms),
        }
        self.notify_change();
        Ok(true)
    }

    pub(crate) fn enter_code(&self, id: &str, code: &str) -> Result<CodeResult, Problem> {
        self.update_session(id, |session, now, _| session.enter_code(code, now))
    }

    /// Returns false if the session had ended already.
    pub(crate) fn cancel(&self, id: &str) -> Result<bool, Problem> {
        self.update_session(id, |session, _, _| session.cancel())
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.expire_sessions();
        self.notify_change();
    }
}

/// SMS.
impl App {
    /// The SMS to one number, or to every number, newest first.
    pub(crate) fn sms(&self, to: Option<&str>) -> Vec<Sms> {
        self.state.lock().inbox.newest_first(to)
    }

    /// The newest SMS to one number, or to every number, before a position, or of all.
    pub(crate) fn sms_before(&self, position: Option<u64>, to: Option<&str>) -> Option<(u64, Sms)> {
        self.state.lock().inbox.before(position, to)
    }

    /// Waits up to `timeout` for the first SMS, if there is none yet.
    pub(crate) async fn wait_for_sms(&self, to: Option<&str>, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        loop {
            let seen = self.version();
            let left = deadline.saturating_duration_since(Instant::now());
            if self.sms_before(None, to).is_some() || !self.wait_for_change(seen, left).await {
                return;
            }
        }
    }

    /// The code in the newest SMS of a session.
    pub(crate) fn newest_code(&self, session_id: &str) -> Option<String> {
        self.state.lock().inbox.newest_of_session(session_id).map(|sms| sms.code.clone())
    }

    /// Delivers delayed SMS when they are due.
    pub(crate) async fn deliver_delayed_sms(self: Arc<Self>, mut delayed: mpsc::Receiver<Sms>) {
        // All have the same delay, so they become due in the order in which they were queued.
        while let Some(mut sms) = delayed.recv().await {
            let due = sms.at.saturating_add(SMS_DELAY).unwrap_or(Timestamp::MAX);
            self.clock.sleep_until(due).await;
            let mut state = self.state.lock();
            // A reset may have deleted the session.
            if state.sessions.by_id.contains_key(&sms.session_id) {
                sms.at = self.clock.now();
                state.inbox.deliver(sms);
                drop(state);
                self.notify_change();
            }
        }
    }
}

/// The request log.
impl App {
    /// Records a request and returns its ID.
    pub(crate) fn record_request(&self, request: IncomingRequest<'_>) -> u64 {
        let id = self.state.lock().request_log.record(self.clock.now(), request);
        self.notify_change();
        id
    }

    pub(crate) fn record_response(&self, id: u64, status: StatusCode) {
        self.state.lock().request_log.set_status(id, status);
        self.notify_change();
    }

    /// The newest request before a position, or of all.
    pub(crate) fn request_before(&self, position: Option<u64>) -> Option<(u64, RecordedRequest)> {
        self.state.lock().request_log.before(position)
    }

    /// Newest first.
    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        self.state.lock().request_log.newest_first()
    }
}

/// Faults.
impl App {
    pub(crate) fn arm(&self, fault: Fault, times: u32) -> Result<(), Problem> {
        if fault.target() == Target::Handshake && !self.options.tls {
            return Err(Problem::conflict("TLS faults require a sandbox started with --tls"));
        }
        self.state.lock().armed.arm(fault, times)?;
        self.notify_change();
        Ok(())
    }

    pub(crate) fn armed_faults(&self) -> Vec<ArmedFault> {
        self.state.lock().armed.view()
    }

    pub(crate) fn clear_faults(&self) {
        self.state.lock().armed.clear();
        self.notify_change();
    }

    /// The next armed fault for this target.
    pub(crate) fn take_fault(&self, target: Target) -> Option<Fault> {
        let fault = self.state.lock().armed.take(target)?;
        self.notify_change();
        Some(fault)
    }

    /// The fault for a request to one of the two endpoints: an armed one, or one of chaos.
    pub(crate) fn next_request_fault(&self) -> Option<Fault> {
        self.armed_or_chaos(Target::Request, Chaos::Request, &REQUEST_CHAOS)
    }

    /// The fault for a hosted page: an armed one, or one of chaos.
    pub(crate) fn next_page_fault(&self) -> Option<Fault> {
        self.armed_or_chaos(Target::Page, Chaos::Page, &PAGE_CHAOS)
    }

    fn armed_or_chaos(&self, target: Target, stream: Chaos, faults: &[Fault]) -> Option<Fault> {
        // Drawn even if a fault is armed, so that arming does not change the chaos that follows.
        let chaos = self.state.lock().random.chaos(stream, self.options.chaos, faults).cloned();
        self.take_fault(target).or(chaos)
    }

    /// The fault that a magic number injects into the request that starts a session.
    pub(crate) fn magic_start_fault(&self, phone_number: &str) -> Option<Fault> {
        self.state.lock().magic_counters.start_fault(phone_number)
    }
}

/// Webhooks.
impl App {
    /// Queues the webhook for an event of a session, if the caller asked for webhooks. Returns the
    /// fault that will be injected into it. The caller of this calls [`Self::notify_change`].
    fn emit_webhook(
        &self,
        session: &Session,
        name: &'static str,
        armed: &mut Armed,
        random: &mut Random,
    ) -> Option<Fault> {
        let mut event = Event::new(session, name, self.options.webhook_shape, self.clock.now())?;
        let chaos = random.chaos(Chaos::Webhook, self.options.chaos, &WEBHOOK_CHAOS).cloned();
        let magic = match behaviour_of(session.phone_number()) {
            Behaviour::Webhooks(fault) => Some(fault.clone()),
            _ => None,
        };
        let first = if event.is_first() { armed.take(Target::FirstWebhook) } else { None };
        event.fault = first
            .or_else(|| armed.take(Target::Webhook))
            .or(magic)
            .or(chaos)
            .filter(|fault| event.is_first() || fault.target() != Target::FirstWebhook);
        let fault = event.fault.clone();
        // Sending cannot fail: the receiving task runs as long as the server.
        let _ = self.events.send(event);
        fault
    }

    /// Whether the response to the POST must wait for the first attempt to send a webhook.
    pub(crate) fn webhook_before_response(&self, id: &str) -> bool {
        let state = self.state.lock();
        state.sessions.by_id.get(id).is_some_and(|session| session.webhook_before_response)
    }

    /// The newest attempt before a position, or of all.
    pub(crate) fn webhook_before(&self, position: Option<u64>) -> Option<(u64, WebhookAttempt)> {
        self.state.lock().webhooks.before(position)
    }

    /// Every attempt, newest first.
    pub(crate) fn webhooks(&self) -> Vec<WebhookAttempt> {
        self.state.lock().webhooks.newest_first()
    }

    pub(crate) fn has_webhook_attempt(&self, session_id: &str) -> bool {
        self.state.lock().webhooks.has_attempt(session_id)
    }

    pub(crate) fn webhook_event(&self, attempt_id: u64) -> Option<Arc<Event>> {
        self.state.lock().webhooks.event(attempt_id)
    }

    pub(crate) fn record_webhook(
        &self,
        event: &Arc<Event>,
        result: Result<StatusCode, String>,
    ) -> WebhookAttempt {
        let attempt = self.state.lock().webhooks.record(event, self.clock.now(), result);
        self.notify_change();
        attempt
    }

    /// Reserves queue space for a webhook and returns the current generation, or `None` if the
    /// queue is full.
    pub(crate) fn enqueue_webhook(&self, weight: usize) -> Option<u64> {
        self.state.lock().webhooks.enqueue(weight)
    }

    pub(crate) fn dequeue_webhook(&self, weight: usize) {
        self.state.lock().webhooks.dequeue(weight);
    }

    /// Whether no reset has happened since `generation`.
    pub(crate) fn is_current_generation(&self, generation: u64) -> bool {
        self.state.lock().webhooks.generation() == generation
    }
}

/// A code that differs from this one.
pub(crate) fn different_code(code: &str) -> String {
    let code: u32 = code.parse().unwrap_or_default();
    format!("{:05}", (code + 1) % 100_000)
}

/// Sessions by ID, in the order in which they were started.
struct Sessions {
    by_id: HashMap<String, Session>,
    ids: Bounded<String>,
}

/// Limits, so that a client that never stops cannot fill the memory.
const MAX_SESSIONS: usize = 10_000;
const MAX_SESSION_WEIGHT: usize = 24 << 20;

impl Sessions {
    fn new() -> Self {
        Self { by_id: HashMap::new(), ids: Bounded::new(MAX_SESSIONS, MAX_SESSION_WEIGHT) }
    }

    fn clear(&mut self) {
        self.by_id = HashMap::new();
        self.ids.clear();
    }

    fn add(&mut self, session: Session) {
        let (id, weight) = (session.id.clone(), session.request.weight());
        self.by_id.insert(id.clone(), session);
        for dropped in self.ids.push(id, weight) {
            self.by_id.remove(&dropped);
        }
    }
}
