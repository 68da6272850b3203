/*
 * Waiting for a session, and cancelling calls from the callback, another thread and a signal
 * handler; duplicates, and the client of the process.
 */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700

#include "calls.h"
#include "check.h"
#include "portable.h"
#include "sandbox.h"
#include "zignsec.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#endif

enum {
    AN_HOUR_MS = 3600 * 1000,
    /* Twice what the contract allows, because the machine may be busy. */
    PROMPT_MS = 200
};

/* A user who acts after the first poll. */
typedef struct user {
    const sandbox *box;
    const zs_client *client;
    const char *action;
    int polls, cancel_at;
    uint32_t elapsed_ms;
} user;

static int32_t ZS_CALL act(const zs_session *session, uint32_t elapsed_ms, void *user_data) {
    user *self = user_data;
    self->polls++;
    CHECK(elapsed_ms >= self->elapsed_ms);
    self->elapsed_ms = elapsed_ms;
    CHECK(zs_session_is_final(session) == (self->polls > 1));
    if (self->polls == 1 && self->action != NULL) {
        zs_session *same_one = NULL;
        CHECK(zs_get_session(self->client, zs_session_id(session), &same_one, NULL) == ZS_OK);
        CHECK(same(zs_session_id(same_one), zs_session_id(session)));
        zs_session_free(same_one);
        sandbox_user(self->box, zs_session_id(session), self->action);
    }
    return self->polls == self->cancel_at;
}

static void a_wait_ends_when_the_session_is_final(const sandbox *box) {
    zs_client *client = client_of(box);
    const struct {
        const char *action;
        int32_t status, verified;
    } ends[] = {{"accept", ZS_STATUS_ACCEPTED, 1}, {"cancel", ZS_STATUS_CANCELLED, 0}};
    for (size_t at = 0; at < sizeof ends / sizeof *ends; at++) {
        const session_id id = start_session(client);
        /* The callback cannot cancel at the poll that returns a final session. */
        user self = {box, client, ends[at].action, 0, 2, 0};
        zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
        options.poll_interval_ms = 1;
        options.on_poll = act;
        options.user_data = &self;
        zs_session *session = NULL;
        zs_error *error = (zs_error *)&self;
        CHECK(zs_wait_for_session(client, id.text, &options, &session, &error) == ZS_OK);
        CHECK(error == NULL && self.polls == 2);
        CHECK(same(zs_session_id(session), id.text));
        CHECK(zs_session_status(session) == ends[at].status);
        CHECK(zs_session_is_verified(session) == ends[at].verified);
        zs_session_free(session);
        /* All defaults. */
        CHECK(zs_wait_for_session(client, id.text, NULL, &session, NULL) == ZS_OK);
        zs_session_free(session);
    }
    zs_client_free(client);
}

static void a_wait_that_takes_too_long_times_out(const sandbox *box) {
    zs_client *client = client_of(box);
    const session_id id = start_session(client);
    zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
    options.timeout_ms = 50;
    options.poll_interval_ms = 10;
    zs_session *session = (zs_session *)&options;
    zs_error *error = NULL;
    const double start = now_ms();
    CHECK(zs_wait_for_session(client, id.text, &options, &session, &error) ==
          ZS_ERROR_WAIT_TIMEOUT);
    CHECK(now_ms() - start >= 50);
    CHECK(session == NULL && zs_error_result(error) == ZS_ERROR_WAIT_TIMEOUT);
    CHECK(strstr(zs_error_message(error), "pending") != NULL);
    CHECK(zs_error_attempts(error) > 1);
    zs_error_free(error);
    zs_client_free(client);
}

static void the_callback_cancels_a_wait(const sandbox *box) {
    zs_client *client = client_of(box);
    const session_id id = start_session(client);
    user self = {box, client, NULL, 0, 1, 0};
    zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
    options.poll_interval_ms = AN_HOUR_MS;
    options.on_poll = act;
    options.user_data = &self;
    zs_session *session = (zs_session *)&options;
    zs_error *error = NULL;
    CHECK(zs_wait_for_session(client, id.text, &options, &session, &error) == ZS_ERROR_CANCELLED);
    CHECK(session == NULL && self.polls == 1);
    CHECK(zs_error_result(error) == ZS_ERROR_CANCELLED && zs_error_attempts(error) == 1);
    zs_error_free(error);
    zs_client_free(client);
}

/* A call in another thread. */
typedef struct call {
    const zs_client *client;
    session_id id;
    uint32_t poll_interval_ms; /* 0: a single zs_get_session() */
    pthread_t thread;
    sem_t polled;
    zs_result result;
    double ended_ms;
} call;

static int32_t ZS_CALL report_poll(const zs_session *session, uint32_t elapsed_ms,
                                   void *user_data) {
    (void)session, (void)elapsed_ms;
    sem_post(user_data);
    return 0;
}

static void *make(void *of) {
    call *self = of;
    zs_session *session = NULL;
    if (self->poll_interval_ms == 0) {
        self->result = zs_get_session(self->client, self->id.text, &session, NULL);
    } else {
        zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
        options.poll_interval_ms = self->poll_interval_ms;
        options.on_poll = report_poll;
        options.user_data = &self->polled;
        self->result = zs_wait_for_session(self->client, self->id.text, &options, &session, NULL);
    }
    self->ended_ms = now_ms();
    zs_session_free(session);
    return NULL;
}

static void begin(call *self, const zs_client *client, session_id id, uint32_t poll_interval_ms) {
    self->client = client;
    self->id = id;
    self->poll_interval_ms = poll_interval_ms;
    sem_init(&self->polled, 0, 0);
    CHECK(pthread_create(&self->thread, NULL, make, self) == 0);
}

static zs_result end(call *self) {
    pthread_join(self->thread, NULL);
    sem_destroy(&self->polled);
    return self->result;
}

static void another_thread_cancels_a_wait_during_a_pause(const sandbox *box) {
    zs_client *client = client_of(box);
    call wait;
    begin(&wait, client, start_session(client), AN_HOUR_MS);
    sem_wait(&wait.polled);
    const double cancelled_ms = now_ms();
    zs_client_cancel(client);
    CHECK(end(&wait) == ZS_ERROR_CANCELLED);
    CHECK(wait.ended_ms - cancelled_ms < PROMPT_MS);

    zs_session *session = NULL;
    CHECK(zs_get_session(client, wait.id.text, &session, NULL) == ZS_OK);
    zs_session_free(session);
    zs_client_free(client);
}

static void another_thread_cancels_a_call_that_waits_for_its_response(const sandbox *box) {
    zs_client *client = client_of(box);
    const session_id id = start_session(client);
    const uint32_t intervals[] = {0, AN_HOUR_MS};
    for (size_t at = 0; at < sizeof intervals / sizeof *intervals; at++) {
        const int before = sandbox_request_count(box);
        sandbox_fault(box, "stall");
        call stalled;
        begin(&stalled, client, id, intervals[at]);
        while (sandbox_request_count(box) == before) {
        }
        const double cancelled_ms = now_ms();
        zs_client_cancel(client);
        CHECK(end(&stalled) == ZS_ERROR_CANCELLED);
        CHECK(stalled.ended_ms - cancelled_ms < PROMPT_MS);
        CHECK(sandbox_request_count(box) == before + 1);
    }
    zs_client_free(client);
}

#ifndef _WIN32
static const zs_client *for_the_handler;

static void cancel_from_handler(int signal) {
    (void)signal;
    zs_client_cancel(for_the_handler);
}

static void a_signal_handler_cancels_a_wait(const sandbox *box) {
    zs_client *client = client_of(box);
    struct sigaction action = {.sa_handler = cancel_from_handler}, old;
    sigaction(SIGUSR1, &action, &old);
    for_the_handler = client;
    call wait;
    begin(&wait, client, start_session(client), AN_HOUR_MS);
    sem_wait(&wait.polled);
    const double cancelled_ms = now_ms();
    /* In the thread that waits. */
    pthread_kill(wait.thread, SIGUSR1);
    CHECK(end(&wait) == ZS_ERROR_CANCELLED);
    CHECK(wait.ended_ms - cancelled_ms < PROMPT_MS);
    sigaction(SIGUSR1, &old, NULL);
    zs_client_free(client);
}

/* The handler can run anywhere in a call, while the call holds any lock. */
static void a_signal_handler_may_cancel_at_any_moment(const sandbox *box) {
    zs_client *client = client_of(box);
    const session_id id = start_session(client);
    struct sigaction action = {.sa_handler = cancel_from_handler, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    for_the_handler = client;
    const struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    int others = 0;
    for (int made = 0; made < 300; made++) {
        zs_session *session = NULL;
        zs_error *error = NULL;
        const zs_result result = zs_get_session(client, id.text, &session, &error);
        others += result != ZS_OK && result != ZS_ERROR_CANCELLED;
        zs_session_free(session);
        zs_error_free(error);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    signal(SIGALRM, SIG_IGN); /* one may still be pending */
    CHECK(others == 0);
    zs_client_free(client);
}

#endif

static int connection_of_the_last_request(const sandbox *box) {
    cJSON *requests = sandbox_call(box, "requests", NULL);
    const cJSON *connection = cJSON_GetObjectItem(cJSON_GetArrayItem(requests, 0), "connection");
    const int number = (int)cJSON_GetNumberValue(connection);
    cJSON_Delete(requests);
    return number;
}

static void a_duplicate_is_cancelled_separately_and_shares_the_connections(const sandbox *box) {
    zs_client *client = client_of(box), *other = NULL;
    const session_id id = start_session(client);
    const int connection = connection_of_the_last_request(box);
    CHECK(zs_client_dup(client, &other, NULL) == ZS_OK && other != client);
    zs_session *session = NULL;
    CHECK(zs_get_session(other, id.text, &session, NULL) == ZS_OK);
    zs_session_free(session);
    CHECK(connection_of_the_last_request(box) == connection);

    zs_client *clients[] = {client, other};
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        call waits[2];
        for (int at = 0; at < 2; at++) {
            begin(&waits[at], clients[at], start_session(client), at == cancelled ? AN_HOUR_MS : 1);
            sem_wait(&waits[at].polled);
        }
        zs_client_cancel(clients[cancelled]);
        CHECK(end(&waits[cancelled]) == ZS_ERROR_CANCELLED);
        sandbox_user(box, waits[1 - cancelled].id.text, "accept");
        CHECK(end(&waits[1 - cancelled]) == ZS_OK);
    }

    /* The connections stay open as long as either exists. */
    zs_client_free(client);
    CHECK(zs_get_session(other, id.text, &session, NULL) == ZS_OK);
    zs_session_free(session);
    zs_client_free(other);
}

/* Creates the client of a process, which is never freed. */
static int default_client_of_a_process(const sandbox *box, const char *id) {
    const zs_client *client = (const zs_client *)box, *again = NULL;
    zs_error *error = NULL;
    unset_variable("ZIGNSEC_API_KEY");
    set_variable("ZIGNSEC_BASE_URL", box->url);
    CHECK(zs_client_default(&client, &error) == ZS_ERROR_CONFIGURATION);
    CHECK(client == NULL && strstr(zs_error_message(error), "ZIGNSEC_API_KEY") != NULL);
    zs_error_free(error);

    /* A failure is not cached, and a success is. */
    set_variable("ZIGNSEC_API_KEY", box->api_key);
    CHECK(zs_client_default(&client, &error) == ZS_OK && client != NULL && error == NULL);
    unset_variable("ZIGNSEC_API_KEY");
    CHECK(zs_client_default(&again, NULL) == ZS_OK && again == client);

    /* The caller cannot free it. */
    zs_client_free((zs_client *)client);
    CHECK(zs_client_default(&again, NULL) == ZS_OK && again == client);
    zs_session *session = NULL;
    CHECK(zs_get_session(client, id, &session, NULL) == ZS_OK);
    CHECK(same(zs_session_id(session), id));
    zs_session_free(session);
    return failures != 0;
}

static void the_default_client_is_created_once_from_the_environment(const sandbox *box) {
    zs_client *client = client_of(box);
    const session_id id = start_session(client);
    zs_client_free(client);
#ifdef _WIN32
    default_client_of_a_process(box, id.text);
#else
    const pid_t pid = fork();
    if (pid == 0) {
        failures = 0;
        _exit(default_client_of_a_process(box, id.text));
    }
    int status = -1;
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#endif
}

static void *get_the_default_client(void *unused) {
    const zs_client *client = NULL;
    (void)unused;
    zs_client_default(&client, NULL);
    return (void *)client;
}

static void threads_get_the_same_default_client(const sandbox *box) {
    set_variable("ZIGNSEC_BASE_URL", box->url);
    set_variable("ZIGNSEC_API_KEY", box->api_key);
    pthread_t threads[8];
    void *clients[8];
    for (int at = 0; at < 8; at++) {
        pthread_create(&threads[at], NULL, get_the_default_client, NULL);
    }
    for (int at = 0; at < 8; at++) {
        pthread_join(threads[at], &clients[at]);
        CHECK(clients[at] != NULL && clients[at] == clients[0]);
    }
    unset_variable("ZIGNSEC_BASE_URL");
    unset_variable("ZIGNSEC_API_KEY");
}

int main(void) {
    sandbox box = sandbox_start(0);
    a_wait_ends_when_the_session_is_final(&box);
    a_wait_that_takes_too_long_times_out(&box);
    the_callback_cancels_a_wait(&box);
    another_thread_cancels_a_wait_during_a_pause(&box);
    another_thread_cancels_a_call_that_waits_for_its_response(&box);
#ifdef _WIN32
    skip("a_signal_handler_cancels_a_wait", "signals");
    skip("a_signal_handler_may_cancel_at_any_moment", "signals");
#else
    a_signal_handler_cancels_a_wait(&box);
    a_signal_handler_may_cancel_at_any_moment(&box);
#endif
    a_duplicate_is_cancelled_separately_and_shares_the_connections(&box);
    the_default_client_is_created_once_from_the_environment(&box);
    threads_get_the_same_default_client(&box);
    sandbox_stop(&box);
    return report("c/waiting");
}
