/*
 * What zs_set_log_callback() is told, and when: levels, secrets, threads that log while another one
 * sets, and forks in the midst of that.
 */
#define _POSIX_C_SOURCE 200809L

#include "calls.h"
#include "check.h"
#include "sandbox.h"
#include "zignsec.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ERROR = 1, WARN, INFO, DEBUG, TRACE };

/* Everything that one callback was told. */
typedef struct told {
    pthread_mutex_t alone;
    int lines, of_level[TRACE + 1], no_level;
    char text[16 * 1024];
} told;

static void keep(int32_t level, const char *message, void *user_data) {
    told *self = user_data;
    pthread_mutex_lock(&self->alone);
    self->lines++;
    if (level < ERROR || level > TRACE) {
        self->no_level++;
    } else {
        self->of_level[level]++;
    }
    const size_t length = strlen(self->text);
    snprintf(self->text + length, sizeof self->text - length, "%s\n", message);
    pthread_mutex_unlock(&self->alone);
}

static zs_result look_up(const zs_client *client, const char *id) {
    zs_session *session = NULL;
    const zs_result result = zs_get_session(client, id, &session, NULL);
    zs_session_free(session);
    return result;
}

static void each_attempt_is_told_and_no_secret(const sandbox *box) {
    zs_client *client = client_of(box);
    told all = {.alone = PTHREAD_MUTEX_INITIALIZER};
    zs_set_log_callback(TRACE, keep, &all);

    const session_id id = open_session(client);
    CHECK(all.lines == 1 && strstr(all.text, "POST ") != NULL);
    CHECK(strstr(all.text, "two_factor_auth/phone") != NULL && strstr(all.text, "200") != NULL);
    CHECK(look_up(client, id.text) == ZS_OK);
    CHECK(all.lines == 2 && strstr(all.text, "GET ") != NULL && all.of_level[DEBUG] == 2);

    /* A failed attempt and the one that made up for it. */
    sandbox_fault(box, "http-503");
    CHECK(look_up(client, id.text) == ZS_OK);
    CHECK(all.lines == 4 && strstr(all.text, "503") != NULL);
    CHECK(all.of_level[WARN] == 1 && all.of_level[DEBUG] == 3);
    CHECK(strstr(all.text, "attempt 2") != NULL);

    sandbox_fault(box, "reset");
    CHECK(look_up(client, id.text) == ZS_OK);
    CHECK(all.lines == 6 && all.of_level[WARN] == 2 && all.no_level == 0);

    CHECK(strstr(all.text, box->api_key) == NULL);
    CHECK(strstr(all.text, id.text) == NULL);
    CHECK(strstr(all.text, "703339954") == NULL);
    zs_set_log_callback(0, NULL, NULL);
    zs_client_free(client);
}

static void only_what_is_wanted_is_told(const sandbox *box) {
    zs_client *client = client_of(box);
    const session_id id = open_session(client);
    const struct {
        int32_t max_level;
        zs_log_callback callback;
        int lines; /* of an answer at DEBUG and one at WARN */
    } cases[] = {
        {INT32_MIN, keep, 0}, {0, keep, 0},     {ERROR, keep, 0},     {WARN, keep, 1},
        {INFO, keep, 1},      {DEBUG, keep, 2}, {INT32_MAX, keep, 2}, {TRACE, NULL, 0},
    };
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        told all = {.alone = PTHREAD_MUTEX_INITIALIZER};
        zs_set_log_callback(cases[at].max_level, cases[at].callback, &all);
        CHECK(look_up(client, id.text) == ZS_OK);
        CHECK(look_up(client, "no-such-session") == ZS_ERROR_NOT_FOUND);
        CHECK(all.lines == cases[at].lines);
    }
    zs_set_log_callback(0, NULL, NULL);
    zs_client_free(client);
}

/* A callback whose first call tells that it runs, and stays until it may leave. */
typedef struct gate {
    sem_t first, entered, may_leave;
    int has_left;
} gate;

static void stay(int32_t level, const char *message, void *user_data) {
    gate *self = user_data;
    (void)level, (void)message;
    if (sem_trywait(&self->first) != 0) {
        return;
    }
    sem_post(&self->entered);
    sem_wait(&self->may_leave);
    self->has_left = 1;
}

static void count(int32_t level, const char *message, void *user_data) {
    (void)level, (void)message;
    sem_post(user_data);
}

static int counted(sem_t *counter) {
    int value = -1;
    sem_getvalue(counter, &value);
    return value;
}

typedef struct caller {
    const zs_client *client;
    const char *id;
} caller;

static void *call(void *of) {
    const caller *self = of;
    look_up(self->client, self->id);
    return NULL;
}

/* What a thread sets, and whether the old callback had ended when it was set. */
typedef struct setter {
    sem_t heard;
    const gate *old;
    int old_had_left;
} setter;

static void *set(void *of) {
    setter *self = of;
    zs_set_log_callback(TRACE, count, &self->heard);
    self->old_had_left = self->old->has_left;
    return NULL;
}

/* In the child of a fork, with none of its parent's other threads: what was set is told, and another
 * can be set. */
static int goes_on(const caller *self, sem_t *inherited) {
    const int before = counted(inherited);
    sem_t own;
    sem_init(&own, 0, 0);
    CHECK(look_up(self->client, self->id) == ZS_OK);
    CHECK(counted(inherited) > before);
    zs_set_log_callback(TRACE, count, &own);
    const int heard = counted(inherited);
    CHECK(look_up(self->client, self->id) == ZS_OK);
    CHECK(counted(&own) > 0 && counted(inherited) == heard);
    zs_set_log_callback(0, NULL, NULL);
    return failures == 0;
}

static int went_well(pid_t child) {
    int status = -1;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* One thread is in the old callback and another waits for it: nobody else is held up, not the other
 * threads, not a child of fork and not a child of that. */
static void only_who_sets_waits_for_a_running_callback(const sandbox *box) {
    zs_client *client = client_of(box);
    const session_id id = open_session(client);
    caller self = {client, id.text};
    gate old = {.has_left = 0};
    sem_init(&old.first, 0, 1);
    sem_init(&old.entered, 0, 0);
    sem_init(&old.may_leave, 0, 0);
    setter next = {.old = &old};
    sem_init(&next.heard, 0, 0);

    pthread_t calling, setting;
    zs_set_log_callback(TRACE, stay, &old);
    pthread_create(&calling, NULL, call, &self);
    sem_wait(&old.entered);
    pthread_create(&setting, NULL, set, &next);
    while (counted(&next.heard) == 0) {
        CHECK(look_up(client, id.text) == ZS_OK);
    }

    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        failures = 0;
        const pid_t grandchild = fork();
        if (grandchild == 0) {
            alarm(20);
            _exit(!goes_on(&self, &next.heard));
        }
        CHECK(went_well(grandchild));
        _exit(!goes_on(&self, &next.heard));
    }
    CHECK(went_well(child));

    sem_post(&old.may_leave);
    pthread_join(calling, NULL);
    pthread_join(setting, NULL);
    CHECK(next.old_had_left);
    zs_set_log_callback(0, NULL, NULL);
    zs_client_free(client);
}

static volatile int stop;

static void *keep_calling(void *of) {
    while (!stop) {
        call(of);
    }
    return NULL;
}

static void *keep_setting(void *unused) {
    sem_t counters[2];
    (void)unused;
    sem_init(&counters[0], 0, 0);
    sem_init(&counters[1], 0, 0);
    for (int turn = 0; !stop; turn = 1 - turn) {
        zs_set_log_callback(TRACE, count, &counters[turn]);
    }
    zs_set_log_callback(0, NULL, NULL);
    return NULL;
}

/* Whatever other threads are about to log or set when the process forks, the child logs and sets. */
static void a_fork_amid_it_all_leaves_a_child_that_goes_on(const sandbox *box) {
    enum { CALLING = 3, FORKS = 50 };
    zs_client *client = client_of(box);
    const session_id id = open_session(client);
    caller self = {client, id.text};
    pthread_t threads[CALLING + 1];
    for (int at = 0; at < CALLING; at++) {
        pthread_create(&threads[at], NULL, keep_calling, &self);
    }
    pthread_create(&threads[CALLING], NULL, keep_setting, NULL);
    for (int made = 0; made < FORKS; made++) {
        const pid_t child = fork();
        if (child == 0) {
            alarm(20);
            failures = 0;
            CHECK(look_up(client, id.text) == ZS_OK);
            sem_t inherited;
            sem_init(&inherited, 0, 0);
            zs_set_log_callback(TRACE, count, &inherited);
            _exit(!goes_on(&self, &inherited));
        }
        CHECK(went_well(child));
    }
    stop = 1;
    for (int at = 0; at <= CALLING; at++) {
        pthread_join(threads[at], NULL);
    }
    zs_client_free(client);
}

int main(void) {
    sandbox box = sandbox_start(0);
    each_attempt_is_told_and_no_secret(&box);
    only_what_is_wanted_is_told(&box);
    only_who_sets_waits_for_a_running_callback(&box);
    a_fork_amid_it_all_leaves_a_child_that_goes_on(&box);
    sandbox_stop(&box);
    return report("c/logging");
}
