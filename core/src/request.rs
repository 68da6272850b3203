//! What is sent to open a session, checked before anything is sent.

use std::fmt;

use serde::Serialize;

use crate::error::Error;
use crate::{redact, url};

/// A phone two-factor session to open: step 1 of 3.
///
/// ```
/// # use zignsec::Phone2faRequest;
/// let request = Phone2faRequest::new(
///     "+46701740605",
///     "https://example.com/signed-in",
///     "https://example.com/try-again",
/// )?
/// .locale("Se")
/// .relay_state("order 66");
/// # Ok::<(), zignsec::Error>(())
/// ```
///
/// `Debug` shows the phone number masked and nothing else.
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
    /// A request for the user behind `phone_number`, in E.164 form: `+`, then 7 to 15 digits, the
    /// first not 0. The gateway sends the user to `redirect_success` or `redirect_failure`, both
    /// absolute http or https URLs, when they are done.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument), which names the argument.
    pub fn new(
        phone_number: impl Into<String>,
        redirect_success: impl Into<String>,
        redirect_failure: impl Into<String>,
    ) -> Result<Self, Error> {
        let request = Self {
            phone_number: phone_number.into(),
            redirect_success: redirect_success.into(),
            redirect_failure: redirect_failure.into(),
            locale: "En".to_owned(),
            relay_state: None,
            webhook: None,
            csrf_token: None,
        };
        if !is_e164(&request.phone_number) {
            return Err(Error::invalid_argument(
                "phone_number",
                "must be + and 7 to 15 digits, the first not 0, such as +46701740699",
            ));
        }
        check_url("redirect_success", &request.redirect_success)?;
        check_url("redirect_failure", &request.redirect_failure)?;
        Ok(request)
    }

    /// The language of the gateway's page. The default is `En`, the one word that ZignSec
    /// documents; its other products take country-like words (`Se`, `Da`). Empty is the default.
    #[must_use]
    pub fn locale(mut self, locale: impl Into<String>) -> Self {
        let locale = locale.into();
        self.locale = if locale.is_empty() { "En".to_owned() } else { locale };
        self
    }

    /// Text of your own that the session carries. Empty is none.
    #[must_use]
    pub fn relay_state(mut self, relay_state: impl Into<String>) -> Self {
        self.relay_state = present(relay_state.into());
        self
    }

    /// Where the gateway reports changes of the session: an absolute http or https URL, checked
    /// when the request is sent. Empty is none.
    #[must_use]
    pub fn webhook(mut self, webhook: impl Into<String>) -> Self {
        self.webhook = present(webhook.into());
        self
    }

    /// The header `x-csrf-token`: printable ASCII, checked when the request is sent. The gateway's
    /// page shows it; no known integration sends it. Empty is none.
    #[must_use]
    pub fn csrf_token(mut self, csrf_token: impl Into<String>) -> Self {
        self.csrf_token = present(csrf_token.into());
        self
    }

    /// What the setters took without a look.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(webhook) = &self.webhook {
            check_url("webhook", webhook)?;
        }
        let token = self.csrf_token.as_deref().unwrap_or_default();
        if !is_printable_ascii(token) || token.len() > LONGEST_HEADER {
            return Err(Error::invalid_argument(
                "csrf_token",
                "must be printable ASCII, at most 4096 characters of it",
            ));
        }
        let relay_state = self.relay_state.as_deref().unwrap_or_default();
        for (name, text) in [("locale", self.locale.as_str()), ("relay_state", relay_state)] {
            // The gateway would tell it back, and C would see the text end there.
            if text.contains('\0') {
                return Err(Error::invalid_argument(name, "must not hold U+0000"));
            }
        }
        Ok(())
    }

    pub(crate) fn csrf_header(&self) -> Option<&str> {
        self.csrf_token.as_deref()
    }

    /// The body of the POST, field by field as the gateway's page shows it.
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
        .expect("strings always serialize")
    }
}

impl fmt::Debug for Phone2faRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phone2faRequest")
            .field("phone_number", &redact::phone(&self.phone_number))
            .finish_non_exhaustive()
    }
}

fn present(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// The longest value of a header. All of a request's head must fit one buffer of the transport.
pub(crate) const LONGEST_HEADER: usize = 4096;

fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

pub(crate) fn is_printable_ascii(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn check_url(name: &str, text: &str) -> Result<(), Error> {
    url::absolute(text).map(|_| ()).map_err(|rule| Error::invalid_argument(name, rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_example() -> Phone2faRequest {
        Phone2faRequest::new(
            "+46703339954",
            "https://my_success_url.com",
            "https://my_failure_url.com",
        )
        .unwrap()
    }

    #[test]
    fn the_body_is_that_of_the_gateways_page() {
        let body = page_example()
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
    fn empty_options_are_left_out() {
        let request = page_example().locale("").relay_state("").webhook("").csrf_token("");
        assert_eq!(request, page_example());
        let body: serde_json::Value = serde_json::from_str(&request.to_json()).unwrap();
        assert_eq!(body.as_object().unwrap().len(), 4);
    }

    #[test]
    fn debug_masks_the_phone_number() {
        let shown = format!("{:?}", page_example());
        assert!(shown.contains("+46*****954") && !shown.contains("46703339954"), "{shown}");
    }
}
