//! The verdict: a session is verified only if its status says so and nothing else in the response
//! contradicts it.

use serde::de::MapAccess;

use crate::field::{DecodeError, string};
use crate::json::{Field, Fields, Value};
use crate::phone::{self, NamedNumber};
use crate::status::SessionStatus;

/// The request whose response contained a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    Start,
    Lookup,
}

/// The verdict on a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Verdict {
    pub(crate) origin: Origin,
    pub(crate) is_verified: bool,
    pub(crate) number: NamedNumber,
}

impl Verdict {
    /// See [`Session::is_verified`](crate::Session::is_verified).
    #[must_use]
    pub fn is_verified(self) -> bool {
        self.is_verified
    }

    /// See [`Session::is_verified_for`](crate::Session::is_verified_for).
    #[must_use]
    pub fn is_verified_for(self, phone_number: &str) -> bool {
        self.is_verified
            && phone::is_e164(phone_number)
            && self.number == NamedNumber::of(phone_number)
    }

    /// Records that the session was returned by a start: its user has not proved anything yet.
    pub(crate) fn set_from_start(&mut self) {
        self.origin = Origin::Start;
        self.is_verified = false;
    }
}

/// The fields of an envelope or of a session that can contradict the verdict.
///
/// Their names are compared ignoring case: a contradiction must not be overlooked.
#[derive(Default)]
pub(crate) struct Evidence<'a> {
    errors: Errors<'a>,
    result: Field<'a, ResultFields<'a>>,
    /// The status of an envelope. In a session, one whose name is not spelled `status`.
    status: Field<'a>,
}

impl<'a> Fields<'a> for Evidence<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key.eq_ignore_ascii_case("result") {
            self.result.read(map)
        } else if key.eq_ignore_ascii_case("status") {
            self.status.read(map)
        } else {
            self.errors.read(key, map)
        }
    }
}

impl Evidence<'_> {
    pub(crate) fn contradicts(&self) -> Result<bool, DecodeError> {
        let status_contradicts = match string(&self.status)?.map(SessionStatus::from_word) {
            // Envelopes may say "ok".
            None | Some(SessionStatus::Unknown) => false,
            Some(status) => !status.is_success(),
        };
        let result_contradicts = match (self.result.value()?, self.result.object()?) {
            (None | Some(Value::Null), _) => false,
            (_, Some(result)) => result.contradict()?,
            (_, None) => true,
        };
        Ok(status_contradicts || result_contradicts || self.errors.exist()?)
    }
}

/// The fields of a `result`.
#[derive(Default)]
struct ResultFields<'a> {
    errors: Errors<'a>,
    status: Field<'a>,
}

impl<'a> Fields<'a> for ResultFields<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key.eq_ignore_ascii_case("status") {
            self.status.read(map)
        } else {
            self.errors.read(key, map)
        }
    }
}

impl ResultFields<'_> {
    fn contradict(&self) -> Result<bool, DecodeError> {
        let status_agrees = match self.status.value()? {
            None => true,
            Some(_) => string(&self.status)?
                .is_some_and(|word| SessionStatus::from_word(word).is_success()),
        };
        Ok(!status_agrees || self.errors.exist()?)
    }
}

/// `errors` and `error`.
#[derive(Default)]
struct Errors<'a> {
    errors: Field<'a>,
    error: Field<'a>,
}

impl<'a> Fields<'a> for Errors<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key.eq_ignore_ascii_case("errors") {
            self.errors.read(map)
        } else if key.eq_ignore_ascii_case("error") {
            self.error.read(map)
        } else {
            Ok(false)
        }
    }
}

impl Errors<'_> {
    fn exist(&self) -> Result<bool, DecodeError> {
        let exists = |value: Option<&Value<'_>>| value.is_some_and(|value| !value.is_empty());
        Ok(exists(self.errors.value()?) || exists(self.error.value()?))
    }
}
