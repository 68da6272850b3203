//! What comes back: a session, read strictly where a verdict hangs on it and leniently elsewhere.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind};
use crate::json::{self, Object, Repeated, Value};
use crate::{redact, url};

/// Where a session stands. Only a [`Session`] knows whether it is verified:
/// [`Session::is_verified`].
///
/// The numbers are frozen: they are the `zs_status` of the C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionStatus {
    /// A word this library does not know. It is not final. The word is
    /// [`Session::status_text`].
    Unknown = 0,
    /// Opened; the user has not been there. Also `ready_to_start` and `generated_link`.
    Created = 1,
    /// In the user's hands.
    Pending = 2,
    /// Ended well. The gateway's page uses both this word and the next for success.
    Accepted = 3,
    /// Ended well.
    Finished = 4,
    /// Ended: the user did not pass.
    Failed = 5,
    /// Ended: the user called it off. Also `canceled`.
    Cancelled = 6,
    /// Ended: refused. Also `rejected`.
    Declined = 7,
    /// Ended: too late. Also `expired`.
    Timeout = 8,
}

impl SessionStatus {
    /// Every status, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Unknown,
        Self::Created,
        Self::Pending,
        Self::Accepted,
        Self::Finished,
        Self::Failed,
        Self::Cancelled,
        Self::Declined,
        Self::Timeout,
    ];

    /// Reads the gateway's word. Its pages and products disagree in case and spelling, so case
    /// does not count, nor do `_`, `-` and spaces in words that do not verify.
    pub(crate) fn from_word(word: &str) -> Self {
        const VERIFY: [(&str, SessionStatus); 2] =
            [("accepted", SessionStatus::Accepted), ("finished", SessionStatus::Finished)];
        const OTHERS: [(&str, SessionStatus); 11] = [
            ("pending", SessionStatus::Pending),
            ("created", SessionStatus::Created),
            ("readytostart", SessionStatus::Created),
            ("generatedlink", SessionStatus::Created),
            ("failed", SessionStatus::Failed),
            ("cancelled", SessionStatus::Cancelled),
            ("canceled", SessionStatus::Cancelled),
            ("declined", SessionStatus::Declined),
            ("rejected", SessionStatus::Declined),
            ("timeout", SessionStatus::Timeout),
            ("expired", SessionStatus::Timeout),
        ];
        let letters = || word.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b' '));
        let is_spelt =
            |known: &str| letters().map(|byte| byte.to_ascii_lowercase()).eq(known.bytes());
        let strictly = VERIFY.iter().find(|(known, _)| word.eq_ignore_ascii_case(known));
        let leniently = || OTHERS.iter().find(|(known, _)| is_spelt(known));
        strictly.or_else(leniently).map_or(Self::Unknown, |(_, status)| *status)
    }

    /// Whether the session has ended, well or not.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Unknown | Self::Created | Self::Pending)
    }

    fn is_success(self) -> bool {
        matches!(self, Self::Accepted | Self::Finished)
    }

    /// The status as a lower-case word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Created => "created",
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Declined => "declined",
            Self::Timeout => "timeout",
        }
    }
}

impl fmt::Display for SessionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the session was opened with, as the gateway tells it back in a lookup. A field that is
/// missing or not text is `None`.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RequestData {
    /// The language of the page.
    pub locale: Option<String>,
    /// The phone number, from `metadata`. [`Session::phone_number`] prefers the session's own.
    pub phone_number: Option<String>,
    /// Where a user who passed is sent.
    pub redirect_success: Option<String>,
    /// Where any other user is sent.
    pub redirect_failure: Option<String>,
    /// The caller's own text.
    pub relay_state: Option<String>,
    /// Where the gateway reports changes.
    pub webhook: Option<String>,
}

impl fmt::Debug for RequestData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestData")
            .field("phone_number", &self.phone_number.as_deref().map(redact::phone))
            .finish_non_exhaustive()
    }
}

/// A session as the gateway told it.
///
/// `Debug` shows the phone number masked.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Session {
    id: String,
    status: SessionStatus,
    status_text: String,
    verified: bool,
    redirect_url: Option<String>,
    phone_number: Option<String>,
    request_data: RequestData,
    json: String,
}

impl Session {
    /// Reads a session back from its [`json`](Session::json), say out of a store of your own.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol): not JSON, no `id` or `status`, or one of the other
    /// things that an answer is refused for.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        whole_object(json)
            .and_then(|(json, data)| from_object(&data, json))
            .map_err(|flaw| Error::new(ErrorKind::Protocol, format!("the session {flaw}")))
    }

    /// The id: what [`get_session`](crate::Client::get_session) asks for. 1 to 64 letters, digits
    /// and hyphens.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> SessionStatus {
        self.status
    }

    /// The status as the gateway wrote it.
    #[must_use]
    pub fn status_text(&self) -> &str {
        &self.status_text
    }

    /// Whether the session has ended, well or not.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.status.is_final()
    }

    /// Whether the user proved that the phone is theirs: the status is accepted or finished, and
    /// nothing else in the answer speaks against it. Nothing else ever verifies.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verified
    }

    /// Where to send the user. The gateway tells it when the session is opened.
    #[must_use]
    pub fn redirect_url(&self) -> Option<&str> {
        self.redirect_url.as_deref()
    }

    /// The phone number, where the gateway tells it.
    #[must_use]
    pub fn phone_number(&self) -> Option<&str> {
        self.phone_number.as_deref().or(self.request_data.phone_number.as_deref())
    }

    /// The phone number as it may be logged: `+46*****954`.
    #[must_use]
    pub fn masked_phone_number(&self) -> Option<String> {
        self.phone_number().map(redact::phone)
    }

    /// What the session was opened with, where the gateway tells it.
    #[must_use]
    pub fn request_data(&self) -> &RequestData {
        &self.request_data
    }

    /// The language of the page, where the gateway tells it.
    #[must_use]
    pub fn locale(&self) -> Option<&str> {
        self.request_data.locale.as_deref()
    }

    /// Where a user who passed is sent, where the gateway tells it.
    #[must_use]
    pub fn redirect_success(&self) -> Option<&str> {
        self.request_data.redirect_success.as_deref()
    }

    /// Where any other user is sent, where the gateway tells it.
    #[must_use]
    pub fn redirect_failure(&self) -> Option<&str> {
        self.request_data.redirect_failure.as_deref()
    }

    /// Your own text, where the gateway tells it.
    #[must_use]
    pub fn relay_state(&self) -> Option<&str> {
        self.request_data.relay_state.as_deref()
    }

    /// Where the gateway reports changes, where it tells it.
    #[must_use]
    pub fn webhook(&self) -> Option<&str> {
        self.request_data.webhook.as_deref()
    }

    /// The whole session as the gateway wrote it, with the fields that this library does not know:
    /// the `data` object of the answer, a JSON object.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("verified", &self.verified)
            .field("phone_number", &self.masked_phone_number())
            .finish_non_exhaustive()
    }
}

/// Whether `id` can be the id of a session. An id becomes part of a path, so nothing else may.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Why what the gateway sent is refused: words to put behind what it is.
#[derive(Debug)]
pub(crate) enum Flaw {
    Json(serde_json::Error),
    Shape(&'static str),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Where it broke, but never what stood there.
            Self::Json(error) => write!(
                f,
                "is not the JSON it should be ({:?} error at line {} column {})",
                error.classify(),
                error.line(),
                error.column()
            ),
            Self::Shape(flaw) => f.write_str(flaw),
        }
    }
}

impl From<serde_json::Error> for Flaw {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl From<Repeated> for Flaw {
    fn from(_: Repeated) -> Self {
        Self::Shape("has a key that stands twice")
    }
}

/// What JSON takes for a space.
const SPACES: [char; 4] = [' ', '\t', '\n', '\r'];

/// Reads the body of an answer.
pub(crate) fn parse(body: &str) -> Result<Session, Flaw> {
    let (json, whole) = whole_object(body)?;
    match whole.get("data")? {
        Some(Value::Object(data)) => from_object(data, text_of_data(json, &whole)?),
        _ => from_object(&whole, json),
    }
}

/// The text of an envelope's `data`.
fn text_of_data<'a>(json: &'a str, envelope: &Object<'_>) -> Result<&'a str, Flaw> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }

    // The gateway's envelopes hold nothing else: to read all of it again would be a waste.
    let alone = || {
        let inside = json.strip_prefix('{')?.strip_suffix('}')?;
        let behind_key = inside.trim_start_matches(SPACES).strip_prefix(r#""data""#)?;
        let value = behind_key.trim_start_matches(SPACES).strip_prefix(':')?;
        Some(value.trim_matches(SPACES))
    };
    match alone().filter(|_| envelope.len() == 1) {
        Some(data) => Ok(data),
        None => Ok(serde_json::from_str::<Envelope>(json)?.data.get()),
    }
}

/// Reads a session without an envelope: one that it holds inside is a field like another.
fn from_object(data: &Object<'_>, json: &str) -> Result<Session, Flaw> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let id = id(data.get("id")?)?.to_owned();
    let status_text = text(data.get("status")?)?.ok_or(Flaw::Shape("has no status"))?;
    let status = SessionStatus::from_word(status_text);
    let redirect_url = text(data.get("redirect_url")?)?;
    if redirect_url.is_some_and(|url| !is_safe_to_open(url)) {
        return Err(Flaw::Shape(
            "has a redirect_url that is not an absolute https URL without control characters",
        ));
    }
    let agrees = match result_status(data.get("result")?)? {
        None => true,
        status => text(status)?.is_some_and(|word| SessionStatus::from_word(word).is_success()),
    };
    Ok(Session {
        verified: status.is_success() && is_empty(data.get("errors")?) && agrees,
        id,
        status,
        status_text: status_text.to_owned(),
        redirect_url: owned(redirect_url),
        phone_number: owned(text(data.get("phone_number")?)?),
        request_data: request_data(data.get("request_data")?)?,
        json: json.to_owned(),
    })
}

/// The one JSON object that a text is, without the spaces around it.
pub(crate) fn whole_object(text: &str) -> Result<(&str, Object<'_>), Flaw> {
    match json::read(text)? {
        Value::Object(object) => Ok((text.trim_matches(SPACES), object)),
        _ => Err(Flaw::Shape("is not a JSON object")),
    }
}

/// The id that must be there.
pub(crate) fn id<'a>(value: Option<&'a Value<'_>>) -> Result<&'a str, Flaw> {
    let id = text(value)?.ok_or(Flaw::Shape("has no id"))?;
    if !is_id(id) {
        return Err(Flaw::Shape("has an id that is not a session's"));
    }
    Ok(id)
}

/// A value that is text; any other counts as absent.
pub(crate) fn text<'a>(value: Option<&'a Value<'_>>) -> Result<Option<&'a str>, Flaw> {
    let Some(Value::Text(text)) = value else {
        return Ok(None);
    };
    if text.contains('\0') {
        // C would see the text end there, and another language would not.
        return Err(Flaw::Shape("holds U+0000"));
    }
    Ok(Some(text))
}

/// `errors`: absent, null or empty.
fn is_empty(errors: Option<&Value<'_>>) -> bool {
    match errors {
        None | Some(Value::Null) => true,
        Some(Value::Text(text)) => text.is_empty(),
        Some(Value::List { is_empty }) => *is_empty,
        Some(Value::Object(object)) => object.len() == 0,
        Some(Value::Other) => false,
    }
}

/// `result.status`, whatever it is. One that is null is there.
pub(crate) fn result_status<'a, 'b>(
    result: Option<&'a Value<'b>>,
) -> Result<Option<&'a Value<'b>>, Flaw> {
    match result {
        Some(Value::Object(result)) => Ok(result.get("status")?),
        _ => Ok(None),
    }
}

fn request_data(value: Option<&Value<'_>>) -> Result<RequestData, Flaw> {
    let Some(Value::Object(request)) = value else {
        return Ok(RequestData::default());
    };
    let owned =
        |object: &Object<'_>, name| Ok::<_, Flaw>(text(object.get(name)?)?.map(str::to_owned));
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

/// Whether a user may be sent there: programs put it into a Location header or a link.
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
    fn the_lookup_of_the_gateways_page_is_read_whole() {
        let session = parse(
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
    fn the_text_of_a_session_is_that_of_data_whatever_stands_around_it() {
        let data = r#"{ "id": "a", "status": "}", "more": {"data": [" "]} }"#;
        for body in [
            format!(r#"{{"data":{data}}}"#),
            format!(" {{\n\t\"data\" :\r{data} }} "),
            format!(r#"{{"\u0064ata":{data}}}"#),
            format!(r#"{{"data":{data},"meta":{{}}}}"#),
            format!(r#"{{"data ":{{}},"data":{data}}}"#),
            data.to_owned(),
        ] {
            assert_eq!(parse(&body).unwrap().json(), data, "{body}");
        }
    }

    #[test]
    fn a_session_read_back_is_never_the_one_inside_it() {
        let inner = r#"{"id":"b","status":"accepted"}"#;
        let outer = format!(r#"{{"data":{{"id":"a","status":"failed","data":{inner}}}}}"#);
        let session = parse(&outer).unwrap();
        assert_eq!(session.id(), "a");
        assert_eq!(Session::from_json(session.json()).unwrap(), session);
    }

    #[test]
    fn debug_masks_every_phone_number() {
        let session = Session::from_json(
            r#"{"id":"a","status":"pending","phone_number":"+46703339954",
            "request_data":{"metadata":{"phone_number":"+46703339954"}}}"#,
        )
        .unwrap();
        let shown = format!("{session:?} {:?}", session.request_data());
        assert!(!shown.contains("3339"), "{shown}");
        assert_eq!(shown.matches("+46*****954").count(), 2, "{shown}");
    }

    #[test]
    fn every_status_reads_its_own_word() {
        for (number, status) in SessionStatus::ALL.into_iter().enumerate() {
            assert_eq!(status as usize, number);
            assert_eq!(SessionStatus::from_word(status.as_str()), status);
        }
    }
}
