/* The shared cases of tests/vectors, run by C against the sandbox. */
#define _POSIX_C_SOURCE 200809L

#include "capture.h"
#include "cases.h"
#include "check.h"
#include "sandbox.h"
#include "zignsec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char SESSION_ID[] = "55c20771-9d75-4241-8e0f-94d3a37671ca";

static void every_kind_has_its_number_and_name(const cJSON *kinds) {
    const cJSON *each;
    cJSON_ArrayForEach(each, kinds) {
        const char *name = text_of(each, "c");
        check(strcmp(zs_result_name(number_of(each, "code")), name) == 0, name, "zs_result_name");
    }
    check(strcmp(zs_result_name(ZS_OK), "ZS_OK") == 0, "ZS_OK", "zs_result_name");
}

/* A value of a case: text, NULL, or bytes that are not UTF-8, which are written to `buffer`. */
static const char *value(const cJSON *set, const char *name, const char *good, char buffer[64]) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(set, name);
    if (item == NULL) {
        return good;
    }
    if (!cJSON_IsObject(item)) {
        return cJSON_GetStringValue(item);
    }
    decode_hex(text_of(item, "bytes"), buffer);
    return buffer;
}

static void bad_arguments_are_refused_and_nothing_is_sent(const cJSON *kinds) {
    cJSON *cases = read_cases("arguments.json");
    sandbox box = sandbox_start(0);
    const cJSON *each;
    cJSON_ArrayForEach(each, cases) {
        const char *name = text_of(each, "name");
        const cJSON *set = cJSON_GetObjectItemCaseSensitive(each, "set");
        char buffer[64];
        zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
        options.api_key = value(set, "api_key", box.api_key, buffer);
        options.secondary_api_key = value(set, "secondary_api_key", NULL, buffer);
        options.base_url = value(set, "base_url", box.url, buffer);
        options.ca_file = value(set, "ca_file", NULL, buffer);
        options.proxy = value(set, "proxy", NULL, buffer);
        options.user_agent = value(set, "user_agent", NULL, buffer);
        zs_client *client = NULL;
        zs_session *session = NULL;
        zs_error *error = NULL;
        zs_result result = zs_client_new(&options, &client, &error);
        if (result == ZS_OK && strcmp(text_of(each, "call"), "get") == 0) {
            const char *id = value(set, "session_id", SESSION_ID, buffer);
            result = zs_get_session(client, id, &session, &error);
        } else if (result == ZS_OK) {
            zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
            request.phone_number = value(set, "phone_number", "+46701740605", buffer);
            request.redirect_success = value(set, "redirect_success", "https://a.example", buffer);
            request.redirect_failure = value(set, "redirect_failure", "https://b.example", buffer);
            request.locale = value(set, "locale", NULL, buffer);
            request.relay_state = value(set, "relay_state", NULL, buffer);
            request.webhook = value(set, "webhook", NULL, buffer);
            request.csrf_token = value(set, "csrf_token", NULL, buffer);
            result = zs_start_phone_2fa(client, &request, &session, &error);
        }
        check(result == code_of(kinds, text_of(each, "kind")), name, zs_result_name(result));
        check(session == NULL, name, "a session was returned");
        check(zs_error_result(error) == result, name, "zs_error_result");
        check(zs_error_message(error) != NULL, name, "message");
        check(strstr(zs_error_message(error), "hunter2") == NULL, name, "a secret was shown");
        capture(zs_error_message(error));
        check(zs_error_attempts(error) == 0, name, "attempts");
        check(zs_error_in_doubt(error) == 0, name, "in_doubt");
        zs_error_free(error);
        zs_client_free(client);
    }
    check(sandbox_request_count(&box) == 0, "bad arguments", "something was sent");
    sandbox_stop(&box);
    cJSON_Delete(cases);
}

static int same(const char *text, const char *expected) {
    return expected == NULL ? text == NULL : text != NULL && strcmp(text, expected) == 0;
}

/* The next response of the sandbox is the body of the case. */
static void arm_answer(const sandbox *box, const cJSON *each) {
    cJSON *fault = cJSON_CreateObject();
    cJSON_AddStringToObject(fault, "fault", "answer");
    cJSON_AddNumberToObject(fault, "status", 200);
    cJSON_AddStringToObject(fault, "body", text_of(each, "body"));
    cJSON_Delete(sandbox_call(box, "faults", fault));
    cJSON_Delete(fault);
}

static void every_response_is_decoded_correctly(const cJSON *kinds) {
    cJSON *cases = read_cases("sessions.json");
    sandbox box = sandbox_start(0);
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = box.api_key;
    options.base_url = box.url;
    zs_client *client = NULL;
    check(zs_client_new(&options, &client, NULL) == ZS_OK, "sessions", "cannot create the client");
    const cJSON *each;
    cJSON_ArrayForEach(each, cases) {
        const char *name = text_of(each, "name");
        const char *kind = text_of(each, "kind");
        arm_answer(&box, each);

        zs_session *session = NULL;
        zs_result result = zs_get_session(client, SESSION_ID, &session, NULL);
        if (kind != NULL) {
            check(result == code_of(kinds, kind), name, zs_result_name(result));
        } else if (result != ZS_OK) {
            check(0, name, zs_result_name(result));
        } else {
            check(has_status(zs_session_status(session), text_of(each, "status")), name, "status");
            check(strcmp(zs_session_status_text(session), text_of(each, "status_text")) == 0, name,
                  "status_text");
            check(zs_session_is_final(session) == flag_of(each, "final"), name, "final");
            check(zs_session_is_verified(session) == flag_of(each, "verified"), name, "verified");
            cJSON *json = cJSON_Parse(zs_session_json(session));
            check(same(text_of(json, "status"), text_of(each, "status_text")), name, "json");
            cJSON_Delete(json);
        }
        zs_session_free(session);
    }
    zs_client_free(client);
    sandbox_stop(&box);
    cJSON_Delete(cases);
}

static void every_verdict_is_that_of_the_case(const cJSON *kinds) {
    cJSON *cases = read_cases("verdicts.json");
    sandbox box = sandbox_start(0);
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = box.api_key;
    options.base_url = box.url;
    zs_client *client = NULL;
    check(zs_client_new(&options, &client, NULL) == ZS_OK, "verdicts", "cannot create the client");
    const cJSON *each;
    cJSON_ArrayForEach(each, cases) {
        const char *name = text_of(each, "name"), *kind = text_of(each, "kind");
        const char *phone_number = text_of(each, "phone_number");
        phone_number = phone_number != NULL ? phone_number : "+46701740605";
        arm_answer(&box, each);

        zs_session *session = NULL;
        zs_error *error = NULL;
        zs_result result;
        const int is_start = same(text_of(each, "call"), "start");
        if (is_start) {
            zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
            request.phone_number = phone_number;
            request.redirect_success = "https://a.example";
            request.redirect_failure = "https://b.example";
            request.relay_state = text_of(each, "relay_state");
            result = zs_start_phone_2fa(client, &request, &session, &error);
        } else {
            result = zs_get_session(client, SESSION_ID, &session, &error);
        }
        if (kind != NULL) {
            check(result == code_of(kinds, kind), name, zs_result_name(result));
            check(zs_error_in_doubt(error) == is_start, name, "in_doubt");
        } else if (result != ZS_OK) {
            check(0, name, zs_result_name(result));
        } else {
            check(has_status(zs_session_status(session), text_of(each, "status")), name, "status");
            check(zs_session_is_verified(session) == flag_of(each, "verified"), name, "verified");
            check(zs_session_is_verified_for(session, phone_number) ==
                      flag_of(each, "verified_for"),
                  name, "verified_for");
            check(zs_session_is_verified_for(session, "+46701740699") == 0, name, "other number");
            check(zs_session_is_verified_for(session, NULL) == 0, name, "no number");
        }
        zs_session_free(session);
        zs_error_free(error);
    }
    zs_client_free(client);
    sandbox_stop(&box);
    cJSON_Delete(cases);
}

static void every_webhook_is_verified_correctly(const cJSON *kinds) {
    cJSON *cases = read_cases("webhooks.json");
    const cJSON *each;
    cJSON_ArrayForEach(each, cases) {
        if (cJSON_GetObjectItemCaseSensitive(each, "now_s") != NULL) {
            continue; /* C checks against the clock only. */
        }
        const char *name = text_of(each, "name"), *kind = text_of(each, "kind");
        char body_buffer[64], signature_buffer[256], secret_buffer[64];
        const char *text = value(each, "body", NULL, body_buffer);
        const size_t length = strlen(text), padding = (size_t)number_of(each, "padding");
        uint8_t *body = malloc(length + padding + 1);
        memcpy(body, text, length);
        memset(body + length, ' ', padding);
        const char *signature = value(each, "signature", NULL, signature_buffer);
        const char *secret = value(each, "secret", "a-secret-of-hooks", secret_buffer);
        const cJSON *seconds = cJSON_GetObjectItemCaseSensitive(each, "tolerance_s");
        const int64_t tolerance =
            seconds == NULL ? ZS_TOLERANCE_UNLIMITED : (int64_t)seconds->valuedouble;
        zs_webhook_event *event = NULL;
        zs_error *error = NULL;
        zs_result result =
            zs_verify_webhook(body, length + padding, signature, secret, tolerance, &event, &error);
        if (kind != NULL) {
            check(result == code_of(kinds, kind), name, zs_result_name(result));
            check(event == NULL, name, "an event was returned");
            check(zs_error_result(error) == result, name, "zs_error_result");
        } else if (result != ZS_OK) {
            check(0, name, zs_error_message(error));
        } else {
            check(same(zs_webhook_event_session_id(event), text_of(each, "session_id")), name,
                  "id");
            check(same(zs_webhook_event_name(event), text_of(each, "event")), name, "name");
            check(has_status(zs_webhook_event_status(event), text_of(each, "status")), name,
                  "status");
            check(same(zs_webhook_event_status_text(event), text_of(each, "status_text")), name,
                  "status_text");
            check(same(zs_webhook_event_relay_state(event), text_of(each, "relay_state")), name,
                  "relay_state");
            cJSON *json = cJSON_Parse(zs_webhook_event_json(event)), *sent = cJSON_Parse(text);
            check(cJSON_Compare(json, sent, 1), name, "json");
            cJSON_Delete(json);
            cJSON_Delete(sent);
        }
        zs_error_free(error);
        zs_webhook_event_free(event);
        free(body);
    }
    cJSON_Delete(cases);
}

int main(void) {
    capture_start("vectors");
    cJSON *kinds = read_cases("kinds.json");
    every_kind_has_its_number_and_name(kinds);
    bad_arguments_are_refused_and_nothing_is_sent(kinds);
    every_response_is_decoded_correctly(kinds);
    every_verdict_is_that_of_the_case(kinds);
    every_webhook_is_verified_correctly(kinds);
    cJSON_Delete(kinds);
    return report("c/vectors");
}
