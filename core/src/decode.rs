//! Decodes sessions: strict about everything that a verdict depends on, lenient about the rest.

use serde::Deserialize;
use serde::de::MapAccess;
use serde_json::value::RawValue;

use crate::endpoint::ApiRequest;
use crate::error::{Error, ErrorKind};
use crate::field::{DecodeError, object, owned, raw_text, string};
use crate::json::{self, Field, Fields, Value};
use crate::memory;
use crate::phone::NamedNumber;
use crate::request::Phone2faRequest;
use crate::session::{RequestData, Session, is_valid_id};
use crate::status::SessionStatus;
use crate::url;
use crate::verdict::{Evidence, Origin, Verdict};

// Here and not in `session`, which would have to import this module and create a cycle.
impl Session {
    /// Reads a session back from its [`json`](Session::json), for example from a database.
    ///
    /// The text is trusted and counts as the response to a lookup:
    /// [`is_verified`](Session::is_verified) is true if the text says so. Use it only for text that
    /// your own server stored after a lookup, never for text from a user, and never for the session
    /// of [`start_phone_2fa`](crate::Client::start_phone_2fa). The text is the session alone, so
    /// what contradicted the verdict outside it is lost: store the verdict beside the text.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) if the text is not JSON, has no `id` or `status`,
    /// or breaks another rule for responses; [`Internal`](ErrorKind::Internal) if there is
    /// not enough memory to read it.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        memory::check(json.len())?;
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
    relay_state: Field<'a>,
    request_data: Field<'a, RequestFields<'a>>,
    other_number: OtherNumber,
    evidence: Evidence,
}

impl<'a> Fields<'a> for SessionFields<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id.read(map),
            "status" => self.status.read(map),
            "redirect_url" => self.redirect_url.read(map),
            "phone_number" => self.phone_number.read(map),
            "relay_state" => self.relay_state.read(map),
            "request_data" => self.request_data.read(map),
            _ => Ok(self.other_number.read(key, map)? || self.evidence.read(key, map)?),
        }
    }
}

#[derive(Default)]
struct RequestFields<'a> {
    locale: Field<'a>,
    phone_number: Field<'a>,
    metadata: Field<'a, MetadataFields<'a>>,
    redirect_success: Field<'a>,
    redirect_failure: Field<'a>,
    relay_state: Field<'a>,
    webhook: Field<'a>,
    other_number: OtherNumber,
}

impl<'a> Fields<'a> for RequestFields<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "locale" => self.locale.read(map),
            "phone_number" => self.phone_number.read(map),
            "metadata" => self.metadata.read(map),
            "redirect_success" => self.redirect_success.read(map),
            "redirect_failure" => self.redirect_failure.read(map),
            "relay_state" => self.relay_state.read(map),
            "webhook" => self.webhook.read(map),
            _ => self.other_number.read(key, map),
        }
    }
}

#[derive(Default)]
struct MetadataFields<'a> {
    phone_number: Field<'a>,
    other_number: OtherNumber,
}

impl<'a> Fields<'a> for MetadataFields<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "phone_number" => self.phone_number.read(map),
            _ => self.other_number.read(key, map),
        }
    }
}

/// A phone number whose name is not spelled `phone_number`. No getter returns it, but as with the
/// other [evidence](Evidence), a contradiction must not be overlooked.
#[derive(Default)]
struct OtherNumber(NamedNumber);

impl<'a> Fields<'a> for OtherNumber {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if !key.eq_ignore_ascii_case("phone_number") {
            return Ok(false);
        }
        let mut number = Field::<()>::default();
        number.read(map)?;
        self.0 = self.0.and(NamedNumber::of_value(number.value().ok().flatten()));
        Ok(true)
    }
}

#[derive(Default)]
struct EnvelopeFields<'a> {
    data: Field<'a, SessionFields<'a>>,
    /// Here, every spelling is another one: no getter returns it.
    number: OtherNumber,
    relay_state: Field<'a>,
    evidence: Evidence,
}

impl<'a> Fields<'a> for EnvelopeFields<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "data" => self.data.read(map),
            "relay_state" => self.relay_state.read(map),
            _ => Ok(self.number.read(key, map)? || self.evidence.read(key, map)?),
        }
    }
}

/// Decodes the body of a response: an envelope whose `data` is the session, or the session itself.
pub(crate) fn decode(body: &str, request: &ApiRequest<'_>) -> Result<Session, DecodeError> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }

    let parsed = json::parse::<EnvelopeFields<'_>>(body)?;
    let envelope = object(&parsed)?;
    let Some(fields) = envelope.data.object()? else {
        // The response is the session itself.
        let parsed = json::parse(body)?;
        return decode_for(request, &EnvelopeFields::default(), object(&parsed)?, raw_text(body)?);
    };
    let Envelope { data } = serde_json::from_str(body)?;
    decode_for(request, envelope, fields, data.get())
}

/// Decodes the session in the response to `request`, and checks that it is for this request.
fn decode_for(
    request: &ApiRequest<'_>,
    envelope: &EnvelopeFields<'_>,
    fields: &SessionFields<'_>,
    json: &str,
) -> Result<Session, DecodeError> {
    let mut session = decode_session(fields, json)?;
    let verdict = &mut session.verdict;
    verdict.is_verified &= !envelope.evidence.contradicts()?;
    verdict.number = verdict.number.and(envelope.number.0);
    match request {
        ApiRequest::Start(request) => {
            check_number(verdict.number, request)?;
            check_relay_state(envelope.relay_state.value()?, request)?;
            check_relay_state(fields.relay_state.value()?, request)?;
            if let Some(request_data) = fields.request_data.object()? {
                check_relay_state(request_data.relay_state.value()?, request)?;
            }
            // The user of a new session has not proved anything yet.
            verdict.set_from_start();
        }
        // Never expose this session: it may be the verdict on another user.
        ApiRequest::Get { session_id } if !session.id().eq_ignore_ascii_case(session_id) => {
            return Err(DecodeError::Rule("is for a different session"));
        }
        ApiRequest::Get { .. } => {}
    }
    Ok(session)
}

/// Checks that the response to a start names no other number. One that names none cannot be checked.
fn check_number(number: NamedNumber, request: &Phone2faRequest) -> Result<(), DecodeError> {
    if number != NamedNumber::None && number != NamedNumber::of(request.phone_number()) {
        return Err(DecodeError::Rule("is for a different phone number"));
    }
    Ok(())
}

/// Checks a `relay_state` in the response to a start, if it is present.
fn check_relay_state(
    found: Option<&Value<'_>>,
    request: &Phone2faRequest,
) -> Result<(), DecodeError> {
    let Some(found) = found.filter(|found| !found.is_empty()) else {
        return Ok(());
    };
    let is_the_same = match found {
        Value::Text(text) => Some(&**text) == request.sent_relay_state(),
        Value::Integer(number) => Some(&*number.to_string()) == request.sent_relay_state(),
        _ => false,
    };
    if is_the_same { Ok(()) } else { Err(DecodeError::Rule("has a different relay_state")) }
}

/// Decodes a session that is not in an envelope, for no request.
fn decode_bare(text: &str) -> Result<Session, DecodeError> {
    let parsed = json::parse(text)?;
    decode_session(object(&parsed)?, raw_text(text)?)
}

/// Decodes a session as the response to a lookup. A `data` field inside it is ignored.
fn decode_session(fields: &SessionFields<'_>, json: &str) -> Result<Session, DecodeError> {
    let id = id(&fields.id)?.to_owned();
    let status_text = string(&fields.status)?.ok_or(DecodeError::Rule("has no status"))?;
    let status = SessionStatus::from_word(status_text);
    let redirect_url = string(&fields.redirect_url)?;
    if redirect_url.is_some_and(|url| !is_safe_to_open(url)) {
        return Err(DecodeError::Rule(
            "has an invalid redirect_url: it must be an absolute https URL, or http to loopback, \
             in visible ASCII",
        ));
    }
    // Before the status is looked at: a duplicate key is an error in every session.
    let contradicted = fields.evidence.contradicts()?;
    Ok(Session {
        verdict: Verdict {
            origin: Origin::Lookup,
            is_verified: status.is_success() && !contradicted,
            number: named_number(fields)?,
        },
        id,
        status,
        status_text: status_text.to_owned(),
        redirect_url: redirect_url.map(str::to_owned),
        phone_number: owned(&fields.phone_number)?,
        request_data: request_data(&fields.request_data)?,
        json: json.to_owned(),
    })
}

/// The phone number in the top level and in the request data.
fn named_number(fields: &SessionFields<'_>) -> Result<NamedNumber, DecodeError> {
    let of = |number: &Field<'_>, other: &OtherNumber| -> Result<_, DecodeError> {
        Ok(NamedNumber::of_value(number.value()?).and(other.0))
    };
    let mut number = of(&fields.phone_number, &fields.other_number)?;
    if let Some(request_data) = fields.request_data.object()? {
        number = number.and(of(&request_data.phone_number, &request_data.other_number)?);
        if let Some(metadata) = request_data.metadata.object()? {
            number = number.and(of(&metadata.phone_number, &metadata.other_number)?);
        }
    }
    Ok(number)
}

/// The id, which is required.
pub(crate) fn id<'a>(field: &'a Field<'_>) -> Result<&'a str, DecodeError> {
    let id = string(field)?.ok_or(DecodeError::Rule("has no id"))?;
    if !is_valid_id(id) {
        return Err(DecodeError::Rule("has an invalid id"));
    }
    Ok(id)
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
    text.bytes().all(|byte| byte.is_ascii_graphic())
        && url::absolute(text).is_ok_and(|uri| {
            uri.scheme_str() == Some("https") || uri.host().is_some_and(url::is_loopback)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION_ID: &str = "a";

    fn lookup(body: &str) -> Result<Session, DecodeError> {
        decode(body, &ApiRequest::Get { session_id: SESSION_ID })
    }

    #[test]
    fn the_documented_lookup_is_decoded() {
        let session = lookup(
            r#"{"data":{"request_data":{"locale":"En","metadata":{"phone_number":"+46703339954"},
            "redirect_failure":"https://my_failure_url.com",
            "redirect_success":"https://my_success_url.com","relay_state":"Tulasi_V5_SMS",
            "webhook":"https://webhook.site/zignsec"},"id":"a",
            "phone_number":"+46703339954","status":"accepted"}}"#,
        )
        .unwrap();
        assert_eq!(session.id(), SESSION_ID);
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
            assert_eq!(lookup(&body).unwrap().json(), data, "{body}");
        }
    }

    #[test]
    fn from_json_never_returns_a_nested_session() {
        let inner = r#"{"id":"b","status":"accepted"}"#;
        let outer = format!(r#"{{"data":{{"id":"a","status":"failed","data":{inner}}}}}"#);
        let session = lookup(&outer).unwrap();
        assert_eq!(session.id(), "a");
        assert_eq!(Session::from_json(session.json()).unwrap(), session);
    }

    #[test]
    fn another_phone_number_is_found_however_its_name_is_spelled() {
        const NUMBER: &str = "+46701740605";
        for (name, value, expected) in [
            ("Phone_Number", "+46701740605", true),
            ("PHONE_NUMBER", "", true),
            ("Phone_Number", "+46701740606", false),
            ("phone_numbeR", "unknown", false),
        ] {
            let other = format!(r#""{name}":"{value}""#);
            for text in [
                format!(r#""phone_number":"{NUMBER}",{other}"#),
                format!(r#"{other},"phone_number":"{NUMBER}""#),
                format!(r#""phone_number":"{NUMBER}","request_data":{{{other}}}"#),
                format!(r#""phone_number":"{NUMBER}","request_data":{{"metadata":{{{other}}}}}"#),
            ] {
                let session = format!(r#"{{"id":"{SESSION_ID}","status":"accepted",{text}}}"#);
                let session = lookup(&session).unwrap();
                assert!(session.is_verified() && session.phone_number() == Some(NUMBER));
                assert_eq!(session.is_verified_for(NUMBER), expected, "{text}");
            }
        }
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
