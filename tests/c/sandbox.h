/*
 * The sandbox gateway for tests in C: a child process, controlled through its admin routes.
 * On failure, every function prints the error and exits.
 */
#ifndef TESTS_SANDBOX_H
#define TESTS_SANDBOX_H

#include <cjson/cJSON.h>
#include <stdint.h>

typedef struct sandbox {
    cJSON *ready; /* what the sandbox prints when it is ready */
    const char *url;
    const char *api_key;
    const char *ca_file; /* NULL without TLS */
    int port;
    intptr_t process;        /* its id, on Windows a handle */
    intptr_t standard_input; /* the sandbox exits when this is closed */
} sandbox;

/* Starts the program ZIGNSEC_TEST_SANDBOX, with `--tls` if `tls` is not 0. */
sandbox sandbox_start(int tls);
void sandbox_stop(sandbox *box);

/* Calls an admin route: POST, or GET if `body` is NULL. Free the result with cJSON_Delete(). */
cJSON *sandbox_call(const sandbox *box, const char *path, const cJSON *body);
/* The number of API requests since the last reset. */
int sandbox_request_count(const sandbox *box);
void sandbox_reset(const sandbox *box);
/* Arms a fault for the next request. */
void sandbox_fault(const sandbox *box, const char *fault);
/* Disarms every fault. */
void sandbox_disarm(const sandbox *box);
/* Lets the scripted user do `action` on the pages of a session. */
void sandbox_user(const sandbox *box, const char *session_id, const char *action);

#endif
