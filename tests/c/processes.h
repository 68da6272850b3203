/* For tests with several processes: calls whose responses show to whom they belong. */
#ifndef TESTS_PROCESSES_H
#define TESTS_PROCESSES_H

#include "check.h"
#include "sandbox.h"
#include "zignsec.h"

#include <stdio.h>
#include <string.h>
#ifndef _WIN32
#include <sys/types.h>
#include <sys/wait.h>
#endif

static inline zs_client *client_with_retries(const sandbox *box, int32_t max_retries) {
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = box->api_key;
    options.base_url = box->url;
    options.ca_file = box->ca_file;
    options.max_retries = max_retries;
    zs_client *client = NULL;
    CHECK(zs_client_new(&options, &client, NULL) == ZS_OK);
    return client;
}

static inline zs_phone_2fa_request request_with(const char *relay_state) {
    zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
    request.phone_number = "+46701740605";
    request.redirect_success = "https://example.com/ok";
    request.redirect_failure = "https://example.com/no";
    request.relay_state = relay_state;
    return request;
}

/* Starts a session and gets it: 1 if both responses match the requests. */
static inline int call(const zs_client *client, const char *state) {
    const zs_phone_2fa_request request = request_with(state);
    zs_session *started = NULL, *found = NULL;
    zs_error *error = NULL;
    int passed = 0;
    if (zs_start_phone_2fa(client, &request, &started, &error) == ZS_OK &&
        zs_get_session(client, zs_session_id(started), &found, &error) == ZS_OK) {
        passed = strcmp(zs_session_id(started), zs_session_id(found)) == 0 &&
                 strcmp(zs_session_relay_state(found), state) == 0;
    }
    if (!passed) {
        fprintf(stderr, "%s: %s\n", state, zs_error_message(error));
    }
    zs_session_free(started);
    zs_session_free(found);
    zs_error_free(error);
    return passed;
}

/* Makes calls one after the other and returns how many failed. */
static inline int calls(const zs_client *client, const char *who, int count) {
    int failed = 0;
    for (int i = 0; i < count; i++) {
        char state[64];
        snprintf(state, sizeof state, "%s %d", who, i);
        failed += !call(client, state);
    }
    return failed;
}

#ifndef _WIN32
/* Waits for a child and returns whether it succeeded. */
static inline int succeeded(pid_t child) {
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}
#endif

/* The connections of the calls by `who`. Free the array with cJSON_Delete(). */
static inline cJSON *connections_of(const cJSON *requests, const char *who) {
    cJSON *connections = cJSON_CreateArray();
    const cJSON *each;
    cJSON_ArrayForEach(each, requests) {
        const cJSON *body = cJSON_GetObjectItem(each, "body");
        char *text = cJSON_Print(body);
        if (text != NULL && strstr(text, who) != NULL) {
            cJSON_AddItemToArray(connections,
                                 cJSON_Duplicate(cJSON_GetObjectItem(each, "connection"), 1));
        }
        cJSON_free(text);
    }
    return connections;
}

/* How many of the connections of `one` were used by `other` too; -1 if one of them made no call. */
static inline int shared_connections(const cJSON *requests, const char *one, const char *other) {
    cJSON *of_one = connections_of(requests, one), *of_other = connections_of(requests, other);
    const cJSON *left, *right;
    int shared = cJSON_GetArraySize(of_one) > 0 && cJSON_GetArraySize(of_other) > 0 ? 0 : -1;
    cJSON_ArrayForEach(left, of_one) {
        cJSON_ArrayForEach(right, of_other) {
            shared += cJSON_GetNumberValue(left) == cJSON_GetNumberValue(right);
        }
    }
    cJSON_Delete(of_one);
    cJSON_Delete(of_other);
    return shared;
}

#endif
