//! Decodes sessions: strict about everything that a verdict depends on, lenient about the rest.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::MapAccess;
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind};
use crate::json::{self, DuplicateKey, Field, Fields, Value};
use crate::session::{RequestData, Session, is_valid_id};
use crate::status::SessionStatus;
use crate::url;

/// Why JSON of the gateway is refused. The text continues a sentence that names the JSON.
#[derive(Debug)]
pub(crate) enum DecodeError {
    Json(serde_json::Error),
    Rule(&'static str),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The position of the error, but never the text there.
            Self::Json(error) => write!(
                f,
                "is not valid JSON ({:?} error at line {} column {})",
                error.classify(),
                error.line(),
                error.column()
            ),
            Self::Rule(rule) => f.write_str(rule),
        }
    }
}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl From<DuplicateKey> for DecodeError {
    fn from(_: DuplicateKey) -> Self {
        Self::Rule("contains a duplicate key")
    }
}

// Here and not in `session`, which would have to import this module and create a cycle.
impl Session {
    /// Reads a session back from its [`json`](Session::json), for example from a database.
    ///
    /// The text is trusted: [`is_verified`](Session::is_verified) is true if the text says so. Use
    /// it only for text that your own server stored, never for text from a user.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) if the text is not JSON, has no `id` or `status`, or
    /// breaks another rule for responses.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        decode_bare(json)
            .map_err(|error| Error::new(ErrorKind::Protocol, format!("the session {error}")))
    }
}

/// The fields of a session.
#[derive(Default)]
struct SessionFields<'a> {
    id: Field<'a>,
    status: Field<'a>,
    redirect_url: Field<'a>,
    phone_number: Field<'a>,
    errors: Field<'a>,
    result: Field<'a, ResultFields<'a>>,
    request_data: Field<'a, RequestFields<'a>>,
}

impl<'a> Fields<'a> for SessionFields<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id.read(map),
            "status" => self.status.read(map),
            "redirect_url" => self.redirect_url.read(map),
            "phone_number" => self.phone_number.read(map),
            "errors" => self.errors.read(map),
            "result" => self.result.read(map),
            "request_data" => self.request_data.read(map),
            _ => Ok(false),
        }
    }
}

#[derive(Default)]
pub(crate) struct ResultFields<'a> {
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

#[derive(Default)]
struct RequestFields<'a> {
    locale: Field<'a>,
    metadata: Field<'a, MetadataFields<'a>>,
    redirect_success: Field<'a>,
    redirect_failure: Field<'a>,
    relay_state: Field<'a>,
    webhook: Field<'a>,
}

impl<'a> Fields<'a> for RequestFields<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "locale" => self.locale.read(map),
            "metadata" => self.metadata.read(map),
            "redirect_success" => self.redirect_success.read(map),
            "redirect_failure" => self.redirect_failure.read(map),
            "relay_state" => self.relay_state.read(map),
            "webhook" => self.webhook.read(map),
            _ => Ok(false),
        }
    }
}

#[derive(Default)]
struct MetadataFields<'a> {
    phone_number: Field<'a>,
}

impl<'a> Fields<'a> for MetadataFields<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "phone_number" => self.phone_number.read(map),
            _ => Ok(false),
        }
    }
}

#[derive(Default)]
struct EnvelopeFields<'a> {
    data: Field<'a, SessionFields<'a>>,
}

impl<'a> Fields<'a> for EnvelopeFields<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "data" => self.data.read(map),
            _ => Ok(false),
        }
    }
}

/// Decodes the body of a response: an envelope whose `data` is the session, or the session itself.
pub(crate) fn decode(body: &str) -> Result<Session, DecodeError> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }

    let parsed = json::parse::<EnvelopeFields<'_>>(body)?;
    match object(&parsed)?.data.object()? {
        Some(session) => {
            let envelope: Envelope<'_> = serde_json::from_str(body)?;
            decode_session(session, envelope.data.get())
        }
        None => decode_bare(body),
    }
}

/// Decodes a session that is not in an envelope.
fn decode_bare(text: &str) -> Result<Session, DecodeError> {
    let parsed = json::parse(text)?;
    decode_session(object(&parsed)?, raw_text(text)?)
}

/// Decodes a session. A `data` field inside it is ignored.
fn decode_session(fields: &SessionFields<'_>, json: &str) -> Result<Session, DecodeError> {
    let id = id(&fields.id)?.to_owned();
    let status_text = string(&fields.status)?.ok_or(DecodeError::Rule("has no status"))?;
    let status = SessionStatus::from_word(status_text);
    let redirect_url = string(&fields.redirect_url)?;
    if redirect_url.is_some_and(|url| !is_safe_to_open(url)) {
        return Err(DecodeError::Rule(
            "has an invalid redirect_url: it must be an absolute https URL, or http to loopback, \
             without control characters",
        ));
    }
    let result_agrees = match result_status(&fields.result)? {
        ResultStatus::Absent => true,
        ResultStatus::Present(word) => {
            word.is_some_and(|word| SessionStatus::from_word(word).is_success())
        }
    };
    Ok(Session {
        verified: status.is_success() && is_empty(fields.errors.value()?) && result_agrees,
        id,
        status,
        status_text: status_text.to_owned(),
        redirect_url: redirect_url.map(str::to_owned),
        phone_number: owned(&fields.phone_number)?,
        request_data: request_data(&fields.request_data)?,
        json: json.to_owned(),
    })
}

/// The fields of a value that must be an object.
pub(crate) fn object<'a, 'b, F: Fields<'a>>(
    parsed: &'b Field<'a, F>,
) -> Result<&'b F, DecodeError> {
    parsed.object()?.ok_or(DecodeError::Rule("is not a JSON object"))
}

/// The text of a JSON value as the parser delimits it: without the spaces around it.
pub(crate) fn raw_text(text: &str) -> Result<&str, DecodeError> {
    Ok(serde_json::from_str::<&RawValue>(text)?.get())
}

/// The id, which is required.
pub(crate) fn id<'a>(field: &'a Field<'_>) -> Result<&'a str, DecodeError> {
    let id = string(field)?.ok_or(DecodeError::Rule("has no id"))?;
    if !is_valid_id(id) {
        return Err(DecodeError::Rule("has an invalid id"));
    }
    Ok(id)
}

/// A string. A value of another type counts as absent.
pub(crate) fn string<'a>(field: &'a Field<'_>) -> Result<Option<&'a str>, DecodeError> {
    match field.value()? {
        // C would end the string there, and other languages would not. Only an escape can produce
        // it, and text with escapes is owned.
        Some(Value::Text(Cow::Owned(text))) if text.contains('\0') => {
            Err(DecodeError::Rule("contains a NUL character"))
        }
        Some(Value::Text(text)) => Ok(Some(text)),
        _ => Ok(None),
    }
}

pub(crate) fn owned(field: &Field<'_>) -> Result<Option<String>, DecodeError> {
    Ok(string(field)?.map(str::to_owned))
}

/// Whether `errors` is absent, null or empty.
fn is_empty(errors: Option<&Value<'_>>) -> bool {
    match errors {
        None | Some(Value::Null) => true,
        Some(Value::Text(text)) => text.is_empty(),
        Some(Value::List { is_empty } | Value::Object { is_empty }) => *is_empty,
        Some(Value::Other) => false,
    }
}

/// The `status` in a `result`.
pub(crate) enum ResultStatus<'a> {
    Absent,
    /// Its text, or `None` if it is null or of another type.
    Present(Option<&'a str>),
}

pub(crate) fn result_status<'a>(
    result: &'a Field<'_, ResultFields<'_>>,
) -> Result<ResultStatus<'a>, DecodeError> {
    match result.object()? {
        Some(fields) if fields.status.value()?.is_some() => {
            Ok(ResultStatus::Present(string(&fields.status)?))
        }
        _ => Ok(ResultStatus::Absent),
    }
}

fn request_data(field: &Field<'_, RequestFields<'_>>) -> Result<RequestData, DecodeError> {
    let Some(fields) = field.object()? else {
        return Ok(RequestData::default());
    };
    let phone_number = match fields.metadata.object()? {
        Some(metadata) => owned(&metadata.phone_number)?,
        None => None,
    };
    Ok(RequestData {
        locale: owned(&fields.locale)?,
        phone_number,
        redirect_success: owned(&fields.redirect_success)?,
        redirect_failure: owned(&fields.redirect_failure)?,
        relay_state: owned(&fields.relay_state)?,
        webhook: owned(&fields.webhook)?,
    })
}

/// Whether a user can be sent to this URL safely: programs put it into a Location header or a link.
fn is_safe_to_open(text: &str) -> bool {
    !text.chars().any(char::is_control)
        && url::absolute(text).is_ok_and(|uri| {
            uri.scheme_str() == Some("https") || uri.host().is_some_and(url::is_loopback)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_lookup_is_decoded() {
        let session = decode(
            r#"{"data":{"request_data":{"locale":"En","metadata":{"phone_number":"+46703339954"},
            "redirect_failure":"https://my_failure_url.com",
            "redirect_success":"https://my_success_url.com","relay_state":"Tulasi_V5_SMS",
            "webhook":"https://webhook.site/zignsec"},"id":"55c20771-9d75-4241-8e0f-94d3a37671ca",
            "phone_number":"+46703339954","status":"accepted"}}"#,
        )
        .unwrap();
        assert_eq!(session.id(), "55c20771-9d75-4241-8e0f-94d3a37671ca");
        assert_eq!(session.status(), SessionStatus::Accepted);
        assert!(session.is_final() && session.is_verified());
        assert_eq!(session.phone_number(), Some("+46703339954"));
        assert_eq!(session.locale(), Some("En"));
        assert_eq!(session.redirect_success(), Some("https://my_success_url.com"));
        assert_eq!(session.redirect_failure(), Some("https://my_failure_url.com"));
        assert_eq!(session.relay_state(), Some("Tulasi_V5_SMS"));
        assert_eq!(session.webhook(), Some("https://webhook.site/zignsec"));
        assert_eq!(session.redirect_url(), None);
        assert_eq!(Session::from_json(session.json()).unwrap(), session);
    }

    #[test]
    fn the_json_of_a_session_is_the_text_of_data_whatever_surrounds_it() {
        let data = r#"{ "id": "a", "status": "}", "more": {"data": [" "]} }"#;
        for body in [
            format!(r#"{{"data":{data}}}"#),
            format!(" {{\n\t\"data\" :\r{data} }} "),
            format!(r#"{{"\u0064ata":{data}}}"#),
            format!(r#"{{"data":{data},"meta":{{}}}}"#),
            format!(r#"{{"data ":{{}},"data":{data}}}"#),
            data.to_owned(),
        ] {
            assert_eq!(decode(&body).unwrap().json(), data, "{body}");
        }
    }

    #[test]
    fn from_json_never_returns_a_nested_session() {
        let inner = r#"{"id":"b","status":"accepted"}"#;
        let outer = format!(r#"{{"data":{{"id":"a","status":"failed","data":{inner}}}}}"#);
        let session = decode(&outer).unwrap();
        assert_eq!(session.id(), "a");
        assert_eq!(Session::from_json(session.json()).unwrap(), session);
    }

    #[test]
    fn debug_output_masks_every_phone_number() {
        let session = Session::from_json(
            r#"{"id":"a","status":"pending","phone_number":"+46703339954",
            "request_data":{"metadata":{"phone_number":"+46703339954"}}}"#,
        )
        .unwrap();
        let shown = format!("{session:?} {:?}", session.request_data());
        assert!(!shown.contains("3339"), "{shown}");
        assert_eq!(shown.matches("+46*****954").count(), 2, "{shown}");
    }
}
