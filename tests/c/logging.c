/*
 * The log callback: levels, secrets, several threads, and forks while other threads log.
 */
#define _POSIX_C_SOURCE 200809L

#include "calls.h"
#include "check.h"
#include "sandbox.h"
#include "zignsec.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#ifndef _WIN32
#include <sys/wait.h>
#include <unistd.h>
#endif

/* Everything that one callback received. */
typedef struct record {
    pthread_mutex_t lock;
    int lines, of_level[ZS_LOG_TRACE + 1], of_unknown_level;
    char text[16 * 1024];
} record;

static void ZS_CALL store(int32_t level, const char *message, void *user_data) {
    record *self = user_data;
    pthread_mutex_lock(&self->lock);
    self->lines++;
    if (level < ZS_LOG_ERROR || level > ZS_LOG_TRACE) {
        self->of_unknown_level++;
    } else {
        self->of_level[level]++;
    }
    const size_t length = strlen(self->text);
    snprintf(self->text + length, sizeof self->text - length, "%s\n", message);
    pthread_mutex_unlock(&self->lock);
}

static zs_result get_session(const zs_client *client, const char *id) {
    zs_session *session = NULL;
    const zs_result result = zs_get_session(client, id, &session, NULL);
    zs_session_free(session);
    return result;
}

static void each_attempt_is_logged_without_secrets(const sandbox *box) {
    zs_client *client = client_of(box);
    record all = {.lock = PTHREAD_MUTEX_INITIALIZER};
    zs_set_log_callback(ZS_LOG_TRACE, store, &all);

    const session_id id = start_session(client);
    CHECK(all.lines == 1 && strstr(all.text, "POST ") != NULL);
    CHECK(strstr(all.text, "two_factor_auth/phone") != NULL && strstr(all.text, "200") != NULL);
    CHECK(get_session(client, id.text) == ZS_OK);
    CHECK(all.lines == 2 && strstr(all.text, "GET ") != NULL && all.of_level[ZS_LOG_DEBUG] == 2);

    /* A failed attempt and its retry. */
    sandbox_fault(box, "http-503");
    CHECK(get_session(client, id.text) == ZS_OK);
    CHECK(all.lines == 4 && strstr(all.text, "503") != NULL);
    CHECK(all.of_level[ZS_LOG_WARN] == 1 && all.of_level[ZS_LOG_DEBUG] == 3);
    CHECK(strstr(all.text, "attempt 2") != NULL);

    sandbox_fault(box, "reset");
    CHECK(get_session(client, id.text) == ZS_OK);
    /* An idle connection that breaks is not a failure. */
    CHECK(all.lines == 6 && all.of_level[ZS_LOG_WARN] == 1 && all.of_unknown_level == 0);

    CHECK(strstr(all.text, box->api_key) == NULL);
    CHECK(strstr(all.text, id.text) == NULL);
    CHECK(strstr(all.text, "703339954") == NULL);
    zs_set_log_callback(0, NULL, NULL);
    zs_client_free(client);
}

static void only_the_requested_levels_are_logged(const sandbox *box) {
    zs_client *client = client_of(box);
    const session_id id = start_session(client);
    const struct {
        int32_t max_level;
        zs_log_callback callback;
        int lines; /* for one attempt at DEBUG and one at WARN */
    } cases[] = {
        {INT32_MIN, store, 0},   {0, store, 0},           {ZS_LOG_ERROR, store, 0},
        {ZS_LOG_WARN, store, 1}, {ZS_LOG_INFO, store, 1}, {ZS_LOG_DEBUG, store, 2},
        {INT32_MAX, store, 2},   {ZS_LOG_TRACE, NULL, 0},
    };
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        record all = {.lock = PTHREAD_MUTEX_INITIALIZER};
        zs_set_log_callback(cases[at].max_level, cases[at].callback, &all);
        CHECK(get_session(client, id.text) == ZS_OK);
        CHECK(get_session(client, "unknown-session") == ZS_ERROR_NOT_FOUND);
        CHECK(all.lines == cases[at].lines);
    }
    zs_set_log_callback(0, NULL, NULL);
    zs_client_free(client);
}

typedef struct caller {
    const zs_client *client;
    const char *id;
    pthread_barrier_t *barrier;
} caller;

/* The calls of both threads return only if both are in the callback at the same time. */
static void ZS_CALL wait_for_both(int32_t level, const char *message, void *barrier) {
    (void)level, (void)message;
    pthread_barrier_wait(barrier);
}

/* Returns NULL on success. */
static void *call(void *of) {
    const caller *self = of;
    return get_session(self->client, self->id) == ZS_OK ? NULL : of;
}

static void join(pthread_t thread) {
    void *failed = NULL;
    CHECK(pthread_join(thread, &failed) == 0 && failed == NULL);
}

static void several_threads_run_the_callback_at_once(const sandbox *box) {
    zs_client *client = client_of(box);
    const session_id id = start_session(client);
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 2);
    caller self = {client, id.text, &barrier};
    pthread_t threads[2];
    zs_set_log_callback(ZS_LOG_TRACE, wait_for_both, &barrier);
    for (int at = 0; at < 2; at++) {
        pthread_create(&threads[at], NULL, call, &self);
    }
    for (int at = 0; at < 2; at++) {
        join(threads[at]);
    }
    zs_set_log_callback(0, NULL, NULL);
    pthread_barrier_destroy(&barrier);
    zs_client_free(client);
}

#ifndef _WIN32
static void count(int32_t level, const char *message, void *counter) {
    (void)level, (void)message;
    sem_post(counter);
}

static int value_of(sem_t *counter) {
    int value = -1;
    sem_getvalue(counter, &value);
    return value;
}

/* Whether a child of fork() logs to the callback of its parent, and can set another one. */
static int child_logs(const caller *self, sem_t *inherited) {
    sem_t own;
    sem_init(&own, 0, 0);
    int before = value_of(inherited);
    CHECK(get_session(self->client, self->id) == ZS_OK);
    CHECK(value_of(inherited) == before + 1);
    zs_set_log_callback(ZS_LOG_TRACE, count, &own);
    before = value_of(inherited);
    CHECK(get_session(self->client, self->id) == ZS_OK);
    CHECK(value_of(&own) == 1 && value_of(inherited) == before);
    zs_set_log_callback(0, NULL, NULL);
    CHECK(get_session(self->client, self->id) == ZS_OK);
    CHECK(value_of(&own) == 1 && value_of(inherited) == before);
    return failures == 0;
}

static int succeeded(pid_t child) {
    int status = -1;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Posted once for each thread that is to end. */
static sem_t stop;

static void *keep_calling(void *of) {
    void *failed = NULL;
    while (failed == NULL && sem_trywait(&stop) != 0) {
        failed = call(of);
    }
    return failed;
}

/* A fork can happen while another thread is anywhere in the library or in the callback. */
static void children_and_grandchildren_log_after_fork(const sandbox *box) {
    enum { CALLING = 3, FORKS = 50 };
    zs_client *client = client_of(box);
    const session_id id = start_session(client);
    caller self = {client, id.text, NULL};
    sem_t counter;
    sem_init(&counter, 0, 0);
    sem_init(&stop, 0, 0);
    zs_set_log_callback(ZS_LOG_TRACE, count, &counter);
    pthread_t threads[CALLING];
    for (int at = 0; at < CALLING; at++) {
        pthread_create(&threads[at], NULL, keep_calling, &self);
    }
    for (int made = 0; made < FORKS; made++) {
        const pid_t child = fork();
        if (child == 0) {
            alarm(20);
            failures = 0;
            const pid_t grandchild = fork();
            if (grandchild == 0) {
                alarm(20);
                _exit(!child_logs(&self, &counter));
            }
            CHECK(succeeded(grandchild));
            _exit(!child_logs(&self, &counter));
        }
        CHECK(succeeded(child));
    }
    for (int at = 0; at < CALLING; at++) {
        sem_post(&stop);
    }
    for (int at = 0; at < CALLING; at++) {
        join(threads[at]);
    }
    zs_set_log_callback(0, NULL, NULL);
    zs_client_free(client);
}
#endif

int main(void) {
    sandbox box = sandbox_start(0);
    each_attempt_is_logged_without_secrets(&box);
    only_the_requested_levels_are_logged(&box);
    several_threads_run_the_callback_at_once(&box);
#ifdef _WIN32
    skip("children_and_grandchildren_log_after_fork", "fork");
#else
    children_and_grandchildren_log_after_fork(&box);
#endif
    sandbox_stop(&box);
    return report("c/logging");
}
