//! The verdict: a session is verified only if its status says so and nothing else in the response
//! contradicts it.

use serde::de::MapAccess;

use crate::json::{DuplicateKey, Field, Fields, Value};
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

/// What the fields of an envelope or of a session say about its verdict.
///
/// Their names are compared ignoring case: a contradiction must not be overlooked.
#[derive(Default)]
pub(crate) struct Evidence {
    errors: Finding,
    error: Finding,
    result: Finding,
    /// The status of an envelope. In a session, one whose name is not spelled `status`.
    status: Finding,
}

/// What one field says.
#[derive(Clone, Copy, Default)]
enum Finding {
    /// The field is absent.
    #[default]
    None,
    Agrees,
    Contradicts,
    /// The field, or one inside it, occurs twice.
    Duplicate,
}

impl Evidence {
    /// Whether a field contradicts the verdict.
    pub(crate) fn contradicts(&self) -> Result<bool, DuplicateKey> {
        Finding::any_contradicts(&[self.errors, self.error, self.result, self.status])
    }
}

impl<'a> Fields<'a> for Evidence {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key.eq_ignore_ascii_case("errors") {
            self.errors.record(errors(map)?);
        } else if key.eq_ignore_ascii_case("error") {
            self.error.record(errors(map)?);
        } else if key.eq_ignore_ascii_case("result") {
            self.result.record(result(map)?);
        } else if key.eq_ignore_ascii_case("status") {
            self.status.record(match status(map)? {
                // Envelopes may say "ok".
                None | Some(SessionStatus::Unknown) => Finding::Agrees,
                Some(status) => Finding::agrees_if(status.is_success()),
            });
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

/// The fields of a `result`.
#[derive(Default)]
struct ResultFields {
    errors: Finding,
    error: Finding,
    status: Finding,
}

impl<'a> Fields<'a> for ResultFields {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key.eq_ignore_ascii_case("errors") {
            self.errors.record(errors(map)?);
        } else if key.eq_ignore_ascii_case("error") {
            self.error.record(errors(map)?);
        } else if key.eq_ignore_ascii_case("status") {
            let is_success = status(map)?.is_some_and(SessionStatus::is_success);
            self.status.record(Finding::agrees_if(is_success));
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

impl Finding {
    fn agrees_if(agrees: bool) -> Self {
        if agrees { Self::Agrees } else { Self::Contradicts }
    }

    fn record(&mut self, found: Self) {
        *self = if matches!(self, Self::None) { found } else { Self::Duplicate };
    }

    fn any_contradicts(all: &[Self]) -> Result<bool, DuplicateKey> {
        if all.iter().any(|finding| matches!(finding, Self::Duplicate)) {
            return Err(DuplicateKey);
        }
        Ok(all.iter().any(|finding| matches!(finding, Self::Contradicts)))
    }
}

/// Reads `errors` or `error`, which must be empty.
fn errors<'a, A: MapAccess<'a>>(map: &mut A) -> Result<Finding, A::Error> {
    let mut errors = Field::<()>::default();
    errors.read(map)?;
    Ok(Finding::agrees_if(matches!(errors.value(), Ok(Some(value)) if value.is_empty())))
}

/// Reads `result`, which must be null or an object without a contradiction.
fn result<'a, A: MapAccess<'a>>(map: &mut A) -> Result<Finding, A::Error> {
    let mut result = Field::<ResultFields>::default();
    result.read(map)?;
    let contradicts = match (result.value(), result.object()) {
        (Ok(Some(Value::Null)), _) => Ok(false),
        (_, Ok(Some(fields))) => {
            Finding::any_contradicts(&[fields.errors, fields.error, fields.status])
        }
        _ => Ok(true),
    };
    Ok(match contradicts {
        Ok(contradicts) => Finding::agrees_if(!contradicts),
        Err(DuplicateKey) => Finding::Duplicate,
    })
}

/// Reads a status. `None` if it is not text.
fn status<'a, A: MapAccess<'a>>(map: &mut A) -> Result<Option<SessionStatus>, A::Error> {
    let mut status = Field::<()>::default();
    status.read(map)?;
    Ok(match status.value() {
        Ok(Some(Value::Text(word))) => Some(SessionStatus::from_word(word)),
        _ => None,
    })
}
