/*
 * Programs that were compiled with another version of the header. An older one knows only the first
 * fields of an option struct: the library must use these, use the default of every later field, and
 * read nothing after the end of the struct. A newer one has fields that the library does not know.
 */
#define _POSIX_C_SOURCE 200809L

#include "calls.h"
#include "check.h"
#include "portable.h"
#include "sandbox.h"
#include "zignsec.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 4096 };

typedef struct field {
    const char *name;
    size_t end;
} field;

#define FIELD(type, name) \
    { #name, offsetof(type, name) + sizeof(((type *)NULL)->name) }
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const field CLIENT_FIELDS[] = {
    FIELD(zs_client_options, struct_size),
    FIELD(zs_client_options, api_key),
    FIELD(zs_client_options, secondary_api_key),
    FIELD(zs_client_options, base_url),
    FIELD(zs_client_options, environment),
    FIELD(zs_client_options, auth_scheme),
    FIELD(zs_client_options, connect_timeout_ms),
    FIELD(zs_client_options, attempt_timeout_ms),
    FIELD(zs_client_options, timeout_ms),
    FIELD(zs_client_options, max_retries),
    FIELD(zs_client_options, ca_file),
    FIELD(zs_client_options, client_cert_file),
    FIELD(zs_client_options, client_key_file),
    FIELD(zs_client_options, proxy),
    FIELD(zs_client_options, user_agent),
};

static const field REQUEST_FIELDS[] = {
    FIELD(zs_phone_2fa_request, struct_size),      FIELD(zs_phone_2fa_request, phone_number),
    FIELD(zs_phone_2fa_request, redirect_success), FIELD(zs_phone_2fa_request, redirect_failure),
    FIELD(zs_phone_2fa_request, locale),           FIELD(zs_phone_2fa_request, relay_state),
    FIELD(zs_phone_2fa_request, webhook),          FIELD(zs_phone_2fa_request, csrf_token),
};

static const field WAIT_FIELDS[] = {
    FIELD(zs_wait_options, struct_size),      FIELD(zs_wait_options, timeout_ms),
    FIELD(zs_wait_options, poll_interval_ms), FIELD(zs_wait_options, on_poll),
    FIELD(zs_wait_options, user_data),
};

static int is_boundary(const field *fields, size_t count, size_t size) {
    for (size_t at = 0; at < count; at++) {
        if (fields[at].end == size) {
            return 1;
        }
    }
    return 0;
}

/* Copies a struct as a caller of another version has it. The memory ends with the struct, so that
   memory checkers report every read after it. */
static void *resized(const void *whole, size_t whole_size, size_t size) {
    const size_t allocated = size < sizeof size ? sizeof size : size;
    void *copy = calloc(1, allocated);
    memcpy(copy, whole, whole_size < size ? whole_size : size);
    memcpy(copy, &size, sizeof size);
    return copy;
}

static int contains(const zs_error *error, const char *text) {
    const char *message = zs_error_message(error);
    return message != NULL && strstr(message, text) != NULL;
}

/* The result of zs_client_new() with a struct of `size` bytes. */
static zs_result new_client(const zs_client_options *options, size_t size, zs_client **client,
                            zs_error **error) {
    zs_client_options *copy = resized(options, sizeof *options, size);
    const zs_result result = zs_client_new(copy, client, error);
    free(copy);
    return result;
}

/* A field that the library refuses if it reads it; 0 if every value of that field is valid. */
static int invalidate(zs_client_options *options, const char *name) {
    static const char INVALID[] = "\xff";
    const struct {
        const char *name;
        const char **text;
    } texts[] = {
        {"api_key", &options->api_key},
        {"secondary_api_key", &options->secondary_api_key},
        {"base_url", &options->base_url},
        {"ca_file", &options->ca_file},
        {"client_cert_file", &options->client_cert_file},
        {"client_key_file", &options->client_key_file},
        {"proxy", &options->proxy},
        {"user_agent", &options->user_agent},
    };
    for (size_t at = 0; at < COUNT(texts); at++) {
        if (strcmp(name, texts[at].name) == 0) {
            *texts[at].text = INVALID;
            return 1;
        }
    }
    if (strcmp(name, "environment") == 0) {
        options->environment = 99;
    } else if (strcmp(name, "auth_scheme") == 0) {
        options->auth_scheme = 99;
    } else if (strcmp(name, "max_retries") == 0) {
        options->max_retries = -2;
    } else {
        return 0;
    }
    return 1;
}

static void client_options_are_completed(void) {
    const zs_client_options defaults = ZS_CLIENT_OPTIONS_INIT;
    for (size_t size = 0; size < sizeof defaults; size++) {
        zs_client *client = NULL;
        zs_error *error = NULL;
        const zs_result result = new_client(&defaults, size, &client, &error);
        if (is_boundary(CLIENT_FIELDS, COUNT(CLIENT_FIELDS), size)) {
            CHECK(result == ZS_OK && client != NULL);
        } else {
            CHECK(result == ZS_ERROR_INVALID_ARGUMENT && client == NULL);
            CHECK(contains(error, "ZS_CLIENT_OPTIONS_INIT"));
        }
        zs_error_free(error);
        zs_client_free(client);
    }
    int invalidated = 0;
    for (size_t bad = 1; bad < COUNT(CLIENT_FIELDS); bad++) {
        zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
        const char *name = CLIENT_FIELDS[bad].name;
        if (!invalidate(&options, name)) {
            continue;
        }
        invalidated++;
        for (size_t last = 0; last < COUNT(CLIENT_FIELDS); last++) {
            zs_client *client = NULL;
            zs_error *error = NULL;
            const zs_result result = new_client(&options, CLIENT_FIELDS[last].end, &client, &error);
            if (last < bad) {
                CHECK(result == ZS_OK && error == NULL);
            } else {
                CHECK(result == ZS_ERROR_INVALID_ARGUMENT && contains(error, name));
            }
            zs_error_free(error);
            zs_client_free(client);
        }
    }
    /* All fields but struct_size and the three limits. */
    CHECK(invalidated == (int)COUNT(CLIENT_FIELDS) - 4);
}

static zs_result get_session(const zs_client_options *options, size_t size, const char *id) {
    zs_client *client = NULL;
    zs_session *session = NULL;
    CHECK(new_client(options, size, &client, NULL) == ZS_OK);
    const zs_result result = zs_get_session(client, id, &session, NULL);
    zs_session_free(session);
    zs_client_free(client);
    return result;
}

static void time_limits_are_used(const sandbox *box, const char *id) {
    const struct {
        size_t before, end;
        zs_client_options options;
    } limits[] = {
        {offsetof(zs_client_options, attempt_timeout_ms),
         offsetof(zs_client_options, timeout_ms),
         {.attempt_timeout_ms = 20}},
        {offsetof(zs_client_options, timeout_ms),
         offsetof(zs_client_options, max_retries),
         {.timeout_ms = 20}},
    };
    for (size_t at = 0; at < COUNT(limits); at++) {
        /* The sandbox waits longer than the limit. */
        sandbox_reset(box);
        cJSON *fault = cJSON_CreateObject();
        cJSON_AddStringToObject(fault, "fault", "stall");
        cJSON_AddNumberToObject(fault, "times", 3);
        cJSON_Delete(sandbox_call(box, "faults", fault));
        cJSON_Delete(fault);
        CHECK(get_session(&limits[at].options, limits[at].end, id) == ZS_ERROR_TIMEOUT);
        sandbox_disarm(box);
    }
}

static const char **request_text(zs_phone_2fa_request *request, const char *name) {
    return strcmp(name, "phone_number") == 0       ? &request->phone_number
           : strcmp(name, "redirect_success") == 0 ? &request->redirect_success
           : strcmp(name, "redirect_failure") == 0 ? &request->redirect_failure
           : strcmp(name, "locale") == 0           ? &request->locale
           : strcmp(name, "relay_state") == 0      ? &request->relay_state
           : strcmp(name, "webhook") == 0          ? &request->webhook
                                                   : &request->csrf_token;
}

static zs_result start(const zs_client *client, const zs_phone_2fa_request *request, size_t size,
                       zs_session **session, zs_error **error) {
    zs_phone_2fa_request *copy = resized(request, sizeof *request, size);
    const zs_result result = zs_start_phone_2fa(client, copy, session, error);
    free(copy);
    return result;
}

static void requests_are_completed(const zs_client *client) {
    enum { REQUIRED = 3 };
    const zs_phone_2fa_request example = page_example();
    for (size_t size = 0; size < sizeof example; size++) {
        zs_session *session = NULL;
        zs_error *error = NULL;
        const zs_result result = start(client, &example, size, &session, &error);
        if (!is_boundary(REQUEST_FIELDS, COUNT(REQUEST_FIELDS), size)) {
            CHECK(result == ZS_ERROR_INVALID_ARGUMENT);
            CHECK(contains(error, "ZS_PHONE_2FA_REQUEST_INIT"));
        } else if (size < REQUEST_FIELDS[REQUIRED].end) {
            CHECK(result == ZS_ERROR_INVALID_ARGUMENT && contains(error, "must not be NULL"));
        } else {
            CHECK(result == ZS_OK);
        }
        zs_error_free(error);
        zs_session_free(session);
    }
    for (size_t bad = 1; bad < COUNT(REQUEST_FIELDS); bad++) {
        zs_phone_2fa_request request = page_example();
        *request_text(&request, REQUEST_FIELDS[bad].name) = "\xff";
        for (size_t last = REQUIRED; last < COUNT(REQUEST_FIELDS); last++) {
            zs_session *session = NULL;
            zs_error *error = NULL;
            const size_t size = REQUEST_FIELDS[last].end;
            const zs_result result = start(client, &request, size, &session, &error);
            if (last < bad) {
                CHECK(result == ZS_OK);
            } else {
                CHECK(result == ZS_ERROR_INVALID_ARGUMENT);
                CHECK(contains(error, REQUEST_FIELDS[bad].name));
            }
            zs_error_free(error);
            zs_session_free(session);
        }
    }
}

static void *seen_user_data;
static int polls;

static int32_t ZS_CALL record_poll(const zs_session *session, uint32_t elapsed_ms,
                                   void *user_data) {
    (void)session, (void)elapsed_ms;
    polls++;
    seen_user_data = user_data;
    return 0;
}

static zs_result wait_for(const zs_client *client, const char *id, const zs_wait_options *options,
                          size_t size, zs_error **error) {
    zs_session *session = NULL;
    zs_wait_options *copy = resized(options, sizeof *options, size);
    const zs_result result = zs_wait_for_session(client, id, copy, &session, error);
    free(copy);
    zs_session_free(session);
    return result;
}

static void wait_options_are_completed(const zs_client *client, const char *final_id,
                                       const char *pending_id) {
    zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
    options.timeout_ms = 200;
    options.poll_interval_ms = 10;
    options.on_poll = record_poll;
    options.user_data = &options;
    for (size_t size = 0; size <= sizeof options; size++) {
        zs_error *error = NULL;
        polls = 0;
        seen_user_data = NULL;
        const zs_result result = wait_for(client, final_id, &options, size, &error);
        if (is_boundary(WAIT_FIELDS, COUNT(WAIT_FIELDS), size)) {
            CHECK(result == ZS_OK);
            CHECK(polls == (size >= offsetof(zs_wait_options, user_data)));
            CHECK(seen_user_data == (size == sizeof options ? (void *)&options : NULL));
        } else {
            CHECK(result == ZS_ERROR_INVALID_ARGUMENT);
            CHECK(contains(error, "ZS_WAIT_OPTIONS_INIT"));
        }
        zs_error_free(error);
    }
    /* The default interval is longer than this wait: one poll at its start and one at its end. */
    zs_error *error = NULL;
    CHECK(wait_for(client, pending_id, &options, offsetof(zs_wait_options, poll_interval_ms),
                   &error) == ZS_ERROR_WAIT_TIMEOUT);
    CHECK(zs_error_attempts(error) <= 2);
    zs_error_free(error);
    CHECK(wait_for(client, pending_id, &options, offsetof(zs_wait_options, on_poll), &error) ==
          ZS_ERROR_WAIT_TIMEOUT);
    CHECK(zs_error_attempts(error) > 2);
    zs_error_free(error);
}

static void fields_of_a_newer_caller_must_be_zero(void) {
    const zs_client_options defaults = ZS_CLIENT_OPTIONS_INIT;
    const size_t sizes[] = {sizeof defaults + 1, sizeof defaults + sizeof(void *), LARGEST,
                            LARGEST + 1};
    for (size_t at = 0; at < COUNT(sizes); at++) {
        zs_client *client = NULL;
        zs_error *error = NULL;
        unsigned char *newer = resized(&defaults, sizeof defaults, sizes[at]);
        const zs_result result = zs_client_new((zs_client_options *)newer, &client, &error);
        CHECK(result == (sizes[at] > LARGEST ? ZS_ERROR_INVALID_ARGUMENT : ZS_OK));
        zs_client_free(client);
        zs_error_free(error);
        newer[sizes[at] - 1] = 1;
        CHECK(zs_client_new((zs_client_options *)newer, &client, &error) ==
              ZS_ERROR_INVALID_ARGUMENT);
        CHECK(contains(error, sizes[at] > LARGEST ? "struct_size" : "does not support"));
        CHECK(client == NULL);
        zs_error_free(error);
        free(newer);
    }
}

int main(void) {
    sandbox box = sandbox_start(0);
    /* The options of the oldest callers contain neither. */
    set_variable("ZIGNSEC_BASE_URL", box.url);
    set_variable("ZIGNSEC_API_KEY", box.api_key);
    zs_client *client = client_of(&box);
    const session_id final_id = start_session(client), pending_id = start_session(client);
    sandbox_user(&box, final_id.text, "accept");
    client_options_are_completed();
    requests_are_completed(client);
    wait_options_are_completed(client, final_id.text, pending_id.text);
    fields_of_a_newer_caller_must_be_zero();
    time_limits_are_used(&box, final_id.text);
    zs_client_free(client);
    sandbox_stop(&box);
    return report("c/old_caller");
}
