//! All that one sandbox knows: its dials, its sessions and what has happened so far. Every route works on this.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::faults::{Armed, CHAOS_OF_CALLS, CHAOS_OF_PAGES, CHAOS_OF_WEBHOOKS, Fault, Target};
use crate::journal::Journal;
use crate::magic::{KNOWN_CODE, Meetings, Quirk, quirk};
use crate::options::Options;
use crate::problem::Problem;
use crate::random::{Chaos, Random, fresh_seed};
use crate::request::StartRequest;
use crate::session::{Entered, Rules, SESSION_LIFETIME, Session, SessionView, redirect_url};
use crate::sms::{Inbox, Sms};
use crate::webhooks::{CREATED, Event, FINISHED, WebhookAttempt, Webhooks};
use crate::words::Words;

pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) base_url: String,
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) journal: Mutex<Journal>,
    pub(crate) armed: Mutex<Armed>,
    pub(crate) inbox: Mutex<Inbox>,
    pub(crate) webhooks: Mutex<Webhooks>,
    pub(crate) meetings: Mutex<Meetings>,
    sessions: Mutex<Sessions>,
    events: mpsc::UnboundedSender<Event>,
    /// SMS that are on their way.
    late_sms: mpsc::UnboundedSender<Sms>,
    /// Counts every change that somebody may be waiting for.
    changes: watch::Sender<u64>,
}

/// What happens by itself: the ends of channels that the server's tasks work off.
pub(crate) struct Pending {
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) late_sms: mpsc::UnboundedReceiver<Sms>,
}

/// Sessions by id, and the order in which they came.
#[derive(Default)]
struct Sessions {
    by_id: HashMap<String, Session>,
    oldest_first: VecDeque<String>,
    weight: usize,
}

/// Bounds on what a client that never stops can make the sandbox keep.
const MOST_SESSIONS: usize = 10_000;
const HEAVIEST_SESSIONS: usize = 64 << 20;

impl World {
    pub(crate) fn new(options: Options, base_url: String) -> (Self, Pending) {
        let seed = options.seed.unwrap_or_else(fresh_seed);
        let (events, events_out) = mpsc::unbounded_channel();
        let (late_sms, late_sms_out) = mpsc::unbounded_channel();
        let world = Self {
            journal: Mutex::new(Journal::new(&options.api_key)),
            options,
            base_url,
            seed,
            clock: Clock::new(),
            random: Random::new(seed),
            armed: Mutex::default(),
            inbox: Mutex::new(Inbox::new()),
            webhooks: Mutex::new(Webhooks::new()),
            meetings: Mutex::default(),
            sessions: Mutex::default(),
            events,
            late_sms,
            changes: watch::Sender::new(0),
        };
        (world, Pending { events: events_out, late_sms: late_sms_out })
    }

    /// Forgets everything but the time, as if the sandbox had been started anew with the same dials and seed.
    pub(crate) fn reset(&self) {
        *self.sessions.lock() = Sessions::default();
        *self.meetings.lock() = Meetings::default();
        self.inbox.lock().clear();
        self.journal.lock().clear();
        self.armed.lock().clear();
        self.webhooks.lock().clear();
        self.random.reset();
        self.changed();
    }

    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// The number of the last change, to be handed to [`Self::changed_since`].
    pub(crate) fn change(&self) -> u64 {
        *self.changes.borrow()
    }

    /// Waits for a change after the one numbered `seen`. False where none has come after `patience`.
    pub(crate) async fn changed_since(&self, seen: u64, patience: Duration) -> bool {
        let mut changes = self.changes.subscribe();
        tokio::time::timeout(patience, changes.wait_for(|count| *count > seen)).await.is_ok()
    }

    /// Starts a session; its id and its page.
    pub(crate) fn start(&self, request: StartRequest) -> (String, String) {
        let id = self.random.id();
        let rules =
            Rules { success: self.options.success_status, max_attempts: self.options.max_attempts };
        let mut session = Session::new(id.clone(), request, rules, self.clock.now());
        let url = redirect_url(&self.base_url, &id);
        let fault = self.tell(&session, CREATED);
        session.webhook_comes_first = fault == Some(Fault::WebhookBeforeAnswer);
        if let Quirk::EndsAtOnce(state) = quirk(&session.request.metadata.phone_number) {
            session.state = state.clone();
            self.tell(&session, FINISHED);
        }
        self.sessions.lock().add(session);
        self.changed();
        (id, url)
    }

    /// Works on one session, as it is at this moment of the sandbox's clock.
    pub(crate) fn session<T>(
        &self,
        id: &str,
        work: impl FnOnce(&mut Session, Timestamp) -> T,
    ) -> Result<T, Problem> {
        let mut sessions = self.sessions.lock();
        let session = sessions.by_id.get_mut(id).ok_or_else(|| Problem::no_session(id))?;
        let (now, before) = (self.clock.now(), session.state.clone());
        let had_ended = session.has_ended();
        session.tick(now);
        let done = work(session, now);
        if !had_ended && session.has_ended() {
            self.tell(session, FINISHED);
        }
        let different = session.state != before;
        drop(sessions);
        if different {
            self.changed();
        }
        Ok(done)
    }

    /// Newest first.
    pub(crate) fn sessions(&self) -> Vec<SessionView> {
        self.end_what_is_over();
        let sessions = self.sessions.lock();
        let newest_first = sessions.oldest_first.iter().rev();
        newest_first.filter_map(|id| Some(sessions.by_id.get(id)?.view(&self.base_url))).collect()
    }

    /// Ends the sessions whose time is up, and returns when the next one's is.
    fn end_what_is_over(&self) -> Timestamp {
        let now = self.clock.now();
        // A session that is yet to be started ends later than this.
        let mut next = now.saturating_add(SESSION_LIFETIME).unwrap_or(Timestamp::MAX);
        let mut ended = false;
        for session in
            self.sessions.lock().by_id.values_mut().filter(|session| !session.has_ended())
        {
            session.tick(now);
            if session.has_ended() {
                self.tell(session, FINISHED);
                ended = true;
            } else {
                next = next.min(session.expires_at);
            }
        }
        if ended {
            self.changed();
        }
        next
    }

    /// Ends sessions as their time comes, so that their webhooks go out though nobody looks.
    pub(crate) async fn end_sessions_in_time(self: Arc<Self>) {
        loop {
            let next = self.end_what_is_over();
            self.clock.sleep_until(next).await;
        }
    }

    /// Sends the session's user a new code. False where the session has ended.
    pub(crate) fn send_code(&self, id: &str) -> Result<bool, Problem> {
        let mut loss = None;
        let sms = self.session(id, |session, now| {
            let quirk = quirk(&session.request.metadata.phone_number);
            let code = if let Quirk::KnownCode = quirk {
                KNOWN_CODE.to_owned()
            } else {
                self.random.code()
            };
            let first = session.codes_sent == 0;
            if !session.send(code.clone(), now) {
                return None;
            }
            if let Quirk::Sms(fault) = quirk {
                loss = Some(fault.clone());
            }
            let code = if let (Quirk::FirstCodeWrong, true) = (quirk, first) {
                next_code(&code)
            } else {
                code
            };
            Some(Sms {
                to: session.request.metadata.phone_number.clone(),
                text: Words::of(&session.request.locale).sms.replace("{}", &code),
                code,
                session_id: session.id.clone(),
                at: now,
            })
        })?;
        let Some(sms) = sms else { return Ok(false) };
        match self.take_fault(Target::Sms).or(loss) {
            Some(Fault::SmsLost) => {}
            // The receiving end lives as long as the server does.
            Some(Fault::SmsLate) => drop(self.late_sms.send(sms)),
            _ => self.inbox.lock().deliver(sms),
        }
        self.changed();
        Ok(true)
    }

    /// Hands over late SMS when their time has come.
    pub(crate) async fn deliver_late_sms(self: Arc<Self>, mut late: mpsc::UnboundedReceiver<Sms>) {
        // All are late by the same time, so the first is always the next.
        while let Some(mut sms) = late.recv().await {
            let due = sms.at.saturating_add(SMS_LATENESS).unwrap_or(Timestamp::MAX);
            self.clock.sleep_until(due).await;
            if self.session(&sms.session_id, |_, _| ()).is_ok() {
                sms.at = self.clock.now();
                self.inbox.lock().deliver(sms);
                self.changed();
            }
        }
    }

    pub(crate) fn enter_code(&self, id: &str, code: &str) -> Result<Entered, Problem> {
        self.session(id, |session, now| session.enter(code, now))
    }

    /// False where the session had ended before.
    pub(crate) fn cancel(&self, id: &str) -> Result<bool, Problem> {
        self.session(id, |session, _| session.cancel())
    }

    pub(crate) fn arm(&self, fault: Fault, times: u32) -> Result<(), Problem> {
        if fault.target() == Target::Handshake && !self.options.tls {
            return Err(Problem::conflict(
                "faults of TLS need a sandbox that was started with --tls",
            ));
        }
        self.armed.lock().arm(fault, times)?;
        self.changed();
        Ok(())
    }

    pub(crate) fn clear_faults(&self) {
        self.armed.lock().clear();
        self.changed();
    }

    /// The next armed fault for this target.
    pub(crate) fn take_fault(&self, target: Target) -> Option<Fault> {
        let fault = self.armed.lock().take(target)?;
        self.changed();
        Some(fault)
    }

    /// The fault that a call meets, armed or by chance. Chance is asked for every call, so that an armed fault does not shift
    /// what later calls meet.
    pub(crate) fn fault_of_call(&self) -> Option<Fault> {
        let chance = self.random.chaos(Chaos::Call, self.options.chaos, &CHAOS_OF_CALLS).cloned();
        self.take_fault(Target::Call).or(chance)
    }

    pub(crate) fn fault_of_page(&self) -> Option<Fault> {
        let chance = self.random.chaos(Chaos::Page, self.options.chaos, &CHAOS_OF_PAGES).cloned();
        self.take_fault(Target::Page).or(chance)
    }

    /// Whether the answer to the POST has to wait until this session's first webhook has been tried.
    pub(crate) fn webhook_comes_first(&self, id: &str) -> bool {
        self.sessions.lock().by_id.get(id).is_some_and(|session| session.webhook_comes_first)
    }

    /// Sends the session's webhook for an event, if its caller wants one, and returns the fault that it meets.
    fn tell(&self, session: &Session, name: &'static str) -> Option<Fault> {
        let mut event = Event::of(session, name, self.options.webhook_shape, self.clock.now())?;
        let chance =
            self.random.chaos(Chaos::Webhook, self.options.chaos, &CHAOS_OF_WEBHOOKS).cloned();
        let own = match quirk(&session.request.metadata.phone_number) {
            Quirk::Webhooks(fault) => Some(fault.clone()),
            _ => None,
        };
        let armed = if event.is_first() { self.take_fault(Target::FirstWebhook) } else { None };
        let fault = armed.or_else(|| self.take_fault(Target::Webhook)).or(own).or(chance);
        let fault =
            fault.filter(|fault| event.is_first() || fault.target() != Target::FirstWebhook);
        event.fault = fault.clone();
        // The receiving end lives as long as the server does.
        let _ = self.events.send(event);
        fault
    }

    pub(crate) fn record_webhook(
        &self,
        event: &Arc<Event>,
        outcome: Result<StatusCode, String>,
    ) -> WebhookAttempt {
        let attempt = self.webhooks.lock().record(event, self.clock.now(), outcome);
        self.changed();
        attempt
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.end_what_is_over();
        self.changed();
    }
}

/// How late the `sms-late` fault and its magic number make an SMS.
const SMS_LATENESS: Duration = Duration::from_secs(10);

/// A code that is not this one.
pub(crate) fn next_code(code: &str) -> String {
    let code: u32 = code.parse().unwrap_or_default();
    format!("{:05}", (code + 1) % 100_000)
}

impl Sessions {
    fn add(&mut self, session: Session) {
        self.weight += session.request.weight();
        self.oldest_first.push_back(session.id.clone());
        self.by_id.insert(session.id.clone(), session);
        while self.by_id.len() > MOST_SESSIONS || self.weight > HEAVIEST_SESSIONS {
            let Some(id) = self.oldest_first.pop_front() else { break };
            let gone = self.by_id.remove(&id);
            self.weight -= gone.map_or(0, |session| session.request.weight());
        }
    }
}
