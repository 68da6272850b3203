//! Webhook events and the log of the attempts to send them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;

use crate::bounded::Bounded;
use crate::faults::Fault;
use crate::options::WebhookShape;
use crate::session::Session;

pub(crate) const CREATED: &str = "session_created";
pub(crate) const FINISHED: &str = "session_finished";

/// Limit on the bytes of all webhooks in the queue.
const MAX_QUEUED_BYTES: usize = 8 << 20;

/// An event of a session, with the webhook body ready to be sent.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) session_id: String,
    pub(crate) url: String,
    name: &'static str,
    pub(crate) body: Bytes,
    pub(crate) at: Timestamp,
    pub(crate) fault: Option<Fault>,
}

impl Event {
    /// Returns `None` if the session was started without a webhook URL.
    pub(crate) fn new(
        session: &Session,
        name: &'static str,
        shape: WebhookShape,
        at: Timestamp,
    ) -> Option<Self> {
        let url = session.request.webhook.clone()?;
        let (result, status) = match shape {
            WebhookShape::Nested => {
                (Some(SessionResult { errors: [], status: session.status() }), None)
            }
            WebhookShape::Flat => (None, Some(session.status())),
        };
        let body = Body {
            event: name,
            id: &session.id,
            integration_id: "Zignsec.v5.TwoFactorAuth.Phone",
            relay_state: session.request.relay_state.as_deref(),
            result,
            status,
            workflow_session_id: (),
        };
        // A struct of strings can always be serialised.
        let body = serde_json::to_vec(&body).unwrap_or_default().into();
        Some(Self { session_id: session.id.clone(), url, name, body, at, fault: None })
    }

    /// Whether this is the first event of its session.
    pub(crate) fn is_first(&self) -> bool {
        self.name == CREATED
    }

    /// Approximate memory use in bytes.
    pub(crate) fn weight(&self) -> usize {
        // The task that delivers it, and its attempt in the log.
        2048 + 2 * self.url.len() + self.body.len()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    event: &'a str,
    id: &'a str,
    integration_id: &'a str,
    relay_state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<SessionResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    workflow_session_id: (),
}

#[derive(Serialize)]
struct SessionResult {
    errors: [(); 0],
    status: &'static str,
}

/// One attempt to send a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WebhookAttempt {
    /// Counts up from 1.
    pub id: u64,
    /// The ID of the session.
    pub session_id: String,
    /// The webhook URL.
    pub url: String,
    /// `session_created` or `session_finished`.
    pub event: String,
    /// 1 for the first attempt to send this event.
    pub attempt: u32,
    /// The status of the receiver's response.
    pub status: Option<u16>,
    /// Why there was no response, or why nothing was sent.
    pub error: Option<String>,
    /// When the attempt ended, on the sandbox's clock.
    pub at: Timestamp,
}

/// The newest 500 attempts, and the size of the queue.
pub(crate) struct WebhookLog {
    attempts: Bounded<(WebhookAttempt, Arc<Event>)>,
    last_id: u64,
    queued_bytes: usize,
    /// Incremented by a reset, which cancels the webhooks in the queue.
    generation: u64,
}

impl WebhookLog {
    pub(crate) fn new() -> Self {
        Self { attempts: Bounded::new(500, 8 << 20), last_id: 0, queued_bytes: 0, generation: 0 }
    }

    pub(crate) fn newest_first(&self) -> Vec<WebhookAttempt> {
        self.attempts.newest_first().map(|(attempt, _)| attempt.clone()).collect()
    }

    /// The newest attempt before a position, or of all.
    pub(crate) fn before(&self, position: Option<u64>) -> Option<(u64, WebhookAttempt)> {
        let mut attempts = self.attempts.before(position);
        attempts.next().map(|(position, (attempt, _))| (position, attempt.clone()))
    }

    pub(crate) fn clear(&mut self) {
        self.attempts.clear();
        self.generation += 1;
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Reserves space and returns the generation, or `None` if the queue is full.
    pub(crate) fn enqueue(&mut self, weight: usize) -> Option<u64> {
        if self.queued_bytes + weight > MAX_QUEUED_BYTES {
            return None;
        }
        self.queued_bytes += weight;
        Some(self.generation)
    }

    pub(crate) fn dequeue(&mut self, weight: usize) {
        self.queued_bytes -= weight;
    }

    /// Whether there has been an attempt for any event of the session.
    pub(crate) fn has_attempt(&self, session_id: &str) -> bool {
        self.attempts.newest_first().any(|(attempt, _)| attempt.session_id == session_id)
    }

    /// The event of an attempt.
    pub(crate) fn event(&self, attempt_id: u64) -> Option<Arc<Event>> {
        self.attempts
            .newest_first()
            .find(|(attempt, _)| attempt.id == attempt_id)
            .map(|(_, event)| event.clone())
    }

    fn attempt_count(&self, event: &Arc<Event>) -> u32 {
        let same = self.attempts.newest_first().filter(|(_, other)| Arc::ptr_eq(event, other));
        same.map(|(attempt, _)| attempt.attempt).max().unwrap_or_default()
    }

    pub(crate) fn record(
        &mut self,
        event: &Arc<Event>,
        at: Timestamp,
        result: Result<StatusCode, String>,
    ) -> WebhookAttempt {
        self.last_id += 1;
        let (status, error) = match result {
            Ok(status) => (Some(status.as_u16()), None),
            Err(error) => (None, Some(error)),
        };
        let attempt = WebhookAttempt {
            id: self.last_id,
            session_id: event.session_id.clone(),
            url: event.url.clone(),
            event: event.name.to_owned(),
            attempt: self.attempt_count(event) + 1,
            status,
            error,
            at,
        };
        self.attempts.push((attempt.clone(), event.clone()), event.weight());
        attempt
    }
}
