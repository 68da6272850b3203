/*
 * pthread_cancel() of a thread that is in a call: held off until the call has returned, so that the
 * process goes on and no lock of the library stays locked.
 */
#define _POSIX_C_SOURCE 200809L

#include "calls.h"
#include "check.h"
#include "sandbox.h"
#include "zignsec.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server that accepts connections and never answers. */
typedef struct silent {
    int listening, accepted;
    char url[64];
} silent;

static silent silent_start(void) {
    silent server = {socket(AF_INET, SOCK_STREAM, 0), -1, ""};
    struct sockaddr_in address = {0};
    socklen_t length = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(server.listening, (struct sockaddr *)&address, length) != 0 ||
        listen(server.listening, 8) != 0 ||
        getsockname(server.listening, (struct sockaddr *)&address, &length) != 0) {
        exit(2);
    }
    snprintf(server.url, sizeof server.url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    return server;
}

/* Waits until a request has arrived: then its call is blocked. */
static void silent_wait(silent *server) {
    char request[1024];
    server->accepted = accept(server->listening, NULL, NULL);
    CHECK(recv(server->accepted, request, sizeof request, 0) > 0);
}

static void silent_stop(silent *server) {
    close(server->accepted);
    close(server->listening);
}

/* Whether this thread may be cancelled now. */
static int is_enabled(void) {
    int state = -1, ignored;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_setcancelstate(state, &ignored);
    return state == PTHREAD_CANCEL_ENABLE;
}

typedef struct blocked {
    zs_client *client;
    int type; /* PTHREAD_CANCEL_... */
    zs_result result;
    int goes_on; /* what the thread did after the call */
} blocked;

static void *call(void *user_data) {
    blocked *self = user_data;
    int before;
    pthread_setcanceltype(self->type, &before);
    zs_session *session = NULL;
    zs_error *error = NULL;
    self->result = zs_get_session(self->client, "a", &session, &error);
    self->goes_on = 1;
    /* Closes a connection, and close() is a cancellation point. */
    zs_client_free(self->client);
    self->client = NULL;
    zs_error_free(error);
    self->goes_on = 2;
    pthread_testcancel();
    self->goes_on = 3;
    return NULL;
}

static void a_thread_in_a_call_is_cancelled(int type, int ends_the_call) {
    silent server = silent_start();
    blocked self = {NULL, type, ZS_OK, 0};
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = "key";
    options.base_url = server.url;
    options.attempt_timeout_ms = ends_the_call ? 60000 : 2000;
    options.max_retries = -1;
    CHECK(zs_client_new(&options, &self.client, NULL) == ZS_OK);
    zs_client *other = NULL;
    CHECK(zs_client_dup(self.client, &other, NULL) == ZS_OK);

    pthread_t thread;
    void *result = NULL;
    CHECK(pthread_create(&thread, NULL, call, &self) == 0);
    silent_wait(&server);
    CHECK(pthread_cancel(thread) == 0);
    if (ends_the_call) {
        zs_client_cancel(self.client);
    }
    CHECK(pthread_join(thread, &result) == 0);
    if (type == PTHREAD_CANCEL_DEFERRED) {
        CHECK(result == PTHREAD_CANCELED);
        CHECK(self.result == (ends_the_call ? ZS_ERROR_CANCELLED : ZS_ERROR_TIMEOUT));
        CHECK(self.goes_on == 2);
    } else {
        /* It ended when the call allowed it again, or, with musl, at the next cancellation point.
           (The C library may not report why.) */
#ifdef __GLIBC__
        CHECK(self.goes_on == 0);
#else
        CHECK(self.goes_on <= 2);
#endif
        zs_client_free(self.client);
    }
    /* What the two clients share is not locked. */
    zs_session *session = NULL;
    silent_stop(&server);
    CHECK(zs_get_session(other, "a", &session, NULL) == ZS_ERROR_CONNECT);
    zs_client_free(other);
}

/* ---- callbacks ---- */

typedef struct poller {
    const sandbox *box;
    int polls, logged, is_cancelled;
    zs_result result;
} poller;

/* A callback in which a thread that was cancelled would end. */
static void reach_cancellation_point(poller *self) {
    if (!self->is_cancelled) {
        self->is_cancelled = 1;
        CHECK(pthread_cancel(pthread_self()) == 0);
    }
    CHECK(!is_enabled());
    pthread_testcancel();
}

static int32_t on_poll(const zs_session *session, uint32_t elapsed_ms, void *user_data) {
    poller *self = user_data;
    (void)elapsed_ms;
    reach_cancellation_point(self);
    if (++self->polls == 2) {
        sandbox_user(self->box, zs_session_id(session), "accept");
    }
    return 0;
}

static void on_log(int32_t level, const char *message, void *user_data) {
    poller *self = user_data;
    (void)level;
    (void)message;
    reach_cancellation_point(self);
    self->logged++;
}

static void *wait_for_user(void *user_data) {
    poller *self = user_data;
    zs_client *client = client_of(self->box);
    const session_id id = start_session(client);
    zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
    options.poll_interval_ms = 1;
    options.on_poll = on_poll;
    options.user_data = self;
    zs_session *session = NULL;
    self->result = zs_wait_for_session(client, id.text, &options, &session, NULL);
    zs_session_free(session);
    zs_client_free(client);
    return NULL;
}

static void callbacks_are_not_cancelled(const sandbox *box) {
    for (int logs = 0; logs <= 1; logs++) {
        poller self = {box, 0, 0, 0, ZS_ERROR_INTERNAL};
        zs_set_log_callback(ZS_LOG_TRACE, logs ? on_log : NULL, &self);
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, wait_for_user, &self) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        zs_set_log_callback(0, NULL, NULL);
        CHECK(self.result == ZS_OK);
        CHECK(self.polls > 2);
        CHECK((self.logged > 0) == logs);
    }
}

/* ---- the state of the caller ---- */

static void calls_leave_the_state_as_they_found_it(const sandbox *box) {
    for (int enabled = 0; enabled <= 1; enabled++) {
        int ignored;
        pthread_setcancelstate(enabled ? PTHREAD_CANCEL_ENABLE : PTHREAD_CANCEL_DISABLE, &ignored);
        zs_client *client = client_of(box), *twin = NULL;
        CHECK(is_enabled() == enabled);
        const session_id id = start_session(client);
        CHECK(is_enabled() == enabled);
        zs_session *session = NULL;
        zs_error *error = NULL;
        CHECK(zs_get_session(client, id.text, &session, NULL) == ZS_OK);
        CHECK(is_enabled() == enabled);
        zs_session_free(session);
        CHECK(is_enabled() == enabled);
        CHECK(zs_get_session(client, "unknown", &session, &error) == ZS_ERROR_NOT_FOUND);
        CHECK(is_enabled() == enabled);
        zs_error_free(error);
        CHECK(zs_get_session(NULL, NULL, NULL, NULL) == ZS_ERROR_INVALID_ARGUMENT);
        CHECK(is_enabled() == enabled);
        CHECK(zs_verify_webhook(NULL, 0, NULL, "s", 0, NULL, NULL) == ZS_ERROR_INVALID_ARGUMENT);
        CHECK(is_enabled() == enabled);
        zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
        options.timeout_ms = 1;
        CHECK(zs_wait_for_session(client, id.text, &options, &session, NULL) ==
              ZS_ERROR_WAIT_TIMEOUT);
        CHECK(is_enabled() == enabled);
        CHECK(zs_client_dup(client, &twin, NULL) == ZS_OK);
        zs_set_log_callback(0, NULL, NULL);
        zs_client_free(client);
        zs_client_free(twin);
        CHECK(is_enabled() == enabled);
    }
}

int main(void) {
    for (int ends_the_call = 0; ends_the_call <= 1; ends_the_call++) {
        a_thread_in_a_call_is_cancelled(PTHREAD_CANCEL_DEFERRED, ends_the_call);
        a_thread_in_a_call_is_cancelled(PTHREAD_CANCEL_ASYNCHRONOUS, ends_the_call);
    }
    sandbox box = sandbox_start(0);
    callbacks_are_not_cancelled(&box);
    calls_leave_the_state_as_they_found_it(&box);
    sandbox_stop(&box);
    return report("thread_cancel");
}
