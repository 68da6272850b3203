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

/// Polls until the session is final or the time is up. `poll` makes one lookup that ends by the
/// deadline it is given, and tells how many attempts it took; a failure that time may heal does not
/// end the wait.
pub(crate) fn wait(
    options: &WaitOptions<'_>,
    watch: &Watch,
    poll: impl Fn(Instant) -> Result<(Session, u32), Error>,
) -> Result<Session, Error> {
    let timeout = options::limit("timeout", options.timeout, 300)?;
    let interval = options::limit("poll_interval", options.poll_interval, 2)?;
    let start = Instant::now();
    let deadline = start + timeout;
    // The last pause is cut so short that a poll fits behind it: what happens until then counts.
    let last_poll = Duration::from_millis(500).min(timeout / 4);
    let mut attempts = 0;
    let mut last_status = None;
    let mut last_failure = None;
    loop {
        let mut asked = Duration::ZERO;
        match poll(deadline) {
            Ok((session, made)) => {
                attempts += made;
                let flow = (options.on_poll)(&session, start.elapsed());
                if session.is_final() {
                    return Ok(session);
                }
                if flow.is_break() {
                    return Err(Error::new(ErrorKind::Cancelled, "on_poll stopped the wait")
                        .with_attempts(attempts));
                }
                last_status = Some(session.status());
            }
            Err(error) => {
                attempts += error.attempts();
                if !error.is_transient() {
                    return Err(error.with_attempts(attempts));
                }
                asked = error.retry_after().unwrap_or_default();
                last_failure = Some(error);
            }
        }
        let timed_out =
            || timed_out(timeout, last_status, last_failure.as_ref()).with_attempts(attempts);
        let pause = |length| {
            watch.pause(length).map_err(|stopped| Error::from(stopped).with_attempts(attempts))
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let room = left.saturating_sub(last_poll);
        if asked > room {
            return Err(timed_out());
        }
        if room.is_zero() {
            pause(left)?;
            return Err(timed_out());
        }
        pause(interval.mul_f64(0.8 + 0.4 * retry::random()).max(asked).min(room))?;
    }
}

fn timed_out(timeout: Duration, status: Option<SessionStatus>, failure: Option<&Error>) -> Error {
    let status = match status {
        Some(status) => format!("its last status is {}", status.as_str()),
        None => "no poll was answered".to_owned(),
    };
    let message = format!("the session is not final after {timeout:?}; {status}");
    match failure {
        None => Error::new(ErrorKind::WaitTimeout, message),
        Some(failure) => {
            let message = format!("{message}; the last poll that failed: {failure}");
            Error::new(ErrorKind::WaitTimeout, message).with_retry_after(failure.retry_after())
        }
    }
}
