/*
 * The places in which programs fork: daemons, threads, callbacks, vfork and posix_spawn. No child
 * uses a connection of its parent, and no program that is started inherits one.
 */
#define _GNU_SOURCE

#include "check.h"
#include "processes.h"
#include "sandbox.h"
#include "zignsec.h"

#include <dirent.h>
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLS = 20, TIMEOUT_S = 60 };

/* The end of a child: its status is 0 if no check and no call failed. */
static void end_child(int failed) { _exit(failed != 0 || failures != 0); }

/* Parent and child both make calls: on separate connections. */
static void check_connections(const sandbox *box) {
    cJSON *requests = sandbox_call(box, "requests", NULL);
    CHECK(shared_connections(requests, "parent", "child") == 0);
    cJSON_Delete(requests);
}

static void a_fork_before_the_first_client(const sandbox *box) {
    sandbox_reset(box);
    pid_t child = fork();
    if (child == 0) {
        alarm(TIMEOUT_S);
        zs_client *client = client_with_retries(box, -1);
        end_child(calls(client, "child", CALLS));
    }
    zs_client *client = client_with_retries(box, -1);
    CHECK(calls(client, "parent", CALLS) == 0);
    CHECK(succeeded(child));
    check_connections(box);
    zs_client_free(client);
}

/* The child of a child, whose parent has ended. It reports through a pipe. */
static void a_daemon(const sandbox *box) {
    sandbox_reset(box);
    zs_client *client = client_with_retries(box, -1);
    CHECK(calls(client, "parent before", 1) == 0);
    int report[2];
    CHECK(pipe(report) == 0);
    pid_t child = fork();
    if (child == 0) {
        if (setsid() < 0 || fork() != 0) {
            _exit(0);
        }
        alarm(TIMEOUT_S);
        /* First the client of its grandparent, then a new one. */
        int failed = calls(client, "child", CALLS);
        zs_client_free(client);
        client = client_with_retries(box, -1);
        failed += calls(client, "child's own", CALLS);
        failed += failures;
        _exit(write(report[1], &failed, sizeof failed) != sizeof failed);
    }
    CHECK(succeeded(child));
    CHECK(calls(client, "parent", CALLS) == 0);
    int failed = -1;
    CHECK(read(report[0], &failed, sizeof failed) == sizeof failed && failed == 0);
    close(report[0]), close(report[1]);
    check_connections(box);
    zs_client_free(client);
}

/* ---- forks in threads ---- */

typedef struct forker {
    const sandbox *box;
    const zs_client *client;
    int passed;
} forker;

static void *fork_in_thread(void *user_data) {
    forker *self = user_data;
    pid_t child = fork();
    if (child == 0) {
        alarm(TIMEOUT_S);
        end_child(calls(self->client, "child", 2));
    }
    self->passed = succeeded(child);
    return NULL;
}

static void *stay_in_call(void *client) {
    zs_session *session = NULL;
    const zs_result result = zs_get_session(client, "a", &session, NULL);
    return result == ZS_ERROR_CANCELLED ? client : NULL;
}

static void forks_in_threads_while_another_is_in_a_call(const sandbox *box) {
    enum { THREADS = 8 };
    sandbox_reset(box);
    zs_client *client = client_with_retries(box, -1), *blocked = NULL;
    CHECK(calls(client, "parent", CALLS) == 0);
    CHECK(zs_client_dup(client, &blocked, NULL) == ZS_OK);
    sandbox_fault(box, "stall");
    pthread_t in_call, threads[THREADS];
    const int before = sandbox_request_count(box);
    CHECK(pthread_create(&in_call, NULL, stay_in_call, blocked) == 0);
    while (sandbox_request_count(box) == before) {
        usleep(1000);
    }
    forker forkers[THREADS];
    for (int at = 0; at < THREADS; at++) {
        forkers[at] = (forker){box, client, 0};
        CHECK(pthread_create(&threads[at], NULL, fork_in_thread, &forkers[at]) == 0);
    }
    for (int at = 0; at < THREADS; at++) {
        CHECK(pthread_join(threads[at], NULL) == 0);
        CHECK(forkers[at].passed);
    }
    void *cancelled = NULL;
    zs_client_cancel(blocked);
    CHECK(pthread_join(in_call, &cancelled) == 0 && cancelled == blocked);
    CHECK(calls(client, "parent", CALLS) == 0);
    check_connections(box);
    zs_client_free(client);
    zs_client_free(blocked);
}

/* ---- forks in callbacks ---- */

typedef struct poller {
    const sandbox *box;
    const zs_client *client;
    pid_t child; /* -1: did not fork yet */
    int polls;
} poller;

/* Forks at the first poll. The child uses the client, and then goes on waiting as its parent does. */
static int32_t fork_in_on_poll(const zs_session *session, uint32_t elapsed_ms, void *user_data) {
    poller *self = user_data;
    (void)elapsed_ms;
    self->polls++;
    if (self->child < 0) {
        self->child = fork();
        if (self->child == 0) {
            alarm(TIMEOUT_S);
        }
        CHECK(calls(self->client, self->child == 0 ? "child" : "parent", CALLS) == 0);
        if (self->child != 0) {
            sandbox_user(self->box, zs_session_id(session), "accept");
        }
    }
    return 0;
}

static void a_fork_in_on_poll(const sandbox *box) {
    sandbox_reset(box);
    zs_client *client = client_with_retries(box, -1);
    const zs_phone_2fa_request request = request_with(NULL);
    zs_session *started = NULL, *final = NULL;
    CHECK(zs_start_phone_2fa(client, &request, &started, NULL) == ZS_OK);
    poller self = {box, client, -1, 0};
    zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
    options.poll_interval_ms = 1;
    options.on_poll = fork_in_on_poll;
    options.user_data = &self;
    CHECK(zs_wait_for_session(client, zs_session_id(started), &options, &final, NULL) == ZS_OK);
    CHECK(zs_session_is_verified_for(final, request.phone_number));
    CHECK(self.polls > 1);
    zs_session_free(started);
    zs_session_free(final);
    if (self.child == 0) {
        zs_client_free(client);
        end_child(0);
    }
    CHECK(succeeded(self.child));
    CHECK(calls(client, "parent", CALLS) == 0);
    check_connections(box);
    zs_client_free(client);
}

static int forks_in_log;

/* Each child starts another program, or ends. */
static void fork_in_log(int32_t level, const char *message, void *user_data) {
    (void)level;
    (void)message;
    (void)user_data;
    const int number = forks_in_log++;
    pid_t child = fork();
    if (child == 0) {
        if (number % 2 == 0) {
            execl("/bin/true", "true", (char *)NULL);
        }
        _exit(number % 2 == 0);
    }
    CHECK(succeeded(child));
}

static void a_fork_in_the_log_callback(const sandbox *box) {
    zs_client *client = client_with_retries(box, -1);
    forks_in_log = 0;
    zs_set_log_callback(ZS_LOG_TRACE, fork_in_log, NULL);
    CHECK(calls(client, "log", CALLS) == 0);
    zs_set_log_callback(0, NULL, NULL);
    CHECK(forks_in_log >= 2 * CALLS);
    zs_client_free(client);
}

/* ---- other programs ---- */

static const char *program;

/* In a program that was started: how many descriptors it inherited beside 0, 1 and 2. */
static int count_descriptors(void) {
    DIR *opened = opendir("/proc/self/fd");
    const struct dirent *each;
    int others = 0;
    while ((each = readdir(opened)) != NULL) {
        const int number = atoi(each->d_name);
        others += number > STDERR_FILENO && number != dirfd(opened);
    }
    closedir(opened);
    return others;
}

static void programs_inherit_no_connection(const sandbox *box) {
    zs_client *client = client_with_retries(box, -1);
    sandbox_reset(box);
    CHECK(calls(client, "parent before", 2) == 0);
    char *arguments[] = {(char *)program, "count", NULL};
    for (int way = 0; way < 3; way++) {
        pid_t child = -1;
        if (way == 0) {
            CHECK(posix_spawn(&child, program, NULL, NULL, arguments, environ) == 0);
        } else {
            child = way == 1 ? vfork() : fork();
            if (child == 0) {
                execve(program, arguments, environ);
                _exit(127);
            }
        }
        CHECK(succeeded(child));
        CHECK(calls(client, "parent after", 2) == 0);
    }
    CHECK(system("exit 0") == 0);
    CHECK(calls(client, "parent after", 2) == 0);
    /* The parent keeps its connection. */
    cJSON *requests = sandbox_call(box, "requests", NULL);
    cJSON *first = connections_of(requests, "parent before");
    cJSON *all = connections_of(requests, "parent");
    CHECK(cJSON_GetArraySize(all) == 10);
    const cJSON *each;
    cJSON_ArrayForEach(each, all) { CHECK(cJSON_Compare(each, cJSON_GetArrayItem(first, 0), 1)); }
    cJSON_Delete(first);
    cJSON_Delete(all);
    cJSON_Delete(requests);
    zs_client_free(client);
}

int main(int argc, char **argv) {
    if (argc == 2) {
        return count_descriptors();
    }
    program = argv[0];
    /* What this program inherited itself. */
    for (int number = STDERR_FILENO + 1; number < 1024; number++) {
        close(number);
    }
    for (int tls = 0; tls <= 1; tls++) {
        sandbox box = sandbox_start(tls);
        a_fork_before_the_first_client(&box);
        a_daemon(&box);
        forks_in_threads_while_another_is_in_a_call(&box);
        a_fork_in_on_poll(&box);
        a_fork_in_the_log_callback(&box);
        programs_inherit_no_connection(&box);
        sandbox_stop(&box);
    }
    return report("forks");
}
