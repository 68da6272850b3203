//! A client and its calls.

use once_cell::race::OnceBox;
use zignsec_core::bindings::{self, Options, Zeroizing};
use zignsec_core::{AuthScheme, Client, Environment, Error, WaitOptions};

use crate::argument;
use crate::call::ffi_call;
use crate::catch;
use crate::duration;
use crate::error::zs_error;
use crate::fork;
use crate::ptr::{self, FreePtr, InPtr, InStr, InitPtr, OutBorrowed, OutPtr, extensible};
use crate::request::zs_phone_2fa_request;
use crate::result::zs_result;
use crate::session::zs_session;
use crate::wait::zs_wait_options;

/// zs_client_options.environment: the value of ZIGNSEC_ENVIRONMENT (test or production), else test.
pub const ZS_ENVIRONMENT_DEFAULT: i32 = 0;
/// zs_client_options.environment: https://test-gateway.zignsec.com
pub const ZS_ENVIRONMENT_TEST: i32 = 1;
/// zs_client_options.environment: https://gateway.zignsec.com
pub const ZS_ENVIRONMENT_PRODUCTION: i32 = 2;
/// zs_client_options.auth_scheme: the API key is sent in the header Authorization.
pub const ZS_AUTH_AUTHORIZATION: i32 = 0;
/// zs_client_options.auth_scheme: the API key is sent in the header Zs-Product-Key.
pub const ZS_AUTH_ZS_PRODUCT_KEY: i32 = 1;

/// The options of a client. Initialise them with ZS_CLIENT_OPTIONS_INIT or
/// zs_client_options_init(). The library keeps copies.
///
/// If the process runs with raised privileges (set-user-ID, set-group-ID, file capabilities:
/// getauxval(AT_SECURE)), the library reads no environment variable, because the user who started
/// the process chose them. An option that is not set then has its default, and api_key must be set.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zs_client_options<'a> {
    /// sizeof(zs_client_options).
    pub struct_size: usize,
    /// The API key: visible ASCII without spaces. NULL: ZIGNSEC_API_KEY, and
    /// ZIGNSEC_SECONDARY_API_KEY with it.
    pub api_key: InStr<'a>,
    /// A second API key of the account. If the gateway returns 401 for the current key, this one is
    /// tried once, and used from then on if it is accepted. NULL: none.
    pub secondary_api_key: InStr<'a>,
    /// The URL of the gateway: https, or http to loopback. It takes precedence over environment.
    /// NULL: the URL of environment; with ZS_ENVIRONMENT_DEFAULT, ZIGNSEC_BASE_URL if that is set.
    pub base_url: InStr<'a>,
    /// One of ZS_ENVIRONMENT_...
    pub environment: i32,
    /// One of ZS_AUTH_...
    pub auth_scheme: i32,
    /// The limit for name resolution, TCP, proxy and TLS together, in milliseconds. 0: 5000.
    pub connect_timeout_ms: u32,
    /// The limit for one attempt, in milliseconds. 0: 10000.
    pub attempt_timeout_ms: u32,
    /// The limit for a whole call, including all attempts and the pauses between them, in
    /// milliseconds. 0: 30000.
    pub timeout_ms: u32,
    /// How many times a call may be retried when that is safe and can help. 0: 2. -1: never.
    pub max_retries: i32,
    /// A file with the CA certificates to trust, PEM or one in DER; no others are trusted. NULL:
    /// SSL_CERT_FILE and SSL_CERT_DIR, else REQUESTS_CA_BUNDLE, else CURL_CA_BUNDLE, else the system's
    /// trust store.
    pub ca_file: InStr<'a>,
    /// A file with the client certificate chain, PEM or DER, the client's own first, for mutual TLS.
    /// NULL: none.
    pub client_cert_file: InStr<'a>,
    /// A file with the private key of client_cert_file, PEM or DER, not encrypted: P-256, P-384,
    /// Ed25519, or RSA of 2048 to 4096 bits. Set both or neither.
    pub client_key_file: InStr<'a>,
    /// The URL of a proxy, such as http://user:password@proxy.example:3128, or "none" for a direct
    /// connection. The schemes are http (the default), https, socks5 and socks5h; the default ports
    /// are 80, 443 and 1080. With socks5, the client resolves the host name of the gateway; with
    /// socks5h or socks, the proxy does. NULL: HTTPS_PROXY, else ALL_PROXY, with the exceptions of
    /// NO_PROXY; the lower-case spelling wins, also if it is empty. Connections to loopback never
    /// use a proxy.
    pub proxy: InStr<'a>,
    /// The header user-agent, printable ASCII. NULL: "zignsec/" and the version.
    pub user_agent: InStr<'a>,
}

extensible!(zs_client_options<'a>, "ZS_CLIENT_OPTIONS_INIT", {
    struct_size,
    api_key,
    secondary_api_key,
    base_url,
    environment,
    auth_scheme,
    connect_timeout_ms,
    attempt_timeout_ms,
    timeout_ms,
    max_retries,
    ca_file,
    client_cert_file,
    client_key_file,
    proxy,
    user_agent,
});

impl zs_client_options<'_> {
    fn to_core(self) -> Result<Options, Error> {
        Ok(Options {
            api_key: self.api_key.optional_owned("api_key")?.map(Zeroizing::new),
            secondary_api_key: self
                .secondary_api_key
                .optional_owned("secondary_api_key")?
                .map(Zeroizing::new),
            base_url: self.base_url.optional_owned("base_url")?,
            environment: environment(self.environment)?,
            auth_scheme: auth_scheme(self.auth_scheme)?,
            connect_timeout: duration::from_ms(self.connect_timeout_ms),
            attempt_timeout: duration::from_ms(self.attempt_timeout_ms),
            timeout: duration::from_ms(self.timeout_ms),
            max_retries: max_retries(self.max_retries)?,
            ca_file: self.ca_file.optional_owned("ca_file")?,
            client_cert_file: self.client_cert_file.optional_owned("client_cert_file")?,
            client_key_file: self.client_key_file.optional_owned("client_key_file")?,
            proxy: self.proxy.optional_owned("proxy")?.map(Zeroizing::new),
            user_agent: self.user_agent.optional_owned("user_agent")?,
            interrupt: None,
            at_secure: ptr::at_secure(),
        })
    }
}

/// Options of which none is set.
fn no_options() -> Options {
    Options { at_secure: ptr::at_secure(), ..Options::default() }
}

fn environment(number: i32) -> Result<Option<Environment>, Error> {
    match number {
        ZS_ENVIRONMENT_DEFAULT => Ok(None),
        ZS_ENVIRONMENT_TEST => Ok(Some(Environment::Test)),
        ZS_ENVIRONMENT_PRODUCTION => Ok(Some(Environment::Production)),
        _ => Err(argument::invalid("environment", "is not one of ZS_ENVIRONMENT_...")),
    }
}

fn auth_scheme(number: i32) -> Result<Option<AuthScheme>, Error> {
    match number {
        ZS_AUTH_AUTHORIZATION => Ok(None),
        ZS_AUTH_ZS_PRODUCT_KEY => Ok(Some(AuthScheme::ZsProductKey)),
        _ => Err(argument::invalid("auth_scheme", "is not one of ZS_AUTH_...")),
    }
}

fn max_retries(number: i32) -> Result<Option<u32>, Error> {
    match number {
        0 => Ok(None),
        -1 => Ok(Some(0)),
        _ => u32::try_from(number)
            .map(Some)
            .map_err(|_| argument::invalid("max_retries", "must not be less than -1")),
    }
}

/// Initialises options of a client, as ZS_CLIENT_OPTIONS_INIT does, for languages without a C
/// preprocessor: writes zero into struct_size bytes, then stores struct_size.
///
/// @param[out] options  The options. NULL: nothing is written.
/// @param struct_size   The size of the struct as the caller declares it, at most 4096. A size less
///                      than sizeof(size_t): nothing is written.
#[unsafe(no_mangle)]
pub extern "C" fn zs_client_options_init(
    options: InitPtr<'_, zs_client_options<'_>>,
    struct_size: usize,
) {
    options.init(struct_size);
}

/// A client: options, API keys and open connections. Create one, keep it and share it; free it with
/// zs_client_free().
pub struct zs_client(Client);

/// The client of the process. It has no lock that a fork could leave locked in the child.
static DEFAULT: OnceBox<zs_client> = OnceBox::new();

/// Creates a client in a process whose forks are reported to the core. Each thread that outlives a
/// call belongs to a client, so that the library must stay loaded from here on.
fn new_client(options: Options) -> Result<zs_client, Error> {
    fork::report_forks();
    ptr::stay_loaded();
    bindings::client(options).map(zs_client)
}

/// Creates a client. All options are checked; nothing is sent. Environment variables are read
/// only here, and not at all if the process runs with raised privileges: see zs_client_options.
///
/// @param options          The options. NULL: all defaults, with the API key from ZIGNSEC_API_KEY.
/// @param[out] out_client  The new client. Free it with zs_client_free().
/// @param[out] out_error   The error. Free it with zs_error_free(). May be NULL.
/// @return ZS_OK; ZS_ERROR_CONFIGURATION for a missing or malformed API key, an invalid base URL,
///         plain http to a host that is not loopback, an unreadable file, a certificate and key
///         that do not match, or an unsupported proxy; ZS_ERROR_INVALID_ARGUMENT for text that is
///         not UTF-8, an unknown number, or an invalid struct_size.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zs_client_new(
    options: InPtr<'_, zs_client_options<'_>>,
    out_client: OutPtr<'_, zs_client>,
    out_error: OutPtr<'_, zs_error>,
) -> zs_result {
    ffi_call("out_client", out_client, out_error, || {
        let options = match options.read("options")? {
            Some(options) => options.to_core()?,
            None => no_options(),
        };
        new_client(options)
    })
}

/// Returns the client of the process, which is configured by environment variables alone. The first
/// call creates it, as zs_client_new() with NULL does; later calls return the same client. If a
/// call fails, the next one tries again. It cannot be reset: a test that changes the environment uses
/// zs_client_new() with NULL.
///
/// @param[out] out_client  The client. The library owns it until the process ends; zs_client_free()
///                         ignores it.
/// @param[out] out_error   The error. Free it with zs_error_free(). May be NULL.
/// @return As zs_client_new().
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zs_client_default(
    out_client: OutBorrowed<'_, zs_client>,
    out_error: OutPtr<'_, zs_error>,
) -> zs_result {
    ffi_call("out_client", out_client, out_error, || {
        DEFAULT.get_or_try_init(|| new_client(no_options()).map(Box::new))
    })
}

/// Creates a client that shares options, API keys and connections with another one. Its calls are
/// cancelled separately: see zs_client_cancel(). Nothing is sent. Free the two in any order.
///
/// @param client           A client.
/// @param[out] out_client  The new client. Free it with zs_client_free().
/// @param[out] out_error   The error. Free it with zs_error_free(). May be NULL.
/// @return ZS_OK; ZS_ERROR_INVALID_ARGUMENT for NULL.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zs_client_dup(
    client: Option<&zs_client>,
    out_client: OutPtr<'_, zs_client>,
    out_error: OutPtr<'_, zs_error>,
) -> zs_result {
    ffi_call("out_client", out_client, out_error, || {
        let client = client.ok_or_else(|| argument::is_null("client"))?;
        Ok(zs_client(client.0.duplicate()))
    })
}

/// Cancels the running calls of a client, including waits and pauses: each returns
/// ZS_ERROR_CANCELLED within 100 ms. Later calls and the calls of its duplicates are not affected.
/// Returns immediately, before the calls end. It may be called from any thread and from a signal
/// handler: it takes no lock and allocates nothing.
///
/// @param client  A client, or NULL. It must not be freed during the call, also not by the code
///                that a signal interrupts.
#[unsafe(no_mangle)]
pub extern "C" fn zs_client_cancel(client: Option<&zs_client>) {
    if let Some(client) = client {
        client.0.cancel();
    }
}

/// Step 1: starts a session. Redirect the user to its zs_session_redirect_url(), and store its
/// zs_session_id() on your server with the login of that user. Blocks, at most for the timeout of
/// the client.
///
/// @param client            A client.
/// @param request           The request.
/// @param[out] out_session  The session. Free it with zs_session_free().
/// @param[out] out_error    The error. Free it with zs_error_free(). May be NULL.
/// @return ZS_OK; ZS_ERROR_INVALID_ARGUMENT, in which case nothing was sent; any other zs_result of
///         a failed call. If zs_error_in_doubt() is 1, the gateway may have created a session.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zs_start_phone_2fa(
    client: Option<&zs_client>,
    request: InPtr<'_, zs_phone_2fa_request<'_>>,
    out_session: OutPtr<'_, zs_session>,
    out_error: OutPtr<'_, zs_error>,
) -> zs_result {
    ffi_call("out_session", out_session, out_error, || {
        let client = client.ok_or_else(|| argument::is_null("client"))?;
        let request = request.read("request")?.ok_or_else(|| argument::is_null("request"))?;
        client.0.start_phone_2fa(&request.to_core()?).map(|session| zs_session::new(&session))
    })
}

/// Step 3: returns the current state of a session. Trust only zs_session_is_verified_for() with the
/// phone number that your server stored. Blocks, at most for the timeout of the client.
///
/// @param client            A client.
/// @param session_id        The ID of a session that your server started: 1 to 64 letters, digits
///                          and hyphens.
/// @param[out] out_session  The session. Free it with zs_session_free().
/// @param[out] out_error    The error. Free it with zs_error_free(). May be NULL.
/// @return ZS_OK; ZS_ERROR_INVALID_ARGUMENT, in which case nothing was sent; ZS_ERROR_NOT_FOUND for
///         an ID that the gateway does not know; ZS_ERROR_PROTOCOL also if the response is for a
///         different session, or exceeds a limit: 16 KiB or 100 fields of headers, 1 MiB of body;
///         any other zs_result of a failed call.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zs_get_session(
    client: Option<&zs_client>,
    session_id: InStr<'_>,
    out_session: OutPtr<'_, zs_session>,
    out_error: OutPtr<'_, zs_error>,
) -> zs_result {
    ffi_call("out_session", out_session, out_error, || {
        let client = client.ok_or_else(|| argument::is_null("client"))?;
        let id = session_id.required("session_id")?;
        #[cfg(feature = "__panic")]
        assert_ne!(id, "panic", "a panic for a test");
        client.0.get_session(id).map(|session| zs_session::new(&session))
    })
}

/// Step 3 with polling: calls the gateway repeatedly, and blocks, until the session is final.
/// Temporary errors while polling do not end the wait, nor do one or two polls in a row that fail
/// with ZS_ERROR_PROTOCOL, ZS_ERROR_TLS, ZS_ERROR_PERMISSION or ZS_ERROR_NOT_FOUND. A pause is at
/// least as long as the Retry-After of the last response. zs_client_cancel() ends the wait.
///
/// @param client            A client. Its time limits apply to each poll; no poll continues after
///                          the end of the wait.
/// @param session_id        The ID of a session that your server started: 1 to 64 letters, digits
///                          and hyphens.
/// @param options           How to wait. NULL: all defaults.
/// @param[out] out_session  The final session. Free it with zs_session_free().
/// @param[out] out_error    The error. Free it with zs_error_free(). May be NULL.
/// @return ZS_OK for any final session, verified or not: check
///         zs_session_is_verified_for();
///         ZS_ERROR_WAIT_TIMEOUT if the session was not final in time, with the last status in the
///         message; ZS_ERROR_CANCELLED if on_poll or zs_client_cancel() ended the wait;
///         ZS_ERROR_INVALID_ARGUMENT, in which case nothing was sent; any other zs_result of
///         zs_get_session() that is a permanent failure.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zs_wait_for_session(
    client: Option<&zs_client>,
    session_id: InStr<'_>,
    options: InPtr<'_, zs_wait_options>,
    out_session: OutPtr<'_, zs_session>,
    out_error: OutPtr<'_, zs_error>,
) -> zs_result {
    ffi_call("out_session", out_session, out_error, || {
        let client = client.ok_or_else(|| argument::is_null("client"))?;
        let id = session_id.required("session_id")?;
        let options =
            options.read("options")?.map_or_else(WaitOptions::default, zs_wait_options::to_core);
        client.0.wait_for_session(id, &options).map(|session| zs_session::new(&session))
    })
}

/// Frees a client. Its connections are closed when its last duplicate is freed. No call may be
/// running on it.
///
/// @param client  A client, or NULL. The client of zs_client_default() is not freed.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zs_client_free(client: FreePtr<'_, zs_client>) {
    catch::drop_caught(client.into_box(DEFAULT.get()));
}
