/* The table of faults and outcomes, tests/vectors/answers.json, run by C. */
#define _POSIX_C_SOURCE 200809L

#include "capture.h"
#include "cases.h"
#include "check.h"
#include "ports.h"
#include "sandbox.h"
#include "stack.h"
#include "zignsec.h"

#include <pthread.h>

enum { THREADS = 8 };

static const char NO_SESSION[] = "55c20771-9d75-4241-8e0f-94d3a37671ca";
/* The sandbox accepts the sessions of this number immediately. */
static const char ACCEPTED[] = "+46701740606";

static zs_result start(const zs_client *client, const char *phone_number, zs_session **session,
                       zs_error **error) {
    zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
    request.phone_number = phone_number;
    request.redirect_success = "https://a.example/ok";
    request.redirect_failure = "https://a.example/no";
    return zs_start_phone_2fa(client, &request, session, error);
}

static const cJSON *part(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static int is(const char *text, const char *expected) {
    return text != NULL && strcmp(text, expected) == 0;
}

/* Arms a fault. {elsewhere} is replaced by the URL of a port that no call may connect to. */
static void arm(const sandbox *box, const cJSON *fault, const port *elsewhere) {
    static const char PLACEHOLDER[] = "{elsewhere}";
    char *text = cJSON_PrintUnformatted(fault);
    char *at = strstr(text, PLACEHOLDER);
    if (at == NULL) {
        cJSON_Delete(sandbox_call(box, "faults", fault));
    } else {
        char filled[1024];
        snprintf(filled, sizeof filled, "%.*shttp://127.0.0.1:%d%s", (int)(at - text), text,
                 elsewhere->number, at + sizeof PLACEHOLDER - 1);
        cJSON *with_url = cJSON_Parse(filled);
        cJSON_Delete(sandbox_call(box, "faults", with_url));
        cJSON_Delete(with_url);
    }
    cJSON_free(text);
}

/* Starts a session for a later GET: whether it worked, and the session ID. */
static int start_session(const zs_client *client, char id[65]) {
    zs_session *session = NULL;
    const zs_result result = start(client, ACCEPTED, &session, NULL);
    snprintf(id, 65, "%s", result == ZS_OK ? zs_session_id(session) : NO_SESSION);
    zs_session_free(session);
    return result == ZS_OK;
}

static void check_error(const zs_error *error, zs_result result, const cJSON *expected,
                        const cJSON *kinds, const char *name) {
    const char *kind = text_of(expected, "kind"), *says = text_of(expected, "says");
    const cJSON *seconds = part(expected, "retry_after_s");
    const int64_t retry_after_ms = zs_error_retry_after_ms(error);
    capture(zs_error_message(error));
    check(kind != NULL && result == code_of(kinds, kind), name, zs_error_message(error));
    check(zs_error_result(error) == result, name, "zs_error_result");
    check(zs_error_attempts(error) == (uint32_t)number_of(expected, "attempts"), name, "attempts");
    check(zs_error_in_doubt(error) == flag_of(expected, "in_doubt"), name, "in_doubt");
    check(zs_error_http_status(error) == number_of(expected, "http_status"), name, "http_status");
    check((zs_error_body(error) != NULL) == (zs_error_http_status(error) != 0), name, "body");
    check(says == NULL || strstr(zs_error_message(error), says) != NULL, name, "message");
    if (seconds == NULL) {
        check(retry_after_ms == -1, name, "retry_after");
    } else {
        /* A date has whole seconds, and time has passed. */
        const int64_t ms = (int64_t)seconds->valuedouble * 1000;
        check(retry_after_ms <= ms && retry_after_ms > ms - 2000 && retry_after_ms >= 0, name,
              "retry_after");
    }
}

static void check_outcome(zs_result result, const zs_session *session, const zs_error *error,
                          const cJSON *expected, const cJSON *kinds, const char *name) {
    if (result != ZS_OK) {
        check(session == NULL, name, "a session was returned");
        check_error(error, result, expected, kinds, name);
        return;
    }
    const char *status = text_of(expected, "status");
    check(error == NULL, name, "an error was returned");
    check(status != NULL && has_status(zs_session_status(session), status), name, "status");
    check(zs_session_is_verified(session) == flag_of(expected, "verified"), name, "verified");
}

/* The servers of one thread, so that the faults of a row do not affect other rows. */
typedef struct servers {
    sandbox plain, secure;
} servers;

/* All threads share the remaining rows and the checks. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const cJSON *kinds, *next_row;

static void run(const servers *own, const cJSON *row, const char *call) {
    const cJSON *expected = part(row, call);
    const char *setup = text_of(row, "setup");
    const int is_get = is(call, "get");
    const int of_secure =
        flag_of(row, "tls") || is(setup, "http-to-https") || is(setup, "untrusted");
    const sandbox *box = of_secure ? &own->secure : &own->plain;
    const int silent = is(setup, "silent") || is(setup, "silent-tls");
    char name[256];
    snprintf(name, sizeof name, "%s (%s)", text_of(row, "name"), call);

    port server = port_open(silent ? 16 : is(setup, "full") ? 0 : -1);
    port elsewhere = port_open(16);
    char url[256];
    snprintf(url, sizeof url, "%s", box->url);
    if (is(setup, "unknown-host")) {
        /* No host name has a label of 64 letters: resolving it fails without a query. */
        snprintf(url, sizeof url, "https://%064d.example", 0);
    } else if (is(setup, "https-to-http")) {
        snprintf(url, sizeof url, "https%s", strstr(box->url, "://"));
    } else if (is(setup, "http-to-https")) {
        snprintf(url, sizeof url, "http%s", strstr(box->url, "://"));
    } else if (setup != NULL && !is(setup, "untrusted")) {
        snprintf(url, sizeof url, "%s://127.0.0.1:%d", is(setup, "silent-tls") ? "https" : "http",
                 server.number);
    }

    sandbox_reset(box);
    char certificate[512], key[512];
    const char *ca_file = own->secure.ca_file;
    const int folder = (int)(strrchr(ca_file, FOLDER_END) - ca_file);
    snprintf(certificate, sizeof certificate, "%.*s/client.pem", folder, ca_file);
    snprintf(key, sizeof key, "%.*s/client-key.pem", folder, ca_file);
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = box->api_key;
    options.base_url = url;
    /* Without TLS too: reading the trust store of the system takes long. */
    options.ca_file = is(setup, "untrusted") ? NULL : ca_file;
    if (flag_of(row, "client_certificate")) {
        options.client_cert_file = certificate;
        options.client_key_file = key;
    }
    options.max_retries = number_of(row, "max_retries") == 0 ? -1 : number_of(row, "max_retries");
    zs_client *other = NULL, *client = NULL;
    zs_result made = zs_client_new(&options, &other, NULL);
    if (flag_of(row, "old_key")) {
        options.api_key = "retired-key";
        options.secondary_api_key = box->api_key;
    }
    options.attempt_timeout_ms = (uint32_t)number_of(row, "timeout_ms");
    int ready = made == ZS_OK && zs_client_new(&options, &client, NULL) == ZS_OK;

    char id[65];
    snprintf(id, sizeof id, "%s", NO_SESSION);
    if (part(row, "fault_before") != NULL) {
        arm(box, part(row, "fault_before"), &elsewhere);
        ready = ready && start_session(client, id);
    } else if (setup == NULL) {
        ready = ready && start_session(other, id);
    }
    const int before = sandbox_request_count(box);
    if (part(row, "fault") != NULL) {
        arm(box, part(row, "fault"), &elsewhere);
    }
    zs_session *session = NULL, *after = NULL;
    zs_error *error = NULL;
    const zs_result result = is_get ? zs_get_session(client, id, &session, &error)
                                    : start(client, "+46701740605", &session, &error);
    const int requests = sandbox_request_count(box) - before;
    zs_result then = ZS_OK;
    if (setup == NULL) {
        sandbox_disarm(box);
        then = zs_get_session(client, id, &after, NULL);
    }

    pthread_mutex_lock(&lock);
    check(ready, name, "cannot create the clients or the session");
    check_outcome(result, session, error, expected, kinds, name);
    check(port_connections(&elsewhere) == 0, name, "a redirect was followed");
    if (silent) {
        check(port_connections(&server) == number_of(expected, "connections"), name, "connections");
    } else if (part(expected, "requests") != NULL) {
        check(requests == number_of(expected, "requests"), name, "requests");
    }
    /* The next call of the client works, whatever the fault was. */
    if (setup == NULL) {
        check(then == ZS_OK && is(zs_session_id(after), id) && zs_session_is_verified(after), name,
              "the next call");
    }
    pthread_mutex_unlock(&lock);
    zs_session_free(session);
    zs_session_free(after);
    zs_error_free(error);
    zs_client_free(client);
    zs_client_free(other);
    port_close(&server);
    port_close(&elsewhere);
}

static void *run_rows(void *own) {
    for (;;) {
        pthread_mutex_lock(&lock);
        const cJSON *row = next_row;
        next_row = row == NULL ? NULL : row->next;
        pthread_mutex_unlock(&lock);
        if (row == NULL) {
            return NULL;
        }
        for (int at = 0; at < 2; at++) {
            const char *call = at == 0 ? "start" : "get";
            if (part(row, call) != NULL) {
                run(own, row, call);
            }
        }
    }
}

int main(void) {
    capture_start("faults");
    cJSON *all_kinds = read_cases("kinds.json"), *rows = read_cases("answers.json");
    kinds = all_kinds;
    next_row = rows->child;
    /* Many rows wait for a time limit, so several run at the same time. The limits are too short for
     * that many TLS handshakes that QEMU runs. */
    const int count = is_emulated() ? 2 : THREADS;
    servers own[THREADS];
    pthread_t threads[THREADS];
    for (int at = 0; at < count; at++) {
        own[at].plain = sandbox_start(0);
        own[at].secure = sandbox_start(1);
    }
    for (int at = 0; at < count; at++) {
        start_thread(&threads[at], run_rows, &own[at]);
    }
    for (int at = 0; at < count; at++) {
        pthread_join(threads[at], NULL);
        sandbox_stop(&own[at].plain);
        sandbox_stop(&own[at].secure);
    }
    cJSON_Delete(rows);
    cJSON_Delete(all_kinds);
    return report("c/faults");
}
