/*
 * The library and the process that uses it: forks, signals, peers that close their connections.
 */
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700

#include "capture.h"
#include "check.h"
#include "processes.h"
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
#include <unistd.h>
#endif

#ifndef _WIN32
enum { CALLS = 200 };

static void a_forked_child_uses_its_own_connections(const sandbox *box) {
    zs_client *client = client_with_retries(box, 0);
    CHECK(call(client, "warm"));
    sandbox_reset(box);
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        int failed = calls(client, "child", CALLS / 2);
        zs_client_free(client);
        _exit(failed != 0);
    }
    CHECK(calls(client, "parent", CALLS / 2) == 0);
    CHECK(succeeded(child));

    cJSON *requests = sandbox_call(box, "requests", NULL);
    cJSON *of_parent = connections_of(requests, "parent");
    cJSON *of_child = connections_of(requests, "child");
    CHECK(cJSON_GetArraySize(of_parent) == CALLS / 2);
    CHECK(cJSON_GetArraySize(of_child) == CALLS / 2);
    CHECK(shared_connections(requests, "parent", "child") == 0);
    cJSON_Delete(of_parent);
    cJSON_Delete(of_child);
    cJSON_Delete(requests);

    /* The connection of the parent still works. */
    CHECK(calls(client, "after", CALLS / 2) == 0);
    zs_client_free(client);
}

static const zs_client *shared;
/* Posted once for each thread that is to end. */
static sem_t stop;

static void *keep_calling(void *name) {
    int failed = 0;
    while (sem_trywait(&stop) != 0) {
        failed += calls(shared, name, 1);
    }
    return failed == 0 ? name : NULL;
}

/* A fork can happen while other threads hold any lock of the library. */
static void a_child_forked_during_calls_works(const sandbox *box) {
    enum { THREADS = 4, FORKS = 25 };
    pthread_t threads[THREADS];
    zs_client *client = client_with_retries(box, 0);
    shared = client;
    sem_init(&stop, 0, 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, keep_calling, "thread") == 0);
    }
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            int failed = calls(client, "child", 2);
            pid_t grandchild = failed == 0 ? fork() : -1;
            if (grandchild == 0) {
                alarm(20);
                _exit(calls(client, "grandchild", 2) != 0);
            }
            _exit(grandchild < 0 || !succeeded(grandchild) || calls(client, "child", 1) != 0);
        }
        CHECK(succeeded(child));
    }
    for (int i = 0; i < THREADS; i++) {
        sem_post(&stop);
    }
    for (int i = 0; i < THREADS; i++) {
        void *outcome = NULL;
        CHECK(pthread_join(threads[i], &outcome) == 0 && outcome != NULL);
    }
    zs_client_free(client);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int number) {
    (void)number;
    alarms++;
}

static void signals_do_not_disturb_calls(const sandbox *box) {
    struct sigaction action, before;
    memset(&action, 0, sizeof action); /* no SA_RESTART: every blocked system call is interrupted */
    action.sa_handler = count_alarm;
    CHECK(sigaction(SIGALRM, &action, &before) == 0);
    struct itimerval each_ms = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
    CHECK(setitimer(ITIMER_REAL, &each_ms, NULL) == 0);
    int failed = 0;
    for (int i = 0; i < 10; i++) {
        /* New connections, so that signals arrive in each part of a call. */
        zs_client *client = client_with_retries(box, -1);
        failed += calls(client, "signals", 50);
        zs_client_free(client);
    }
    CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
    CHECK(failed == 0);
    CHECK(alarms > 100);
    sigaction(SIGALRM, &before, NULL);
}

static void sigpipe_has_its_default(void) {
    struct sigaction found;
    CHECK(sigaction(SIGPIPE, NULL, &found) == 0 && found.sa_handler == SIG_DFL);
}
#else
static void sigpipe_has_its_default(void) {
}
#endif

static void a_peer_that_closes_raises_no_sigpipe(const sandbox *box) {
    sigpipe_has_its_default();
    const char *faults[] = {"reset-on-accept",   "close-on-accept", "reset-when-reused",
                            "close-when-reused", "reset",           "close-after-answer"};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        zs_client *client = client_with_retries(box, -1);
        sandbox_reset(box);
        cJSON *fault = cJSON_CreateObject();
        cJSON_AddStringToObject(fault, "fault", faults[i]);
        cJSON_AddNumberToObject(fault, "times", 50);
        cJSON_Delete(sandbox_call(box, "faults", fault));
        cJSON_Delete(fault);
        for (int j = 0; j < 50; j++) {
            zs_session *session = NULL;
            zs_error *error = NULL;
            zs_get_session(client, "a", &session, &error);
            capture(zs_error_message(error));
            zs_session_free(session);
            zs_error_free(error);
        }
        zs_client_free(client);
    }
    sigpipe_has_its_default();
    sandbox_reset(box);
}

typedef struct caller {
    const zs_client *client;
    char who[16];
    int failed;
} caller;

/* With ten threads, as many requests as the sandbox stores. */
static void *call_often(void *user_data) {
    caller *self = user_data;
    self->failed = calls(self->client, self->who, 25);
    return NULL;
}

static void ten_threads_share_a_client(const sandbox *box) {
    enum { THREADS = 10 };
    sandbox_reset(box);
    zs_client *client = client_with_retries(box, -1);
    caller callers[THREADS];
    pthread_t threads[THREADS];
    for (int at = 0; at < THREADS; at++) {
        callers[at].client = client;
        snprintf(callers[at].who, sizeof callers[at].who, "thread %d", at);
        CHECK(pthread_create(&threads[at], NULL, call_often, &callers[at]) == 0);
    }
    for (int at = 0; at < THREADS; at++) {
        CHECK(pthread_join(threads[at], NULL) == 0);
        CHECK(callers[at].failed == 0);
    }
    zs_client_free(client);

    int numbers[THREADS + 1], opened = 0;
    cJSON *requests = sandbox_call(box, "requests", NULL);
    const cJSON *each;
    cJSON_ArrayForEach(each, requests) {
        const int number = cJSON_GetObjectItem(each, "connection")->valueint;
        int known = 0;
        while (known < opened && numbers[known] != number) {
            known++;
        }
        if (known == opened && opened <= THREADS) {
            numbers[opened++] = number;
        }
    }
    CHECK(cJSON_GetArraySize(requests) == 500);
    CHECK(opened <= THREADS);
    cJSON_Delete(requests);
}

int main(void) {
    capture_start("process");
    for (int tls = 0; tls <= 1; tls++) {
        sandbox box = sandbox_start(tls);
#ifdef _WIN32
        skip("a_forked_child_uses_its_own_connections", "fork");
        skip("a_child_forked_during_calls_works", "fork");
        skip("signals_do_not_disturb_calls", "signals");
#else
        a_forked_child_uses_its_own_connections(&box);
        a_child_forked_during_calls_works(&box);
        signals_do_not_disturb_calls(&box);
#endif
        a_peer_that_closes_raises_no_sigpipe(&box);
        ten_threads_share_a_client(&box);
        sandbox_stop(&box);
    }
    return report("process");
}
