/* The contract of zignsec.hpp, tested against the sandbox: a session from start to verdict, errors,
   ownership, webhooks. */
extern "C" {
#include "sandbox.h"
}
#include "check.h"
#include "zignsec.hpp"

#include <string>
#include <type_traits>
#include <utility>

static_assert(!std::is_copy_constructible_v<zignsec::Client>, "a client is moved, not copied");
static_assert(std::is_nothrow_move_constructible_v<zignsec::Client>, "a client can be moved");
static_assert(!std::is_copy_constructible_v<zignsec::Session>, "a session is moved, not copied");
static_assert(std::is_nothrow_move_constructible_v<zignsec::Session>, "a session can be moved");
static_assert(!std::is_copy_constructible_v<zignsec::WebhookEvent>, "an event is moved");
static_assert(std::is_nothrow_move_constructible_v<zignsec::WebhookEvent>, "an event is moved");
static_assert(std::is_base_of_v<std::runtime_error, zignsec::Error>, "an error is an exception");
static_assert(std::is_copy_constructible_v<zignsec::Error>, "an exception can be copied");

static zignsec::Client client_of(const sandbox &box) {
    zignsec::ClientOptions options;
    options.api_key = box.api_key;
    options.base_url = box.url;
    options.max_retries = 0;
    options.timeout = std::chrono::seconds(20);
    return zignsec::Client(options);
}

static zignsec::Phone2faRequest page_example() {
    zignsec::Phone2faRequest request;
    request.phone_number = "+46703339954";
    request.redirect_success = "https://my_success_url.com";
    request.redirect_failure = "https://my_failure_url.com";
    request.locale = "En";
    request.relay_state = "Tulasi_V5_SMS";
    request.webhook = "https://webhook.site/zignsec";
    return request;
}

static void a_session_runs_from_start_to_verdict(const sandbox &box) {
    zignsec::Client client = client_of(box);
    zignsec::Session session = client.start_phone_2fa(page_example());
    CHECK(session.status() == zignsec::SessionStatus::pending);
    CHECK(session.status_text() == "pending");
    CHECK(session.redirect_url().has_value() && !session.locale().has_value());
    CHECK(!session.is_final() && !session.is_verified());

    sandbox_user(&box, std::string(session.id()).c_str(), "accept");
    session = client.get_session(std::string(session.id()));
    CHECK(session.status() == zignsec::SessionStatus::accepted);
    CHECK(session.is_final() && session.is_verified());
    const std::string number(session.phone_number().value());
    CHECK(session.is_verified_for(number) && !session.is_verified_for("+46700000000"));
    CHECK(!session.is_verified_for("") && !session.is_verified_for(number + std::string(1, '\0')));
    // A view need not end with a NUL.
    CHECK(session.is_verified_for(std::string_view(number + "0").substr(0, number.size())));
    CHECK(session.phone_number() == "+46703339954" && session.locale() == "En");
    CHECK(session.redirect_success() == "https://my_success_url.com");
    CHECK(session.redirect_failure() == "https://my_failure_url.com");
    CHECK(session.relay_state() == "Tulasi_V5_SMS");
    CHECK(session.webhook() == "https://webhook.site/zignsec");
    CHECK(session.json().find("request_data") != std::string_view::npos);

    zignsec::Client moved = std::move(client);
    CHECK(moved.get_session(std::string(session.id())).is_verified());
    CHECK(moved.get() != nullptr);
}

template <typename Call> static zignsec::Error error_of(Call call) {
    try {
        call();
    } catch (const zignsec::Error &error) {
        return error;
    }
    return zignsec::Error(ZS_OK, "nothing was thrown");
}

static void an_error_contains_the_details_of_c(const sandbox &box) {
    const zignsec::Client client = client_of(box);
    sandbox_fault(&box, "rate-limited-seconds");
    zignsec::Error error = error_of([&] { (void)client.start_phone_2fa(page_example()); });
    CHECK(error.result() == ZS_ERROR_RATE_LIMITED);
    CHECK(error.http_status() == 429);
    CHECK(error.retry_after() == std::chrono::seconds(2));
    CHECK(error.attempts() == 1 && !error.in_doubt());
    CHECK(!error.body().empty());
    CHECK(std::string(error.what()).find("429") != std::string::npos);

    error = error_of([&] { (void)client.get_session("unknown-session"); });
    CHECK(error.result() == ZS_ERROR_NOT_FOUND && !error.retry_after().has_value());
}

static void bad_values_are_refused(const sandbox &box) {
    const zignsec::Client client = client_of(box);
    const int before = sandbox_request_count(&box);
    const std::string cut("a\0b", 3);
    CHECK(error_of([&] { (void)client.get_session(cut); }).result() == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(error_of([&] { (void)client.get_session(""); }).result() == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(error_of([&] { (void)client.start_phone_2fa({}); }).result() ==
          ZS_ERROR_INVALID_ARGUMENT);

    zignsec::ClientOptions options;
    options.api_key = "key";
    options.timeout = std::chrono::milliseconds(-1);
    CHECK(error_of([&] { zignsec::Client c(options); }).result() == ZS_ERROR_INVALID_ARGUMENT);
    options.timeout = {};
    options.max_retries = -1;
    CHECK(error_of([&] { zignsec::Client c(options); }).result() == ZS_ERROR_INVALID_ARGUMENT);
    options.max_retries.reset();
    options.environment = zignsec::Environment::production;
    CHECK(error_of([&] { zignsec::Client c(options); }).result() == ZS_OK);
    options.environment = zignsec::Environment::default_;
    options.base_url = "http://gateway.example";
    CHECK(error_of([&] { zignsec::Client c(options); }).result() == ZS_ERROR_CONFIGURATION);
    CHECK(error_of([] { (void)zignsec::Client::from_env(); }).result() == ZS_ERROR_CONFIGURATION);
    CHECK(sandbox_request_count(&box) == before);
}

static void webhooks_are_verified() {
    // The signature is from 2023.
    const std::string body = R"({"event":"session_finished","id":"55c20771","status":"accepted"})";
    const std::string secret = "a-secret-of-hooks";
    const std::string signature =
        "t=1700000000,v1=4dc51b32448f9aeae3a640a0d5ffd3bf63b2a1a3f2deedbd42fbbc0463be97ee";
    zignsec::WebhookEvent event = zignsec::verify_webhook(body, signature, secret, std::nullopt);
    const zignsec::WebhookEvent moved = std::move(event);
    CHECK(moved.session_id() == "55c20771" && moved.name() == "session_finished");
    CHECK(moved.status() == zignsec::SessionStatus::accepted && moved.status_text() == "accepted");
    CHECK(!moved.relay_state().has_value() && moved.json() == body);
    CHECK(zignsec::verify_webhook(body, signature, secret, std::chrono::hours(1'000'000))
              .session_id() == "55c20771");

    const auto result_of = [&](const std::string &given, auto... tolerance) {
        return error_of([&] { (void)zignsec::verify_webhook(body, given, secret, tolerance...); })
            .result();
    };
    CHECK(result_of(signature) == ZS_ERROR_WEBHOOK_SIGNATURE);
    CHECK(result_of("") == ZS_ERROR_WEBHOOK_SIGNATURE);
    CHECK(result_of(signature + std::string("\0", 1), std::nullopt) == ZS_ERROR_WEBHOOK_SIGNATURE);
    CHECK(result_of(signature, std::chrono::seconds(0)) == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(result_of(signature, std::chrono::seconds(-1)) == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(error_of([&] { (void)zignsec::verify_webhook(body, signature, ""); }).result() ==
          ZS_ERROR_INVALID_ARGUMENT);
    CHECK(error_of([&] { (void)zignsec::verify_webhook({}, signature, secret); }).result() ==
          ZS_ERROR_WEBHOOK_SIGNATURE);
}

int main() {
    sandbox box = sandbox_start(0);
    a_session_runs_from_start_to_verdict(box);
    an_error_contains_the_details_of_c(box);
    bad_values_are_refused(box);
    webhooks_are_verified();
    sandbox_stop(&box);
    return report("cpp/contract");
}
