//! Asking again and again how a session stands, until that is final.

use std::fmt;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};
use crate::options;
use crate::retry;
use crate::session::{Session, SessionStatus};
use crate::transport::Watch;

/// How to wait for a session. Nothing is checked before
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
    /// How long to wait for the end. The default is 300 seconds.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// The time between two polls; each pause differs from it by up to a fifth, so that many
    /// clients do not ask at once. The default is 2 seconds.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = Some(interval);
        self
    }

    /// What to call after each poll that was answered, with the session and the time since the
    /// start of the wait. It may stop the wait, which then fails as
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

/// Polls until the session is final or the time is up. `look_up` makes one lookup that ends by the
/// deadline it is given, and tells how many attempts it took.
pub(crate) fn wait(
    options: &WaitOptions<'_>,
    watch: &Watch,
    look_up: impl Fn(Instant) -> Result<(Session, u32), Error>,
) -> Result<Session, Error> {
    let mut wait = Wait::begin(options)?;
    loop {
        if let Some(session) = wait.poll(&look_up)? {
            let flow = (options.on_poll)(&session, wait.elapsed());
            if session.is_final() {
                return Ok(session);
            }
            if flow.is_break() {
                return Err(wait.stopped());
            }
        }
        watch.pause(wait.pause()?).map_err(|_| wait.stopped())?;
    }
}

/// A wait in steps, for a program that sleeps in its own way, such as one with an event loop.
/// [`Client::wait_for_session`](crate::Client::wait_for_session) is made of the same steps.
///
/// ```no_run
/// # use zignsec::{Client, Error, Session, Wait, WaitOptions};
/// # async fn sleep(_: std::time::Duration) {}
/// # async fn wait(client: &Client, session_id: &str) -> Result<Session, Error> {
/// let mut wait = Wait::begin(&WaitOptions::default())?;
/// loop {
///     // This blocks: give it to a thread.
///     if let Some(session) = client.poll(&mut wait, session_id)? {
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
    last_failure: Option<Error>,
    /// How long the gateway asked to wait, in the last poll.
    asked: Duration,
    /// No poll comes after the last pause.
    is_over: bool,
}

impl Wait {
    /// Begins to wait now. Of the options, `on_poll` is for the caller to call, with
    /// [`elapsed`](Self::elapsed).
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a time of zero or of more than 49 days.
    pub fn begin(options: &WaitOptions<'_>) -> Result<Self, Error> {
        let timeout = options::limit("timeout", options.timeout, 300)?;
        let interval = options::limit("poll_interval", options.poll_interval, 2)?;
        let begun = Instant::now();
        Ok(Self {
            timeout,
            interval,
            begun,
            deadline: begun + timeout,
            attempts: 0,
            last_status: None,
            last_failure: None,
            asked: Duration::ZERO,
            is_over: false,
        })
    }

    /// The time since the wait began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// One poll: a session, or nothing where it failed in a way that time may heal.
    pub(crate) fn poll(
        &mut self,
        look_up: impl FnOnce(Instant) -> Result<(Session, u32), Error>,
    ) -> Result<Option<Session>, Error> {
        if self.is_over {
            return Err(self.timed_out());
        }
        match look_up(self.deadline) {
            Ok((session, attempts)) => {
                self.attempts += attempts;
                self.asked = Duration::ZERO;
                self.last_status = Some(session.status());
                Ok(Some(session))
            }
            Err(error) => {
                self.attempts += error.attempts();
                if !error.is_transient() {
                    return Err(error.with_attempts(self.attempts));
                }
                self.asked = error.retry_after().unwrap_or_default();
                self.last_failure = Some(error);
                Ok(None)
            }
        }
    }

    /// How long to sleep before the next poll.
    ///
    /// # Errors
    ///
    /// [`WaitTimeout`](ErrorKind::WaitTimeout) where the gateway asks for a pause that outlasts the
    /// wait. Once the time is up, it is the next poll that fails so.
    pub fn pause(&mut self) -> Result<Duration, Error> {
        // The last pause is cut so short that a poll fits behind it: what happens until then counts.
        let last_poll = Duration::from_millis(500).min(self.timeout / 4);
        let left = self.deadline.saturating_duration_since(Instant::now());
        let room = left.saturating_sub(last_poll);
        if self.asked > room {
            return Err(self.timed_out());
        }
        if room.is_zero() {
            self.is_over = true;
            return Ok(left);
        }
        let jitter = 0.8 + 0.4 * retry::random();
        Ok(self.interval.mul_f64(jitter).max(self.asked).min(room))
    }

    /// The error of a wait that its caller stopped, in `on_poll` or between two polls.
    #[must_use]
    pub fn stopped(&self) -> Error {
        Error::new(ErrorKind::Cancelled, "the wait was stopped").with_attempts(self.attempts)
    }

    fn timed_out(&self) -> Error {
        let status = match self.last_status {
            Some(status) => format!("its last status is {}", status.as_str()),
            None => "no poll was answered".to_owned(),
        };
        let message = format!("the session is not final after {:?}; {status}", self.timeout);
        let error = match &self.last_failure {
            None => Error::new(ErrorKind::WaitTimeout, message),
            Some(failure) => {
                let message = format!("{message}; the last poll that failed: {failure}");
                Error::new(ErrorKind::WaitTimeout, message).with_retry_after(failure.retry_after())
            }
        };
        error.with_attempts(self.attempts)
    }
}
