/**
 * @file zignsec.hpp
 * Client for ZignSec's phone two-factor authentication, for C++17: zignsec.h with objects that free
 * themselves and errors that are exceptions.
 *
 * Header-only; link with libzignsec. Same features as the C API; see zignsec.h for threads,
 * blocking and time limits. Objects can be moved, not copied.
 */
#ifndef ZIGNSEC_HPP
#define ZIGNSEC_HPP

#if !defined(__cpp_exceptions) && !defined(__EXCEPTIONS) && !defined(_CPPUNWIND)
#error "zignsec.hpp reports errors by exceptions: compile with exceptions, or use zignsec.h"
#endif

#include "zignsec.h"

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace zignsec {

/** The status of a session; see zs_status. Trust only Session::is_verified_for(). */
enum class SessionStatus : std::int32_t {
    unknown = ZS_STATUS_UNKNOWN,
    created = ZS_STATUS_CREATED,
    pending = ZS_STATUS_PENDING,
    accepted = ZS_STATUS_ACCEPTED,
    finished = ZS_STATUS_FINISHED,
    failed = ZS_STATUS_FAILED,
    cancelled = ZS_STATUS_CANCELLED,
    declined = ZS_STATUS_DECLINED,
    timeout = ZS_STATUS_TIMEOUT
};

/** Which of ZignSec's gateways to use; default_ is the value of ZIGNSEC_ENVIRONMENT, else test. */
enum class Environment : std::int32_t {
    default_ = ZS_ENVIRONMENT_DEFAULT,
    test = ZS_ENVIRONMENT_TEST,
    production = ZS_ENVIRONMENT_PRODUCTION
};

/** The header that contains the API key. */
enum class AuthScheme : std::int32_t {
    authorization = ZS_AUTH_AUTHORIZATION,
    zs_product_key = ZS_AUTH_ZS_PRODUCT_KEY
};

namespace detail {

struct Free {
    void operator()(zs_client *client) const noexcept { zs_client_free(client); }
    void operator()(zs_session *session) const noexcept { zs_session_free(session); }
    void operator()(zs_webhook_event *event) const noexcept { zs_webhook_event_free(event); }
    void operator()(zs_error *error) const noexcept { zs_error_free(error); }
};

template <typename T> using Owned = std::unique_ptr<T, Free>;

inline std::string text(const char *text) {
    return text == nullptr ? std::string() : text;
}

inline std::string_view view(const char *text) {
    return text == nullptr ? std::string_view() : text;
}

inline std::optional<std::string_view> optional(const char *text) {
    return text == nullptr ? std::nullopt : std::optional<std::string_view>(text);
}

} // namespace detail

/** Details of a failed call. what() can be logged; body() can contain personal data. */
class Error : public std::runtime_error {
  public:
    /** An error raised by this wrapper. */
    Error(zs_result result, const std::string &message)
        : std::runtime_error(message), result_(result) {}

    /** Copies an error of the C API. The caller still owns and frees it. */
    explicit Error(const zs_error *error)
        : std::runtime_error(detail::text(zs_error_message(error))),
          result_(zs_error_result(error)), http_status_(zs_error_http_status(error)),
          retry_after_ms_(zs_error_retry_after_ms(error)), attempts_(zs_error_attempts(error)),
          in_doubt_(zs_error_in_doubt(error) != 0), body_(detail::text(zs_error_body(error))),
          request_id_(detail::text(zs_error_request_id(error))) {}

    /** The result of the call: never ZS_OK. */
    [[nodiscard]] zs_result result() const noexcept { return result_; }
    /** The HTTP status; 0 if there was no response. */
    [[nodiscard]] int http_status() const noexcept { return http_status_; }
    /** How long the gateway asked to wait before the next call (Retry-After), if it did. */
    [[nodiscard]] std::optional<std::chrono::milliseconds> retry_after() const {
        if (retry_after_ms_ < 0) {
            return std::nullopt;
        }
        return std::chrono::milliseconds(retry_after_ms_);
    }
    /** The number of attempts that were started; 0 if nothing was sent. */
    [[nodiscard]] unsigned attempts() const noexcept { return attempts_; }
    /** Whether the gateway may have created a session although the call failed. */
    [[nodiscard]] bool in_doubt() const noexcept { return in_doubt_; }
    /** The body of the response, without your keys; empty if there was no response. */
    [[nodiscard]] const std::string &body() const noexcept { return body_; }
    /** The request ID; empty if the response had none. */
    [[nodiscard]] const std::string &request_id() const noexcept { return request_id_; }

  private:
    zs_result result_;
    int http_status_ = 0;
    std::int64_t retry_after_ms_ = -1;
    unsigned attempts_ = 0;
    bool in_doubt_ = false;
    std::string body_{};
    std::string request_id_{};
};

namespace detail {

/** Throws an Error for a result that is not ZS_OK. Takes ownership of error. */
inline void check(zs_result result, zs_error *error) {
    Owned<zs_error> owned(error);
    if (result != ZS_OK) {
        throw owned ? Error(owned.get()) : Error(result, zs_result_name(result));
    }
}

/** A string for C. A string that contains NUL is rejected, because C would read only a part of it. */
inline const char *c_string(const char *name, const std::string &text,
                            zs_result refusal = ZS_ERROR_INVALID_ARGUMENT) {
    if (text.find('\0') != std::string::npos) {
        throw Error(refusal, std::string(name) + " must not contain NUL");
    }
    return text.c_str();
}

inline const char *c_string(const char *name, const std::optional<std::string> &text) {
    return text ? c_string(name, *text) : nullptr;
}

/** Milliseconds for C, where 0 selects the default. */
inline std::uint32_t milliseconds(const char *name, std::chrono::milliseconds limit) {
    if (limit.count() < 0 || limit.count() > (std::numeric_limits<std::uint32_t>::max)()) {
        throw Error(ZS_ERROR_INVALID_ARGUMENT,
                    std::string(name) + " must be between 0 and 49 days");
    }
    return static_cast<std::uint32_t>(limit.count());
}

} // namespace detail

/** The options of a client; see zs_client_options. An option that is not set has its default. */
struct ClientOptions {
    /** The API key. If not set: ZIGNSEC_API_KEY. */
    std::optional<std::string> api_key{};
    /** A second API key of the account, tried once if the gateway returns 401 for the first. */
    std::optional<std::string> secondary_api_key{};
    /** The URL of the gateway. It takes precedence over environment. */
    std::optional<std::string> base_url{};
    /** A PEM file with the CA certificates to trust; no others are trusted. */
    std::optional<std::string> ca_file{};
    /** A PEM file with the client certificate chain, for mutual TLS. */
    std::optional<std::string> client_cert_file{};
    /** A PEM file with the private key of client_cert_file. */
    std::optional<std::string> client_key_file{};
    /** The URL of a proxy, or "none" for a direct connection. */
    std::optional<std::string> proxy{};
    /** The header user-agent. */
    std::optional<std::string> user_agent{};
    /** Which gateway to use if base_url is not set. */
    Environment environment = Environment::default_;
    /** The header that contains the API key. */
    AuthScheme auth_scheme = AuthScheme::authorization;
    /** The limit for name resolution, TCP, proxy and TLS together. Zero: 5 seconds. */
    std::chrono::milliseconds connect_timeout{};
    /** The limit for one attempt. Zero: 10 seconds. */
    std::chrono::milliseconds attempt_timeout{};
    /** The limit for a whole call. Zero: 30 seconds. */
    std::chrono::milliseconds timeout{};
    /** How many times a call may be retried; 0 is never. If not set: 2. */
    std::optional<int> max_retries{};
};

/** The request that starts a session; see zs_phone_2fa_request. */
struct Phone2faRequest {
    /** Required: the user's phone number in E.164 form, such as +46701740605. Other forms are refused,
     *  not converted: libphonenumber does it. */
    std::string phone_number{};
    /** Required: the URL to which the gateway redirects the user after success. For the rules, see
     *  zs_phone_2fa_request. */
    std::string redirect_success{};
    /** Required: the URL to which the gateway redirects the user otherwise. */
    std::string redirect_failure{};
    /** The language of the gateway's page. If not set: "En". */
    std::optional<std::string> locale{};
    /** Text that the gateway stores with the session and returns with it, at most 16 KiB. */
    std::optional<std::string> relay_state{};
    /** The URL to which the gateway posts status changes. */
    std::optional<std::string> webhook{};
    /** The header x-csrf-token. */
    std::optional<std::string> csrf_token{};
};

namespace detail {
class Borrowed;
} // namespace detail

/** A session as returned by the gateway. Views are valid as long as the session exists. */
class Session {
  public:
    /** Takes ownership of a session that the C API returned. */
    explicit Session(zs_session *session) noexcept : session_(session) {}

    /** The session ID. */
    [[nodiscard]] std::string_view id() const { return detail::view(zs_session_id(get())); }
    /** The status; unknown if the library does not know it. */
    [[nodiscard]] SessionStatus status() const {
        return static_cast<SessionStatus>(zs_session_status(get()));
    }
    /** The status as the gateway wrote it. */
    [[nodiscard]] std::string_view status_text() const {
        return detail::view(zs_session_status_text(get()));
    }
    /** Whether the session is final. */
    [[nodiscard]] bool is_final() const { return zs_session_is_final(get()) != 0; }
    /** Whether the user is verified; see zs_session_is_verified(). */
    [[nodiscard]] bool is_verified() const { return zs_session_is_verified(get()) != 0; }
    /** Whether the user is verified for this phone number, the one that your server stored. Trust
     *  only this; see zs_session_is_verified_for(). */
    [[nodiscard]] bool is_verified_for(std::string_view phone_number) const {
        const std::string text(phone_number);
        // A NUL inside would end the string for C, and the rest would not be compared.
        return text.find('\0') == std::string::npos &&
               zs_session_is_verified_for(get(), text.c_str()) != 0;
    }
    /** The URL to redirect the user to. The gateway returns it when the session is started. */
    [[nodiscard]] std::optional<std::string_view> redirect_url() const {
        return detail::optional(zs_session_redirect_url(get()));
    }
    /** The phone number of the user; personal data. */
    [[nodiscard]] std::optional<std::string_view> phone_number() const {
        return detail::optional(zs_session_phone_number(get()));
    }
    /** The language of the gateway's page. */
    [[nodiscard]] std::optional<std::string_view> locale() const {
        return detail::optional(zs_session_locale(get()));
    }
    /** The URL to which the gateway redirects the user after success. */
    [[nodiscard]] std::optional<std::string_view> redirect_success() const {
        return detail::optional(zs_session_redirect_success(get()));
    }
    /** The URL to which the gateway redirects the user otherwise. */
    [[nodiscard]] std::optional<std::string_view> redirect_failure() const {
        return detail::optional(zs_session_redirect_failure(get()));
    }
    /** The text that the request contained as relay_state. */
    [[nodiscard]] std::optional<std::string_view> relay_state() const {
        return detail::optional(zs_session_relay_state(get()));
    }
    /** The URL to which the gateway posts status changes. */
    [[nodiscard]] std::optional<std::string_view> webhook() const {
        return detail::optional(zs_session_webhook(get()));
    }
    /** The whole session as the gateway wrote it: a JSON object. */
    [[nodiscard]] std::string_view json() const { return detail::view(zs_session_json(get())); }

  private:
    friend class detail::Borrowed;

    zs_session *release() noexcept { return session_.release(); }
    [[nodiscard]] const zs_session *get() const noexcept { return session_.get(); }

    detail::Owned<zs_session> session_;
};

/** How to wait for a session; see zs_wait_options. */
struct WaitOptions {
    /** The limit for the whole wait. Zero: 300 seconds. */
    std::chrono::milliseconds timeout{};
    /** The time between two polls. Zero: 2 seconds. */
    std::chrono::milliseconds poll_interval{};
    /**
     * The function to call after each response to a poll, with the session, which is valid during
     * the call, and the time since the start of the wait. It returns true to continue, false to end
     * the wait with ZS_ERROR_CANCELLED unless the session is final. If it throws, the wait ends and
     * wait_for_session() throws the same exception.
     */
    std::function<bool(const Session &, std::chrono::milliseconds)> on_poll{};
};

namespace detail {

/** A session that the library owns. */
class Borrowed {
  public:
    explicit Borrowed(const zs_session *session) noexcept
        : session_(const_cast<zs_session *>(session)) {}
    Borrowed(const Borrowed &) = delete;
    Borrowed &operator=(const Borrowed &) = delete;
    ~Borrowed() { static_cast<void>(session_.release()); }

    [[nodiscard]] const Session &get() const noexcept { return session_; }

  private:
    Session session_;
};

/** Calls on_poll from C. Exceptions are stored, because they must not pass through C. */
class OnPoll {
  public:
    explicit OnPoll(const WaitOptions &options) noexcept : options_(options) {}

    [[nodiscard]] zs_wait_callback callback() const noexcept { return options_.on_poll ? call : nullptr; }

    void rethrow() const {
        if (thrown_) {
            std::rethrow_exception(thrown_);
        }
    }

  private:
    static std::int32_t ZS_CALL call(const zs_session *session, std::uint32_t elapsed_ms,
                                     void *user_data) noexcept {
        OnPoll *self = static_cast<OnPoll *>(user_data);
        try {
            const Borrowed borrowed(session);
            const std::chrono::milliseconds elapsed(elapsed_ms);
            return self->options_.on_poll(borrowed.get(), elapsed) ? 0 : 1;
        } catch (...) {
            self->thrown_ = std::current_exception();
            return 1;
        }
    }

    const WaitOptions &options_;
    std::exception_ptr thrown_{};
};

} // namespace detail

/** A client: create one, keep it and share it between threads. */
class Client {
  public:
    /** Creates a client. Throws Error: see zs_client_new(). */
    explicit Client(const ClientOptions &options = {}) : client_(make(options)) {}

    /** Creates a client that is configured by environment variables alone. Throws Error. */
    [[nodiscard]] static Client from_env() { return Client(); }

    /** Step 1: starts a session. Blocks. Throws Error: see zs_start_phone_2fa(). */
    [[nodiscard]] Session start_phone_2fa(const Phone2faRequest &request) const {
        zs_phone_2fa_request raw = ZS_PHONE_2FA_REQUEST_INIT;
        raw.phone_number = detail::c_string("phone_number", request.phone_number);
        raw.redirect_success = detail::c_string("redirect_success", request.redirect_success);
        raw.redirect_failure = detail::c_string("redirect_failure", request.redirect_failure);
        raw.locale = detail::c_string("locale", request.locale);
        raw.relay_state = detail::c_string("relay_state", request.relay_state);
        raw.webhook = detail::c_string("webhook", request.webhook);
        raw.csrf_token = detail::c_string("csrf_token", request.csrf_token);
        zs_session *session = nullptr;
        zs_error *error = nullptr;
        const zs_result result = zs_start_phone_2fa(get(), &raw, &session, &error);
        detail::check(result, error);
        return Session(session);
    }

    /** Step 3: returns the current state of a session. Blocks. Throws Error: see zs_get_session().
     */
    [[nodiscard]] Session get_session(const std::string &id) const {
        zs_session *session = nullptr;
        zs_error *error = nullptr;
        const zs_result result =
            zs_get_session(get(), detail::c_string("session_id", id), &session, &error);
        detail::check(result, error);
        return Session(session);
    }

    /**
     * Step 3 with polling, until the session is final. Blocks. Throws Error: see
     * zs_wait_for_session(). Also throws what options.on_poll throws.
     */
    [[nodiscard]] Session wait_for_session(const std::string &id,
                                           const WaitOptions &options = {}) const {
        detail::OnPoll on_poll(options);
        zs_wait_options raw = ZS_WAIT_OPTIONS_INIT;
        raw.timeout_ms = detail::milliseconds("timeout", options.timeout);
        raw.poll_interval_ms = detail::milliseconds("poll_interval", options.poll_interval);
        raw.on_poll = on_poll.callback();
        raw.user_data = &on_poll;
        zs_session *session = nullptr;
        zs_error *error = nullptr;
        const zs_result result =
            zs_wait_for_session(get(), detail::c_string("session_id", id), &raw, &session, &error);
        Session final_session(session);
        detail::Owned<zs_error> owned(error);
        on_poll.rethrow();
        detail::check(result, owned.release());
        return final_session;
    }

    /**
     * Cancels the running calls of this client: they throw an Error with ZS_ERROR_CANCELLED. It may
     * be called from any thread and from a signal handler; see zs_client_cancel().
     */
    void cancel() const noexcept { zs_client_cancel(get()); }

    /**
     * Creates a client that shares options, API keys and connections with this one. Its calls are
     * cancelled separately. Throws Error.
     */
    [[nodiscard]] Client dup() const {
        zs_client *client = nullptr;
        zs_error *error = nullptr;
        const zs_result result = zs_client_dup(get(), &client, &error);
        detail::check(result, error);
        return Client(client);
    }

    /** The client of the C API. This object still owns it. */
    [[nodiscard]] const zs_client *get() const noexcept { return client_.get(); }

  private:
    explicit Client(zs_client *client) noexcept : client_(client) {}

    static zs_client *make(const ClientOptions &options) {
        zs_client_options raw = ZS_CLIENT_OPTIONS_INIT;
        raw.api_key = detail::c_string("api_key", options.api_key);
        raw.secondary_api_key = detail::c_string("secondary_api_key", options.secondary_api_key);
        raw.base_url = detail::c_string("base_url", options.base_url);
        raw.environment = static_cast<std::int32_t>(options.environment);
        raw.auth_scheme = static_cast<std::int32_t>(options.auth_scheme);
        raw.connect_timeout_ms = detail::milliseconds("connect_timeout", options.connect_timeout);
        raw.attempt_timeout_ms = detail::milliseconds("attempt_timeout", options.attempt_timeout);
        raw.timeout_ms = detail::milliseconds("timeout", options.timeout);
        if (options.max_retries) {
            if (*options.max_retries < 0) {
                throw Error(ZS_ERROR_INVALID_ARGUMENT, "max_retries must not be negative");
            }
            // In C, 0 selects the default and -1 is never.
            raw.max_retries = *options.max_retries == 0 ? -1 : *options.max_retries;
        }
        raw.ca_file = detail::c_string("ca_file", options.ca_file);
        raw.client_cert_file = detail::c_string("client_cert_file", options.client_cert_file);
        raw.client_key_file = detail::c_string("client_key_file", options.client_key_file);
        raw.proxy = detail::c_string("proxy", options.proxy);
        raw.user_agent = detail::c_string("user_agent", options.user_agent);
        zs_client *client = nullptr;
        zs_error *error = nullptr;
        const zs_result result = zs_client_new(&raw, &client, &error);
        detail::check(result, error);
        return client;
    }

    detail::Owned<zs_client> client_;
};

/** A webhook event. Views are valid as long as the event exists. */
class WebhookEvent {
  public:
    /** Takes ownership of an event that the C API returned. */
    explicit WebhookEvent(zs_webhook_event *event) noexcept : event_(event) {}

    /** The ID of the session, for Client::get_session(). */
    [[nodiscard]] std::string_view session_id() const {
        return detail::view(zs_webhook_event_session_id(get()));
    }
    /** What happened, such as "session_finished"; empty if the webhook does not contain it. */
    [[nodiscard]] std::string_view name() const {
        return detail::view(zs_webhook_event_name(get()));
    }
    /** A notification only; see zs_webhook_event_status(). Call Client::get_session() for the
     *  result. */
    [[nodiscard]] SessionStatus status() const {
        return static_cast<SessionStatus>(zs_webhook_event_status(get()));
    }
    /** The status as the gateway wrote it; empty if the webhook does not contain it. */
    [[nodiscard]] std::string_view status_text() const {
        return detail::view(zs_webhook_event_status_text(get()));
    }
    /** The text that the request contained as relay_state. */
    [[nodiscard]] std::optional<std::string_view> relay_state() const {
        return detail::optional(zs_webhook_event_relay_state(get()));
    }
    /** The whole body as the gateway wrote it: a JSON object. */
    [[nodiscard]] std::string_view json() const {
        return detail::view(zs_webhook_event_json(get()));
    }

  private:
    [[nodiscard]] const zs_webhook_event *get() const noexcept { return event_.get(); }

    detail::Owned<zs_webhook_event> event_;
};

/**
 * Verifies the signature and the time of a webhook, then decodes it. Makes no network request.
 * Treat a webhook as a notification only: it can be lost, delayed, reordered or replayed. Ignore
 * duplicates and call Client::get_session() for the result. Throws Error: see zs_verify_webhook().
 *
 * body is the body of the request, byte for byte as it was received; signature is the value of the
 * header X-ZignSec-Hmac-SHA256, empty if it is missing. With std::nullopt for tolerance, the time
 * is not checked; a tolerance of zero or less is ZS_ERROR_INVALID_ARGUMENT.
 */
[[nodiscard]] inline WebhookEvent
verify_webhook(std::string_view body, const std::string &signature, const std::string &secret,
               std::optional<std::chrono::seconds> tolerance = std::chrono::seconds(300)) {
    if (tolerance && tolerance->count() <= 0) {
        // In C, 0 selects the default and -1 is ZS_TOLERANCE_UNLIMITED.
        throw Error(ZS_ERROR_INVALID_ARGUMENT, "tolerance must be more than zero");
    }
    zs_webhook_event *event = nullptr;
    zs_error *error = nullptr;
    const zs_result result =
        zs_verify_webhook(reinterpret_cast<const std::uint8_t *>(body.data()), body.size(),
                          // The header is untrusted input: a NUL makes the signature wrong.
                          detail::c_string("signature", signature, ZS_ERROR_WEBHOOK_SIGNATURE),
                          detail::c_string("secret", secret),
                          tolerance ? tolerance->count() : ZS_TOLERANCE_UNLIMITED, &event, &error);
    detail::check(result, error);
    return WebhookEvent(event);
}

} // namespace zignsec

#endif
