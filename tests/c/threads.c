/*
 * Threads made by C, and everything that they share: a client, its duplicates, the process's own
 * client, the log. Short enough for a checker of threads to watch; process.c makes many calls.
 */
#define _POSIX_C_SOURCE 200809L

#include "calls.h"
#include "check.h"
#include "sandbox.h"
#include "zignsec.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 5 };

static int32_t go_on(const zs_session *session, uint32_t elapsed_ms, void *user_data) {
    int *polls = user_data;
    (void)elapsed_ms;
    ++*polls;
    return zs_session_is_final(session);
}

static void hear(int32_t level, const char *message, void *heard) {
    (void)level;
    if (strlen(message) > 0) {
        sem_post(heard);
    }
}

static int opens_and_waits(const zs_client *client, const char *state) {
    zs_phone_2fa_request request = page_example();
    request.phone_number = "+46701740606"; /* accepted at once */
    request.relay_state = state;
    zs_session *opened = NULL, *ended = NULL;
    zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
    int polls = 0;
    options.poll_interval_ms = 1;
    options.on_poll = go_on;
    options.user_data = &polls;
    int right = zs_start_phone_2fa(client, &request, &opened, NULL) == ZS_OK &&
                zs_wait_for_session(client, zs_session_id(opened), &options, &ended, NULL) == ZS_OK;
    right = right && polls == 1 && zs_session_is_verified(ended) == 1 &&
            same(zs_session_relay_state(ended), state);
    zs_session_free(opened);
    zs_session_free(ended);
    return right;
}

static int fails(const zs_client *client) {
    zs_session *session = NULL;
    zs_error *error = NULL;
    const int right =
        zs_get_session(client, "no-such-session", &session, &error) == ZS_ERROR_NOT_FOUND &&
        zs_error_http_status(error) == 404 && zs_error_message(error) != NULL;
    zs_error_free(error);
    return right;
}

typedef struct caller {
    const zs_client *client;
    pthread_barrier_t *start;
    int number, wrong;
} caller;

static void *call(void *of) {
    caller *self = of;
    const zs_client *own = NULL;
    pthread_barrier_wait(self->start);
    self->wrong += zs_client_default(&own, NULL) != ZS_OK;
    for (int round = 0; round < ROUNDS; round++) {
        char state[32];
        zs_client *duplicate = NULL;
        snprintf(state, sizeof state, "thread %d, %d", self->number, round);
        self->wrong += zs_client_dup(self->client, &duplicate, NULL) != ZS_OK;
        self->wrong += !opens_and_waits(self->client, state);
        self->wrong += !opens_and_waits(duplicate, state);
        self->wrong += !opens_and_waits(own, state);
        self->wrong += !fails(duplicate);
        zs_client_free(duplicate);
    }
    return NULL;
}

static void threads_share_clients_and_the_log(const sandbox *box) {
    setenv("ZIGNSEC_BASE_URL", box->url, 1);
    setenv("ZIGNSEC_API_KEY", box->api_key, 1);
    setenv("SSL_CERT_FILE", box->ca_file, 1);
    zs_client *client = NULL;
    CHECK(zs_client_new(NULL, &client, NULL) == ZS_OK);
    sem_t heard[2];
    sem_init(&heard[0], 0, 0);
    sem_init(&heard[1], 0, 0);
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, THREADS + 1);
    zs_set_log_callback(5, hear, &heard[0]);

    caller callers[THREADS];
    pthread_t threads[THREADS];
    for (int at = 0; at < THREADS; at++) {
        callers[at] = (caller){client, &start, at, 0};
        CHECK(pthread_create(&threads[at], NULL, call, &callers[at]) == 0);
    }
    pthread_barrier_wait(&start);
    for (int turn = 1; turn <= ROUNDS; turn++) {
        sem_wait(&heard[0]);
        zs_set_log_callback(turn == ROUNDS ? 0 : 5, hear, &heard[0]);
    }
    for (int at = 0; at < THREADS; at++) {
        CHECK(pthread_join(threads[at], NULL) == 0);
        CHECK(callers[at].wrong == 0);
    }
    pthread_barrier_destroy(&start);
    zs_client_free(client);
}

typedef struct waiter {
    const zs_client *client;
    session_id id;
    sem_t polled;
    zs_result result;
} waiter;

static int32_t tell(const zs_session *session, uint32_t elapsed_ms, void *polled) {
    (void)session, (void)elapsed_ms;
    sem_post(polled);
    return 0;
}

static void *wait_for_ever(void *of) {
    waiter *self = of;
    zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
    zs_session *session = NULL;
    options.poll_interval_ms = 3600 * 1000;
    options.on_poll = tell;
    options.user_data = &self->polled;
    self->result = zs_wait_for_session(self->client, self->id.text, &options, &session, NULL);
    return NULL;
}

static void a_thread_stops_another(void) {
    zs_client *client = NULL;
    CHECK(zs_client_new(NULL, &client, NULL) == ZS_OK);
    waiter self = {.client = client, .id = open_session(client), .result = ZS_OK};
    sem_init(&self.polled, 0, 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, wait_for_ever, &self) == 0);
    sem_wait(&self.polled);
    zs_client_cancel(client);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(self.result == ZS_ERROR_CANCELLED);
    zs_client_free(client);
}

int main(void) {
    sandbox box = sandbox_start(1);
    threads_share_clients_and_the_log(&box);
    a_thread_stops_another();
    sandbox_stop(&box);
    return report("c/threads");
}
