/*
 * A child with the process ID of its parent: both are process 1 of their PID namespaces, as in a
 * container whose first process creates another one. They never use the same connection. Exits with
 * status 77 if it has no right to create namespaces. Also runs as a plug-in: see plugin.c.
 */
#define _GNU_SOURCE

#include "check.h"
#include "processes.h"
#include "sandbox.h"
#include "zignsec.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLS = 100, TIMEOUT_S = 60, NO_RIGHT = 77 };

static void time_out(int number) {
    (void)number;
    _exit(1);
}

/* A fork whose child is process 1 of a new namespace. A process can do this once; it cannot start
 * threads afterwards. */
static pid_t fork_into_namespace(void) {
    if (unshare(CLONE_NEWPID) != 0) {
        exit(NO_RIGHT);
    }
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, time_out); /* process 1 ignores signals that it does not handle */
        alarm(TIMEOUT_S);
        CHECK(getpid() == 1);
    }
    return child;
}

static void end_child(int failed) { _exit(failed != 0 || failures != 0); }

/* ---- tests: each runs in process 1 of a new namespace ---- */

/* Three generations, all with process ID 1, make calls at the same time with one client. */
static void generations_share_a_client(const sandbox *box) {
    zs_client *client = client_with_retries(box, -1);
    CHECK(calls(client, "before", 2) == 0);
    sandbox_reset(box);
    pid_t child = fork_into_namespace();
    if (child == 0) {
        int failed = calls(client, "child", 2);
        pid_t grandchild = fork_into_namespace();
        if (grandchild == 0) {
            end_child(calls(client, "third", CALLS));
        }
        failed += calls(client, "child", CALLS);
        end_child(failed + !succeeded(grandchild));
    }
    CHECK(calls(client, "parent", CALLS) == 0);
    CHECK(succeeded(child));
    cJSON *requests = sandbox_call(box, "requests", NULL);
    CHECK(shared_connections(requests, "parent", "child") == 0);
    CHECK(shared_connections(requests, "parent", "third") == 0);
    CHECK(shared_connections(requests, "child", "third") == 0);
    cJSON_Delete(requests);
    CHECK(calls(client, "after", 2) == 0);
    zs_client_free(client);
}

/* The first client is created after the fork, and freed after the next one. */
static void clients_come_and_go(const sandbox *box) {
    pid_t child = fork_into_namespace();
    if (child == 0) {
        zs_client *client = client_with_retries(box, -1);
        int failed = calls(client, "child", 2);
        pid_t grandchild = fork_into_namespace();
        if (grandchild == 0) {
            failed = calls(client, "third", CALLS);
            zs_client_free(client);
            client = client_with_retries(box, -1);
            end_child(failed + calls(client, "own", 2));
        }
        failed += calls(client, "child", CALLS);
        zs_client_free(client);
        end_child(failed + !succeeded(grandchild));
    }
    CHECK(succeeded(child));
}

static void *fork_in_thread(void *client) {
    pid_t child = fork_into_namespace();
    if (child == 0) {
        end_child(calls(client, "child", CALLS));
    }
    return succeeded(child) ? client : NULL;
}

static void a_thread_forks_during_calls(const sandbox *box) {
    zs_client *client = client_with_retries(box, -1);
    CHECK(calls(client, "parent", 2) == 0);
    sandbox_reset(box);
    pthread_t thread;
    void *passed = NULL;
    CHECK(pthread_create(&thread, NULL, fork_in_thread, client) == 0);
    CHECK(calls(client, "parent", CALLS) == 0);
    CHECK(pthread_join(thread, &passed) == 0 && passed == client);
    cJSON *requests = sandbox_call(box, "requests", NULL);
    CHECK(shared_connections(requests, "parent", "child") == 0);
    cJSON_Delete(requests);
    zs_client_free(client);
}

static int32_t fork_in_on_poll(const zs_session *session, uint32_t elapsed_ms, void *user_data) {
    (void)session;
    (void)elapsed_ms;
    *(pid_t *)user_data = fork_into_namespace();
    return 1;
}

static void a_fork_in_on_poll(const sandbox *box) {
    sandbox_reset(box);
    zs_client *client = client_with_retries(box, -1);
    const zs_phone_2fa_request request = request_with(NULL);
    zs_session *started = NULL, *final = NULL;
    CHECK(zs_start_phone_2fa(client, &request, &started, NULL) == ZS_OK);
    pid_t child = -1;
    zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
    options.on_poll = fork_in_on_poll;
    options.user_data = &child;
    /* Both processes return from the wait. */
    (void)zs_wait_for_session(client, zs_session_id(started), &options, &final, NULL);
    CHECK(final == NULL);
    zs_session_free(started);
    const int failed = calls(client, child == 0 ? "child" : "parent", CALLS);
    if (child == 0) {
        end_child(failed);
    }
    CHECK(failed == 0);
    CHECK(succeeded(child));
    cJSON *requests = sandbox_call(box, "requests", NULL);
    CHECK(shared_connections(requests, "parent", "child") == 0);
    cJSON_Delete(requests);
    zs_client_free(client);
}

/* A fork that is not reported to the library, as documented: the child creates its own client. */
static void a_child_of_clone_creates_its_own_client(const sandbox *box) {
    zs_client *client = client_with_retries(box, -1);
    CHECK(calls(client, "parent", 2) == 0);
    sandbox_reset(box);
    CHECK(unshare(CLONE_NEWPID) == 0);
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) {
        signal(SIGALRM, time_out);
        alarm(TIMEOUT_S);
        zs_client *own = client_with_retries(box, -1);
        end_child(calls(own, "child", CALLS));
    }
    CHECK(calls(client, "parent", CALLS) == 0);
    CHECK(succeeded(child));
    cJSON *requests = sandbox_call(box, "requests", NULL);
    CHECK(shared_connections(requests, "parent", "child") == 0);
    cJSON_Delete(requests);
    zs_client_free(client);
}

typedef void (*test)(const sandbox *);

/* Runs a test in process 1 of a new namespace. A process between it and this one chooses the
 * namespace, so that this process can do so for each test. */
static void run(test test, int tls) {
    fflush(stdout);
    int status = -1;
    pid_t chooser = fork();
    if (chooser == 0) {
        pid_t first = fork_into_namespace();
        if (first == 0) {
            sandbox box = sandbox_start(tls);
            test(&box);
            sandbox_stop(&box);
            end_child(0);
        }
        waitpid(first, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    CHECK(waitpid(chooser, &status, 0) == chooser && WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_RIGHT) {
        exit(NO_RIGHT);
    }
    CHECK(WEXITSTATUS(status) == 0);
}

int main(void) {
    const test tests[] = {
        generations_share_a_client, clients_come_and_go,
        a_thread_forks_during_calls, a_fork_in_on_poll,
        a_child_of_clone_creates_its_own_client,
    };
    for (int tls = 0; tls <= 1; tls++) {
        for (size_t at = 0; at < sizeof tests / sizeof *tests; at++) {
            run(tests[at], tls);
        }
    }
    return report("pid_namespace");
}
