/*
 * The sandbox gateway for tests in C: a child process, spoken to through its admin routes.
 * Every function prints what went wrong and ends the test where it cannot do its work.
 */
#ifndef TESTS_SANDBOX_H
#define TESTS_SANDBOX_H

#include <cjson/cJSON.h>

typedef struct sandbox {
    cJSON *ready; /* the line that the sandbox prints when it is ready */
    const char *url;
    const char *api_key;
    const char *ca_file; /* NULL without TLS */
    char *admin;         /* the base of the admin routes */
    long pid;
    int hold; /* the sandbox ends when this is closed */
} sandbox;

/* Starts the sandbox named by ZIGNSEC_TEST_SANDBOX, with `--tls` where asked. */
sandbox sandbox_start(int tls);
void sandbox_stop(sandbox *box);

/* Calls an admin route and gives its JSON, for cJSON_Delete(); `body` NULL: a GET. */
cJSON *sandbox_call(const sandbox *box, const char *path, const cJSON *body);
/* How many requests of the gateway's own endpoints arrived since the last reset. */
int sandbox_request_count(const sandbox *box);
void sandbox_reset(const sandbox *box);
/* Arms a fault for the next call. */
void sandbox_fault(const sandbox *box, const char *fault);
/* Disarms every fault. */
void sandbox_disarm(const sandbox *box);
/* Lets the scripted user do `action` on the pages of a session. */
void sandbox_user(const sandbox *box, const char *session_id, const char *action);

#endif
