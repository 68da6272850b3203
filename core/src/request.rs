//! The data of a new session, checked before it is sent.

use std::fmt;

use serde::Serialize;

use crate::config::defaults;
use crate::error::Error;
use crate::header::{self, HEADER_RULE};
use crate::phone;
use crate::{redact, text_problem, url};

/// The data of a new phone two-factor session: step 1 of 3.
///
/// The phone number and both redirect URLs are required. All values are checked when the request is
/// sent, by [`Client::start_phone_2fa`](crate::Client::start_phone_2fa).
///
/// ```
/// # use zignsec::Phone2faRequest;
/// let request = Phone2faRequest::new("+46701740605")
///     .redirect_success("https://example.com/signed-in")
///     .redirect_failure("https://example.com/try-again")
///     .locale("Se")
///     .relay_state("order 66");
/// ```
///
/// `Debug` output contains only the masked phone number.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone2faRequest {
    phone_number: String,
    redirect_success: String,
    redirect_failure: String,
    locale: String,
    relay_state: Option<String>,
    webhook: Option<String>,
    csrf_token: Option<String>,
}

impl Phone2faRequest {
    /// A request for the user with this phone number, in E.164 form: `+`, then 7 to 15 digits, the
    /// first of which is not 0. Other forms are refused, not converted: that needs the country of the
    /// number and tables that change. libphonenumber (in Rust, the crate `phonenumber`) does it.
    pub fn new(phone_number: impl Into<String>) -> Self {
        Self {
            phone_number: phone_number.into(),
            redirect_success: String::new(),
            redirect_failure: String::new(),
            locale: defaults::LOCALE.to_owned(),
            relay_state: None,
            webhook: None,
            csrf_token: None,
        }
    }

    /// The URL to which the gateway sends the user after success: an absolute http or https URL.
    /// Required. Its characters are those of RFC 3986, and `[` and `]` in the query and after `#`:
    /// percent-encode all others, and write a Unicode host in its ASCII form (`xn--...`). It cannot
    /// contain a user name or password. An app needs an https link (Universal Links, App Links).
    #[must_use]
    pub fn redirect_success(mut self, url: impl Into<String>) -> Self {
        self.redirect_success = url.into();
        self
    }

    /// The URL to which the gateway sends the user in all other cases, with the rules of
    /// [`redirect_success`](Self::redirect_success). Required.
    #[must_use]
    pub fn redirect_failure(mut self, url: impl Into<String>) -> Self {
        self.redirect_failure = url.into();
        self
    }

    /// The language of the gateway's page. The default is `En`, the only value that ZignSec
    /// documents; its other products use country-like words (`Se`, `Da`). At most 256 characters,
    /// without control characters. Empty means the default.
    #[must_use]
    pub fn locale(mut self, locale: impl Into<String>) -> Self {
        self.locale = non_empty(locale.into()).unwrap_or_else(|| defaults::LOCALE.to_owned());
        self
    }

    /// A text that the session carries, such as your own identifier: at most 16 KiB in UTF-8, without
    /// NUL. Empty means none.
    #[must_use]
    pub fn relay_state(mut self, relay_state: impl Into<String>) -> Self {
        self.relay_state = non_empty(relay_state.into());
        self
    }

    /// The URL to which the gateway reports changes of the session, with the rules of
    /// [`redirect_success`](Self::redirect_success). See [`webhook`](crate::webhook). Empty means
    /// none.
    #[must_use]
    pub fn webhook(mut self, url: impl Into<String>) -> Self {
        self.webhook = non_empty(url.into());
        self
    }

    /// The header `x-csrf-token`: printable ASCII. The gateway's documentation shows it; no known
    /// integration sends it. Empty means none.
    #[must_use]
    pub fn csrf_token(mut self, csrf_token: impl Into<String>) -> Self {
        self.csrf_token = non_empty(csrf_token.into());
        self
    }

    /// Checks all values.
    pub(crate) fn check(&self) -> Result<(), Error> {
        phone::check(&self.phone_number)?;
        check_url("redirect_success", &self.redirect_success)?;
        check_url("redirect_failure", &self.redirect_failure)?;
        if let Some(webhook) = &self.webhook {
            check_url("webhook", webhook)?;
        }
        if let Some(problem) = self.csrf_token.as_deref().and_then(header::problem_of_token) {
            return Err(refused("csrf_token", &format!("{problem}; it must be {HEADER_RULE}")));
        }
        if let Some(problem) = locale_problem(&self.locale) {
            return Err(refused("locale", &problem));
        }
        match self.relay_state.as_deref().and_then(relay_state_problem) {
            Some(problem) => Err(refused("relay_state", &problem)),
            None => Ok(()),
        }
    }

    pub(crate) fn phone_number(&self) -> &str {
        &self.phone_number
    }

    pub(crate) fn sent_relay_state(&self) -> Option<&str> {
        self.relay_state.as_deref()
    }

    pub(crate) fn csrf_header(&self) -> Option<&str> {
        self.csrf_token.as_deref()
    }

    /// The body of the POST, as in the gateway's documentation.
    pub(crate) fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Body<'a> {
            locale: &'a str,
            metadata: Metadata<'a>,
            redirect_failure: &'a str,
            redirect_success: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            relay_state: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            webhook: Option<&'a str>,
        }
        #[derive(Serialize)]
        struct Metadata<'a> {
            phone_number: &'a str,
        }
        serde_json::to_string(&Body {
            locale: &self.locale,
            metadata: Metadata { phone_number: &self.phone_number },
            redirect_failure: &self.redirect_failure,
            redirect_success: &self.redirect_success,
            relay_state: self.relay_state.as_deref(),
            webhook: self.webhook.as_deref(),
        })
        .expect("strings can always be serialized")
    }
}

impl fmt::Debug for Phone2faRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phone2faRequest")
            .field("phone_number", &redact::phone(&self.phone_number))
            .finish_non_exhaustive()
    }
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn refused(name: &str, problem: &str) -> Error {
    Error::invalid_argument(name, problem)
}

fn check_url(name: &str, text: &str) -> Result<(), Error> {
    if text.is_empty() {
        return Err(refused(name, "is required: an absolute http or https URL"));
    }
    url::check(text).map_err(|problem| refused(name, &problem))
}

fn locale_problem(locale: &str) -> Option<String> {
    // ZignSec documents one value only, so any word is allowed.
    const MAX_LENGTH: usize = 256;
    match locale.chars().count() {
        length if length > MAX_LENGTH => {
            Some(format!("is too long: it has {length} characters, at most {MAX_LENGTH}"))
        }
        _ => text_problem::find(locale, &|c| !c.is_control()),
    }
}

fn relay_state_problem(text: &str) -> Option<String> {
    // Written with six bytes a byte in JSON, it must fit into a response beside the URLs.
    const MAX_LENGTH: usize = 16 * 1024;
    if text.len() > MAX_LENGTH {
        let length = text.len();
        return Some(format!("is too long: it has {length} bytes in UTF-8, at most {MAX_LENGTH}"));
    }
    // The gateway returns it, and a C string would end at the NUL.
    text.contains('\0').then(|| text_problem::find(text, &|c| c != '\0')).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documented_example() -> Phone2faRequest {
        Phone2faRequest::new("+46703339954")
            .redirect_success("https://my_success_url.com")
            .redirect_failure("https://my_failure_url.com")
    }

    #[test]
    fn the_body_is_the_documented_one() {
        let body = documented_example()
            .relay_state("Tulasi_V5_SMS")
            .webhook("https://webhook.site/zignsec")
            .to_json();
        let expected = serde_json::json!({
            "locale": "En",
            "metadata": { "phone_number": "+46703339954" },
            "redirect_failure": "https://my_failure_url.com",
            "redirect_success": "https://my_success_url.com",
            "relay_state": "Tulasi_V5_SMS",
            "webhook": "https://webhook.site/zignsec",
        });
        assert_eq!(serde_json::from_str::<serde_json::Value>(&body).unwrap(), expected);
    }

    #[test]
    fn empty_values_are_omitted() {
        let request = documented_example().locale("").relay_state("").webhook("").csrf_token("");
        assert_eq!(request, documented_example());
        let body: serde_json::Value = serde_json::from_str(&request.to_json()).unwrap();
        assert_eq!(body.as_object().unwrap().len(), 4);
    }

    #[test]
    fn a_missing_redirect_is_an_error_that_names_it() {
        let request = Phone2faRequest::new("+46703339954").redirect_success("https://a.example");
        let error = request.check().unwrap_err();
        assert!(error.message().starts_with("redirect_failure is required"), "{error}");
    }

    #[test]
    fn debug_masks_the_phone_number() {
        let shown = format!("{:?}", documented_example());
        assert!(shown.contains("+46*****954") && !shown.contains("46703339954"), "{shown}");
    }
}
