//! The request that starts a session, and its validation.

use serde::Serialize;
use serde_json::{Map, Value};
use url::{ParseError, Url};

use crate::problem::Problem;

/// The body of the POST. The GET returns it as `request_data`: the keys that the caller sent, in
/// the order of the gateway's documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct StartRequest {
    pub(crate) locale: String,
    pub(crate) metadata: Metadata,
    pub(crate) redirect_failure: String,
    pub(crate) redirect_success: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) relay_state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Metadata {
    pub(crate) phone_number: String,
}

impl StartRequest {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Problem> {
        let body: Value =
            serde_json::from_slice(body).map_err(|error| Problem::malformed_json(&error))?;
        let Value::Object(fields) = body else {
            return Err(Problem::invalid_field("the body", "must be a JSON object"));
        };
        let metadata = match fields.get("metadata") {
            Some(Value::Object(metadata)) => metadata,
            Some(_) => return Err(Problem::invalid_field("metadata", "must be an object")),
            None => return Err(Problem::invalid_field("metadata", "is required")),
        };
        Ok(Self {
            metadata: Metadata { phone_number: phone_number(metadata)? },
            redirect_failure: required_url(&fields, "redirect_failure")?,
            redirect_success: required_url(&fields, "redirect_success")?,
            locale: text(&fields, "locale")?.unwrap_or_else(|| "En".to_owned()),
            relay_state: text(&fields, "relay_state")?,
            webhook: url(&fields, "webhook")?,
        })
    }

    /// Approximate memory use in bytes.
    pub(crate) fn weight(&self) -> usize {
        // The other fields of a session.
        let fixed = 1024;
        fixed
            + [&self.locale, &self.redirect_failure, &self.redirect_success]
                .into_iter()
                .map(String::len)
                .sum::<usize>()
            + [&self.relay_state, &self.webhook]
                .into_iter()
                .flatten()
                .map(String::len)
                .sum::<usize>()
    }
}

/// An optional string. Null counts as absent, because some clients serialise fields that are not
/// set.
fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Problem::invalid_field(name, "must be a string")),
    }
}

fn phone_number(metadata: &Map<String, Value>) -> Result<String, Problem> {
    const NAME: &str = "metadata.phone_number";
    let phone = match metadata.get("phone_number") {
        Some(Value::String(phone)) => phone,
        Some(Value::Null) | None => return Err(Problem::invalid_field(NAME, "is required")),
        Some(_) => return Err(Problem::invalid_field(NAME, "must be a string")),
    };
    let digits = phone.strip_prefix('+').unwrap_or_default().as_bytes();
    let e164 = (7..=15).contains(&digits.len())
        && digits[0] != b'0'
        && digits.iter().all(u8::is_ascii_digit);
    if e164 {
        Ok(phone.clone())
    } else {
        Err(Problem::invalid_field(NAME, "must be + and 7 to 15 digits, such as +46701740699"))
    }
}

fn required_url(fields: &Map<String, Value>, name: &str) -> Result<String, Problem> {
    url(fields, name)?.ok_or_else(|| Problem::invalid_field(name, "is required"))
}

fn url(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    let Some(text) = text(fields, name)? else {
        return Ok(None);
    };
    // `Url` silently removes surrounding spaces and line breaks, which must not reach a Location
    // header.
    let clean = !text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\');
    // `Url` also accepts missing slashes, which a browser may not accept in a Location header.
    let slashes = text.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/'));
    let http = match Url::parse(&text) {
        Ok(url) => matches!(url.scheme(), "http" | "https") && url.has_host(),
        // Some names that begin with `xn--` are invalid, but only a program that has Unicode's
        // tables can tell.
        Err(error) => error == ParseError::IdnaError && text.is_ascii(),
    };
    if clean && slashes && http {
        Ok(Some(text))
    } else {
        Err(Problem::invalid_field(name, "must be an absolute http or https URL"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body() -> Value {
        json!({
            "locale": "En", "metadata": {"phone_number": "+46703339954"},
            "redirect_failure": "https://my_failure_url.com",
            "redirect_success": "https://my_success_url.com",
            "relay_state": "Tulasi_V5_SMS", "webhook": "https://webhook.site/zignsec",
        })
    }

    #[test]
    fn documented_example_is_returned_unchanged() {
        let request = StartRequest::parse(body().to_string().as_bytes()).unwrap();
        assert_eq!(serde_json::to_value(&request).unwrap(), body());
    }

    #[test]
    fn absent_fields_stay_absent_except_the_locale() {
        let mut sent = body();
        for name in ["locale", "relay_state", "webhook"] {
            sent.as_object_mut().unwrap().remove(name);
        }
        let returned =
            serde_json::to_value(StartRequest::parse(sent.to_string().as_bytes()).unwrap())
                .unwrap();
        sent["locale"] = json!("En");
        assert_eq!(returned, sent);
    }

    #[test]
    fn every_invalid_field_is_named() {
        let long = format!("+{}", "1".repeat(16));
        for (field, bad) in [
            ("metadata.phone_number", json!({"metadata": {}})),
            ("metadata.phone_number", json!({"metadata": {"phone_number": 46}})),
            ("metadata.phone_number", json!({"metadata": {"phone_number": "0703339954"}})),
            ("metadata.phone_number", json!({"metadata": {"phone_number": "+0703339954"}})),
            ("metadata.phone_number", json!({"metadata": {"phone_number": "+461234"}})),
            ("metadata.phone_number", json!({"metadata": {"phone_number": long}})),
            ("metadata.phone_number", json!({"metadata": {"phone_number": "+46 703339954"}})),
            ("metadata", json!({"metadata": "+46703339954"})),
            ("metadata", json!({"metadata": null})),
            ("redirect_failure", json!({"redirect_failure": null})),
            ("redirect_failure", json!({"redirect_failure": "/relative"})),
            ("redirect_success", json!({"redirect_success": "javascript:alert(1)"})),
            ("redirect_success", json!({"redirect_success": "https:example.com"})),
            ("redirect_success", json!({"redirect_success": "https:///example.com"})),
            ("redirect_success", json!({"redirect_success": "https://a.example/\r\nx-evil: 1"})),
            ("redirect_success", json!({"redirect_success": ["https://a.example"]})),
            ("webhook", json!({"webhook": "ftp://a.example"})),
            ("relay_state", json!({"relay_state": 1})),
            ("locale", json!({"locale": {}})),
        ] {
            let mut sent = body();
            for (name, value) in bad.as_object().unwrap() {
                sent[name] = value.clone();
            }
            let problem = StartRequest::parse(sent.to_string().as_bytes()).unwrap_err();
            assert_eq!(problem.status, 422, "{bad}");
            assert!(problem.description.starts_with(&format!("{field} ")), "{bad}: {problem}");
        }
    }

    #[test]
    fn invalid_json_is_a_400_and_json_of_the_wrong_type_a_422() {
        for body in [&b""[..], b"{", b"locale=En", b"\xff\xfe", b"{\"a\":\"\xff\"}"] {
            assert_eq!(StartRequest::parse(body).unwrap_err().status, 400, "{body:?}");
        }
        for body in ["[]", "null", "1", "\"x\"", "{}"] {
            assert_eq!(StartRequest::parse(body.as_bytes()).unwrap_err().status, 422, "{body}");
        }
    }
}
