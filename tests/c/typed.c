/* The shared cases of tests/vectors/typed.json: what is said of a typed value that is refused. */
#define _POSIX_C_SOURCE 200809L

#include "capture.h"
#include "cases.h"
#include "check.h"
#include "portable.h"
#include "sandbox.h"
#include "zignsec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The buffers of the values of one case. */
static char *buffers[8];
static size_t buffer_count;

static char *new_buffer(size_t size) {
    char *buffer = malloc(size);
    if (buffer == NULL) {
        abort();
    }
    buffers[buffer_count++] = buffer;
    return buffer;
}

static void free_buffers(void) {
    while (buffer_count > 0) {
        free(buffers[--buffer_count]);
    }
}

/* A value of a case: text, {"bytes": hex}, or {"before": text, "repeat": text, "times": number}. */
static const char *value(const cJSON *set, const char *name, const char *good) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(set, name);
    if (item == NULL) {
        return good;
    }
    if (!cJSON_IsObject(item)) {
        return cJSON_GetStringValue(item);
    }
    const char *hex = text_of(item, "bytes");
    if (hex != NULL) {
        char *bytes = new_buffer(strlen(hex) / 2 + 1);
        decode_hex(hex, bytes);
        return bytes;
    }
    const char *before = text_of(item, "before"), *repeated = text_of(item, "repeat");
    before = before == NULL ? "" : before;
    const size_t start = strlen(before), length = strlen(repeated);
    const size_t times = (size_t)number_of(item, "times");
    char *text = new_buffer(start + times * length + 1);
    memcpy(text, before, start);
    for (size_t at = 0; at < times; at++) {
        memcpy(text + start + at * length, repeated, length);
    }
    text[start + times * length] = '\0';
    return text;
}

static zs_result run(const sandbox *box, const cJSON *each, zs_error **error) {
    const cJSON *set = cJSON_GetObjectItemCaseSensitive(each, "set");
    const cJSON *env = cJSON_GetObjectItemCaseSensitive(each, "env");
    const char *call = text_of(each, "call");
    if (strcmp(call, "webhook") == 0) {
        zs_webhook_event *event = NULL;
        const char *body = text_of(set, "body");
        zs_result result =
            zs_verify_webhook((const uint8_t *)body, strlen(body), text_of(set, "signature"),
                              text_of(set, "secret"), ZS_TOLERANCE_UNLIMITED, &event, error);
        zs_webhook_event_free(event);
        return result;
    }
    /* An option would take precedence over a variable. */
    const cJSON *variable = env == NULL ? NULL : env->child;
    const int is_key = variable != NULL && strcmp(variable->string, "ZIGNSEC_API_KEY") == 0;
    if (variable != NULL) {
        set_variable(variable->string, variable->valuestring);
    }
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = is_key ? NULL : value(set, "api_key", box->api_key);
    options.secondary_api_key = value(set, "secondary_api_key", NULL);
    options.base_url = variable != NULL ? NULL : value(set, "base_url", box->url);
    options.proxy = value(set, "proxy", NULL);
    options.user_agent = value(set, "user_agent", NULL);
    zs_client *client = NULL;
    zs_session *session = NULL;
    zs_result result = zs_client_new(&options, &client, error);
    if (variable != NULL) {
        unset_variable(variable->string);
    }
    if (result == ZS_OK && strcmp(call, "get") == 0) {
        result = zs_get_session(client, value(set, "session_id", NULL), &session, error);
    } else if (result == ZS_OK && strcmp(call, "start") == 0) {
        zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
        request.phone_number = value(set, "phone_number", "+46701740605");
        request.redirect_success = value(set, "redirect_success", "https://a.example");
        request.redirect_failure = value(set, "redirect_failure", "https://b.example");
        request.locale = value(set, "locale", NULL);
        request.relay_state = value(set, "relay_state", NULL);
        request.webhook = value(set, "webhook", NULL);
        request.csrf_token = value(set, "csrf_token", NULL);
        result = zs_start_phone_2fa(client, &request, &session, error);
    }
    zs_session_free(session);
    zs_client_free(client);
    return result;
}

/* Checks that the message contains, or does not contain, each text of a list. */
static void check_parts(const cJSON *each, const char *list, const char *message, int expected) {
    const cJSON *part;
    cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(each, list)) {
        const int is_found = strstr(message, part->valuestring) != NULL;
        check(is_found == expected, text_of(each, "name"), message);
    }
}

int main(void) {
    capture_start("typed");
    cJSON *kinds = read_cases("kinds.json"), *cases = read_cases("typed.json");
    sandbox box = sandbox_start(0);
    int sent = 0;
    const cJSON *each;
    cJSON_ArrayForEach(each, cases) {
        const char *name = text_of(each, "name"), *kind = text_of(each, "kind");
        zs_error *error = NULL;
        zs_result result = run(&box, each, &error);
        const char *message = zs_error_message(error);
        if (kind == NULL) {
            check(result == ZS_OK, name, message == NULL ? "" : message);
            sent += strcmp(text_of(each, "call"), "start") == 0;
        } else {
            check(result == code_of(kinds, kind), name, zs_result_name(result));
            check(zs_error_attempts(error) == 0, name, "attempts");
            message = message == NULL ? "" : message;
            check_parts(each, "says", message, 1);
            check_parts(each, "says_c", message, 1);
            check_parts(each, "hides", message, 0);
            capture(message);
        }
        zs_error_free(error);
        free_buffers();
    }
    check(cJSON_GetArraySize(cases) > 200, "typed.json", "there are few cases");
    check(sandbox_request_count(&box) == sent, "typed.json", "another number of requests");
    sandbox_stop(&box);
    cJSON_Delete(cases);
    cJSON_Delete(kinds);
    return report("c/typed");
}
