//! All that one sandbox knows: its dials, its sessions and what has happened so far. Every route works on this.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::faults::{Armed, Fault, Target};
use crate::journal::Journal;
use crate::options::Options;
use crate::problem::Problem;
use crate::random::{Random, fresh_seed};
use crate::request::StartRequest;
use crate::session::{Entered, Rules, Session, SessionView, redirect_url};
use crate::sms::{Inbox, Sms};

pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) base_url: String,
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) journal: Mutex<Journal>,
    pub(crate) armed: Mutex<Armed>,
    pub(crate) inbox: Mutex<Inbox>,
    sessions: Mutex<Sessions>,
    /// Counts every change that somebody may be waiting for.
    changes: watch::Sender<u64>,
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
    pub(crate) fn new(options: Options, base_url: String) -> Self {
        let seed = options.seed.unwrap_or_else(fresh_seed);
        Self {
            journal: Mutex::new(Journal::new(&options.api_key)),
            options,
            base_url,
            seed,
            clock: Clock::new(),
            random: Random::new(seed),
            armed: Mutex::default(),
            inbox: Mutex::new(Inbox::new()),
            sessions: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Forgets everything, as if the sandbox had been started anew with the same dials and seed.
    pub(crate) fn reset(&self) {
        *self.sessions.lock() = Sessions::default();
        self.inbox.lock().clear();
        self.journal.lock().clear();
        self.armed.lock().clear();
        self.random.reset();
        self.clock.reset();
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

    pub(crate) fn start(&self, request: StartRequest) -> (String, String) {
        let id = self.random.id();
        let rules =
            Rules { success: self.options.success_status, max_attempts: self.options.max_attempts };
        self.sessions.lock().add(Session::new(id.clone(), request, rules, self.clock.now()));
        self.changed();
        let url = redirect_url(&self.base_url, &id);
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
        let now = self.clock.now();
        session.tick(now);
        let done = work(session, now);
        drop(sessions);
        self.changed();
        Ok(done)
    }

    /// Newest first.
    pub(crate) fn sessions(&self) -> Vec<SessionView> {
        let mut sessions = self.sessions.lock();
        let now = self.clock.now();
        sessions.by_id.values_mut().for_each(|session| session.tick(now));
        let newest_first = sessions.oldest_first.iter().rev();
        newest_first.filter_map(|id| Some(sessions.by_id.get(id)?.view(&self.base_url))).collect()
    }

    /// Sends the session's user a new code. False where the session has ended.
    pub(crate) fn send_code(&self, id: &str) -> Result<bool, Problem> {
        let sms = self.session(id, |session, now| {
            let code = self.random.code();
            session.send(code.clone(), now).then(|| Sms {
                to: session.request.metadata.phone_number.clone(),
                text: format!("{code} is your verification code. (ZignSec sandbox)"),
                code,
                session_id: session.id.clone(),
                at: now,
            })
        })?;
        let sent = sms.is_some();
        if let Some(sms) = sms {
            self.inbox.lock().deliver(sms);
            self.changed();
        }
        Ok(sent)
    }

    pub(crate) fn enter_code(&self, id: &str, code: &str) -> Result<Entered, Problem> {
        self.session(id, |session, now| session.enter(code, now))
    }

    /// False where the session had ended before.
    pub(crate) fn cancel(&self, id: &str) -> Result<bool, Problem> {
        self.session(id, |session, _| session.cancel())
    }

    pub(crate) fn arm(&self, fault: Fault, times: u32) -> Result<(), Problem> {
        self.armed.lock().arm(fault, times)?;
        self.changed();
        Ok(())
    }

    pub(crate) fn take_fault(&self, target: Target) -> Option<Fault> {
        let fault = self.armed.lock().take(target)?;
        self.changed();
        Some(fault)
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.changed();
    }
}

impl Sessions {
    fn add(&mut self, session: Session) {
        self.weight += session.request.weight();
        self.oldest_first.push_back(session.id.clone());
        self.by_id.insert(session.id.clone(), session);
        while self.by_id.len() > MOST_SESSIONS || self.weight > HEAVIEST_SESSIONS {
            let Some(id) = self.oldest_first.pop_front() else {
                break;
            };
            let gone = self.by_id.remove(&id);
            self.weight -= gone.map_or(0, |session| session.request.weight());
        }
    }
}
