/*
 * The contract of the header, tested by a program that uses only the header: a session from start
 * to verdict, NULL for every pointer, option structs, a webhook, and a panic that does not reach C.
 */
#include "calls.h"
#include "check.h"
#include "sandbox.h"
#include "zignsec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void a_session_runs_from_start_to_verdict(const sandbox *box) {
    zs_client *client = client_of(box);
    zs_phone_2fa_request request = page_example();
    zs_session *session = NULL;
    zs_error *error = (zs_error *)&request; /* not NULL: success must set it to NULL */
    CHECK(zs_start_phone_2fa(client, &request, &session, &error) == ZS_OK);
    CHECK(error == NULL);
    CHECK(zs_session_status(session) == ZS_STATUS_PENDING);
    CHECK(same(zs_session_status_text(session), "pending"));
    CHECK(zs_session_is_final(session) == 0 && zs_session_is_verified(session) == 0);
    CHECK(strstr(zs_session_redirect_url(session), zs_session_id(session)) != NULL);
    CHECK(zs_session_phone_number(session) == NULL && zs_session_locale(session) == NULL);
    char id[65];
    snprintf(id, sizeof id, "%s", zs_session_id(session));
    zs_session_free(session);

    sandbox_user(box, id, "accept");
    CHECK(zs_get_session(client, id, &session, &error) == ZS_OK);
    CHECK(same(zs_session_id(session), id));
    CHECK(zs_session_status(session) == ZS_STATUS_ACCEPTED);
    CHECK(zs_session_is_final(session) == 1 && zs_session_is_verified(session) == 1);
    CHECK(zs_session_is_verified_for(session, zs_session_phone_number(session)) == 1);
    CHECK(zs_session_is_verified_for(session, "+46700000000") == 0);
    CHECK(zs_session_is_verified_for(session, "") == 0);
    CHECK(zs_session_is_verified_for(session, "+46701740605\xff") == 0);
    CHECK(zs_session_is_verified_for(session, NULL) == 0);
    CHECK(same(zs_session_locale(session), "En"));
    CHECK(same(zs_session_phone_number(session), "+46703339954"));
    CHECK(same(zs_session_redirect_success(session), "https://my_success_url.com"));
    CHECK(same(zs_session_redirect_failure(session), "https://my_failure_url.com"));
    CHECK(same(zs_session_relay_state(session), "Tulasi_V5_SMS"));
    CHECK(same(zs_session_webhook(session), "https://webhook.site/zignsec"));
    CHECK(zs_session_redirect_url(session) == NULL);
    cJSON *json = cJSON_Parse(zs_session_json(session));
    CHECK(cJSON_GetObjectItem(json, "request_data") != NULL);
    cJSON_Delete(json);
    zs_session_free(session);
    zs_client_free(client);
}

static void null_is_accepted_or_refused(const sandbox *box) {
    zs_client *client = client_of(box);
    zs_phone_2fa_request request = page_example();
    zs_session *session = (zs_session *)&request;
    zs_error *error = NULL;
    int before = sandbox_request_count(box);

    CHECK(zs_client_new(NULL, NULL, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(zs_start_phone_2fa(NULL, &request, &session, &error) == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(session == NULL);
    CHECK(strstr(zs_error_message(error), "client") != NULL);
    CHECK(same(zs_error_result_name(error), "ZS_ERROR_INVALID_ARGUMENT"));
    zs_error_free(error);
    CHECK(zs_start_phone_2fa(client, NULL, &session, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(zs_start_phone_2fa(client, &request, NULL, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(zs_start_phone_2fa(NULL, NULL, NULL, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(zs_get_session(NULL, "a", &session, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(zs_get_session(client, NULL, &session, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(zs_get_session(client, "a", NULL, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(zs_wait_for_session(NULL, "a", NULL, &session, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(zs_wait_for_session(client, NULL, NULL, &session, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(zs_wait_for_session(client, "a", NULL, NULL, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    zs_client *other = (zs_client *)&request;
    CHECK(zs_client_dup(NULL, &other, NULL) == ZS_ERROR_INVALID_ARGUMENT && other == NULL);
    CHECK(zs_client_dup(client, NULL, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(zs_client_default(NULL, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    zs_client_cancel(NULL);
    zs_set_log_callback(ZS_LOG_TRACE, NULL, NULL);
    zs_client_options_init(NULL, sizeof(zs_client_options));
    zs_phone_2fa_request_init(NULL, sizeof(zs_phone_2fa_request));
    zs_wait_options_init(NULL, sizeof(zs_wait_options));

    CHECK(zs_session_id(NULL) == NULL && zs_session_status_text(NULL) == NULL);
    CHECK(zs_session_redirect_url(NULL) == NULL && zs_session_phone_number(NULL) == NULL);
    CHECK(zs_session_locale(NULL) == NULL && zs_session_redirect_success(NULL) == NULL);
    CHECK(zs_session_redirect_failure(NULL) == NULL && zs_session_relay_state(NULL) == NULL);
    CHECK(zs_session_webhook(NULL) == NULL && zs_session_json(NULL) == NULL);
    CHECK(zs_session_status(NULL) == ZS_STATUS_UNKNOWN);
    CHECK(zs_session_is_final(NULL) == 0 && zs_session_is_verified(NULL) == 0);
    CHECK(zs_session_is_verified_for(NULL, "+46701740605") == 0);
    CHECK(zs_session_is_verified_for(NULL, NULL) == 0);
    CHECK(zs_error_result(NULL) == ZS_OK && zs_error_message(NULL) == NULL);
    CHECK(same(zs_error_result_name(NULL), "ZS_OK"));
    CHECK(zs_error_body(NULL) == NULL && zs_error_request_id(NULL) == NULL);
    CHECK(zs_error_http_status(NULL) == 0 && zs_error_retry_after_ms(NULL) == -1);
    CHECK(zs_error_attempts(NULL) == 0 && zs_error_in_doubt(NULL) == 0);
    zs_session_free(NULL);
    zs_error_free(NULL);
    zs_client_free(NULL);

    CHECK(sandbox_request_count(box) == before);
    zs_client_free(client);
}

/* Whether two structs have the same bytes. They have no padding. */
#define EQUAL(left, right) (memcmp(&(left), &(right), sizeof(left)) == 0)

static void init_functions_do_what_the_macros_do(void) {
    const zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    const zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
    const zs_wait_options wait = ZS_WAIT_OPTIONS_INIT;
    zs_client_options some_options;
    zs_phone_2fa_request some_request;
    zs_wait_options some_wait;
    memset(&some_options, 0xff, sizeof some_options);
    memset(&some_request, 0xff, sizeof some_request);
    memset(&some_wait, 0xff, sizeof some_wait);
    zs_client_options_init(&some_options, sizeof some_options);
    zs_phone_2fa_request_init(&some_request, sizeof some_request);
    zs_wait_options_init(&some_wait, sizeof some_wait);
    CHECK(EQUAL(some_options, options) && EQUAL(some_request, request) && EQUAL(some_wait, wait));

    /* An older caller's struct is smaller. */
    unsigned char bytes[4200];
    const size_t sizes[] = {0, 1, sizeof(size_t) - 1, sizeof(size_t), sizeof options, 4096, 4097};
    for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
        const size_t size = sizes[at], end = size > 4096 ? 4096 : size;
        size_t stored = 0, zeroes = 0, untouched = 0;
        memset(bytes, 0xff, sizeof bytes);
        zs_client_options_init((zs_client_options *)bytes, size);
        memcpy(&stored, bytes, sizeof stored);
        for (size_t byte = 0; byte < sizeof bytes; byte++) {
            zeroes += byte >= sizeof stored && byte < end && bytes[byte] == 0;
            untouched += byte >= end && bytes[byte] == 0xff;
        }
        if (size < sizeof stored) {
            CHECK(stored == SIZE_MAX && zeroes == 0);
        } else {
            CHECK(stored == size && zeroes == end - sizeof stored);
        }
        CHECK(untouched == sizeof bytes - end);
    }
}

static void options_are_checked(const sandbox *box) {
    zs_client *client = NULL;
    struct {
        zs_client_options known;
        size_t newer;
    } larger = {ZS_CLIENT_OPTIONS_INIT, 0};
    larger.known.api_key = box->api_key;
    larger.known.base_url = box->url;
    larger.known.struct_size = sizeof larger;
    CHECK(zs_client_new(&larger.known, &client, NULL) == ZS_OK);
    zs_client_free(client);
    larger.newer = 1;
    CHECK(zs_client_new(&larger.known, &client, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(client == NULL);

    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = box->api_key;
    options.base_url = box->url;
    const size_t sizes[] = {0, 1, sizeof options - 1, 4097};
    for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
        options.struct_size = sizes[at];
        CHECK(zs_client_new(&options, &client, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    }
    options.struct_size = sizeof options;
    options.environment = 3;
    CHECK(zs_client_new(&options, &client, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    options.environment = ZS_ENVIRONMENT_PRODUCTION;
    options.auth_scheme = -1;
    CHECK(zs_client_new(&options, &client, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    options.auth_scheme = ZS_AUTH_ZS_PRODUCT_KEY;
    options.max_retries = -2;
    CHECK(zs_client_new(&options, &client, NULL) == ZS_ERROR_INVALID_ARGUMENT);
    options.max_retries = -1;
    CHECK(zs_client_new(&options, &client, NULL) == ZS_OK);
    zs_client_free(client);

    zs_phone_2fa_request request = page_example();
    zs_session *session = NULL;
    client = client_of(box);
    request.struct_size = sizeof request - 1;
    CHECK(zs_start_phone_2fa(client, &request, &session, NULL) == ZS_ERROR_INVALID_ARGUMENT);

    const session_id id = start_session(client);
    sandbox_user(box, id.text, "accept");
    struct {
        zs_wait_options known;
        size_t newer;
    } wait = {ZS_WAIT_OPTIONS_INIT, 0};
    const size_t waits[] = {0, 1, sizeof(size_t) - 1, sizeof wait.known - 1, 4097};
    for (size_t at = 0; at < sizeof waits / sizeof *waits; at++) {
        wait.known.struct_size = waits[at];
        CHECK(zs_wait_for_session(client, id.text, &wait.known, &session, NULL) ==
              ZS_ERROR_INVALID_ARGUMENT);
    }
    wait.known.struct_size = sizeof wait;
    CHECK(zs_wait_for_session(client, id.text, &wait.known, &session, NULL) == ZS_OK);
    CHECK(zs_session_is_verified(session) == 1);
    zs_session_free(session);
    wait.newer = 1;
    CHECK(zs_wait_for_session(client, id.text, &wait.known, &session, NULL) ==
          ZS_ERROR_INVALID_ARGUMENT);
    CHECK(session == NULL);
    zs_client_free(client);
}

/* The signature is from 2023. */
static void webhooks_are_verified(void) {
    static const char body[] = "{\"event\":\"session_finished\",\"id\":\"55c20771\"}";
    static const char secret[] = "a-secret-of-hooks";
    static const char signature[] =
        "t=1700000000,v1=52613d7701234783818aa0cecca6f8a9e7659492672fc92c9cb3afd2c5c74258";
    const uint8_t *bytes = (const uint8_t *)body;
    const size_t length = strlen(body);
    zs_webhook_event *event = (zs_webhook_event *)&event;
    zs_error *error = (zs_error *)&event; /* not NULL: success must set it to NULL */
    CHECK(zs_verify_webhook(bytes, length, signature, secret, ZS_TOLERANCE_UNLIMITED, &event,
                            &error) == ZS_OK);
    CHECK(error == NULL);
    CHECK(same(zs_webhook_event_session_id(event), "55c20771"));
    CHECK(same(zs_webhook_event_json(event), body));
    zs_webhook_event_free(event);

    const struct {
        const uint8_t *body;
        size_t length;
        const char *signature, *secret;
        int64_t tolerance;
        zs_result result;
    } refused[] = {
        {bytes, length, signature, secret, 0, ZS_ERROR_WEBHOOK_SIGNATURE},
        {bytes, length, signature, secret, 300, ZS_ERROR_WEBHOOK_SIGNATURE},
        {bytes, length, NULL, secret, ZS_TOLERANCE_UNLIMITED, ZS_ERROR_WEBHOOK_SIGNATURE},
        {bytes, 0, signature, secret, ZS_TOLERANCE_UNLIMITED, ZS_ERROR_WEBHOOK_SIGNATURE},
        {NULL, 0, signature, secret, ZS_TOLERANCE_UNLIMITED, ZS_ERROR_WEBHOOK_SIGNATURE},
        {NULL, 1, signature, secret, ZS_TOLERANCE_UNLIMITED, ZS_ERROR_INVALID_ARGUMENT},
        {bytes, SIZE_MAX, signature, secret, ZS_TOLERANCE_UNLIMITED, ZS_ERROR_INVALID_ARGUMENT},
        {bytes, length, signature, NULL, ZS_TOLERANCE_UNLIMITED, ZS_ERROR_INVALID_ARGUMENT},
        {bytes, length, signature, "", ZS_TOLERANCE_UNLIMITED, ZS_ERROR_INVALID_ARGUMENT},
        {bytes, length, signature, secret, -2, ZS_ERROR_INVALID_ARGUMENT},
        {bytes, length, signature, secret, INT64_MIN, ZS_ERROR_INVALID_ARGUMENT},
    };
    for (size_t at = 0; at < sizeof refused / sizeof *refused; at++) {
        event = (zs_webhook_event *)&event;
        CHECK(zs_verify_webhook(refused[at].body, refused[at].length, refused[at].signature,
                                refused[at].secret, refused[at].tolerance, &event,
                                &error) == refused[at].result);
        CHECK(event == NULL);
        CHECK(zs_error_message(error) != NULL && strstr(zs_error_message(error), secret) == NULL);
        zs_error_free(error);
    }
    CHECK(zs_verify_webhook(bytes, length, signature, secret, INT64_MAX, &event, NULL) == ZS_OK);
    zs_webhook_event_free(event);
    CHECK(zs_verify_webhook(bytes, length, signature, secret, ZS_TOLERANCE_UNLIMITED, NULL,
                            &error) == ZS_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(zs_error_message(error), "out_event") != NULL);
    zs_error_free(error);
    CHECK(zs_verify_webhook(NULL, 0, NULL, NULL, 0, NULL, NULL) == ZS_ERROR_INVALID_ARGUMENT);

    CHECK(zs_webhook_event_session_id(NULL) == NULL && zs_webhook_event_name(NULL) == NULL);
    CHECK(zs_webhook_event_status_text(NULL) == NULL && zs_webhook_event_json(NULL) == NULL);
    CHECK(zs_webhook_event_relay_state(NULL) == NULL);
    CHECK(zs_webhook_event_status(NULL) == ZS_STATUS_UNKNOWN);
    zs_webhook_event_free(NULL);
}

static void names_and_versions_are_returned(void) {
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", ZS_VERSION_MAJOR, ZS_VERSION_MINOR,
             ZS_VERSION_PATCH);
    CHECK(same(zs_version(), version));
    CHECK(zs_version_number() == ZS_VERSION_NUMBER);
    CHECK(same(zs_result_name(12), "ZS_ERROR_TIMEOUT"));
    CHECK(same(zs_result_name(-1), "ZS_ERROR_UNKNOWN"));
    CHECK(same(zs_status_name(2), "ZS_STATUS_PENDING"));
    CHECK(same(zs_status_name(-1), "ZS_STATUS_UNKNOWN"));
    CHECK(same(zs_status_name(9), "ZS_STATUS_UNKNOWN"));
}

/* Only a library that was built with the feature __panic panics for this session ID. */
static void a_panic_becomes_an_internal_error(const sandbox *box) {
    zs_client *client = client_of(box);
    zs_session *session = NULL;
    zs_error *error = NULL;
    CHECK(zs_get_session(client, "panic", &session, &error) == ZS_ERROR_INTERNAL);
    CHECK(session == NULL && zs_error_result(error) == ZS_ERROR_INTERNAL);
    CHECK(zs_error_message(error) != NULL);
    zs_error_free(error);
    CHECK(zs_get_session(client, "unknown-session", &session, NULL) == ZS_ERROR_NOT_FOUND);
    zs_client_free(client);
}

int main(void) {
    sandbox box = sandbox_start(0);
    if (getenv("ZIGNSEC_TEST_PANIC") != NULL) {
        a_panic_becomes_an_internal_error(&box);
    } else {
        a_session_runs_from_start_to_verdict(&box);
        null_is_accepted_or_refused(&box);
        init_functions_do_what_the_macros_do();
        options_are_checked(&box);
        webhooks_are_verified();
        names_and_versions_are_returned();
    }
    sandbox_stop(&box);
    return report("c/contract");
}
