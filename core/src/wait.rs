//! Polls a session until it is final.

use std::fmt;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::config::{defaults, time_limit};
use crate::error::{Error, ErrorKind};
use crate::random::random;
use crate::session::Session;
use crate::status::SessionStatus;
use crate::transport::CancelToken;

/// How many refusals in a row end the wait.
const MAX_REFUSALS: u32 = 3;

/// How to wait for a session. The values are checked by
/// [`Client::wait_for_session`](crate::Client::wait_for_session).
///
/// ```
/// use std::ops::ControlFlow;
/// use std::time::Duration;
/// use zignsec::WaitOptions;
///
/// let options = WaitOptions::default()
///     .timeout(Duration::from_secs(120))
///     .on_poll(|session, elapsed| {
///         println!("{} after {} s", session.status_text(), elapsed.as_secs());
///         ControlFlow::Continue(())
///     });
/// ```
pub struct WaitOptions<'a> {
    timeout: Option<Duration>,
    poll_interval: Option<Duration>,
    on_poll: Box<OnPoll<'a>>,
}

type OnPoll<'a> = dyn Fn(&Session, Duration) -> ControlFlow<()> + 'a;

impl<'a> WaitOptions<'a> {
    /// The longest time to wait. The default is 300 seconds.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// The time between two polls. Each pause differs from it by up to 20 %, so that many clients
    /// do not poll at the same time. The default is 2 seconds.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = Some(interval);
        self
    }

    /// A function that is called after each response, with the session and the time since the start
    /// of the wait. It can cancel the wait, which then fails as
    /// [`Cancelled`](ErrorKind::Cancelled).
    #[must_use]
    pub fn on_poll(mut self, on_poll: impl Fn(&Session, Duration) -> ControlFlow<()> + 'a) -> Self {
        self.on_poll = Box::new(on_poll);
        self
    }
}

impl Default for WaitOptions<'_> {
    fn default() -> Self {
        Self {
            timeout: None,
            poll_interval: None,
            on_poll: Box::new(|_, _| ControlFlow::Continue(())),
        }
    }
}

impl fmt::Debug for WaitOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitOptions")
            .field("timeout", &self.timeout)
            .field("poll_interval", &self.poll_interval)
            .finish_non_exhaustive()
    }
}

/// Polls until the session is final or the time is up. `fetch` makes one lookup that ends at the
/// given deadline, and returns the session and the number of its attempts.
pub(crate) fn wait(
    options: &WaitOptions<'_>,
    cancel: &mut CancelToken,
    fetch: impl Fn(&mut CancelToken, Instant) -> Result<(Session, u32), Error>,
) -> Result<Session, Error> {
    let mut wait = Wait::begin(options)?;
    loop {
        if let Some(session) = wait.poll(|deadline| fetch(cancel, deadline))? {
            let flow = (options.on_poll)(&session, wait.elapsed());
            if session.is_final() {
                return Ok(session);
            }
            if flow.is_break() {
                return Err(wait.cancelled());
            }
        }
        cancel.sleep(wait.pause()?).map_err(|_| wait.cancelled())?;
    }
}

/// A wait in single steps, for a caller that sleeps by other means, such as an event loop.
/// [`Client::wait_for_session`](crate::Client::wait_for_session) uses the same steps.
///
/// ```no_run
/// # use zignsec::bindings::{self, Wait};
/// # use zignsec::{Client, Error, Session, WaitOptions};
/// # async fn sleep(_: std::time::Duration) {}
/// # async fn wait(client: &Client, session_id: &str) -> Result<Session, Error> {
/// let mut wait = Wait::begin(&WaitOptions::default())?;
/// loop {
///     // This blocks: run it in a thread.
///     if let Some(session) = bindings::poll(client, &mut wait, session_id)? {
///         if session.is_final() {
///             return Ok(session);
///         }
///     }
///     sleep(wait.pause()?).await;
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Wait {
    timeout: Duration,
    interval: Duration,
    begun: Instant,
    deadline: Instant,
    attempts: u32,
    last_status: Option<SessionStatus>,
    last_error: Option<Error>,
    /// How many polls in a row, up to the last, were [refused](is_refusal).
    refusals: u32,
    /// The `Retry-After` of the last poll.
    retry_after: Duration,
    /// No poll may follow: the next one returns the time-out error.
    is_over: bool,
}

impl Wait {
    /// Starts to wait now. The caller itself calls the `on_poll` of the options, with
    /// [`elapsed`](Self::elapsed).
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a time of zero or more than 49 days.
    pub fn begin(options: &WaitOptions<'_>) -> Result<Self, Error> {
        let timeout = time_limit("timeout", options.timeout, defaults::WAIT_TIMEOUT)?;
        let interval = time_limit("poll_interval", options.poll_interval, defaults::POLL_INTERVAL)?;
        let begun = Instant::now();
        Ok(Self {
            timeout,
            interval,
            begun,
            deadline: begun + timeout,
            attempts: 0,
            last_status: None,
            last_error: None,
            refusals: 0,
            retry_after: Duration::ZERO,
            is_over: false,
        })
    }

    /// The time since the start of the wait.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// One poll: a session, or `None` after a failure that does not end the wait.
    pub(crate) fn poll(
        &mut self,
        fetch: impl FnOnce(Instant) -> Result<(Session, u32), Error>,
    ) -> Result<Option<Session>, Error> {
        if self.is_over {
            return Err(self.timed_out());
        }
        match fetch(self.deadline) {
            Ok((session, attempts)) => {
                self.attempts += attempts;
                self.retry_after = Duration::ZERO;
                self.refusals = 0;
                self.last_status = Some(session.status());
                Ok(Some(session))
            }
            Err(error) => {
                self.attempts += error.attempts();
                self.refusals = if is_refusal(&error) { self.refusals + 1 } else { 0 };
                let is_permanent = !error.is_transient() && self.refusals == 0;
                if is_permanent || self.refusals >= MAX_REFUSALS {
                    return Err(error.with_attempts(self.attempts));
                }
                self.retry_after = error.retry_after().unwrap_or_default();
                self.last_error = Some(error);
                Ok(None)
            }
        }
    }

    /// How long to sleep before the next poll.
    ///
    /// # Errors
    ///
    /// [`WaitTimeout`](ErrorKind::WaitTimeout) if the gateway asks for a pause longer than the rest
    /// of the wait. If the time is up, the next poll returns this error.
    pub fn pause(&mut self) -> Result<Duration, Error> {
        // The last pause is shortened so that one more poll fits after it.
        let last_poll = Duration::from_millis(500).min(self.timeout / 4);
        let left = self.left();
        let room = left.saturating_sub(last_poll);
        if self.retry_after > room {
            return Err(self.timed_out());
        }
        if room.is_zero() {
            self.is_over = true;
            return Ok(left);
        }
        let jitter = 0.8 + 0.4 * random();
        Ok(self.interval.mul_f64(jitter).max(self.retry_after).min(room))
    }

    /// The error of a wait that the caller cancelled, in `on_poll` or between two polls.
    #[must_use]
    pub fn cancelled(&self) -> Error {
        Error::new(ErrorKind::Cancelled, "the wait was cancelled").with_attempts(self.attempts)
    }

    /// The time left until the timeout.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The error of a wait whose time is up.
    #[must_use]
    pub fn timed_out(&self) -> Error {
        const MAX_MESSAGE: usize = 300;
        const CAUSE: &str = "; the last error of a poll: ";
        let status = match self.last_status {
            Some(status) => format!("the last status is {}", status.as_str()),
            None => "no poll succeeded".to_owned(),
        };
        let message = format!("the session is not final after {:?}; {status}", self.timeout);
        let error = match &self.last_error {
            None => Error::new(ErrorKind::WaitTimeout, message),
            Some(last) => {
                let cause = shortened(last.message(), MAX_MESSAGE - message.len() - CAUSE.len());
                let message = format!("{message}{CAUSE}{cause}");
                Error::new(ErrorKind::WaitTimeout, message).with_retry_after(last.retry_after())
            }
        };
        error.with_attempts(self.attempts)
    }
}

/// The message of an error, without what it ends with if it is longer than `limit`: what to do.
fn shortened(message: &str, limit: usize) -> &str {
    let ends = message.rmatch_indices("; ").map(|(at, _)| at);
    let end = [message.len()].into_iter().chain(ends).find(|end| *end <= limit);
    &message[..end.unwrap_or(message.len())]
}

/// Whether an error is mostly permanent, but may pass within a wait: a page of a portal, a
/// certificate that is being replaced, a firewall, a server that restarts.
fn is_refusal(error: &Error) -> bool {
    use ErrorKind::{NotFound, Permission, Protocol, Tls};
    matches!(error.kind(), Protocol | Tls | Permission | NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many polls a wait makes that meets these failures, each transient or not.
    fn polls(failures: &[(ErrorKind, bool)]) -> usize {
        let mut wait = Wait::begin(&WaitOptions::default()).unwrap();
        let mut fail = |(kind, is_transient)| {
            let error = Error::failed(kind, "x", false).with_attempts(2);
            wait.poll(|_| Err(error.with_transient(is_transient)))
        };
        let end = failures.iter().position(|failure| fail(*failure).is_err());
        let count = end.map_or(failures.len(), |end| end + 1);
        assert_eq!(wait.attempts as usize, 2 * count);
        count
    }

    #[test]
    fn a_wait_ends_at_the_third_refusal_in_a_row() {
        use ErrorKind::*;
        let (lost, refused) = ((Io, true), |kind| (kind, false));
        for kind in [Protocol, Tls, Permission, NotFound] {
            assert_eq!(polls(&[refused(kind); 4]), 3, "{kind}");
            let with_pause = [refused(kind), refused(kind), lost, refused(kind), refused(kind)];
            assert_eq!(polls(&with_pause), 5, "{kind}");
        }
        let mixed = [refused(Protocol), refused(NotFound), refused(Tls), lost];
        assert_eq!(polls(&mixed), 3);
        for kind in [Authentication, InvalidRequest, UnexpectedStatus, Server, Cancelled] {
            assert_eq!(polls(&[lost, refused(NotFound), refused(kind), lost]), 3, "{kind}");
        }
        // A handshake that the peer broke.
        assert_eq!(polls(&[(Tls, true); 5]), 3);
        assert_eq!(polls(&[lost; 5]), 5);
    }

    #[test]
    fn the_last_error_is_shortened_by_its_advice() {
        let mut wait = Wait::begin(&WaitOptions::default()).unwrap();
        let page = "an HTML page, from a proxy, a portal or a firewall: \"Sign in to the network\"";
        let what = format!("https://test-gateway.zignsec.com: the response is {page}");
        for advice in ["check it", &"check the base URL, and more, ".repeat(4)] {
            let error = Error::failed(ErrorKind::Protocol, format!("{what}; {advice}"), false);
            assert!(wait.poll(|_| Err(error)).unwrap().is_none());
            let message = wait.timed_out().message().to_owned();
            assert!(message.contains(&what) && message.len() <= 300, "{message}");
            assert_eq!(message.contains(advice), advice == "check it", "{message}");
        }
    }

    #[test]
    fn a_session_resets_the_count_of_refusals() {
        let mut wait = Wait::begin(&WaitOptions::default()).unwrap();
        let session = Session::from_json(r#"{"id":"a","status":"pending"}"#).unwrap();
        for _ in 0..3 {
            for _ in 0..2 {
                let error = Error::failed(ErrorKind::NotFound, "x", false);
                assert!(wait.poll(|_| Err(error)).unwrap().is_none());
            }
            assert!(wait.poll(|_| Ok((session.clone(), 1))).unwrap().is_some());
        }
    }
}
