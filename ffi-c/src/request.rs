//! What is sent to open a session, from C.

use zignsec_core::{Error, Phone2faRequest};

use crate::ptr::Text;

/// A session to open. Begin with ZS_PHONE_2FA_REQUEST_INIT. The library keeps nothing of it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zs_phone_2fa_request<'a> {
    /// sizeof(zs_phone_2fa_request).
    pub struct_size: usize,
    /// Required: the user's phone in E.164 form, `+` and 7 to 15 digits, the first not 0.
    pub phone_number: Text<'a>,
    /// Required: where a user who passed is sent, an absolute http or https URL.
    pub redirect_success: Text<'a>,
    /// Required: where any other user is sent, an absolute http or https URL.
    pub redirect_failure: Text<'a>,
    /// The language of the gateway's page. NULL: "En".
    pub locale: Text<'a>,
    /// Text of your own that the session carries. NULL: none.
    pub relay_state: Text<'a>,
    /// Where the gateway reports changes, an absolute http or https URL; see zs_verify_webhook().
    /// NULL: nowhere.
    pub webhook: Text<'a>,
    /// The header x-csrf-token, printable ASCII. NULL: not sent.
    pub csrf_token: Text<'a>,
}

impl zs_phone_2fa_request<'_> {
    pub(crate) fn to_core(self) -> Result<Phone2faRequest, Error> {
        let mut request = Phone2faRequest::new(self.phone_number.required("phone_number")?)
            .redirect_success(self.redirect_success.required("redirect_success")?)
            .redirect_failure(self.redirect_failure.required("redirect_failure")?);
        if let Some(locale) = self.locale.optional("locale")? {
            request = request.locale(locale);
        }
        if let Some(relay_state) = self.relay_state.optional("relay_state")? {
            request = request.relay_state(relay_state);
        }
        if let Some(webhook) = self.webhook.optional("webhook")? {
            request = request.webhook(webhook);
        }
        if let Some(csrf_token) = self.csrf_token.optional("csrf_token")? {
            request = request.csrf_token(csrf_token);
        }
        Ok(request)
    }
}
