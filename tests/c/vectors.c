/* The shared cases of tests/vectors, run by C against the sandbox. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"
#include "sandbox.h"
#include "zignsec.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char SESSION_ID[] = "55c20771-9d75-4241-8e0f-94d3a37671ca";

static void check(int holds, const char *name, const char *what) {
    checks++;
    if (!holds) {
        failures++;
        fprintf(stderr, "FAILED  %s: %s\n", name, what);
    }
}

static cJSON *read_cases(const char *file) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", getenv("ZIGNSEC_TEST_VECTORS"), file);
    FILE *input = fopen(path, "rb");
    if (input == NULL) {
        perror(path);
        exit(2);
    }
    static char text[1 << 20];
    text[fread(text, 1, sizeof text - 1, input)] = '\0';
    fclose(input);
    cJSON *cases = cJSON_Parse(text);
    if (!cJSON_IsArray(cases)) {
        fprintf(stderr, "%s: not a list\n", path);
        exit(2);
    }
    return cases;
}

static const char *text_of(const cJSON *object, const char *name) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static int number_of(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return item == NULL ? 0 : item->valueint;
}

static int flag_of(const cJSON *object, const char *name) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* The zs_result of a kind's name. */
static int32_t code_of(const cJSON *kinds, const char *kind) {
    const cJSON *each;
    cJSON_ArrayForEach(each, kinds) {
        if (strcmp(text_of(each, "kind"), kind) == 0) {
            return number_of(each, "code");
        }
    }
    fprintf(stderr, "no kind %s\n", kind);
    exit(2);
}

static void every_kind_has_its_number_and_name(const cJSON *kinds) {
    const cJSON *each;
    cJSON_ArrayForEach(each, kinds) {
        const char *name = text_of(each, "c");
        check(strcmp(zs_result_name(number_of(each, "code")), name) == 0, name, "zs_result_name");
    }
    check(strcmp(zs_result_name(ZS_OK), "ZS_OK") == 0, "ZS_OK", "zs_result_name");
}

/* A value of a case: text, NULL, or bytes that are not UTF-8. `room` holds the bytes. */
static const char *value(const cJSON *set, const char *name, const char *good, char room[64]) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(set, name);
    if (item == NULL) {
        return good;
    }
    if (!cJSON_IsObject(item)) {
        return cJSON_GetStringValue(item);
    }
    const char *hex = text_of(item, "bytes");
    size_t length = strlen(hex) / 2;
    for (size_t at = 0; at < length; at++) {
        unsigned byte;
        sscanf(hex + 2 * at, "%2x", &byte);
        room[at] = (char)byte;
    }
    room[length] = '\0';
    return room;
}

static void bad_arguments_are_refused_and_nothing_is_sent(const cJSON *kinds) {
    cJSON *cases = read_cases("arguments.json");
    sandbox box = sandbox_start(0);
    const cJSON *each;
    cJSON_ArrayForEach(each, cases) {
        const char *name = text_of(each, "name");
        const cJSON *set = cJSON_GetObjectItemCaseSensitive(each, "set");
        char room[64];
        zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
        options.api_key = value(set, "api_key", box.api_key, room);
        options.secondary_api_key = value(set, "secondary_api_key", NULL, room);
        options.base_url = value(set, "base_url", box.url, room);
        options.ca_file = value(set, "ca_file", NULL, room);
        options.proxy = value(set, "proxy", NULL, room);
        options.user_agent = value(set, "user_agent", NULL, room);
        zs_client *client = NULL;
        zs_session *session = NULL;
        zs_error *error = NULL;
        zs_result result = zs_client_new(&options, &client, &error);
        if (result == ZS_OK && strcmp(text_of(each, "call"), "get") == 0) {
            const char *id = value(set, "session_id", SESSION_ID, room);
            result = zs_get_session(client, id, &session, &error);
        } else if (result == ZS_OK) {
            zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
            request.phone_number = value(set, "phone_number", "+46701740605", room);
            request.redirect_success = value(set, "redirect_success", "https://a.example", room);
            request.redirect_failure = value(set, "redirect_failure", "https://b.example", room);
            request.locale = value(set, "locale", NULL, room);
            request.relay_state = value(set, "relay_state", NULL, room);
            request.webhook = value(set, "webhook", NULL, room);
            request.csrf_token = value(set, "csrf_token", NULL, room);
            result = zs_start_phone_2fa(client, &request, &session, &error);
        }
        check(result == code_of(kinds, text_of(each, "kind")), name, zs_result_name(result));
        check(session == NULL, name, "a session came out");
        check(zs_error_result(error) == result, name, "zs_error_result");
        check(zs_error_message(error) != NULL, name, "no message");
        check(zs_error_attempts(error) == 0, name, "attempts");
        check(zs_error_in_doubt(error) == 0, name, "in_doubt");
        zs_error_free(error);
        zs_client_free(client);
    }
    check(sandbox_request_count(&box) == 0, "bad arguments", "something was sent");
    sandbox_stop(&box);
    cJSON_Delete(cases);
}

/* A socket on a loopback port of the system's choice, and its URL. */
static int own_port(const char *scheme, int listening, char url[64]) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {0};
    socklen_t length = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        (listening && listen(fd, 16) != 0) ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        perror("own_port");
        exit(2);
    }
    snprintf(url, 64, "%s://127.0.0.1:%d", scheme, (int)ntohs(address.sin_port));
    return fd;
}

static zs_result start(const zs_client *client, zs_session **session, zs_error **error) {
    zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
    request.phone_number = "+46701740605";
    request.redirect_success = "https://example.com/ok";
    request.redirect_failure = "https://example.com/no";
    return zs_start_phone_2fa(client, &request, session, error);
}

static void every_failure_is_told_by_its_result(const cJSON *kinds) {
    cJSON *cases = read_cases("answers.json");
    sandbox plain = sandbox_start(0), secure = sandbox_start(1);
    const cJSON *each;
    cJSON_ArrayForEach(each, cases) {
        const char *name = text_of(each, "name");
        const char *setup = text_of(each, "setup");
        const cJSON *fault = cJSON_GetObjectItemCaseSensitive(each, "fault");
        const int is_get = strcmp(text_of(each, "call"), "get") == 0;
        const sandbox *box = &plain;
        char url[256];
        int fd = -1;
        if (setup == NULL) {
            box = flag_of(each, "tls") ? &secure : &plain;
            snprintf(url, sizeof url, "%s", box->url);
        } else if (strcmp(setup, "refused") == 0) {
            fd = own_port("http", 0, url);
        } else if (strcmp(setup, "silent") == 0) {
            fd = own_port("http", 1, url);
        } else if (strcmp(setup, "silent-tls") == 0) {
            fd = own_port("https", 1, url);
        } else if (strcmp(setup, "unknown-host") == 0) {
            /* No name has a part of 64 letters: the look-up fails without asking anybody. */
            snprintf(url, sizeof url, "https://%064d.example", 0);
        } else if (strcmp(setup, "plain-on-tls") == 0) {
            snprintf(url, sizeof url, "https%s", strstr(plain.url, "://"));
        } else if (strcmp(setup, "untrusted") == 0) {
            box = &secure;
            snprintf(url, sizeof url, "%s", secure.url);
        } else {
            check(0, name, "an unknown setup");
        }
        sandbox_reset(box);

        zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
        options.max_retries = -1;
        options.api_key = box->api_key;
        options.base_url = url;
        options.ca_file = flag_of(each, "tls") ? secure.ca_file : NULL;
        zs_client *patient = NULL, *client = NULL;
        zs_session *session = NULL;
        zs_error *error = NULL;
        check(zs_client_new(&options, &patient, NULL) == ZS_OK, name, "no client");
        options.attempt_timeout_ms = (uint32_t)number_of(each, "timeout_ms");
        check(zs_client_new(&options, &client, NULL) == ZS_OK, name, "no client");

        char id[65];
        int before = 0;
        snprintf(id, sizeof id, "%s", SESSION_ID);
        if (fault != NULL) {
            if (is_get) {
                check(start(patient, &session, NULL) == ZS_OK, name, "no session to look up");
                snprintf(id, sizeof id, "%s", zs_session_id(session));
                zs_session_free(session);
                before = 1;
            }
            cJSON_Delete(sandbox_call(box, "faults", fault));
        }
        zs_result result = is_get ? zs_get_session(client, id, &session, &error)
                                  : start(client, &session, &error);
        check(result == code_of(kinds, text_of(each, "kind")), name, zs_result_name(result));
        check(session == NULL, name, "a session came out");
        check(zs_error_http_status(error) == number_of(each, "http_status"), name, "http_status");
        check((zs_error_retry_after_ms(error) >= 0) == flag_of(each, "retry_after"), name,
              "retry_after");
        check(zs_error_in_doubt(error) == flag_of(each, "in_doubt"), name, "in_doubt");
        check(zs_error_attempts(error) == 1, name, "attempts");
        check((zs_error_body(error) != NULL) == (zs_error_http_status(error) != 0), name, "body");
        if (cJSON_GetObjectItemCaseSensitive(each, "requests") != NULL) {
            check(sandbox_request_count(box) - before == number_of(each, "requests"), name,
                  "requests");
        }
        zs_error_free(error);
        zs_client_free(client);
        zs_client_free(patient);
        if (fd >= 0) {
            close(fd);
        }
    }
    sandbox_stop(&plain);
    sandbox_stop(&secure);
    cJSON_Delete(cases);
}

/* Whether a number is the zs_status of a lower-case word. */
static int has_status(int32_t number, const char *word) {
    char status[64] = "ZS_STATUS_";
    for (size_t at = 0; word[at] != '\0'; at++) {
        status[10 + at] = (char)(word[at] & ~0x20);
    }
    return strcmp(zs_status_name(number), status) == 0;
}

static void every_answer_is_read_as_the_rules_say(const cJSON *kinds) {
    cJSON *cases = read_cases("sessions.json");
    sandbox box = sandbox_start(0);
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = box.api_key;
    options.base_url = box.url;
    zs_client *client = NULL;
    check(zs_client_new(&options, &client, NULL) == ZS_OK, "sessions", "no client");
    const cJSON *each;
    cJSON_ArrayForEach(each, cases) {
        const char *name = text_of(each, "name");
        const char *kind = text_of(each, "kind");
        cJSON *fault = cJSON_CreateObject();
        cJSON_AddStringToObject(fault, "fault", "answer");
        cJSON_AddNumberToObject(fault, "status", 200);
        cJSON_AddStringToObject(fault, "body", text_of(each, "body"));
        cJSON_Delete(sandbox_call(&box, "faults", fault));
        cJSON_Delete(fault);

        zs_session *session = NULL;
        zs_result result = zs_get_session(client, SESSION_ID, &session, NULL);
        if (kind != NULL) {
            check(result == code_of(kinds, kind), name, zs_result_name(result));
        } else if (result != ZS_OK) {
            check(0, name, zs_result_name(result));
        } else {
            check(has_status(zs_session_status(session), text_of(each, "status")), name, "status");
            check(strcmp(zs_session_status_text(session), text_of(each, "status_text")) == 0,
                  name, "status_text");
            check(zs_session_is_final(session) == flag_of(each, "final"), name, "final");
            check(zs_session_is_verified(session) == flag_of(each, "verified"), name, "verified");
        }
        zs_session_free(session);
    }
    zs_client_free(client);
    sandbox_stop(&box);
    cJSON_Delete(cases);
}

static int same(const char *text, const char *expected) {
    return expected == NULL ? text == NULL : text != NULL && strcmp(text, expected) == 0;
}

static void every_webhook_is_judged_as_the_rules_say(const cJSON *kinds) {
    cJSON *cases = read_cases("webhooks.json");
    const cJSON *each;
    cJSON_ArrayForEach(each, cases) {
        const char *name = text_of(each, "name"), *kind = text_of(each, "kind");
        char body_room[64], signature_room[256], secret_room[64];
        const char *text = value(each, "body", NULL, body_room);
        const size_t length = strlen(text), padding = (size_t)number_of(each, "padding");
        uint8_t *body = malloc(length + padding + 1);
        memcpy(body, text, length);
        memset(body + length, ' ', padding);
        const char *signature = value(each, "signature", NULL, signature_room);
        const char *secret = value(each, "secret", "a-secret-of-hooks", secret_room);
        const cJSON *seconds = cJSON_GetObjectItemCaseSensitive(each, "tolerance_s");
        const int64_t tolerance = seconds == NULL ? ZS_TOLERANCE_NONE : (int64_t)seconds->valuedouble;
        zs_webhook_event *event = NULL;
        zs_error *error = NULL;
        zs_result result = zs_verify_webhook(body, length + padding, signature, secret, tolerance,
                                             &event, &error);
        if (kind != NULL) {
            check(result == code_of(kinds, kind), name, zs_result_name(result));
            check(event == NULL, name, "an event came out");
            check(zs_error_result(error) == result, name, "zs_error_result");
        } else if (result != ZS_OK) {
            check(0, name, zs_error_message(error));
        } else {
            check(same(zs_webhook_event_session_id(event), text_of(each, "session_id")), name, "id");
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
    cJSON *kinds = read_cases("kinds.json");
    every_kind_has_its_number_and_name(kinds);
    bad_arguments_are_refused_and_nothing_is_sent(kinds);
    every_failure_is_told_by_its_result(kinds);
    every_answer_is_read_as_the_rules_say(kinds);
    every_webhook_is_judged_as_the_rules_say(kinds);
    cJSON_Delete(kinds);
    return report("c/vectors");
}
