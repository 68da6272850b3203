//! A client and its calls, for C.

use std::time::Duration;

use once_cell::race::OnceBox;
use zignsec_core::{AuthScheme, Client, ClientBuilder, Environment, Error, WaitOptions};

use crate::boundary::{self, boundary};
use crate::error::zs_error;
use crate::ptr::{self, Back, Lent, Out, Struct, Text};
use crate::request::zs_phone_2fa_request;
use crate::result::zs_result;
use crate::session::zs_session;
use crate::wait::zs_wait_options;

/// zs_client_options.environment: what ZIGNSEC_ENVIRONMENT says (test or production), else test.
pub const ZS_ENVIRONMENT_DEFAULT: i32 = 0;
/// zs_client_options.environment: https://test-gateway.zignsec.com
pub const ZS_ENVIRONMENT_TEST: i32 = 1;
/// zs_client_options.environment: https://gateway.zignsec.com
pub const ZS_ENVIRONMENT_PRODUCTION: i32 = 2;
/// zs_client_options.auth_scheme: the key goes in the header Authorization.
pub const ZS_AUTH_AUTHORIZATION: i32 = 0;
/// zs_client_options.auth_scheme: the key goes in the header Zs-Product-Key.
pub const ZS_AUTH_ZS_PRODUCT_KEY: i32 = 1;

/// The settings of a client. Begin with ZS_CLIENT_OPTIONS_INIT. The library keeps copies.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zs_client_options<'a> {
    /// sizeof(zs_client_options).
    pub struct_size: usize,
    /// The API key: visible ASCII without spaces. NULL: ZIGNSEC_API_KEY, and beside it
    /// ZIGNSEC_SECONDARY_API_KEY.
    pub api_key: Text<'a>,
    /// The account's other key, tried once where the gateway answers 401 to the one in use, and kept
    /// if that helps. NULL: none.
    pub secondary_api_key: Text<'a>,
    /// Where the gateway is: https, or http to loopback. It wins over environment. NULL: as
    /// environment says, or ZIGNSEC_BASE_URL where that is ZS_ENVIRONMENT_DEFAULT.
    pub base_url: Text<'a>,
    /// One of ZS_ENVIRONMENT_...
    pub environment: i32,
    /// One of ZS_AUTH_...
    pub auth_scheme: i32,
    /// The limit for name look-up, TCP, proxy and TLS together, in milliseconds. 0: 5000.
    pub connect_timeout_ms: u32,
    /// The limit for one attempt, in milliseconds. 0: 10000.
    pub attempt_timeout_ms: u32,
    /// The limit for a whole call, in milliseconds. 0: 30000.
    pub timeout_ms: u32,
    /// How many more attempts a call may make where that is safe and can help. 0: 2. -1: none.
    /// timeout_ms is for all of them and the pauses between.
    pub max_retries: i32,
    /// A PEM file with the certificates to trust, in place of every other. NULL: SSL_CERT_FILE and
    /// SSL_CERT_DIR, else REQUESTS_CA_BUNDLE, else CURL_CA_BUNDLE, else the system's store.
    pub ca_file: Text<'a>,
    /// A PEM file with the certificate chain to show to the gateway (mutual TLS). NULL: none.
    pub client_cert_file: Text<'a>,
    /// A PEM file with the private key of client_cert_file. Set both or neither.
    pub client_key_file: Text<'a>,
    /// The URL of an http or https proxy, or "none" for a direct connection. NULL: HTTPS_PROXY, else
    /// ALL_PROXY, with NO_PROXY. Loopback is always reached directly.
    pub proxy: Text<'a>,
    /// The header user-agent, printable ASCII. NULL: "zignsec/" and the version.
    pub user_agent: Text<'a>,
}

impl zs_client_options<'_> {
    fn to_core(self) -> Result<ClientBuilder, Error> {
        let mut builder = ClientBuilder::new();
        if let Some(key) = self.api_key.optional("api_key")? {
            builder = builder.api_key(key);
        }
        if let Some(key) = self.secondary_api_key.optional("secondary_api_key")? {
            builder = builder.secondary_api_key(key);
        }
        if let Some(url) = self.base_url.optional("base_url")? {
            builder = builder.base_url(url);
        }
        match self.environment {
            ZS_ENVIRONMENT_DEFAULT => {}
            ZS_ENVIRONMENT_TEST => builder = builder.environment(Environment::Test),
            ZS_ENVIRONMENT_PRODUCTION => builder = builder.environment(Environment::Production),
            _ => return Err(ptr::invalid("environment", "is not one of ZS_ENVIRONMENT_...")),
        }
        match self.auth_scheme {
            ZS_AUTH_AUTHORIZATION => {}
            ZS_AUTH_ZS_PRODUCT_KEY => builder = builder.auth_scheme(AuthScheme::ZsProductKey),
            _ => return Err(ptr::invalid("auth_scheme", "is not one of ZS_AUTH_...")),
        }
        if self.connect_timeout_ms != 0 {
            builder = builder.connect_timeout(milliseconds(self.connect_timeout_ms));
        }
        if self.attempt_timeout_ms != 0 {
            builder = builder.attempt_timeout(milliseconds(self.attempt_timeout_ms));
        }
        if self.timeout_ms != 0 {
            builder = builder.timeout(milliseconds(self.timeout_ms));
        }
        match self.max_retries {
            0 => {}
            -1 => builder = builder.max_retries(0),
            count => {
                let count = count
                    .try_into()
                    .map_err(|_| ptr::invalid("max_retries", "must be -1 or more"))?;
                builder = builder.max_retries(count);
            }
        }
        if let Some(file) = self.ca_file.optional("ca_file")? {
            builder = builder.ca_file(file);
        }
        let cert = self.client_cert_file.optional("client_cert_file")?;
        let key = self.client_key_file.optional("client_key_file")?;
        if cert.is_some() || key.is_some() {
            builder = builder.client_cert(cert.unwrap_or_default(), key.unwrap_or_default());
        }
        if let Some(url) = self.proxy.optional("proxy")? {
            builder = builder.proxy(url);
        }
        if let Some(text) = self.user_agent.optional("user_agent")? {
            builder = builder.user_agent(text);
        }
        Ok(builder)
    }
}

pub(crate) fn milliseconds(number: u32) -> Duration {
    Duration::from_millis(number.into())
}

/// A client: settings, keys and open connections. Make one, keep it and share it; free it with
/// zs_client_free().
pub struct zs_client(Client);

/// The process's own client. No lock guards it that a fork could leave held in the child.
static DEFAULT: OnceBox<zs_client> = OnceBox::new();

/// Makes a client. Every setting is checked; nothing is sent. The environment is read here and never
/// again.
///
/// @param options          The settings. NULL: all defaults, the key from ZIGNSEC_API_KEY.
/// @param[out] out_client  The new client; yours, for zs_client_free().
/// @param[out] out_error   The error, for zs_error_free(). May be NULL.
/// @return ZS_OK; ZS_ERROR_CONFIGURATION for no key or a malformed one, a bad base URL, plain http to
///         a host that is not loopback, an unreadable file, a certificate and key that do not belong
///         together, a proxy that is not supported; ZS_ERROR_INVALID_ARGUMENT for text that is not
///         UTF-8, an unknown number, a bad struct_size.
#[unsafe(no_mangle)]
pub extern "C" fn zs_client_new(
    options: Struct<'_, zs_client_options<'_>>,
    out_client: Out<'_, zs_client>,
    out_error: Out<'_, zs_error>,
) -> zs_result {
    boundary("out_client", out_client, out_error, || {
        let builder = match ptr::read_struct("options", options)? {
            Some(options) => options.to_core()?,
            None => ClientBuilder::new(),
        };
        builder.build().map(zs_client)
    })
}

/// The process's own client, set up from the environment alone. The first call makes it, as
/// zs_client_new() with NULL does; every later one gives the same. A call that fails leaves nothing
/// behind: the next one tries again.
///
/// @param[out] out_client  The client. It is the library's and lives as long as the process: it is
///                         not for zs_client_free(), which leaves it alone.
/// @param[out] out_error   The error, for zs_error_free(). May be NULL.
/// @return As zs_client_new().
#[unsafe(no_mangle)]
pub extern "C" fn zs_client_default(
    out_client: Lent<'_, zs_client>,
    out_error: Out<'_, zs_error>,
) -> zs_result {
    boundary("out_client", out_client, out_error, || {
        DEFAULT.get_or_try_init(|| Ok(Box::new(zs_client(ClientBuilder::new().build()?))))
    })
}

/// Makes another client with the same settings, keys and connections, whose calls are cancelled apart
/// from those of the first: see zs_client_cancel(). Nothing is sent. Free the two in any order.
///
/// @param client           A client.
/// @param[out] out_client  The new client; yours, for zs_client_free().
/// @param[out] out_error   The error, for zs_error_free(). May be NULL.
/// @return ZS_OK; ZS_ERROR_INVALID_ARGUMENT for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_client_dup(
    client: Option<&zs_client>,
    out_client: Out<'_, zs_client>,
    out_error: Out<'_, zs_error>,
) -> zs_result {
    boundary("out_client", out_client, out_error, || {
        let client = client.ok_or_else(|| ptr::is_null("client"))?;
        Ok(zs_client(client.0.duplicate()))
    })
}

/// Stops the calls in flight on this client: each returns ZS_ERROR_CANCELLED within a tenth of a
/// second, waits and pauses too. The client goes on, and later calls are not touched; nor are those of
/// its duplicates. Any thread may call this, and a signal handler too: it takes no lock and allocates
/// nothing. It returns at once; it does not wait for the calls to end.
///
/// @param client  A client, or NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_client_cancel(client: Option<&zs_client>) {
    if let Some(client) = client {
        client.0.cancel();
    }
}

/// Step 1: opens a session. Send the user to its zs_session_redirect_url(), and remember its
/// zs_session_id() on your side, in that user's login. Blocks, at the longest for the client's
/// timeout.
///
/// @param client            A client.
/// @param request           What to open.
/// @param[out] out_session  The session; yours, for zs_session_free().
/// @param[out] out_error    The error, for zs_error_free(). May be NULL.
/// @return ZS_OK; ZS_ERROR_INVALID_ARGUMENT before anything is sent; any other zs_result of a failed
///         call. Where zs_error_in_doubt() is 1, a session may have been opened.
#[unsafe(no_mangle)]
pub extern "C" fn zs_start_phone_2fa(
    client: Option<&zs_client>,
    request: Struct<'_, zs_phone_2fa_request<'_>>,
    out_session: Out<'_, zs_session>,
    out_error: Out<'_, zs_error>,
) -> zs_result {
    boundary("out_session", out_session, out_error, || {
        let client = client.ok_or_else(|| ptr::is_null("client"))?;
        let request =
            ptr::read_struct("request", request)?.ok_or_else(|| ptr::is_null("request"))?;
        client.0.start_phone_2fa(&request.to_core()?).map(|session| zs_session::new(&session))
    })
}

/// Step 3: asks how a session stands; zs_session_is_verified() is the verdict. Blocks, at the longest
/// for the client's timeout.
///
/// @param client            A client.
/// @param session_id        The id of a session that your server opened: 1 to 64 letters, digits and
///                          hyphens.
/// @param[out] out_session  The session; yours, for zs_session_free().
/// @param[out] out_error    The error, for zs_error_free(). May be NULL.
/// @return ZS_OK; ZS_ERROR_INVALID_ARGUMENT before anything is sent; ZS_ERROR_NOT_FOUND for an id that
///         the gateway does not know; ZS_ERROR_PROTOCOL also where the answer is another session's;
///         any other zs_result of a failed call.
#[unsafe(no_mangle)]
pub extern "C" fn zs_get_session(
    client: Option<&zs_client>,
    session_id: Text<'_>,
    out_session: Out<'_, zs_session>,
    out_error: Out<'_, zs_error>,
) -> zs_result {
    boundary("out_session", out_session, out_error, || {
        let client = client.ok_or_else(|| ptr::is_null("client"))?;
        let id = session_id.required("session_id")?;
        #[cfg(feature = "__panic")]
        assert_ne!(id, "panic", "requested by a test");
        client.0.get_session(id).map(|session| zs_session::new(&session))
    })
}

/// Step 3, until there is a verdict: asks again and again how a session stands, and blocks, until it
/// is final. A poll that fails as time may heal is not the end, and a pause is at least what the
/// gateway asks for. zs_client_cancel() ends the wait.
///
/// @param client            A client. Its limits are for each poll; no poll outlives the wait.
/// @param session_id        The id of a session that your server opened: 1 to 64 letters, digits and
///                          hyphens.
/// @param options           How to wait. NULL: all defaults.
/// @param[out] out_session  The session, final; yours, for zs_session_free().
/// @param[out] out_error    The error, for zs_error_free(). May be NULL.
/// @return ZS_OK, of any session that has ended, well or not: zs_session_is_verified() is the verdict;
///         ZS_ERROR_WAIT_TIMEOUT where it has not ended in time, and the message says what was last
///         seen; ZS_ERROR_CANCELLED where on_poll or zs_client_cancel() stopped the wait;
///         ZS_ERROR_INVALID_ARGUMENT before anything is sent; any other zs_result of
///         zs_get_session() that time does not heal.
#[unsafe(no_mangle)]
pub extern "C" fn zs_wait_for_session(
    client: Option<&zs_client>,
    session_id: Text<'_>,
    options: Struct<'_, zs_wait_options>,
    out_session: Out<'_, zs_session>,
    out_error: Out<'_, zs_error>,
) -> zs_result {
    boundary("out_session", out_session, out_error, || {
        let client = client.ok_or_else(|| ptr::is_null("client"))?;
        let id = session_id.required("session_id")?;
        let options = ptr::read_struct("options", options)?
            .map_or_else(WaitOptions::default, zs_wait_options::to_core);
        client.0.wait_for_session(id, &options).map(|session| zs_session::new(&session))
    })
}

/// Frees a client, and closes its connections once its duplicates are freed too. No call may be in
/// flight on it.
///
/// @param client  A client, or NULL. That of zs_client_default() is left as it is.
#[unsafe(no_mangle)]
pub extern "C" fn zs_client_free(client: Back<'_, zs_client>) {
    boundary::take_back(client.owned(DEFAULT.get()));
}
