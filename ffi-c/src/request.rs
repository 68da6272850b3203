//! The request that starts a session.

use zignsec_core::{Error, Phone2faRequest};

use crate::ptr::{InStr, InitPtr, extensible};

/// The request that starts a session. Initialise it with ZS_PHONE_2FA_REQUEST_INIT or
/// zs_phone_2fa_request_init(). The library reads it during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zs_phone_2fa_request<'a> {
    /// sizeof(zs_phone_2fa_request).
    pub struct_size: usize,
    /// Required: the user's phone number in E.164 form, `+` and 7 to 15 digits, the first not 0.
    /// Other forms are refused, not converted: libphonenumber does it.
    pub phone_number: InStr<'a>,
    /// Required: the URL to which the gateway redirects the user after success, absolute http or
    /// https. Percent-encode characters that RFC 3986 does not allow, and write a Unicode host in its
    /// ASCII form (xn--...). No user name or password. An app needs an https link.
    pub redirect_success: InStr<'a>,
    /// Required: the URL to which the gateway redirects the user otherwise, with the same rules.
    pub redirect_failure: InStr<'a>,
    /// The language of the gateway's page, at most 256 characters. NULL: "En".
    pub locale: InStr<'a>,
    /// Text that the gateway stores with the session and returns with it, at most 16 KiB. NULL: none.
    pub relay_state: InStr<'a>,
    /// The URL to which the gateway posts status changes, with the rules of redirect_success; see
    /// zs_verify_webhook(). NULL: none.
    pub webhook: InStr<'a>,
    /// The header x-csrf-token, printable ASCII. NULL: not sent.
    pub csrf_token: InStr<'a>,
}

extensible!(zs_phone_2fa_request<'a>, "ZS_PHONE_2FA_REQUEST_INIT", {
    struct_size,
    phone_number,
    redirect_success,
    redirect_failure,
    locale,
    relay_state,
    webhook,
    csrf_token,
});

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

/// Initialises a request, as ZS_PHONE_2FA_REQUEST_INIT does, for languages without a C
/// preprocessor: writes zero into struct_size bytes, then stores struct_size.
///
/// @param[out] request  The request. NULL: nothing is written.
/// @param struct_size   The size of the struct as the caller declares it, at most 4096. A size less
///                      than sizeof(size_t): nothing is written.
#[unsafe(no_mangle)]
pub extern "C" fn zs_phone_2fa_request_init(
    request: InitPtr<'_, zs_phone_2fa_request<'_>>,
    struct_size: usize,
) {
    request.init(struct_size);
}
