/*
 * Threads that C creates, and everything that they share: a client, its duplicates, the default
 * client, the log callback. Short enough for thread checkers; process.c makes many calls.
 */
#define _POSIX_C_SOURCE 200809L

#include "calls.h"
#include "check.h"
#include "portable.h"
#include "sandbox.h"
#include "zignsec.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 5 };

static int32_t ZS_CALL continue_until_final(const zs_session *session, uint32_t elapsed_ms,
                                            void *user_data) {
    int *polls = user_data;
    (void)elapsed_ms;
    ++*polls;
    return zs_session_is_final(session);
}

static void ZS_CALL count_message(int32_t level, const char *message, void *counter) {
    (void)level;
    if (strlen(message) > 0) {
        sem_post(counter);
    }
}

static int starts_and_waits(const zs_client *client, const char *state) {
    zs_phone_2fa_request request = page_example();
    request.phone_number = "+46701740606"; /* accepted at once */
    request.relay_state = state;
    zs_session *started = NULL, *final_session = NULL;
    zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
    int polls = 0;
    options.poll_interval_ms = 1;
    options.on_poll = continue_until_final;
    options.user_data = &polls;
    int passed = zs_start_phone_2fa(client, &request, &started, NULL) == ZS_OK &&
                 zs_wait_for_session(client, zs_session_id(started), &options, &final_session,
                                     NULL) == ZS_OK;
    passed = passed && polls == 1 && zs_session_is_verified(final_session) == 1 &&
             same(zs_session_relay_state(final_session), state);
    zs_session_free(started);
    zs_session_free(final_session);
    return passed;
}

static int fails(const zs_client *client) {
    zs_session *session = NULL;
    zs_error *error = NULL;
    const int passed =
        zs_get_session(client, "unknown-session", &session, &error) == ZS_ERROR_NOT_FOUND &&
        zs_error_http_status(error) == 404 && zs_error_message(error) != NULL;
    zs_error_free(error);
    return passed;
}

typedef struct caller {
    const zs_client *client;
    pthread_barrier_t *start;
    int number, failed;
} caller;

static void *call(void *of) {
    caller *self = of;
    const zs_client *process_client = NULL;
    pthread_barrier_wait(self->start);
    self->failed += zs_client_default(&process_client, NULL) != ZS_OK;
    for (int round = 0; round < ROUNDS; round++) {
        char state[32];
        zs_client *duplicate = NULL;
        snprintf(state, sizeof state, "thread %d, %d", self->number, round);
        self->failed += zs_client_dup(self->client, &duplicate, NULL) != ZS_OK;
        self->failed += !starts_and_waits(self->client, state);
        self->failed += !starts_and_waits(duplicate, state);
        self->failed += !starts_and_waits(process_client, state);
        self->failed += !fails(duplicate);
        zs_client_free(duplicate);
    }
    return NULL;
}

static void threads_share_clients_and_the_log_callback(const sandbox *box) {
    set_variable("ZIGNSEC_BASE_URL", box->url);
    set_variable("ZIGNSEC_API_KEY", box->api_key);
    set_variable("SSL_CERT_FILE", box->ca_file);
    zs_client *client = NULL;
    CHECK(zs_client_new(NULL, &client, NULL) == ZS_OK);
    sem_t messages;
    sem_init(&messages, 0, 0);
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, THREADS + 1);
    zs_set_log_callback(ZS_LOG_TRACE, count_message, &messages);

    caller callers[THREADS];
    pthread_t threads[THREADS];
    for (int at = 0; at < THREADS; at++) {
        callers[at] = (caller){client, &start, at, 0};
        CHECK(pthread_create(&threads[at], NULL, call, &callers[at]) == 0);
    }
    pthread_barrier_wait(&start);
    for (int message = 0; message < THREADS * ROUNDS; message++) {
        sem_wait(&messages);
    }
    for (int at = 0; at < THREADS; at++) {
        CHECK(pthread_join(threads[at], NULL) == 0);
        CHECK(callers[at].failed == 0);
    }
    zs_set_log_callback(0, NULL, NULL);
    pthread_barrier_destroy(&start);
    zs_client_free(client);
}

typedef struct waiter {
    const zs_client *client;
    session_id id;
    sem_t polled;
    zs_result result;
} waiter;

static int32_t ZS_CALL report_poll(const zs_session *session, uint32_t elapsed_ms, void *polled) {
    (void)session, (void)elapsed_ms;
    sem_post(polled);
    return 0;
}

static void *wait_for_an_hour(void *of) {
    waiter *self = of;
    zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
    zs_session *session = NULL;
    options.poll_interval_ms = 3600 * 1000;
    options.on_poll = report_poll;
    options.user_data = &self->polled;
    self->result = zs_wait_for_session(self->client, self->id.text, &options, &session, NULL);
    return NULL;
}

static void a_thread_cancels_another(void) {
    zs_client *client = NULL;
    CHECK(zs_client_new(NULL, &client, NULL) == ZS_OK);
    waiter self = {.client = client, .id = start_session(client), .result = ZS_OK};
    sem_init(&self.polled, 0, 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, wait_for_an_hour, &self) == 0);
    sem_wait(&self.polled);
    zs_client_cancel(client);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(self.result == ZS_ERROR_CANCELLED);
    zs_client_free(client);
}

int main(void) {
    sandbox box = sandbox_start(1);
    threads_share_clients_and_the_log_callback(&box);
    a_thread_cancels_another();
    sandbox_stop(&box);
    return report("c/threads");
}
