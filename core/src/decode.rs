//! Decodes sessions: strict about everything that a verdict depends on, lenient about the rest.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind};
use crate::json::{self, DuplicateKey, Object, Value};
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

impl Session {
    /// Reads a session back from its [`json`](Session::json), for example from a database.
    ///
    /// The text is trusted: [`is_verified`](Session::is_verified) is true if the text says so. Use it
    /// only for text that your own server stored, never for text from a user.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) if the text is not JSON, has no `id` or `status`, or breaks
    /// another rule for responses.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let decode = || decode_object(&parse_object(json)?, raw_text(json)?);
        decode().map_err(|error| Error::new(ErrorKind::Protocol, format!("the session {error}")))
    }
}

/// Decodes the body of a response: a session, alone or in the `data` of an envelope.
pub(crate) fn decode(body: &str) -> Result<Session, DecodeError> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }

    let object = parse_object(body)?;
    match object.get("data")? {
        Some(Value::Object(data)) => {
            let envelope: Envelope<'_> = serde_json::from_str(body)?;
            decode_object(data, envelope.data.get())
        }
        _ => decode_object(&object, raw_text(body)?),
    }
}

/// Decodes a session without an envelope. A session nested in it is a field like any other.
fn decode_object(data: &Object<'_>, json: &str) -> Result<Session, DecodeError> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let id = id(data.get("id")?)?.to_owned();
    let status_text = string(data.get("status")?)?.ok_or(DecodeError::Rule("has no status"))?;
    let status = SessionStatus::from_word(status_text);
    let redirect_url = string(data.get("redirect_url")?)?;
    if redirect_url.is_some_and(|url| !is_safe_to_open(url)) {
        return Err(DecodeError::Rule(
            "has a redirect_url that is not an absolute https URL without control characters",
        ));
    }
    let result_agrees = match result_status(data.get("result")?)? {
        None => true,
        status => string(status)?.is_some_and(|word| SessionStatus::from_word(word).is_success()),
    };
    Ok(Session {
        verified: status.is_success() && is_empty(data.get("errors")?) && result_agrees,
        id,
        status,
        status_text: status_text.to_owned(),
        redirect_url: owned(redirect_url),
        phone_number: owned(string(data.get("phone_number")?)?),
        request_data: request_data(data.get("request_data")?)?,
        json: json.to_owned(),
    })
}

/// Parses a text that is one JSON object.
pub(crate) fn parse_object(text: &str) -> Result<Object<'_>, DecodeError> {
    match json::parse(text)? {
        Value::Object(object) => Ok(object),
        _ => Err(DecodeError::Rule("is not a JSON object")),
    }
}

/// The text of a JSON value as the parser delimits it: without the spaces around it.
pub(crate) fn raw_text(text: &str) -> Result<&str, DecodeError> {
    Ok(serde_json::from_str::<&RawValue>(text)?.get())
}

/// The id, which is required.
pub(crate) fn id<'a>(value: Option<&'a Value<'_>>) -> Result<&'a str, DecodeError> {
    let id = string(value)?.ok_or(DecodeError::Rule("has no id"))?;
    if !is_valid_id(id) {
        return Err(DecodeError::Rule("has an invalid id"));
    }
    Ok(id)
}

/// A string. A value of another type counts as absent.
pub(crate) fn string<'a>(value: Option<&'a Value<'_>>) -> Result<Option<&'a str>, DecodeError> {
    let Some(Value::Text(text)) = value else {
        return Ok(None);
    };
    if text.contains('\0') {
        // C would end the string there, and other languages would not.
        return Err(DecodeError::Rule("contains a NUL character"));
    }
    Ok(Some(text))
}

/// Whether `errors` is absent, null or empty.
fn is_empty(errors: Option<&Value<'_>>) -> bool {
    match errors {
        None | Some(Value::Null) => true,
        Some(Value::Text(text)) => text.is_empty(),
        Some(Value::List { is_empty }) => *is_empty,
        Some(Value::Object(object)) => object.len() == 0,
        Some(Value::Other) => false,
    }
}

/// `result.status`, of any type. A null counts as present.
pub(crate) fn result_status<'a, 'b>(
    result: Option<&'a Value<'b>>,
) -> Result<Option<&'a Value<'b>>, DecodeError> {
    match result {
        Some(Value::Object(result)) => Ok(result.get("status")?),
        _ => Ok(None),
    }
}

fn request_data(value: Option<&Value<'_>>) -> Result<RequestData, DecodeError> {
    let Some(Value::Object(request)) = value else {
        return Ok(RequestData::default());
    };
    let owned = |object: &Object<'_>, name| {
        Ok::<_, DecodeError>(string(object.get(name)?)?.map(str::to_owned))
    };
    let phone_number = match request.get("metadata")? {
        Some(Value::Object(metadata)) => owned(metadata, "phone_number")?,
        _ => None,
    };
    Ok(RequestData {
        locale: owned(request, "locale")?,
        phone_number,
        redirect_success: owned(request, "redirect_success")?,
        redirect_failure: owned(request, "redirect_failure")?,
        relay_state: owned(request, "relay_state")?,
        webhook: owned(request, "webhook")?,
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
