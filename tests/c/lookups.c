/*
 * A system resolver that hangs, and a fork meanwhile: the child has its own lookups. This
 * program replaces getaddrinfo for itself and for the library.
 */
#define _POSIX_C_SOURCE 200809L

#include "check.h"
#include "zignsec.h"

#include <netdb.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 20, MAX_LOOKUPS = 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int hanging;

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    (void)service;
    (void)hints;
    (void)found;
    if (strcmp(host, "hangs.example") == 0) {
        pthread_mutex_lock(&lock);
        hanging++;
        pthread_mutex_unlock(&lock);
        for (;;) {
            sleep(600);
        }
    }
    return EAI_NONAME;
}

static zs_client *client_of(const char *url) {
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = "key";
    options.base_url = url;
    options.connect_timeout_ms = 500;
    options.max_retries = -1; /* none */
    /* On failure the client is NULL, and the calls on it fail. Threads do not use CHECK. */
    zs_client *client = NULL;
    zs_client_new(&options, &client, NULL);
    return client;
}

static int32_t call(const zs_client *client) {
    zs_session *session = NULL;
    const int32_t result = zs_get_session(client, "a", &session, NULL);
    zs_session_free(session);
    return result;
}

static int32_t call_of(const char *url) {
    zs_client *client = client_of(url);
    const int32_t result = call(client);
    zs_client_free(client);
    return result;
}

static void *time_out(void *passed) {
    *(int *)passed = call_of("https://hangs.example") == ZS_ERROR_TIMEOUT;
    return NULL;
}

int main(void) {
    zs_client *shared = client_of("https://unknown.example");
    CHECK(call(shared) == ZS_ERROR_CONNECT);

    pthread_t threads[THREADS];
    int passed[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, time_out, &passed[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(passed[i]);
    }
    pthread_mutex_lock(&lock);
    CHECK(hanging == MAX_LOOKUPS);
    pthread_mutex_unlock(&lock);

    /* No lookup can begin here, but it can in a child. */
    CHECK(call(shared) == ZS_ERROR_TIMEOUT);
    const pid_t child = fork();
    if (child == 0) {
        alarm(30);
        const int resolved = call(shared) == ZS_ERROR_CONNECT &&
                             call_of("https://unknown.example") == ZS_ERROR_CONNECT &&
                             call_of("https://hangs.example") == ZS_ERROR_TIMEOUT;
        _exit(!resolved);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    zs_client_free(shared);
    return report("lookups");
}
