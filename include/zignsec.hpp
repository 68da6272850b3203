/**
 * @file zignsec.hpp
 * zignsec for C++17: zignsec.h with objects that free themselves and errors that are thrown.
 *
 * Header-only; link with libzignsec. Nothing here that C cannot do. Threads, blocking and time are as
 * zignsec.h says. Objects are moved, not copied.
 */
#ifndef ZIGNSEC_HPP
#define ZIGNSEC_HPP

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

/** Where a session stands; see zs_status. Only Session::is_verified() is the verdict. */
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

/** Which of ZignSec's gateways to talk to; standard is what ZIGNSEC_ENVIRONMENT says, else test. */
enum class Environment : std::int32_t {
    standard = ZS_ENVIRONMENT_DEFAULT,
    test = ZS_ENVIRONMENT_TEST,
    production = ZS_ENVIRONMENT_PRODUCTION
};

/** Which header carries the API key. */
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

inline std::string text(const char *text) { return text == nullptr ? std::string() : text; }

inline std::string_view view(const char *text) {
    return text == nullptr ? std::string_view() : text;
}

inline std::optional<std::string_view> optional(const char *text) {
    return text == nullptr ? std::nullopt : std::optional<std::string_view>(text);
}

} // namespace detail

/** A failed call: zs_error as an exception. what() can be logged; body() can hold personal data. */
class Error : public std::runtime_error {
  public:
    /** An error of this header's own. */
    Error(zs_result result, const std::string &message)
        : std::runtime_error(message), result_(result) {}

    /** Copies what C's error tells, and leaves it to its owner. */
    explicit Error(const zs_error *error)
        : std::runtime_error(detail::text(zs_error_message(error))),
          result_(zs_error_result(error)), http_status_(zs_error_http_status(error)),
          retry_after_ms_(zs_error_retry_after_ms(error)), attempts_(zs_error_attempts(error)),
          in_doubt_(zs_error_in_doubt(error) != 0), body_(detail::text(zs_error_body(error))),
          request_id_(detail::text(zs_error_request_id(error))) {}

    /** What went wrong: never ZS_OK. */
    zs_result result() const noexcept { return result_; }
    /** 0 where there was no answer. */
    int http_status() const noexcept { return http_status_; }
    /** When the gateway said to come back, from when the call returned; else nothing. */
    std::optional<std::chrono::milliseconds> retry_after() const {
        if (retry_after_ms_ < 0) {
            return std::nullopt;
        }
        return std::chrono::milliseconds(retry_after_ms_);
    }
    /** How many attempts were begun; 0 where nothing was tried. */
    unsigned attempts() const noexcept { return attempts_; }
    /** Whether a session may exist that the call did not hand out. */
    bool in_doubt() const noexcept { return in_doubt_; }
    /** Empty where there was no answer. */
    const std::string &body() const noexcept { return body_; }
    /** Empty where there was none. */
    const std::string &request_id() const noexcept { return request_id_; }

  private:
    zs_result result_;
    int http_status_ = 0;
    std::int64_t retry_after_ms_ = -1;
    unsigned attempts_ = 0;
    bool in_doubt_ = false;
    std::string body_;
    std::string request_id_;
};

namespace detail {

/** Turns a result that is not ZS_OK into an Error, and frees what it came with. */
inline void check(zs_result result, zs_error *error) {
    Owned<zs_error> owned(error);
    if (result != ZS_OK) {
        throw owned ? Error(owned.get()) : Error(result, zs_result_name(result));
    }
}

/** A string for C, which ends at its first NUL: one that goes on behind it is refused. */
inline const char *c_string(const char *name, const std::string &text,
                            zs_result refusal = ZS_ERROR_INVALID_ARGUMENT) {
    if (text.find('\0') != std::string::npos) {
        throw Error(refusal, std::string(name) + " holds a NUL");
    }
    return text.c_str();
}

inline const char *c_string(const char *name, const std::optional<std::string> &text) {
    return text ? c_string(name, *text) : nullptr;
}

/** 0 stands for the default. */
inline std::uint32_t milliseconds(const char *name, std::chrono::milliseconds limit) {
    if (limit.count() < 0 || limit.count() > (std::numeric_limits<std::uint32_t>::max)()) {
        throw Error(ZS_ERROR_INVALID_ARGUMENT,
                    std::string(name) + " must not be negative or longer than 49 days");
    }
    return static_cast<std::uint32_t>(limit.count());
}

} // namespace detail

/** The settings of a client, as zs_client_options; what is not set is the default. */
struct ClientOptions {
    /** The API key; not set, that of the environment. */
    std::optional<std::string> api_key;
    /** The account's other key, tried once where the gateway answers 401. */
    std::optional<std::string> secondary_api_key;
    /** Where the gateway is; wins over environment. */
    std::optional<std::string> base_url;
    /** A PEM file with the certificates to trust, in place of every other. */
    std::optional<std::string> ca_file;
    /** A PEM file with the certificate to show. */
    std::optional<std::string> client_cert_file;
    /** A PEM file with its private key. */
    std::optional<std::string> client_key_file;
    /** The URL of a proxy, or "none". */
    std::optional<std::string> proxy;
    /** The header user-agent. */
    std::optional<std::string> user_agent;
    /** Which gateway, where base_url names none. */
    Environment environment = Environment::standard;
    /** Which header carries the key. */
    AuthScheme auth_scheme = AuthScheme::authorization;
    /** The limit for look-up, TCP, proxy and TLS together. Zero: 5 seconds. */
    std::chrono::milliseconds connect_timeout{};
    /** The limit for one attempt. Zero: 10 seconds. */
    std::chrono::milliseconds attempt_timeout{};
    /** The limit for a whole call. Zero: 30 seconds. */
    std::chrono::milliseconds timeout{};
    /** How many more attempts a call may make; 0 is none. */
    std::optional<int> max_retries;
};

/** A session to open, as zs_phone_2fa_request. */
struct Phone2faRequest {
    /** In E.164, such as +46701740605. Required. */
    std::string phone_number;
    /** Where the user goes after success, an absolute http or https URL. Required. */
    std::string redirect_success;
    /** Where the user goes after failure, such a URL. Required. */
    std::string redirect_failure;
    /** The language of the user's page; not set, "En". */
    std::optional<std::string> locale;
    /** Text that the session carries. */
    std::optional<std::string> relay_state;
    /** Where the gateway reports changes, an absolute URL. */
    std::optional<std::string> webhook;
    /** The header x-csrf-token. */
    std::optional<std::string> csrf_token;
};

namespace detail {
class Borrowed;
} // namespace detail

/** A session as the gateway told it. Views live as long as the session. */
class Session {
  public:
    /** Takes over a session that C gave out. */
    explicit Session(zs_session *session) noexcept : session_(session) {}

    /** The session's id. */
    std::string_view id() const { return detail::view(zs_session_id(get())); }
    /** The status as one of nine; unknown for a word that is not among them. */
    SessionStatus status() const { return static_cast<SessionStatus>(zs_session_status(get())); }
    /** The status as the gateway wrote it. */
    std::string_view status_text() const { return detail::view(zs_session_status_text(get())); }
    /** Whether the session has ended. */
    bool is_final() const { return zs_session_is_final(get()) != 0; }
    /** The verdict; see zs_session_is_verified(). */
    bool is_verified() const { return zs_session_is_verified(get()) != 0; }
    /** Where to send the user; told when the session is opened. */
    std::optional<std::string_view> redirect_url() const {
        return detail::optional(zs_session_redirect_url(get()));
    }
    /** The phone number that the session is for; personal data. */
    std::optional<std::string_view> phone_number() const {
        return detail::optional(zs_session_phone_number(get()));
    }
    /** The language of the user's page. */
    std::optional<std::string_view> locale() const {
        return detail::optional(zs_session_locale(get()));
    }
    /** Where the user goes after success. */
    std::optional<std::string_view> redirect_success() const {
        return detail::optional(zs_session_redirect_success(get()));
    }
    /** Where the user goes after failure. */
    std::optional<std::string_view> redirect_failure() const {
        return detail::optional(zs_session_redirect_failure(get()));
    }
    /** The text that was given when the session was opened. */
    std::optional<std::string_view> relay_state() const {
        return detail::optional(zs_session_relay_state(get()));
    }
    /** Where the gateway reports changes. */
    std::optional<std::string_view> webhook() const {
        return detail::optional(zs_session_webhook(get()));
    }
    /** The whole session as the gateway wrote it: a JSON object. */
    std::string_view json() const { return detail::view(zs_session_json(get())); }

  private:
    friend class detail::Borrowed;

    zs_session *release() noexcept { return session_.release(); }
    const zs_session *get() const noexcept { return session_.get(); }

    detail::Owned<zs_session> session_;
};

/** How to wait for a session, as zs_wait_options. */
struct WaitOptions {
    /** How long to wait for the end. Zero: 300 seconds. */
    std::chrono::milliseconds timeout{};
    /** The time between two polls. Zero: 2 seconds. */
    std::chrono::milliseconds poll_interval{};
    /**
     * What to call after each poll that was answered, with the session, which is good for the call,
     * and the time since the start of the wait. Returning false stops the wait, unless the session is
     * final. An exception ends the wait and is thrown by wait_for_session().
     */
    std::function<bool(const Session &, std::chrono::milliseconds)> on_poll;
};

namespace detail {

/** A session that stays C's. */
class Borrowed {
  public:
    explicit Borrowed(const zs_session *session) noexcept
        : session_(const_cast<zs_session *>(session)) {}
    Borrowed(const Borrowed &) = delete;
    Borrowed &operator=(const Borrowed &) = delete;
    ~Borrowed() { static_cast<void>(session_.release()); }

    const Session &get() const noexcept { return session_; }

  private:
    Session session_;
};

/** What on_poll is called through: no exception may pass through C. */
class OnPoll {
  public:
    explicit OnPoll(const WaitOptions &options) noexcept : options_(options) {}

    zs_wait_callback callback() const noexcept { return options_.on_poll ? call : nullptr; }

    void rethrow() const {
        if (thrown_) {
            std::rethrow_exception(thrown_);
        }
    }

  private:
    static std::int32_t call(const zs_session *session, std::uint32_t elapsed_ms,
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
    std::exception_ptr thrown_;
};

} // namespace detail

/** A client: make one, keep it and share it between threads. */
class Client {
  public:
    /** Throws Error: see zs_client_new(). */
    explicit Client(const ClientOptions &options = {}) : client_(make(options)) {}

    /** A client set up from the environment alone. */
    static Client from_env() { return Client(); }

    /** Step 1: opens a session. Blocks. Throws Error: see zs_start_phone_2fa(). */
    Session start_phone_2fa(const Phone2faRequest &request) const {
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

    /** Step 3: asks how a session stands. Blocks. Throws Error: see zs_get_session(). */
    Session get_session(const std::string &id) const {
        zs_session *session = nullptr;
        zs_error *error = nullptr;
        const zs_result result =
            zs_get_session(get(), detail::c_string("session_id", id), &session, &error);
        detail::check(result, error);
        return Session(session);
    }

    /**
     * Step 3, until there is a verdict: asks until the session is final. Blocks. Throws Error: see
     * zs_wait_for_session(); and what options.on_poll throws.
     */
    Session wait_for_session(const std::string &id, const WaitOptions &options = {}) const {
        detail::OnPoll on_poll(options);
        zs_wait_options raw = ZS_WAIT_OPTIONS_INIT;
        raw.timeout_ms = detail::milliseconds("timeout", options.timeout);
        raw.poll_interval_ms = detail::milliseconds("poll_interval", options.poll_interval);
        raw.on_poll = on_poll.callback();
        raw.user_data = &on_poll;
        zs_session *session = nullptr;
        zs_error *error = nullptr;
        const zs_result result = zs_wait_for_session(get(), detail::c_string("session_id", id), &raw,
                                                     &session, &error);
        Session ended(session);
        detail::Owned<zs_error> owned(error);
        on_poll.rethrow();
        detail::check(result, owned.release());
        return ended;
    }

    /**
     * Stops the calls in flight on this client: they throw an Error of ZS_ERROR_CANCELLED. From any
     * thread or signal handler; see zs_client_cancel().
     */
    void cancel() const noexcept { zs_client_cancel(get()); }

    /**
     * Another client with the same settings, keys and connections, whose calls are cancelled apart
     * from those of this one. Throws Error.
     */
    Client dup() const {
        zs_client *client = nullptr;
        zs_error *error = nullptr;
        const zs_result result = zs_client_dup(get(), &client, &error);
        detail::check(result, error);
        return Client(client);
    }

    /** The client underneath, still owned by this object. */
    const zs_client *get() const noexcept { return client_.get(); }

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
            // In C 0 is the default, and none is -1.
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

/** What a webhook tells. Views live as long as the event. */
class WebhookEvent {
  public:
    /** Takes over an event that C gave out. */
    explicit WebhookEvent(zs_webhook_event *event) noexcept : event_(event) {}

    /** What Client::get_session() asks for. */
    std::string_view session_id() const {
        return detail::view(zs_webhook_event_session_id(get()));
    }
    /** What happened, such as "session_finished"; empty where the webhook does not tell. */
    std::string_view name() const { return detail::view(zs_webhook_event_name(get())); }
    /** A hint; see zs_webhook_event_status(). Only Session::is_verified() is the verdict. */
    SessionStatus status() const {
        return static_cast<SessionStatus>(zs_webhook_event_status(get()));
    }
    /** The status as the gateway wrote it; empty where the webhook does not tell. */
    std::string_view status_text() const {
        return detail::view(zs_webhook_event_status_text(get()));
    }
    /** The text that was given when the session was opened. */
    std::optional<std::string_view> relay_state() const {
        return detail::optional(zs_webhook_event_relay_state(get()));
    }
    /** The whole body as the gateway wrote it: a JSON object. */
    std::string_view json() const { return detail::view(zs_webhook_event_json(get())); }

  private:
    const zs_webhook_event *get() const noexcept { return event_.get(); }

    detail::Owned<zs_webhook_event> event_;
};

/**
 * Checks a webhook's signature and its time, then reads it. A webhook is a hint, which can be sent
 * again by anybody who saw it as long as the tolerance lasts: drop repeats, and ask
 * Client::get_session(). Throws Error: see zs_verify_webhook().
 *
 * body is the request's body byte for byte as it arrived; signature is the value of the header
 * X-ZignSec-Hmac-SHA256, empty where it is missing. With std::nullopt for tolerance the time is not
 * checked; a tolerance of zero or less is refused.
 */
inline WebhookEvent
verify_webhook(std::string_view body, const std::string &signature, const std::string &secret,
               std::optional<std::chrono::seconds> tolerance = std::chrono::seconds(300)) {
    if (tolerance && tolerance->count() <= 0) {
        // In C these numbers are the default and ZS_TOLERANCE_NONE.
        throw Error(ZS_ERROR_INVALID_ARGUMENT, "tolerance must be longer than zero");
    }
    zs_webhook_event *event = nullptr;
    zs_error *error = nullptr;
    const zs_result result = zs_verify_webhook(
        reinterpret_cast<const std::uint8_t *>(body.data()), body.size(),
        // The header is a stranger's.
        detail::c_string("signature", signature, ZS_ERROR_WEBHOOK_SIGNATURE),
        detail::c_string("secret", secret), tolerance ? tolerance->count() : ZS_TOLERANCE_NONE,
        &event, &error);
    detail::check(result, error);
    return WebhookEvent(event);
}

} // namespace zignsec

#endif
