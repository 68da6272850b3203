//! The event that a webhook reports.

use std::fmt;

use serde::de::MapAccess;

use crate::decode;
use crate::error::{Error, ErrorKind};
use crate::field::{DecodeError, object, owned, raw_text, string};
use crate::json::{self, Field, Fields};
use crate::memory;
use crate::redact;
use crate::status::SessionStatus;

/// The event that a webhook reports.
///
/// `Debug` output contains neither the relay state nor the JSON, which can contain personal data.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WebhookEvent {
    session_id: String,
    name: String,
    status: SessionStatus,
    status_text: String,
    relay_state: Option<String>,
    json: String,
}

impl WebhookEvent {
    /// Reads an event back from its [`json`](WebhookEvent::json), for example from a database. This
    /// checks no signature: use [`verify`](super::verify) for a webhook that has just arrived.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) if the text is not a JSON object, has no valid
    /// session `id`, or has a duplicate key or a NUL character in a field that is read here;
    /// [`Internal`](ErrorKind::Internal) if there is not enough memory to read it.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        memory::check(json.len())?;
        decode(json).map_err(|error| invalid_body(&error))
    }

    /// The session id, to be passed to [`get_session`](crate::Client::get_session). 1 to 64
    /// letters, digits and hyphens.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// What happened, such as `session_finished`. Empty if the webhook does not say.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The status in the webhook, at its top level or in its `result`.
    /// [`Unknown`](SessionStatus::Unknown) if there is none, or if the two differ.
    #[must_use]
    pub fn status(&self) -> SessionStatus {
        self.status
    }

    /// The status as the gateway wrote it; that of the top level if there are two. Empty if there
    /// is none.
    #[must_use]
    pub fn status_text(&self) -> &str {
        &self.status_text
    }

    /// The `relay_state` of the session, if it has one.
    #[must_use]
    pub fn relay_state(&self) -> Option<&str> {
        self.relay_state.as_deref()
    }

    /// The body as the gateway wrote it, including fields that this library does not know: a JSON
    /// object.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl fmt::Debug for WebhookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookEvent")
            .field("session_id", &self.session_id)
            .field("name", &redact::text(&self.name, &[]))
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Reads the event in the body of a verified webhook.
pub(super) fn from_body(body: &[u8]) -> Result<WebhookEvent, Error> {
    let body =
        std::str::from_utf8(body).map_err(|_| invalid_body(&DecodeError::Rule("is not UTF-8")))?;
    // As in a response.
    WebhookEvent::from_json(body.strip_prefix('\u{feff}').unwrap_or(body))
}

#[derive(Default)]
struct EventFields<'a> {
    id: Field<'a>,
    event: Field<'a>,
    status: Field<'a>,
    result: Field<'a, ResultFields<'a>>,
    relay_state: Field<'a>,
}

impl<'a> Fields<'a> for EventFields<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id.read(map),
            "event" => self.event.read(map),
            "status" => self.status.read(map),
            "result" => self.result.read(map),
            "relay_state" => self.relay_state.read(map),
            _ => Ok(false),
        }
    }
}

#[derive(Default)]
struct ResultFields<'a> {
    status: Field<'a>,
}

impl<'a> Fields<'a> for ResultFields<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "status" => self.status.read(map),
            _ => Ok(false),
        }
    }
}

/// Decodes a body by the rules for sessions. ZignSec's products put the status at the top level or
/// in `result`.
fn decode(body: &str) -> Result<WebhookEvent, DecodeError> {
    let parsed = json::parse::<EventFields<'_>>(body)?;
    let fields = object(&parsed)?;
    let outer = string(&fields.status)?;
    let inner = match fields.result.object()? {
        Some(result) => string(&result.status)?,
        None => None,
    };
    let status = match [outer, inner].map(|word| word.map(SessionStatus::from_word)) {
        [Some(outer), Some(inner)] if outer != inner => SessionStatus::Unknown,
        [outer, inner] => outer.or(inner).unwrap_or(SessionStatus::Unknown),
    };
    Ok(WebhookEvent {
        session_id: decode::id(&fields.id)?.to_owned(),
        name: owned(&fields.event)?.unwrap_or_default(),
        status,
        status_text: outer.or(inner).unwrap_or_default().to_owned(),
        relay_state: owned(&fields.relay_state)?,
        json: raw_text(body)?.to_owned(),
    })
}

fn invalid_body(error: &DecodeError) -> Error {
    Error::new(ErrorKind::Protocol, format!("the webhook body {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_ignored() {
        let body = r#"{"event":"session_finished","id":"a","status":"accepted"}"#;
        let event = from_body(format!("\u{feff}{body}").as_bytes()).unwrap();
        assert_eq!((event.session_id(), event.json()), ("a", body));
    }
}
