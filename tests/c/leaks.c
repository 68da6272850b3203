/*
 * Ten thousand calls of all functions, successful and failed, for memory checkers. Everything that
 * a call returns is freed. An argument sets another number of calls.
 */
#include "calls.h"
#include "check.h"
#include "sandbox.h"
#include "zignsec.h"

#include <stdlib.h>
#include <string.h>

enum { CALLS_PER_ROUND = 10 };

static int32_t ZS_CALL end_wait(const zs_session *session, uint32_t elapsed_ms, void *polls) {
    (void)elapsed_ms;
    *(int *)polls += zs_session_json(session) != NULL;
    return 1;
}

static void ZS_CALL count_message(int32_t level, const char *message, void *messages) {
    *(size_t *)messages += level > 0 && strlen(message) > 0;
}

static void read_session(zs_session *session) {
    CHECK(zs_session_id(session) != NULL && zs_session_status_text(session) != NULL);
    CHECK(zs_session_json(session) != NULL);
    zs_session_free(session);
}

static void read_error(zs_error *error, zs_result result) {
    CHECK(zs_error_result(error) == result && zs_error_message(error) != NULL);
    CHECK(zs_error_request_id(error) == NULL || zs_error_body(error) != NULL);
    zs_error_free(error);
}

static void run_round(const sandbox *box, const zs_client *client, const char *id) {
    static const char body[] = "{\"event\":\"session_finished\",\"id\":\"55c20771\"}";
    static const char secret[] = "a-secret-of-hooks";
    static const char signature[] =
        "t=1700000000,v1=52613d7701234783818aa0cecca6f8a9e7659492672fc92c9cb3afd2c5c74258";
    const uint8_t *bytes = (const uint8_t *)body;
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    zs_phone_2fa_request request = page_example();
    zs_wait_options wait = ZS_WAIT_OPTIONS_INIT;
    zs_client *other = NULL;
    zs_session *session = NULL;
    zs_webhook_event *event = NULL;
    zs_error *error = NULL;
    int polls = 0;
    wait.on_poll = end_wait;
    wait.user_data = &polls;

    options.api_key = box->api_key;
    options.base_url = box->url;
    options.ca_file = box->ca_file;
    CHECK(zs_client_new(&options, &other, &error) == ZS_OK && error == NULL);
    zs_client_free(other);
    options.base_url = "not-a-url";
    CHECK(zs_client_new(&options, &other, &error) == ZS_ERROR_CONFIGURATION);
    read_error(error, ZS_ERROR_CONFIGURATION);
    CHECK(zs_client_dup(client, &other, &error) == ZS_OK);
    zs_client_free(other);

    CHECK(zs_start_phone_2fa(client, &request, &session, &error) == ZS_OK);
    read_session(session);
    request.phone_number = "0";
    CHECK(zs_start_phone_2fa(client, &request, &session, &error) == ZS_ERROR_INVALID_ARGUMENT);
    read_error(error, ZS_ERROR_INVALID_ARGUMENT);
    CHECK(zs_get_session(client, id, &session, &error) == ZS_OK);
    read_session(session);
    CHECK(zs_get_session(client, "unknown-session", &session, &error) == ZS_ERROR_NOT_FOUND);
    read_error(error, ZS_ERROR_NOT_FOUND);
    CHECK(zs_wait_for_session(client, id, &wait, &session, &error) == ZS_ERROR_CANCELLED);
    CHECK(polls == 1);
    read_error(error, ZS_ERROR_CANCELLED);

    CHECK(zs_verify_webhook(bytes, strlen(body), signature, secret, ZS_TOLERANCE_UNLIMITED, &event,
                            &error) == ZS_OK);
    CHECK(zs_webhook_event_json(event) != NULL);
    zs_webhook_event_free(event);
    CHECK(zs_verify_webhook(bytes, strlen(body), signature, secret, 0, &event, &error) ==
          ZS_ERROR_WEBHOOK_SIGNATURE);
    read_error(error, ZS_ERROR_WEBHOOK_SIGNATURE);
}

int main(int count, char **arguments) {
    int calls = count > 1 ? atoi(arguments[1]) : 10000;
    sandbox box = sandbox_start(1);
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = box.api_key;
    options.base_url = box.url;
    options.ca_file = box.ca_file;
    zs_client *client = NULL;
    CHECK(zs_client_new(&options, &client, NULL) == ZS_OK);
    const session_id id = start_session(client);
    size_t messages = 0;
    zs_set_log_callback(ZS_LOG_TRACE, count_message, &messages);
    for (int made = 0; made < calls; made += CALLS_PER_ROUND) {
        run_round(&box, client, id.text);
    }
    zs_set_log_callback(0, NULL, NULL);
    CHECK(messages > 0);
    zs_client_free(client);
    sandbox_stop(&box);
    return report("leaks");
}
