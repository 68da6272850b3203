//! What only language bindings use. It is not covered by semantic versioning.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

pub use zeroize::Zeroizing;

pub use crate::config::{Options, defaults};
pub use crate::verdict::Verdict;
pub use crate::wait::Wait;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::phone::{self, NamedNumber};
use crate::redact;
use crate::session::Session;
use crate::text_problem;
use crate::transport::{self, ProcessKey};
use crate::verdict::Origin;

/// Creates a client from options that a binding filled. An empty key counts as not set;
/// `ClientBuilder` rejects it.
///
/// # Errors
///
/// As [`ClientBuilder::build`](crate::ClientBuilder::build).
pub fn client(mut options: Options) -> Result<Client, Error> {
    options.api_key = options.api_key.filter(|key| !key.is_empty());
    options.secondary_api_key = options.secondary_api_key.filter(|key| !key.is_empty());
    Client::from_options(options)
}

/// [Cancels](Client::cancel) the running calls of this client and refuses later ones as
/// [`Closed`](ErrorKind::Closed). No call can start in between. Duplicates of the client stay
/// usable; the connections are closed when the last of them is dropped.
pub fn close(client: &Client) {
    client.close();
}

/// To be called in the child of a fork before it uses the library: in another PID namespace, the
/// child can have the process ID of its parent. A fork that is not reported is recognised by
/// the process ID alone. Takes no lock and allocates nothing.
pub fn after_fork_in_child() {
    transport::after_fork_in_child();
}

/// Different in a process and its parent, as far as [`after_fork_in_child`] was called: for what a
/// binding must not share with a child.
#[must_use]
pub fn process_key() -> (u32, u32) {
    let ProcessKey { id, reported_forks } = ProcessKey::current();
    (id, reported_forks)
}

/// A duplicate of a client for one call, and the time limit of the call, which starts now: for a
/// binding in which a call waits for a thread first.
#[must_use]
pub fn begin_call(client: &Client) -> (Client, Duration) {
    (client.begin_call(), client.timeout())
}

/// One poll of a [`Wait`]: the session, or `None` after a failure that does not end the wait. Sleep
/// for [`Wait::pause`] before the next poll.
///
/// # Errors
///
/// As [`Client::wait_for_session`].
pub fn poll(client: &Client, wait: &mut Wait, session_id: &str) -> Result<Option<Session>, Error> {
    client.poll(wait, session_id)
}

/// The error of a call on a closed client, for a binding that keeps no closed client.
#[must_use]
pub fn closed() -> Error {
    Error::closed()
}

/// Checks the phone number that a session is compared with.
///
/// # Errors
///
/// [`InvalidArgument`](ErrorKind::InvalidArgument), as
/// [`Client::start_phone_2fa`] for the same number.
pub fn check_phone_number(number: &str) -> Result<(), Error> {
    phone::check(number)
}

/// The verdict on a session, for a binding that stores nothing else of it.
#[must_use]
pub fn verdict(session: &Session) -> Verdict {
    session.verdict
}

/// What a binding stores of a session beside its JSON, which does not determine it: what surrounded
/// the JSON counts too.
#[derive(Clone, Copy, Debug)]
pub struct StoredVerdict {
    /// Whether the session was returned by a start.
    pub is_from_start: bool,
    /// The verdict.
    pub is_verified: bool,
    /// The phone number in the response: 0 for none, -1 for several or one that is invalid.
    pub number: i64,
}

/// What to store of the verdict on a session.
#[must_use]
pub fn stored_verdict(session: &Session) -> StoredVerdict {
    let Verdict { origin, is_verified, number } = session.verdict;
    let is_from_start = origin == Origin::Start;
    StoredVerdict { is_from_start, is_verified, number: number.stored() }
}

/// The session that a binding stored. The stored verdict never verifies more than the JSON.
///
/// # Errors
///
/// As [`Session::from_json`].
pub fn restore_session(json: &str, stored: StoredVerdict) -> Result<Session, Error> {
    let mut session = Session::from_json(json)?;
    let verdict = &mut session.verdict;
    verdict.is_verified &= stored.is_verified;
    verdict.number = verdict.number.and(NamedNumber::from_stored(stored.number));
    if stored.is_from_start {
        verdict.set_from_start();
    }
    Ok(session)
}

/// Text of the gateway for the textual form of an object, without phone numbers, the private parts of
/// URLs and invisible characters.
#[must_use]
pub fn redact(text: &str) -> String {
    redact::text(text, &[])
}

/// An error of the binding itself.
pub fn error(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error::new(kind, message)
}

/// An argument that is not UTF-8. Its bytes are valid up to `valid_up_to`.
#[must_use]
pub fn not_utf8(name: &str, valid_up_to: usize) -> Error {
    Error::invalid_argument(name, &text_problem::not_utf8(name, valid_up_to))
}

/// An argument with a lone surrogate at a position in characters, counted from 1.
#[must_use]
pub fn lone_surrogate(name: &str, position: usize) -> Error {
    Error::invalid_argument(name, &text_problem::lone_surrogate(name, position))
}

/// Runs `call` and turns a panic into an [`Internal`](ErrorKind::Internal) error: a panic must not
/// reach the caller of a binding. The message of the panic goes to the panic hook only, because it
/// may contain anything.
///
/// # Errors
///
/// Those of `call`, and `Internal`.
pub fn catch_panic<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Internal, "internal error in zignsec; please report it"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_without_its_message() {
        let error = catch_panic(|| -> Result<(), Error> { panic!("secret") }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn a_restored_session_keeps_its_origin_and_its_verdict() {
        let stored = |is_from_start, is_verified, number| StoredVerdict {
            is_from_start,
            is_verified,
            number,
        };
        let json = r#"{"id":"a","status":"accepted","phone_number":"+46701740605"}"#;
        let looked_up = restore_session(json, stored(false, true, 46701740605)).unwrap();
        assert_eq!(looked_up, Session::from_json(json).unwrap());
        assert!(looked_up.is_verified() && looked_up.is_verified_for("+46701740605"));
        let denied = restore_session(json, stored(false, false, 46701740605)).unwrap();
        assert!(!denied.is_verified() && !denied.is_verified_for("+46701740605"));
        let started = restore_session(json, stored(true, true, 46701740605)).unwrap();
        assert!(stored_verdict(&started).is_from_start && !started.is_verified());
        assert_ne!(started, denied, "a start and a lookup are different");
        // The envelope named another number.
        let mixed_up = restore_session(json, stored(false, true, -1)).unwrap();
        assert!(mixed_up.is_verified() && !mixed_up.is_verified_for("+46701740605"));
        // The stored verdict never verifies more than the text.
        let pending = r#"{"id":"a","status":"pending"}"#;
        assert!(!restore_session(pending, stored(false, true, 0)).unwrap().is_verified());
    }
}
