/**
 * @file zignsec.h
 * Puts a user through ZignSec's phone two-factor check, in three steps:
 *
 *  1. zs_start_phone_2fa() opens a session; zs_session_redirect_url() is where to send the user.
 *  2. The user gets a code by SMS and types it on ZignSec's page.
 *  3. zs_get_session() tells what came of it: zs_session_is_verified(). zs_wait_for_session() asks
 *     until something came of it.
 *
 * A user who arrives at redirect_success proves nothing, since anybody can open that address. Only
 * asking does, for an id that your own server remembered in that user's login.
 *
 * Threads. A `const` object may be used by many threads at once. Free an object once, when no other
 * thread uses it.
 *
 * Blocking. zs_start_phone_2fa() and zs_get_session() block until they have an answer or an error,
 * at the longest for the client's timeout; zs_wait_for_session() for its own. No other function
 * waits for the network. zs_client_cancel() ends the calls that block, from another thread or a
 * signal handler.
 *
 * Pointers. Inputs come first, outputs next, `zs_error **out_error` last. Every pointer is checked:
 * NULL where an object or a string is required is ZS_ERROR_INVALID_ARGUMENT. Outputs are set to NULL
 * on failure; *out_error is set to NULL on success. Pass NULL for out_error to do without. An output is
 * overwritten: free what it held before.
 *
 * Ownership. What a function puts into an output is yours: give it to the matching _free function,
 * never to free(). A _free function does nothing with NULL.
 *
 * Strings. In: NUL-terminated UTF-8, read during the call and not kept; an optional one may be NULL
 * or empty. Out: NUL-terminated UTF-8, owned by the object they come from and good until it is freed;
 * NULL where there is none.
 *
 * Option structs. Begin with the ZS_..._INIT macro, then set what you need; zero or NULL is the
 * default. struct_size tells the library which version of the struct it was given: a program built
 * against an older header works with a newer library, and the other way round as long as what the
 * library does not know is zero.
 *
 * Process. Signal handlers, the signal mask and the locale are left as found, and a peer that closes
 * never raises SIGPIPE. The library stays loaded after dlclose(). After a fork() both processes may
 * go on with a client: the child opens connections of its own.
 *
 * Logging. Nothing is written anywhere. zs_set_log_callback() hears a line for each attempt at a call,
 * with no key and no phone number in it.
 *
 * Panics. A bug in the library that would end the process comes back as ZS_ERROR_INTERNAL; Rust's
 * panic hook tells about it on standard error.
 */


#ifndef ZIGNSEC_H
#define ZIGNSEC_H

/* Written by `make header` from ffi-c/. Do not edit by hand. */

#include <stddef.h>
#include <stdint.h>

/**
 * A zs_client_options with every option at its default.
 */
#define ZS_CLIENT_OPTIONS_INIT \
    { sizeof(zs_client_options), NULL, NULL, NULL, ZS_ENVIRONMENT_DEFAULT, ZS_AUTH_AUTHORIZATION, \
      0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL }

/**
 * A zs_phone_2fa_request with nothing set.
 */
#define ZS_PHONE_2FA_REQUEST_INIT \
    { sizeof(zs_phone_2fa_request), NULL, NULL, NULL, NULL, NULL, NULL, NULL }

/**
 * A zs_wait_options with every option at its default.
 */
#define ZS_WAIT_OPTIONS_INIT { sizeof(zs_wait_options), 0, 0, NULL, NULL }


/**
 * zs_client_options.environment: what ZIGNSEC_ENVIRONMENT says (test or production), else test.
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
 * zs_client_options.auth_scheme: the key goes in the header Authorization.
 */
#define ZS_AUTH_AUTHORIZATION 0

/**
 * zs_client_options.auth_scheme: the key goes in the header Zs-Product-Key.
 */
#define ZS_AUTH_ZS_PRODUCT_KEY 1

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
 * The last part of this header's version.
 */
#define ZS_VERSION_PATCH 0

/**
 * This header's version as one number that grows: 0x000102 is 0.1.2.
 */
#define ZS_VERSION_NUMBER (((ZS_VERSION_MAJOR << 16) | (ZS_VERSION_MINOR << 8)) | ZS_VERSION_PATCH)

/**
 * zs_verify_webhook(): the time is not checked. For webhooks that you kept, and tests.
 */
#define ZS_TOLERANCE_NONE -1

/**
 * How a call went. The numbers are frozen; new ones may be added.
 */
enum zs_result
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * It worked.
     */
    ZS_OK = 0,
    /**
     * An argument is NULL, not UTF-8 or malformed. Nothing was sent.
     */
    ZS_ERROR_INVALID_ARGUMENT = 1,
    /**
     * The client cannot be set up: no key, an unreadable file, plain http to a host that is not
     * loopback. Nothing was sent.
     */
    ZS_ERROR_CONFIGURATION = 2,
    /**
     * Name look-up, TCP or a proxy failed. Nothing was sent.
     */
    ZS_ERROR_CONNECT = 10,
    /**
     * The TLS handshake or a certificate was refused, or the peer sent a TLS alert.
     */
    ZS_ERROR_TLS = 11,
    /**
     * A time limit ran out.
     */
    ZS_ERROR_TIMEOUT = 12,
    /**
     * The connection broke after the request began.
     */
    ZS_ERROR_IO = 13,
    /**
     * The answer is not one of the gateway's: not HTTP, too large, not JSON, no id.
     */
    ZS_ERROR_PROTOCOL = 14,
    /**
     * The gateway refused the request: 400, 409, 422, or a 4xx without a number of its own.
     */
    ZS_ERROR_INVALID_REQUEST = 20,
    /**
     * 401: the gateway does not know the API key.
     */
    ZS_ERROR_AUTHENTICATION = 21,
    /**
     * 403: the key may not do this.
     */
    ZS_ERROR_PERMISSION = 22,
    /**
     * 404: the gateway knows no such session.
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
     * An HTTP status that has no place in this protocol: 101, 3xx and others.
     */
    ZS_ERROR_UNEXPECTED_STATUS = 26,
    /**
     * The session was not final in time.
     */
    ZS_ERROR_WAIT_TIMEOUT = 30,
    /**
     * The caller stopped the call.
     */
    ZS_ERROR_CANCELLED = 31,
    /**
     * The signature of a webhook is missing, malformed, wrong or stale.
     */
    ZS_ERROR_WEBHOOK_SIGNATURE = 40,
    /**
     * A bug in the library, caught.
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
 * Where a session stands. Only zs_session_is_verified() is the verdict. The numbers are frozen; new
 * ones may be added.
 */
enum zs_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A word that the library does not know. Not final. See zs_session_status_text().
     */
    ZS_STATUS_UNKNOWN = 0,
    /**
     * Opened; the user has not been there.
     */
    ZS_STATUS_CREATED = 1,
    /**
     * In the user's hands.
     */
    ZS_STATUS_PENDING = 2,
    /**
     * Ended well. The gateway uses both this word and the next for success.
     */
    ZS_STATUS_ACCEPTED = 3,
    /**
     * Ended well.
     */
    ZS_STATUS_FINISHED = 4,
    /**
     * Ended: the user did not pass.
     */
    ZS_STATUS_FAILED = 5,
    /**
     * Ended: the user called it off.
     */
    ZS_STATUS_CANCELLED = 6,
    /**
     * Ended: refused.
     */
    ZS_STATUS_DECLINED = 7,
    /**
     * Ended: too late.
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
 * A client: settings, keys and open connections. Make one, keep it and share it; free it with
 * zs_client_free().
 */
typedef struct zs_client zs_client;

/**
 * A failed call: what zs_result says in short, in full. Free it with zs_error_free().
 */
typedef struct zs_error zs_error;

/**
 * A session as the gateway told it. Free it with zs_session_free().
 */
typedef struct zs_session zs_session;

/**
 * What a webhook tells. Free it with zs_webhook_event_free().
 */
typedef struct zs_webhook_event zs_webhook_event;

/**
 * What zs_set_log_callback() sets. It is called on the thread whose call logs, by several threads at
 * once, and must not call any function of the library. It must return: an exception that leaves it
 * ends the process (abort), and longjmp() must not.
 *
 * @param level      1 error, 2 warning, 3 info, 4 debug, 5 trace.
 * @param message    One line of text, good until the callback returns. It holds no API key and no
 *                   whole phone number.
 * @param user_data  That of zs_set_log_callback().
 */
typedef void (*zs_log_callback)(int32_t level, const char *message, void *user_data);

/**
 * The settings of a client. Begin with ZS_CLIENT_OPTIONS_INIT. The library keeps copies.
 */
typedef struct zs_client_options {
    /**
     * sizeof(zs_client_options).
     */
    size_t struct_size;
    /**
     * The API key: visible ASCII without spaces. NULL: ZIGNSEC_API_KEY, and beside it
     * ZIGNSEC_SECONDARY_API_KEY.
     */
    const char *api_key;
    /**
     * The account's other key, tried once where the gateway answers 401 to the one in use, and kept
     * if that helps. NULL: none.
     */
    const char *secondary_api_key;
    /**
     * Where the gateway is: https, or http to loopback. It wins over environment. NULL: as
     * environment says, or ZIGNSEC_BASE_URL where that is ZS_ENVIRONMENT_DEFAULT.
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
     * The limit for name look-up, TCP, proxy and TLS together, in milliseconds. 0: 5000.
     */
    uint32_t connect_timeout_ms;
    /**
     * The limit for one attempt, in milliseconds. 0: 10000.
     */
    uint32_t attempt_timeout_ms;
    /**
     * The limit for a whole call, in milliseconds. 0: 30000.
     */
    uint32_t timeout_ms;
    /**
     * How many more attempts a call may make where that is safe and can help. 0: 2. -1: none.
     * timeout_ms is for all of them and the pauses between.
     */
    int32_t max_retries;
    /**
     * A PEM file with the certificates to trust, in place of every other. NULL: SSL_CERT_FILE and
     * SSL_CERT_DIR, else REQUESTS_CA_BUNDLE, else CURL_CA_BUNDLE, else the system's store.
     */
    const char *ca_file;
    /**
     * A PEM file with the certificate chain to show to the gateway (mutual TLS). NULL: none.
     */
    const char *client_cert_file;
    /**
     * A PEM file with the private key of client_cert_file. Set both or neither.
     */
    const char *client_key_file;
    /**
     * The URL of an http or https proxy, or "none" for a direct connection. NULL: HTTPS_PROXY, else
     * ALL_PROXY, with NO_PROXY. Loopback is always reached directly.
     */
    const char *proxy;
    /**
     * The header user-agent, printable ASCII. NULL: "zignsec/" and the version.
     */
    const char *user_agent;
} zs_client_options;

/**
 * A session to open. Begin with ZS_PHONE_2FA_REQUEST_INIT. The library keeps nothing of it.
 */
typedef struct zs_phone_2fa_request {
    /**
     * sizeof(zs_phone_2fa_request).
     */
    size_t struct_size;
    /**
     * Required: the user's phone in E.164 form, `+` and 7 to 15 digits, the first not 0.
     */
    const char *phone_number;
    /**
     * Required: where a user who passed is sent, an absolute http or https URL.
     */
    const char *redirect_success;
    /**
     * Required: where any other user is sent, an absolute http or https URL.
     */
    const char *redirect_failure;
    /**
     * The language of the gateway's page. NULL: "En".
     */
    const char *locale;
    /**
     * Text of your own that the session carries. NULL: none.
     */
    const char *relay_state;
    /**
     * Where the gateway reports changes, an absolute http or https URL; see zs_verify_webhook().
     * NULL: nowhere.
     */
    const char *webhook;
    /**
     * The header x-csrf-token, printable ASCII. NULL: not sent.
     */
    const char *csrf_token;
} zs_phone_2fa_request;

/**
 * What zs_wait_for_session() calls after each poll that was answered, on the thread that waits.
 *
 * It may call any function of the library, zs_client_cancel() among them, but must not free the
 * client of the wait or the session. It must return: an exception that leaves it ends the process
 * (abort), and longjmp() must not.
 *
 * @param session     How the session stands. It is the library's, and good until the callback
 *                    returns.
 * @param elapsed_ms  The time since the start of the wait, in milliseconds.
 * @param user_data   That of zs_wait_options.
 * @return 0 to go on waiting. Anything else ends the wait as ZS_ERROR_CANCELLED, unless the session
 *         is final: that is the end of the wait, whatever is returned.
 */
typedef int32_t (*zs_wait_callback)(const struct zs_session *session,
                                    uint32_t elapsed_ms,
                                    void *user_data);

/**
 * How to wait for a session. Begin with ZS_WAIT_OPTIONS_INIT.
 */
typedef struct zs_wait_options {
    /**
     * sizeof(zs_wait_options).
     */
    size_t struct_size;
    /**
     * How long to wait for the end, in milliseconds. 0: 300000.
     */
    uint32_t timeout_ms;
    /**
     * The time between two polls, in milliseconds; each pause differs from it by up to a fifth, so
     * that many clients do not ask at once. 0: 2000.
     */
    uint32_t poll_interval_ms;
    /**
     * What to call after each poll that was answered. NULL: nothing.
     */
    zs_wait_callback on_poll;
    /**
     * For on_poll; the library does not look at it.
     */
    void *user_data;
} zs_wait_options;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Makes a client. Every setting is checked; nothing is sent. The environment is read here and never
 * again.
 *
 * @param options          The settings. NULL: all defaults, the key from ZIGNSEC_API_KEY.
 * @param[out] out_client  The new client; yours, for zs_client_free().
 * @param[out] out_error   The error, for zs_error_free(). May be NULL.
 * @return ZS_OK; ZS_ERROR_CONFIGURATION for no key or a malformed one, a bad base URL, plain http to
 *         a host that is not loopback, an unreadable file, a certificate and key that do not belong
 *         together, a proxy that is not supported; ZS_ERROR_INVALID_ARGUMENT for text that is not
 *         UTF-8, an unknown number, a bad struct_size.
 */
zs_result zs_client_new(const zs_client_options *options,
                        zs_client **out_client,
                        zs_error **out_error);

/**
 * The process's own client, set up from the environment alone. The first call makes it, as
 * zs_client_new() with NULL does; every later one gives the same. A call that fails leaves nothing
 * behind: the next one tries again.
 *
 * @param[out] out_client  The client. It is the library's and lives as long as the process: it is
 *                         not for zs_client_free(), which leaves it alone.
 * @param[out] out_error   The error, for zs_error_free(). May be NULL.
 * @return As zs_client_new().
 */
zs_result zs_client_default(const zs_client **out_client, zs_error **out_error);

/**
 * Makes another client with the same settings, keys and connections, whose calls are cancelled apart
 * from those of the first: see zs_client_cancel(). Nothing is sent. Free the two in any order.
 *
 * @param client           A client.
 * @param[out] out_client  The new client; yours, for zs_client_free().
 * @param[out] out_error   The error, for zs_error_free(). May be NULL.
 * @return ZS_OK; ZS_ERROR_INVALID_ARGUMENT for NULL.
 */
zs_result zs_client_dup(const struct zs_client *client,
                        zs_client **out_client,
                        zs_error **out_error);

/**
 * Stops the calls in flight on this client: each returns ZS_ERROR_CANCELLED within a tenth of a
 * second, waits and pauses too. The client goes on, and later calls are not touched; nor are those of
 * its duplicates. Any thread may call this, and a signal handler too: it takes no lock and allocates
 * nothing. It returns at once; it does not wait for the calls to end.
 *
 * @param client  A client, or NULL.
 */
void zs_client_cancel(const struct zs_client *client);

/**
 * Step 1: opens a session. Send the user to its zs_session_redirect_url(), and remember its
 * zs_session_id() on your side, in that user's login. Blocks, at the longest for the client's
 * timeout.
 *
 * @param client            A client.
 * @param request           What to open.
 * @param[out] out_session  The session; yours, for zs_session_free().
 * @param[out] out_error    The error, for zs_error_free(). May be NULL.
 * @return ZS_OK; ZS_ERROR_INVALID_ARGUMENT before anything is sent; any other zs_result of a failed
 *         call. Where zs_error_in_doubt() is 1, a session may have been opened.
 */
zs_result zs_start_phone_2fa(const struct zs_client *client,
                             const zs_phone_2fa_request *request,
                             zs_session **out_session,
                             zs_error **out_error);

/**
 * Step 3: asks how a session stands; zs_session_is_verified() is the verdict. Blocks, at the longest
 * for the client's timeout.
 *
 * @param client            A client.
 * @param session_id        The id of a session that your server opened: 1 to 64 letters, digits and
 *                          hyphens.
 * @param[out] out_session  The session; yours, for zs_session_free().
 * @param[out] out_error    The error, for zs_error_free(). May be NULL.
 * @return ZS_OK; ZS_ERROR_INVALID_ARGUMENT before anything is sent; ZS_ERROR_NOT_FOUND for an id that
 *         the gateway does not know; ZS_ERROR_PROTOCOL also where the answer is another session's;
 *         any other zs_result of a failed call.
 */
zs_result zs_get_session(const struct zs_client *client,
                         const char *session_id,
                         zs_session **out_session,
                         zs_error **out_error);

/**
 * Step 3, until there is a verdict: asks again and again how a session stands, and blocks, until it
 * is final. A poll that fails as time may heal is not the end, and a pause is at least what the
 * gateway asks for. zs_client_cancel() ends the wait.
 *
 * @param client            A client. Its limits are for each poll; no poll outlives the wait.
 * @param session_id        The id of a session that your server opened: 1 to 64 letters, digits and
 *                          hyphens.
 * @param options           How to wait. NULL: all defaults.
 * @param[out] out_session  The session, final; yours, for zs_session_free().
 * @param[out] out_error    The error, for zs_error_free(). May be NULL.
 * @return ZS_OK, of any session that has ended, well or not: zs_session_is_verified() is the verdict;
 *         ZS_ERROR_WAIT_TIMEOUT where it has not ended in time, and the message says what was last
 *         seen; ZS_ERROR_CANCELLED where on_poll or zs_client_cancel() stopped the wait;
 *         ZS_ERROR_INVALID_ARGUMENT before anything is sent; any other zs_result of
 *         zs_get_session() that time does not heal.
 */
zs_result zs_wait_for_session(const struct zs_client *client,
                              const char *session_id,
                              const zs_wait_options *options,
                              zs_session **out_session,
                              zs_error **out_error);

/**
 * Frees a client, and closes its connections once its duplicates are freed too. No call may be in
 * flight on it.
 *
 * @param client  A client, or NULL. That of zs_client_default() is left as it is.
 */
void zs_client_free(zs_client *client);

/**
 * The result that the failed call returned.
 *
 * @param error  An error, or NULL.
 * @return The result; ZS_OK for NULL.
 */
zs_result zs_error_result(const struct zs_error *error);

/**
 * What failed, the deepest cause that is known, and what to try. It never holds the API key, a whole
 * phone number or a URL's query, so it can be logged.
 *
 * @param error  An error, or NULL.
 * @return A string owned by the error; NULL for NULL.
 */
const char *zs_error_message(const struct zs_error *error);

/**
 * The body of the gateway's answer, cut at 64 KiB. Bytes that are not UTF-8, and NUL, stand as
 * U+FFFD. It is the gateway's own text and can hold personal data.
 *
 * @param error  An error, or NULL.
 * @return A string owned by the error; NULL where there was no answer.
 */
const char *zs_error_body(const struct zs_error *error);

/**
 * The first of the headers x-request-id, x-correlation-id and request-id of the answer.
 *
 * @param error  An error, or NULL.
 * @return A string owned by the error; NULL where there was none.
 */
const char *zs_error_request_id(const struct zs_error *error);

/**
 * The HTTP status of the answer.
 *
 * @param error  An error, or NULL.
 * @return The status; 0 where there was no answer.
 */
int32_t zs_error_http_status(const struct zs_error *error);

/**
 * How long the gateway asked to wait before the next call (Retry-After).
 *
 * @param error  An error, or NULL.
 * @return Milliseconds; -1 where it asked for nothing.
 */
int64_t zs_error_retry_after_ms(const struct zs_error *error);

/**
 * How many attempts were begun: 0 where a check refused the call before anything was sent.
 *
 * @param error  An error, or NULL.
 */
uint32_t zs_error_attempts(const struct zs_error *error);

/**
 * Whether a session may exist at the gateway that the call did not hand out. Only ever 1 for
 * zs_start_phone_2fa(). A caller who tries again may then open a second session; nothing is sent to
 * the user before they open its page.
 *
 * @param error  An error, or NULL.
 * @return 1 or 0.
 */
int32_t zs_error_in_doubt(const struct zs_error *error);

/**
 * Frees an error and its strings.
 *
 * @param error  An error, or NULL.
 */
void zs_error_free(struct zs_error *error);

/**
 * Sets what is called with every message that the library logs, in the whole process, in place of
 * what was set before. Nothing is logged until this is called.
 *
 * It returns when no call of the old callback is running any more, so that what belongs to it can
 * then be freed: do not call it with a lock held that the old callback takes. After a fork() the
 * child has what was set; a callback that was running in another thread of the parent's is not
 * waited for in the child.
 *
 * @param max_level  The most detailed level that is wanted: 1 error, 2 warning (an attempt at a call
 *                   that failed), 3 info, 4 debug (every attempt), 5 trace. 0 or less: off. More
 *                   than 5: 5.
 * @param callback   What to call. NULL: off.
 * @param user_data  For the callback; the library does not look at it.
 */
void zs_set_log_callback(int32_t max_level,
                         zs_log_callback callback,
                         void *user_data);

/**
 * The name of a result, as in this header: "ZS_ERROR_TIMEOUT".
 *
 * @param result  A zs_result, or any other number.
 * @return A string that lives for ever; "ZS_ERROR_UNKNOWN" for a number that is no zs_result of
 *         this version. Never NULL.
 */
const char *zs_result_name(int32_t result);

/**
 * The id: what zs_get_session() asks for. 1 to 64 letters, digits and hyphens.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL for NULL only.
 */
const char *zs_session_id(const struct zs_session *session);

/**
 * The status.
 *
 * @param session  A session, or NULL.
 * @return A zs_status; ZS_STATUS_UNKNOWN for NULL.
 */
int32_t zs_session_status(const struct zs_session *session);

/**
 * The status as the gateway wrote it.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL for NULL only.
 */
const char *zs_session_status_text(const struct zs_session *session);

/**
 * Whether the session has ended, well or not.
 *
 * @param session  A session, or NULL.
 * @return 1 or 0.
 */
int32_t zs_session_is_final(const struct zs_session *session);

/**
 * Whether the user proved that the phone is theirs: the status is accepted or finished, and nothing
 * else in the answer speaks against it. Nothing else ever verifies.
 *
 * @param session  A session, or NULL.
 * @return 1 or 0.
 */
int32_t zs_session_is_verified(const struct zs_session *session);

/**
 * Where to send the user. The gateway tells it when the session is opened.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL where the gateway did not tell.
 */
const char *zs_session_redirect_url(const struct zs_session *session);

/**
 * The phone number.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL where the gateway did not tell.
 */
const char *zs_session_phone_number(const struct zs_session *session);

/**
 * The language of the gateway's page.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL where the gateway did not tell.
 */
const char *zs_session_locale(const struct zs_session *session);

/**
 * Where a user who passed is sent.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL where the gateway did not tell.
 */
const char *zs_session_redirect_success(const struct zs_session *session);

/**
 * Where any other user is sent.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL where the gateway did not tell.
 */
const char *zs_session_redirect_failure(const struct zs_session *session);

/**
 * Your own text.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL where the gateway did not tell.
 */
const char *zs_session_relay_state(const struct zs_session *session);

/**
 * Where the gateway reports changes of the session.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL where the gateway did not tell.
 */
const char *zs_session_webhook(const struct zs_session *session);

/**
 * The whole session as the gateway wrote it, with fields that have no function here: a JSON object.
 *
 * @param session  A session, or NULL.
 * @return A string owned by the session; NULL for NULL only.
 */
const char *zs_session_json(const struct zs_session *session);

/**
 * Frees a session and its strings.
 *
 * @param session  A session, or NULL.
 */
void zs_session_free(struct zs_session *session);

/**
 * The name of a status, as in this header: "ZS_STATUS_PENDING".
 *
 * @param status  A zs_status, or any other number.
 * @return A string that lives for ever; "ZS_STATUS_UNKNOWN" for a number that is no status of this
 *         version. Never NULL.
 */
const char *zs_status_name(int32_t status);

/**
 * The version of the library that is running, which can differ from the header's: "0.1.0".
 *
 * @return A string that lives for ever.
 */
const char *zs_version(void);

/**
 * The version of the library that is running, as ZS_VERSION_NUMBER.
 */
uint32_t zs_version_number(void);

/**
 * Checks a webhook's signature and its time, then reads it. It asks nobody, and does not block.
 *
 * A webhook is a hint, not a verdict: it can be lost, late, out of order, and sent again by anybody
 * who saw it, as long as the tolerance lasts. Drop an event whose zs_webhook_event_json() you have
 * had, and ask zs_get_session() how the session stands.
 *
 * @param body            The request's body byte for byte as it arrived: JSON that was parsed and
 *                        written again is another text. May be NULL where body_len is 0.
 * @param body_len        How many bytes that is.
 * @param signature       The value of the header X-ZignSec-Hmac-SHA256. NULL: the header is missing.
 * @param secret          The secret that you share with ZignSec for webhooks.
 * @param tolerance_s     How many seconds the signature's time may be from this machine's clock, into
 *                        the past and into the future. 0: 300. ZS_TOLERANCE_NONE: not checked.
 * @param[out] out_event  The event; yours, for zs_webhook_event_free().
 * @param[out] out_error  The error, for zs_error_free(). May be NULL.
 * @return ZS_OK; ZS_ERROR_WEBHOOK_SIGNATURE for a signature that is missing, malformed, that of
 *         another body or secret, or stale; ZS_ERROR_PROTOCOL where ZignSec signed what cannot be
 *         read: not a JSON object, no id, a repeated key; ZS_ERROR_INVALID_ARGUMENT for a secret that
 *         is NULL, empty or not UTF-8, a body that is NULL, another negative tolerance.
 */
zs_result zs_verify_webhook(const uint8_t *body,
                            size_t body_len,
                            const char *signature,
                            const char *secret,
                            int64_t tolerance_s,
                            zs_webhook_event **out_event,
                            zs_error **out_error);

/**
 * The id of the session: what zs_get_session() asks for. 1 to 64 letters, digits and hyphens.
 *
 * @param event  An event, or NULL.
 * @return A string owned by the event; NULL for NULL only.
 */
const char *zs_webhook_event_session_id(const struct zs_webhook_event *event);

/**
 * What happened, such as "session_finished".
 *
 * @param event  An event, or NULL.
 * @return A string owned by the event, empty where the webhook does not tell; NULL for NULL only.
 */
const char *zs_webhook_event_name(const struct zs_webhook_event *event);

/**
 * The status that the webhook tells, at its top level or in its result. A hint: only
 * zs_session_is_verified() is the verdict.
 *
 * @param event  An event, or NULL.
 * @return A zs_status; ZS_STATUS_UNKNOWN where it tells none, or two that differ, and for NULL.
 */
int32_t zs_webhook_event_status(const struct zs_webhook_event *event);

/**
 * The status as the gateway wrote it, the top level's where there are two.
 *
 * @param event  An event, or NULL.
 * @return A string owned by the event, empty where the webhook does not tell; NULL for NULL only.
 */
const char *zs_webhook_event_status_text(const struct zs_webhook_event *event);

/**
 * Your own text.
 *
 * @param event  An event, or NULL.
 * @return A string owned by the event; NULL where the session has none.
 */
const char *zs_webhook_event_relay_state(const struct zs_webhook_event *event);

/**
 * The whole body as the gateway wrote it, with fields that have no function here: a JSON object.
 *
 * @param event  An event, or NULL.
 * @return A string owned by the event; NULL for NULL only.
 */
const char *zs_webhook_event_json(const struct zs_webhook_event *event);

/**
 * Frees an event and its strings.
 *
 * @param event  An event, or NULL.
 */
void zs_webhook_event_free(struct zs_webhook_event *event);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ZIGNSEC_H */
