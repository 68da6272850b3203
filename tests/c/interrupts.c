/*
 * Another thread cancels a call in each part of it that waits for the network: while connecting,
 * in the TLS handshake, and while reading the response. The call ends within a tenth of a second.
 */
#define _POSIX_C_SOURCE 200809L

#include "check.h"
#include "portable.h"
#include "ports.h"
#include "zignsec.h"

#include <pthread.h>
#include <string.h>

enum {
    PROMPT_MS = 100,
    /* The machine may be busy: one of the rounds must be prompt. */
    ROUNDS = 3,
    /* How long a call lasts until it is cancelled. It must be waiting by then. */
    UNTIL_CANCELLED_MS = 300
};

typedef struct call {
    const zs_client *client;
    zs_result result;
    double ended_ms;
} call;

static void *make(void *of) {
    call *self = of;
    zs_session *session = NULL;
    self->result = zs_get_session(self->client, "a", &session, NULL);
    self->ended_ms = now_ms();
    return NULL;
}

/* How long a call to the port went on after it was cancelled. */
static double time_to_cancel(const char *scheme, const port *server, zs_result *result) {
    char url[64];
    snprintf(url, sizeof url, "%s://127.0.0.1:%d", scheme, server->number);
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = "a-key";
    options.base_url = url;
    options.connect_timeout_ms = 5000;
    options.attempt_timeout_ms = 5000;
    options.timeout_ms = 5000;
    zs_client *client = NULL;
    CHECK(zs_client_new(&options, &client, NULL) == ZS_OK);
    call self = {client, ZS_OK, 0};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, make, &self) == 0);
    sleep_ms(UNTIL_CANCELLED_MS);
    const double cancelled_ms = now_ms();
    zs_client_cancel(client);
    CHECK(pthread_join(thread, NULL) == 0);
    zs_client_free(client);
    *result = self.result;
    return self.ended_ms - cancelled_ms;
}

static void a_call_is_cancelled(const char *where, const char *scheme, int queue) {
    double shortest = 1e9;
    for (int round = 0; round < ROUNDS && shortest >= PROMPT_MS; round++) {
        const port server = port_open(queue);
        zs_result result = ZS_OK;
        const double time = time_to_cancel(scheme, &server, &result);
        CHECK(result == ZS_ERROR_CANCELLED);
        /* The call had not ended by itself. */
        CHECK(time >= 0);
        shortest = time < shortest ? time : shortest;
        port_close(&server);
    }
    printf("%s: cancelled after %.0f ms\n", where, shortest);
    CHECK(shortest < PROMPT_MS);
}

int main(void) {
    start_sockets();
    a_call_is_cancelled("connecting", "http", 0);
    a_call_is_cancelled("connecting for TLS", "https", 0);
    a_call_is_cancelled("in the handshake", "https", 16);
    a_call_is_cancelled("reading", "http", 16);
    return report("c/interrupts");
}
