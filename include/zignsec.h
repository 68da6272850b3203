/**
 * @file zignsec.h
 * Client for ZignSec's phone two-factor authentication. A verification has three steps:
 *
 *  1. zs_start_phone_2fa() starts a session. Redirect the user to its zs_session_redirect_url().
 *  2. The user receives a code by SMS and enters it on ZignSec's page.
 *  3. zs_get_session() returns the current state of the session, and zs_wait_for_session() polls
 *     until it is final. zs_session_is_verified_for() is the result.
 *
 * Trust only zs_session_is_verified_for() with the phone number that your server stored for the
 * user. Do not rely on the user reaching redirect_success: anyone can open that URL. Use the session
 * ID that your server stored for the logged-in user, never one from a query string or form.
 *
 * Threads. Any number of threads may use a `const` object at once. Free an object once, when no
 * other thread uses it, nor a signal handler: take the pointer away from a handler first.
 *
 * Blocking. zs_start_phone_2fa() and zs_get_session() block until they return a response or an
 * error, at most for the timeout of the client; zs_wait_for_session() blocks at most for the
 * timeout of the wait. No other function waits for the network. zs_client_cancel() ends blocked
 * calls, from another thread or a signal handler.
 *
 * Pointers. Inputs come first, outputs next, `zs_error **out_error` last. Every pointer is checked
 * for NULL: a function that returns zs_result reports a required pointer that is NULL as
 * ZS_ERROR_INVALID_ARGUMENT; the other functions accept NULL as documented. On failure, outputs are
 * set to NULL; on success, *out_error is set to NULL. Pass NULL for out_error if you do not need
 * the error. An output is overwritten, not freed: free a previous object first.
 *
 * Ownership. You own the objects that a function returns in an output: free them with the matching
 * _free function, never with free(). A _free function accepts NULL and does nothing.
 *
 * Strings. Inputs are NUL-terminated UTF-8; the library reads them during the call and keeps no
 * pointer. An optional string may be NULL or empty. Outputs are NUL-terminated UTF-8, owned by the
 * object that they come from and valid until it is freed; NULL if there is no value.
 *
 * Option structs. Initialise them with a ZS_..._INIT macro or a _init function, then set what you
 * need; zero or NULL selects the default. struct_size is the size of the struct that the caller was
 * compiled with: a program that was built with an older header works with a newer library of the
 * same minor version, and vice versa. A field that the library does not know must be zero;
 * otherwise the call returns ZS_ERROR_INVALID_ARGUMENT.
 *
 * Callbacks. on_poll and the log callback must return. A C++ exception or pthread_exit() that leaves
 * them aborts the process; they must not call longjmp(), nor enable the cancellation of the thread.
 * The same is true for a signal handler that interrupts a function of the library.
 *
 * Cancelled threads. pthread_cancel() does not end a call, because a function that blocks, calls a
 * callback or frees an object delays it until the function has returned. A thread whose cancel type
 * is asynchronous then ends at once, and what the function returned is lost. Call
 * zs_client_cancel(), too, to end the call early.
 *
 * Process. The library does not change signal handlers, the signal mask or the locale, and a peer
 * that closes its connection never raises SIGPIPE. The library stays loaded after dlclose(). It may
 * be used before main() and while the process or a thread exits: in atexit() handlers, in the
 * destructors of static and thread-local objects and of pthread keys.
 *
 * fork(). Parent and child may both continue to use a client, even after a fork in on_poll or while
 * other threads are in calls: the child opens its own connections. A child of vfork() must not call
 * the library. The library knows a child that was not created by fork(), but by _Fork() or the system
 * call clone(), by its process ID. If that can be the ID of its parent, because the child is in
 * another PID namespace, the child must create its own clients.
 *
 * Windows. Once a client was created, the DLL stays loaded after FreeLibrary(). WSAStartup() is not
 * needed, and the library installs no console control handler: a handler of the program, for Ctrl-C,
 * may call zs_client_cancel(). Do not call the library from DllMain(), or from a thread that may be
 * ended by TerminateThread(). Names of files are UTF-8, with slashes or backslashes. Put
 * zignsec-0.1.dll in the folder of the program that uses it; its name contains the version of the
 * ABI. fork() and pthread_cancel() above do not apply.
 *
 * Logging. The library prints nothing. The callback of zs_set_log_callback() receives one line for
 * each attempt, without API keys and phone numbers.
 *
 * Panics. A bug in the library that would abort the process is returned as ZS_ERROR_INTERNAL;
 * Rust's panic hook prints a report to standard error.
 */


#ifndef ZIGNSEC_H
#define ZIGNSEC_H

/* Written by `make header` from ffi-c/. Do not edit by hand. */

#include <stddef.h>
#include <stdint.h>

/**
 * The calling convention of all functions and callbacks: cdecl on Windows, whatever the compiler's
 * default is. Write it in the definition of a callback, between the return type and the name.
 */
#ifdef _WIN32
#define ZS_CALL __cdecl
#else
#define ZS_CALL
#endif

/**
 * Initialises a zs_client_options: every option has its default.
 */
#define ZS_CLIENT_OPTIONS_INIT \
    { sizeof(zs_client_options), NULL, NULL, NULL, ZS_ENVIRONMENT_DEFAULT, ZS_AUTH_AUTHORIZATION, \
      0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL }

/**
 * Initialises a zs_phone_2fa_request: no field is set.
 */
#define ZS_PHONE_2FA_REQUEST_INIT \
    { sizeof(zs_phone_2fa_request), NULL, NULL, NULL, NULL, NULL, NULL, NULL }

/**
 * Initialises a zs_wait_options: every option has its default.
 */
#define ZS_WAIT_OPTIONS_INIT { sizeof(zs_wait_options), 0, 0, NULL, NULL }


/**
 * zs_client_options.environment: the value of ZIGNSEC_ENVIRONMENT (test or production), else test.
 */
#define ZS_ENVIRONMENT_DEFAULT 0

/**
 * zs_client_options.environment: https://test-gateway.zignsec.com
 */
#define ZS_ENVIRONMENT_TEST 1

/**
 * zs_client_options.environment: https://gateway.zignsec.com
 */
#define ZS_ENVIRONMENT_PRODUCTION 2

/**
 * zs_client_options.auth_scheme: the API key is sent in the header Authorization.
 */
#define ZS_AUTH_AUTHORIZATION 0

/**
 * zs_client_options.auth_scheme: the API key is sent in the header Zs-Product-Key.
 */
#define ZS_AUTH_ZS_PRODUCT_KEY 1

/**
 * Log level: errors.
 */
#define ZS_LOG_ERROR 1

/**
 * Log level: warnings, such as an attempt that failed.
 */
#define ZS_LOG_WARN 2

/**
 * Log level: information.
 */
#define ZS_LOG_INFO 3

/**
 * Log level: debugging, such as an attempt that succeeded.
 */
#define ZS_LOG_DEBUG 4

/**
 * Log level: everything.
 */
#define ZS_LOG_TRACE 5

/**
 * The major part of this header's version.
 */
#define ZS_VERSION_MAJOR 0

/**
 * The minor part of this header's version. While the major part is 0, a new minor version can
 * change the ABI.
 */
#define ZS_VERSION_MINOR 1

/**
 * The patch part of this header's version.
 */
#define ZS_VERSION_PATCH 0

/**
 * This header's version as one number, for comparison: 0x000102 is 0.1.2.
 */
#define ZS_VERSION_NUMBER (((ZS_VERSION_MAJOR << 16) | (ZS_VERSION_MINOR << 8)) | ZS_VERSION_PATCH)

/**
 * zs_verify_webhook(): accept a signature of any age. Use it for stored webhooks and in tests.
 */
#define ZS_TOLERANCE_UNLIMITED (-1)

/**
 * The result of a call. The numbers never change; new ones may be added.
 */
enum
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  zs_result : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Success.
     */
    ZS_OK = 0,
    /**
     * An argument is NULL, not UTF-8 or malformed. Nothing was sent.
     */
    ZS_ERROR_INVALID_ARGUMENT = 1,
    /**
     * The client cannot be created: no API key, an unreadable file, plain http to a host that is
     * not loopback. Nothing was sent.
     */
    ZS_ERROR_CONFIGURATION = 2,
    /**
     * The client was closed. Nothing was sent. The functions of this header never return it,
     * because C has no function that closes a client without freeing it.
     */
    ZS_ERROR_CLOSED = 3,
    /**
     * Name resolution, TCP or the proxy failed. Nothing was sent.
     */
    ZS_ERROR_CONNECT = 10,
    /**
     * The TLS handshake failed, a certificate was rejected, or the peer sent a TLS alert.
     */
    ZS_ERROR_TLS = 11,
    /**
     * A time limit was exceeded.
     */
    ZS_ERROR_TIMEOUT = 12,
    /**
     * The connection was lost after the first byte of the request was sent.
     */
    ZS_ERROR_IO = 13,
    /**
     * Invalid response: not HTTP, too large, not JSON, no session ID.
     */
    ZS_ERROR_PROTOCOL = 14,
    /**
     * The gateway rejected the request: 400, 409, 422, or another 4xx that has no number here.
     */
    ZS_ERROR_INVALID_REQUEST = 20,
    /**
     * 401: the gateway rejected the API key.
     */
    ZS_ERROR_AUTHENTICATION = 21,
    /**
     * 403: the API key does not permit this request.
     */
    ZS_ERROR_PERMISSION = 22,
    /**
     * 404: the gateway does not know the session.
     */
    ZS_ERROR_NOT_FOUND = 23,
    /**
     * 429: too many requests. See zs_error_retry_after_ms().
     */
    ZS_ERROR_RATE_LIMITED = 24,
    /**
     * 5xx: the gateway failed.
     */
    ZS_ERROR_SERVER = 25,
    /**
     * An HTTP status that this protocol does not use: 101, 3xx and others.
     */
    ZS_ERROR_UNEXPECTED_STATUS = 26,
    /**
     * The session was not final in time.
     */
    ZS_ERROR_WAIT_TIMEOUT = 30,
    /**
     * The caller cancelled the call.
     */
    ZS_ERROR_CANCELLED = 31,
    /**
     * The signature of a webhook is missing, malformed, wrong, or outside the tolerance.
     */
    ZS_ERROR_WEBHOOK_SIGNATURE = 40,
    /**
     * There was not enough memory for a response, or a bug in the library (a panic) was caught.
     */
    ZS_ERROR_INTERNAL = 99,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum zs_result zs_result;
#else
typedef int32_t zs_result;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The status of a session. Trust only zs_session_is_verified_for(). The numbers never
 * change; new ones may be added.
 */
enum
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  zs_status : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A status that the library does not know. Not final. See zs_session_status_text().
     */
    ZS_STATUS_UNKNOWN = 0,
    /**
     * Created; the user has not opened the page yet.
     */
    ZS_STATUS_CREATED = 1,
    /**
     * Waiting for the user.
     */
    ZS_STATUS_PENDING = 2,
    /**
     * Completed successfully. The gateway uses both accepted and finished for success.
     */
    ZS_STATUS_ACCEPTED = 3,
    /**
     * Completed successfully.
     */
    ZS_STATUS_FINISHED = 4,
    /**
     * Failed: the user was not verified.
     */
    ZS_STATUS_FAILED = 5,
    /**
     * Cancelled by the user.
     */
    ZS_STATUS_CANCELLED = 6,
    /**
     * Declined.
     */
    ZS_STATUS_DECLINED = 7,
    /**
     * Timed out.
     */
    ZS_STATUS_TIMEOUT = 8,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum zs_status zs_status;
#else
typedef int32_t zs_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A client: options, API keys and open connections. Create one, keep it and share it; free it with
 * zs_client_free().
 */
typedef struct zs_client zs_client;

/**
 * Details of a failed call. Free it with zs_error_free().
 */
typedef struct zs_error zs_error;

/**
 * A session as returned by the gateway. Free it with zs_session_free().
 */
typedef struct zs_session zs_session;

/**
 * A webhook event. Free it with zs_webhook_event_free().
 */
typedef struct zs_webhook_event zs_webhook_event;

/**
 * A log callback, see zs_set_log_callback(). The library calls it on the thread whose call logs,
 * from several threads at once. It must not call any function of the library. It must return: a
 * C++ exception or pthread_exit() that leaves it aborts the process, and it must not call longjmp().
 * A child that it forks must call _exit() or start a program.
 *
 * @param level      One of ZS_LOG_...
 * @param message    One line of text, valid until the callback returns. It contains no API key and
 *                   no whole phone number.
 * @param user_data  The user_data of zs_set_log_callback().
 */
typedef void (ZS_CALL *zs_log_callback)(int32_t level, const char *message, void *user_data);

/**
 * The options of a client. Initialise them with ZS_CLIENT_OPTIONS_INIT or
 * zs_client_options_init(). The library keeps copies.
 *
 * If the process runs with raised privileges (set-user-ID, set-group-ID, file capabilities:
 * getauxval(AT_SECURE)), the library reads no environment variable, because the user who started
 * the process chose them. An option that is not set then has its default, and api_key must be set.
 */
typedef struct zs_client_options {
    /**
     * sizeof(zs_client_options).
     */
    size_t struct_size;
    /**
     * The API key: visible ASCII without spaces. NULL: ZIGNSEC_API_KEY, and
     * ZIGNSEC_SECONDARY_API_KEY with it.
     */
    const char *api_key;
    /**
     * A second API key of the account. If the gateway returns 401 for the current key, this one is
     * tried once, and used from then on if it is accepted. NULL: none.
     */
    const char *secondary_api_key;
    /**
     * The URL of the gateway: https, or http to loopback. It takes precedence over environment.
     * NULL: the URL of environment; with ZS_ENVIRONMENT_DEFAULT, ZIGNSEC_BASE_URL if that is set.
     */
    const char *base_url;
    /**
     * One of ZS_ENVIRONMENT_...
     */
    int32_t environment;
    /**
     * One of ZS_AUTH_...
     */
    int32_t auth_scheme;
    /**
     * The limit for name resolution, TCP, proxy and TLS together, in milliseconds. 0: 5000.
     */
    uint32_t connect_timeout_ms;
    /**
     * The limit for one attempt, in milliseconds. 0: 10000.
     */
    uint32_t attempt_timeout_ms;
    /**
     * The limit for a whole call, including all attempts and the pauses between them, in
     * milliseconds. 0: 30000.
     */
    uint32_t timeout_ms;
    /**
     * How many times a call may be retried when that is safe and can help. 0: 2. -1: never.
     */
    int32_t max_retries;
    /**
     * A file with the CA certificates to trust, PEM or one in DER; no others are trusted. NULL:
     * SSL_CERT_FILE and SSL_CERT_DIR, else REQUESTS_CA_BUNDLE, else CURL_CA_BUNDLE, else the system's
     * trust store.
     */
    const char *ca_file;
    /**
     * A file with the client certificate chain, PEM or DER, the client's own first, for mutual TLS.
     * NULL: none.
     */
    const char *client_cert_file;
    /**
     * A file with the private key of client_cert_file, PEM or DER, not encrypted: P-256, P-384,
     * Ed25519, or RSA of 2048 to 4096 bits. Set both or neither.
     */
    const char *client_key_file;
    /**
     * The URL of a proxy, such as http://user:password@proxy.example:3128, or "none" for a direct
     * connection. The schemes are http (the default), https, socks5 and socks5h; the default ports
     * are 80, 443 and 1080. With socks5, the client resolves the host name of the gateway; with
     * socks5h or socks, the proxy does. NULL: HTTPS_PROXY, else ALL_PROXY, with the exceptions of
     * NO_PROXY; the lower-case spelling wins, also if it is empty. Connections to loopback never
     * use a proxy.
     */
    const char *proxy;
    /**
     * The header user-agent, printable ASCII. NULL: "zignsec/" and the version.
     */
    const char *user_agent;
} zs_client_options;

/**
 * The request that starts a session. Initialise it with ZS_PHONE_2FA_REQUEST_INIT or
 * zs_phone_2fa_request_init(). The library reads it during the call only.
 */
typedef struct zs_phone_2fa_request {
    /**
     * sizeof(zs_phone_2fa_request).
     */
    size_t struct_size;
    /**
     * Required: the user's phone number in E.164 form, `+` and 7 to 15 digits, the first not 0.
     * Other forms are refused, not converted: libphonenumber does it.
     */
    const char *phone_number;
    /**
     * Required: the URL to which the gateway redirects the user after success, absolute http or
     * https. Percent-encode characters that RFC 3986 does not allow, and write a Unicode host in its
     * ASCII form (xn--...). No user name or password. An app needs an https link.
     */
    const char *redirect_success;
    /**
     * Required: the URL to which the gateway redirects the user otherwise, with the same rules.
     */
    const char *redirect_failure;
    /**
     * The language of the gateway's page, at most 256 characters. NULL: "En".
     */
    const char *locale;
    /**
     * Text that the gateway stores with the session and returns with it, at most 16 KiB. NULL: none.
     */
    const char *relay_state;
    /**
     * The URL to which the gateway posts status changes, with the rules of redirect_success; see
     * zs_verify_webhook(). NULL: none.
     */
    const char *webhook;
    /**
     * The header x-csrf-token, printable ASCII. NULL: not sent.
     */
    const char *csrf_token;
} zs_phone_2fa_request;

/**
 * The callback of zs_wait_for_session(), called after each response to a poll, on the thread that
 * waits.
 *
 * It may call any function of the library, including zs_client_cancel(), but must not free the
 * client of the wait or the session. It must return: a C++ exception or pthread_exit() that leaves
 * it aborts the process, and it must not call longjmp().
 *
 * @param session     The session as the poll returned it. The library owns it; it is valid until
 *                    the callback returns.
 * @param elapsed_ms  The time since the start of the wait, in milliseconds.
 * @param user_data   The user_data of zs_wait_options.
 * @return 0 to continue. Any other value ends the wait with ZS_ERROR_CANCELLED, unless the session
 *         is final: then the wait ends with ZS_OK.
 */
typedef int32_t (ZS_CALL *zs_wait_callback)(const struct zs_session *session,
                                            uint32_t elapsed_ms,
                                            void *user_data);

/**
 * How to wait for a session. Initialise it with ZS_WAIT_OPTIONS_INIT or zs_wait_options_init().
 */
typedef struct zs_wait_options {
    /**
     * sizeof(zs_wait_options).
     */
    size_t struct_size;
    /**
     * The limit for the whole wait, in milliseconds. 0: 300000.
     */
    uint32_t timeout_ms;
    /**
     * The time between two polls, in milliseconds. Each pause differs from it by up to 20 %, so
     * that many clients do not poll at the same moment. 0: 2000.
     */
    uint32_t poll_interval_ms;
    /**
     * The function to call after each response to a poll. NULL: none.
     */
    zs_wait_callback on_poll;
    /**
     * The last argument of on_poll. The library never dereferences it.
     */
    void *user_data;
} zs_wait_options;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Initialises options of a client, as ZS_CLIENT_OPTIONS_INIT does, for languages without a C
 * preprocessor: writes zero into struct_size bytes, then stores struct_size.
 *
 * @param[out] options  The options. NULL: nothing is written.
 * @param struct_size   The size of the struct as the caller declares it, at most 4096. A size less
 *                      than sizeof(size_t): nothing is written.
 */
void ZS_CALL zs_client_options_init(zs_client_options *options, size_t struct_size);

/**
 * Creates a client. All options are checked; nothing is sent. Environment variables are read
 * only here, and not at all if the process runs with raised privileges: see zs_client_options.
 *
 * @param options          The options. NULL: all defaults, with the API key from ZIGNSEC_API_KEY.
 * @param[out] out_client  The new client. Free it with zs_client_free().
 * @param[out] out_error   The error. Free it with zs_error_free(). May be NULL.
 * @return ZS_OK; ZS_ERROR_CONFIGURATION for a missing or malformed API key, an invalid base URL,
 *         plain http to a host that is not loopback, an unreadable file, a certificate and key
 *         that do not match, or an unsupported proxy; ZS_ERROR_INVALID_ARGUMENT for text that is
 *         not UTF-8, an unknown number, or an invalid struct_size.
 */
zs_result ZS_CALL zs_client_new(const zs_client_options *options,
                                zs_client **out_client,
                                zs_error **out_error);

/**
 * Returns the client of the process, which is configured by environment variables alone. The first
 * call creates it, as zs_client_new() with NULL does; later calls return the same client. If a
 * call fails, the next one tries again. It cannot be reset: a test that changes the environment uses
 * zs_client_new() with NULL.
 *
 * @param[out] out_client  The client. The library owns it until the process ends; zs_client_free()
 *                         ignores it.
 * @param[out] out_error   The error. Free it with zs_error_free(). May be NULL.
 * @return As zs_client_new().
 */
zs_result ZS_CALL zs_client_default(const zs_client **out_client,
                                    zs_error **out_error);

/**
 * Creates a client that shares options, API keys and connections with another one. Its calls are
 * cancelled separately: see zs_client_cancel(). Nothing is sent. Free the two in any order.
 *
 * @param client           A client.
 * @param[out] out_client  The new client. Free it with zs_client_free().
 * @param[out] out_error   The error. Free it with zs_error_free(). May be NULL.
 * @return ZS_OK; ZS_ERROR_INVALID_ARGUMENT for NULL.
 */
zs_result ZS_CALL zs_client_dup(const struct zs_client *client,
                                zs_client **out_client,
                                zs_error **out_error);

/**
 * Cancels the running calls of a client, including waits and pauses: each returns
 * ZS_ERROR_CANCELLED within 100 ms. Later calls and the calls of its duplicates are not affected.
 * Returns immediately, before the calls end. It may be called from any thread and from a signal
 * handler: it takes no lock and allocates nothing.
 *
 * @param client  A client, or NULL. It must not be freed during the call, also not by the code
 *                that a signal interrupts.
 */
void ZS_CALL zs_client_cancel(const struct zs_client *client);

/**
 * Step 1: starts a session. Redirect the user to its zs_session_redirect_url(), and store its
 * zs_session_id() on your server with the login of that user. Blocks, at most for the timeout of
 * the client.
 *
 * @param client            A client.
 * @param request           The request.
 * @param[out] out_session  The session. Free it with zs_session_free().
 * @param[out] out_error    The error. Free it with zs_error_free(). May be NULL.
 * @return ZS_OK; ZS_ERROR_INVALID_ARGUMENT, in which case nothing was sent; any other zs_result of
 *         a failed call. If zs_error_in_doubt() is 1, the gateway may have created a session.
 */
zs_result ZS_CALL zs_start_phone_2fa(const struct zs_client *client,
                                     const zs_phone_2fa_request *request,
                                     zs_session **out_session,
                                     zs_error **out_error);

/**
 * Step 3: returns the current state of a session. Trust only zs_session_is_verified_for() with the
 * phone number that your server stored. Blocks, at most for the timeout of the client.
 *
 * @param client            A client.
 * @param session_id        The ID of a session that your server started: 1 to 64 letters, digits
 *                          and hyphens.
 * @param[out] out_session  The session. Free it with zs_session_free().
 * @param[out] out_error    The error. Free it with zs_error_free(). May be NULL.
 * @return ZS_OK; ZS_ERROR_INVALID_ARGUMENT, in which case nothing was sent; ZS_ERROR_NOT_FOUND for
 *         an ID that the gateway does not know; ZS_ERROR_PROTOCOL also if the response is for a
 *         different session, or exceeds a limit: 16 KiB or 100 fields of headers, 1 MiB of body;
 *         any other zs_result of a failed call.
 */
zs_result ZS_CALL zs_get_session(const struct zs_client *client,
                                 const char *session_id,
                                 zs_session **out_session,
                                 zs_error **out_error);

/**
 * Step 3 with polling: calls the gateway repeatedly, and blocks, until the session is final.
 * Temporary errors while polling do not end the wait, nor do one or two polls in a row that fail
 * with ZS_ERROR_PROTOCOL, ZS_ERROR_TLS, ZS_ERROR_PERMISSION or ZS_ERROR_NOT_FOUND. A pause is at
 * least as long as the Retry-After of the last response. zs_client_cancel() ends the wait.
 *
 * @param client            A client. Its time limits apply to each poll; no poll continues after
 *                          the end of the wait.
 * @param session_id        The ID of a session that your server started: 1 to 64 letters, digits
 *                          and hyphens.
 * @param options           How to wait. NULL: all defaults.
 * @param[out] out_session  The final session. Free it with zs_session_free().
 * @param[out] out_error    The error. Free it with zs_error_free(). May be NULL.
 * @return ZS_OK for any final session, verified or not: check
 *         zs_session_is_verified_for();
 *         ZS_ERROR_WAIT_TIMEOUT if the session was not final in time, with the last status in the
 *         message; ZS_ERROR_CANCELLED if on_poll or zs_client_cancel() ended the wait;
 *         ZS_ERROR_INVALID_ARGUMENT, in which case nothing was sent; any other zs_result of
 *         zs_get_session() that is a permanent failure.
 */
zs_result ZS_CALL zs_wait_for_session(const struct zs_client *client,
                                      const char *session_id,
                                      const zs_wait_options *options,
                                      zs_session **out_session,
                                      zs_error **out_error);

/**
 * Frees a client. Its connections are closed when its last duplicate is freed. No call may be
 * running on it.
 *
 * @param client  A client, or NULL. The client of zs_client_default() is not freed.
 */
void ZS_CALL zs_client_free(zs_client *client);

/**
 * The result of the failed call.
 *
 * @param error  An error, or NULL.
 * @return The result; ZS_OK for NULL.
 */
zs_result ZS_CALL zs_error_result(const struct zs_error *error);

/**
 * The name of the result of the failed call, as in this header: "ZS_ERROR_TIMEOUT".
 *
 * @param error  An error, or NULL.
 * @return A static string; do not free. "ZS_OK" for NULL. Never NULL.
 */
const char *ZS_CALL zs_error_result_name(const struct zs_error *error);

/**
 * What failed, the deepest known cause, and what to try. The message never contains the API key, a
 * whole phone number or the query of a URL, so it can be logged.
 *
 * @param error  An error, or NULL.
 * @return A string owned by the error; NULL for NULL.
 */
const char *ZS_CALL zs_error_message(const struct zs_error *error);

/**
 * The body of the gateway's response, at most its first 64 KiB. Invalid UTF-8 and NUL are replaced
 * by U+FFFD, and your keys by [key]. The gateway wrote this text, and it can contain personal data.
 *
 * @param error  An error, or NULL.
 * @return A string owned by the error; NULL if there was no response.
 */
const char *ZS_CALL zs_error_body(const struct zs_error *error);

/**
 * The request ID: the first of the response headers x-request-id, x-correlation-id and request-id
 * that contains 1 to 128 visible ASCII characters. Keys and phone numbers in it are masked.
 *
 * @param error  An error, or NULL.
 * @return A string owned by the error; NULL if there was no such header.
 */
const char *ZS_CALL zs_error_request_id(const struct zs_error *error);

/**
 * The HTTP status of the response.
 *
 * @param error  An error, or NULL.
 * @return The status; 0 if there was no response.
 */
int32_t ZS_CALL zs_error_http_status(const struct zs_error *error);

/**
 * How long the gateway asked to wait before the next call (Retry-After).
 *
 * @param error  An error, or NULL.
 * @return Milliseconds; -1 if the response has no such header.
 */
int64_t ZS_CALL zs_error_retry_after_ms(const struct zs_error *error);

/**
 * The number of attempts that were started, for zs_wait_for_session() those of all polls: 0 if the
 * call was rejected before anything was sent.
 *
 * @param error  An error, or NULL.
 */
uint32_t ZS_CALL zs_error_attempts(const struct zs_error *error);

/**
 * Whether the gateway may have created a session although the call failed. Only an error of
 * zs_start_phone_2fa() can return 1. A second call of it may then create a second session; the
 * user receives nothing before they open the page of a session.
 *
 * @param error  An error, or NULL.
 * @return 1 or 0.
 */
int32_t ZS_CALL zs_error_in_doubt(const struct zs_error *error);

/**
 * Frees an error and its strings.
 *
 * @param error  An error, or NULL.
 */
void ZS_CALL zs_error_free(struct zs_error *error);

/**
 * Sets the log callback of the process, in place of the previous one. Nothing is logged before.
 *
 * Set it before clients are used, or while no call is running, and from one thread at a time.
 * After fork(), the child has the callback of its parent, and may set another.
 *
 * @param max_level  The most detailed level to log, one of ZS_LOG_... 0 or less: nothing is
 *                   logged. More than ZS_LOG_TRACE: ZS_LOG_TRACE.
 * @param callback   The function to call for each message. NULL: nothing is logged.
 * @param user_data  The last argument of the callback. The library never dereferences it.
 */
void ZS_CALL zs_set_log_callback(int32_t max_level, zs_log_callback callback, void *user_data);

/**
 * Initialises a request, as ZS_PHONE_2FA_REQUEST_INIT does, for languages without a C
 * preprocessor: writes zero into struct_size bytes, then stores struct_size.
 *
 * @param[out] request  The request. NULL: nothing is written.
 * @param struct_size   The size of the struct as the caller declares it, at most 4096. A size less
 *                      than sizeof(size_t): nothing is written.
 */
void ZS_CALL zs_phone_2fa_request_init(zs_phone_2fa_request *request, size_t struct_size);

/**
 * The name of a result, as in this header: "ZS_ERROR_TIMEOUT".
 *
 * @param result  A zs_result, or any other number.
 * @return A static string; do not free. "ZS_ERROR_UNKNOWN" for a number that is not a zs_result of
 *         this version. Never NULL.
 */
const char *ZS_CALL zs_result_name(int32_t result);

/**
 * The session ID, for zs_get_session(): 1 to 64 letters, digits and hyphens.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL for NULL only.
 */
const char *ZS_CALL zs_session_id(const struct zs_session *session);

/**
 * The status.
 *
 * @param session  A session, or NULL.
 * @return A zs_status; ZS_STATUS_UNKNOWN for NULL.
 */
int32_t ZS_CALL zs_session_status(const struct zs_session *session);

/**
 * The status as the gateway wrote it.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL for NULL only.
 */
const char *ZS_CALL zs_session_status_text(const struct zs_session *session);

/**
 * Whether the session is final: completed, failed, cancelled, declined or timed out.
 *
 * @param session  A session, or NULL.
 * @return 1 or 0.
 */
int32_t ZS_CALL zs_session_is_final(const struct zs_session *session);

/**
 * Whether the user proved control of the phone: a lookup returned the status accepted or finished,
 * and nothing else in the response contradicts it. No other status verifies. The session that
 * zs_start_phone_2fa() returns is never verified. To let a user in, check
 * zs_session_is_verified_for(), which also compares the phone number.
 *
 * @param session  A session, or NULL.
 * @return 1 or 0.
 */
int32_t ZS_CALL zs_session_is_verified(const struct zs_session *session);

/**
 * Whether the user proved control of this phone: zs_session_is_verified() is 1, and every phone
 * number in the response is phone_number. Numbers are compared by their digits. Trust only this.
 *
 * @param session       A session, or NULL.
 * @param phone_number  The phone number that your server stored for the user, in E.164 form as in
 *                      zs_phone_2fa_request.
 * @return 1 or 0; 0 for an invalid phone_number, NULL included, and if the response contains no
 *         phone number.
 */
int32_t ZS_CALL zs_session_is_verified_for(const struct zs_session *session,
                                           const char *phone_number);

/**
 * The URL to redirect the user to. The gateway returns it when the session is started.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL if the response does not contain it.
 */
const char *ZS_CALL zs_session_redirect_url(const struct zs_session *session);

/**
 * The phone number of the user.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL if the response does not contain it.
 */
const char *ZS_CALL zs_session_phone_number(const struct zs_session *session);

/**
 * The language of the gateway's page.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL if the response does not contain it.
 */
const char *ZS_CALL zs_session_locale(const struct zs_session *session);

/**
 * The URL to which the gateway redirects the user after success.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL if the response does not contain it.
 */
const char *ZS_CALL zs_session_redirect_success(const struct zs_session *session);

/**
 * The URL to which the gateway redirects the user otherwise.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL if the response does not contain it.
 */
const char *ZS_CALL zs_session_redirect_failure(const struct zs_session *session);

/**
 * The text that the request contained as relay_state.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL if the response does not contain it.
 */
const char *ZS_CALL zs_session_relay_state(const struct zs_session *session);

/**
 * The URL to which the gateway posts status changes.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL if the response does not contain it.
 */
const char *ZS_CALL zs_session_webhook(const struct zs_session *session);

/**
 * The whole session as the gateway wrote it: a JSON object, including fields that have no function
 * here.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL for NULL only.
 */
const char *ZS_CALL zs_session_json(const struct zs_session *session);

/**
 * Frees a session and its strings.
 *
 * @param session  A session, or NULL.
 */
void ZS_CALL zs_session_free(struct zs_session *session);

/**
 * The name of a status, as in this header: "ZS_STATUS_PENDING".
 *
 * @param status  A zs_status, or any other number.
 * @return A static string; do not free. "ZS_STATUS_UNKNOWN" for a number that is not a zs_status
 *         of this version. Never NULL.
 */
const char *ZS_CALL zs_status_name(int32_t status);

/**
 * The version of the loaded library, which can differ from the version of the header: "0.1.0".
 *
 * @return A static string; do not free.
 */
const char *ZS_CALL zs_version(void);

/**
 * The version of the loaded library, in the form of ZS_VERSION_NUMBER.
 */
uint32_t ZS_CALL zs_version_number(void);

/**
 * Initialises options of a wait, as ZS_WAIT_OPTIONS_INIT does, for languages without a C
 * preprocessor: writes zero into struct_size bytes, then stores struct_size.
 *
 * @param[out] options  The options. NULL: nothing is written.
 * @param struct_size   The size of the struct as the caller declares it, at most 4096. A size less
 *                      than sizeof(size_t): nothing is written.
 */
void ZS_CALL zs_wait_options_init(zs_wait_options *options, size_t struct_size);

/**
 * Verifies the signature and the time of a webhook, then decodes it. Makes no network request.
 *
 * Treat a webhook as a notification only: it can be lost, delayed or reordered, and anyone who saw
 * it can replay it within the tolerance. Ignore an event whose zs_webhook_event_json() you have
 * already processed, and call zs_get_session() for the result.
 *
 * @param body            The body of the request, byte for byte as it was received. JSON that was
 *                        decoded and encoded again does not match. May be NULL if body_len is 0.
 * @param body_len        The number of bytes in body.
 * @param signature       The value of the header X-ZignSec-Hmac-SHA256. NULL: the header is
 *                        missing.
 * @param secret          The webhook secret that you share with ZignSec.
 * @param tolerance_s     How many seconds the time of the signature may differ from the clock of
 *                        this machine, in both directions. 0: 300. ZS_TOLERANCE_UNLIMITED: the
 *                        time is not checked.
 * @param[out] out_event  The event. Free it with zs_webhook_event_free().
 * @param[out] out_error  The error. Free it with zs_error_free(). May be NULL.
 * @return ZS_OK; ZS_ERROR_WEBHOOK_SIGNATURE for a signature that is missing, malformed or outside
 *         the tolerance, or does not match the body and the secret; ZS_ERROR_PROTOCOL for a body
 *         that is correctly signed but invalid: not a JSON object, no ID, a duplicate key;
 *         ZS_ERROR_INVALID_ARGUMENT for a secret that is NULL, empty or not UTF-8, a body that is
 *         NULL, or another negative tolerance.
 */
zs_result ZS_CALL zs_verify_webhook(const uint8_t *body,
                                    size_t body_len,
                                    const char *signature,
                                    const char *secret,
                                    int64_t tolerance_s,
                                    zs_webhook_event **out_event,
                                    zs_error **out_error);

/**
 * The ID of the session, for zs_get_session(): 1 to 64 letters, digits and hyphens.
 *
 * @param event  An event, or NULL.
 * @return A string owned by the event; NULL for NULL only.
 */
const char *ZS_CALL zs_webhook_event_session_id(const struct zs_webhook_event *event);

/**
 * What happened, such as "session_finished".
 *
 * @param event  An event, or NULL.
 * @return A string owned by the event, empty if the webhook does not contain it; NULL for NULL
 *         only.
 */
const char *ZS_CALL zs_webhook_event_name(const struct zs_webhook_event *event);

/**
 * The status in the webhook, at its top level or in its result. A notification only:
 * call zs_get_session() for the result.
 *
 * @param event  An event, or NULL.
 * @return A zs_status; ZS_STATUS_UNKNOWN for NULL, and if the webhook contains no status or two
 *         that differ.
 */
int32_t ZS_CALL zs_webhook_event_status(const struct zs_webhook_event *event);

/**
 * The status as the gateway wrote it; if there are two, the one at the top level.
 *
 * @param event  An event, or NULL.
 * @return A string owned by the event, empty if the webhook does not contain it; NULL for NULL
 *         only.
 */
const char *ZS_CALL zs_webhook_event_status_text(const struct zs_webhook_event *event);

/**
 * The text that the request contained as relay_state.
 *
 * @param event  An event, or NULL.
 * @return A string owned by the event; NULL if the webhook does not contain it.
 */
const char *ZS_CALL zs_webhook_event_relay_state(const struct zs_webhook_event *event);

/**
 * The whole body as the gateway wrote it: a JSON object, including fields that have no function
 * here.
 *
 * @param event  An event, or NULL.
 * @return A string owned by the event; NULL for NULL only.
 */
const char *ZS_CALL zs_webhook_event_json(const struct zs_webhook_event *event);

/**
 * Frees an event and its strings.
 *
 * @param event  An event, or NULL.
 */
void ZS_CALL zs_webhook_event_free(struct zs_webhook_event *event);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ZIGNSEC_H */
