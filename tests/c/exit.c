/*
 * Calls while the process or its thread ends: the C library runs handlers and destructors in each of
 * these places, and the thread-local values of the library may be gone by then. Each case is a
 * separate process, which must end with status 0 and print nothing but its outcome.
 */
#define _GNU_SOURCE

#include "calls.h"
#include "check.h"
#include "sandbox.h"
#include "zignsec.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the program ---- */

/* In place of the function of the C library, also for the library: no host is known. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    (void)host;
    (void)service;
    (void)hints;
    (void)found;
    return EAI_NONAME;
}

enum { ARGUMENTS = 6 };
static const char *place, *url, *api_key, *ca_file;
static int is_used_before;
static zs_client *earlier; /* a client that was used before, or NULL */
static int logged;

static void write_log(int32_t level, const char *message, void *user_data) {
    (void)level;
    (void)user_data;
    logged += message[0] != '\0';
}

static int32_t end_wait(const zs_session *session, uint32_t elapsed_ms, void *user_data) {
    (void)elapsed_ms;
    *(int *)user_data = zs_session_id(session) != NULL;
    return 1;
}

static zs_client_options options_of(const char *base_url) {
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = api_key;
    options.base_url = base_url;
    options.ca_file = ca_file;
    options.max_retries = -1;
    return options;
}

/* Uses each function with a client, which it frees. */
static void use(zs_client *client) {
    zs_client *twin = NULL;
    zs_error *error = NULL;
    zs_session *session = NULL;
    CHECK(zs_client_dup(client, &twin, NULL) == ZS_OK);
    const session_id id = start_session(client);
    CHECK(zs_get_session(twin, id.text, &session, NULL) == ZS_OK);
    CHECK(same(zs_session_id(session), id.text) && !zs_session_is_verified(session));
    zs_session_free(session);
    CHECK(zs_get_session(twin, "unknown", &session, &error) == ZS_ERROR_NOT_FOUND);
    CHECK(zs_error_message(error) != NULL);
    zs_error_free(error);
    int polled = 0;
    zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
    options.on_poll = end_wait;
    options.user_data = &polled;
    CHECK(zs_wait_for_session(client, id.text, &options, &session, NULL) == ZS_ERROR_CANCELLED);
    CHECK(polled);
    zs_client_cancel(client);
    zs_client_free(client);
    zs_client_free(twin);
}

/* Everything that a program may do with the library. */
static void use_all(void) {
    logged = 0;
    zs_set_log_callback(ZS_LOG_TRACE, write_log, NULL);
    zs_client_options options = options_of(url);
    zs_client *client = NULL;
    CHECK(zs_client_new(&options, &client, NULL) == ZS_OK);
    use(client);
    CHECK(logged >= 4);

    /* A host name is resolved in another thread. */
    zs_error *error = NULL;
    zs_session *session = NULL;
    options = options_of("https://gateway.invalid");
    options.proxy = "none";
    CHECK(zs_client_new(&options, &client, NULL) == ZS_OK);
    CHECK(zs_get_session(client, "a", &session, &error) == ZS_ERROR_CONNECT);
    CHECK(error != NULL && strstr(zs_error_message(error), "could not be resolved") != NULL);
    zs_error_free(error);
    zs_client_free(client);

    const zs_client *shared = NULL;
    zs_client_default(&shared, &error);
    zs_error_free(error);
    zs_webhook_event *event = NULL;
    CHECK(zs_verify_webhook((const uint8_t *)"{}", 2, "t=1,v1=00", "secret", 0, &event, NULL) ==
          ZS_ERROR_WEBHOOK_SIGNATURE);
    zs_set_log_callback(0, NULL, NULL);
}

static void call_late(void) {
    use_all();
    if (earlier != NULL) {
        use(earlier);
        earlier = NULL;
    }
    printf("%s: %d failed\n", place, failures);
    fflush(stdout);
    if (failures != 0) {
        _exit(1);
    }
}

static void call_late_with(void *ignored) {
    (void)ignored;
    call_late();
}

static int is(const char *name) { return strcmp(place, name) == 0; }

static int is_after_main;

static void read_arguments(char **argv) {
    place = argv[1];
    url = argv[2];
    api_key = argv[3];
    ca_file = argv[4][0] == '\0' ? NULL : argv[4];
    is_used_before = argv[5][0] == '1';
}

/* glibc passes the arguments of main(). */
__attribute__((constructor)) static void before_main(int argc, char **argv) {
    if (argc == ARGUMENTS && strcmp(argv[1], "constructor") == 0) {
        read_arguments(argv);
        call_late();
    }
}

__attribute__((destructor)) static void after_main(void) {
    if (is_after_main) {
        call_late();
    }
}

/* As the destructor of a thread_local object of C++. */
extern int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *library);
extern void *__dso_handle;

static pthread_key_t key;

static void use_before(void) {
    if (is_used_before) {
        zs_client_options options = options_of(url);
        CHECK(zs_client_new(&options, &earlier, NULL) == ZS_OK);
        use_all();
        zs_client *twin = NULL;
        CHECK(zs_client_dup(earlier, &twin, NULL) == ZS_OK);
        use(twin);
    }
}

static void *in_thread(void *ignored) {
    (void)ignored;
    if (is("thread_local, first")) {
        __cxa_thread_atexit_impl(call_late_with, NULL, &__dso_handle);
    }
    if (is("pthread_key")) {
        pthread_setspecific(key, &key);
    }
    use_before();
    if (is("thread_local, last")) {
        __cxa_thread_atexit_impl(call_late_with, NULL, &__dso_handle);
    }
    if (is("exit in a thread")) {
        exit(0);
    }
    if (is("pthread_exit")) {
        pthread_exit(NULL);
    }
    return NULL;
}

static void *keep_calling(void *ignored) {
    (void)ignored;
    zs_client_options options = options_of(url);
    zs_client *client = NULL;
    zs_client_new(&options, &client, NULL);
    for (;;) {
        zs_session *session = NULL;
        zs_get_session(client, "unknown", &session, NULL);
    }
    return NULL;
}

static void *call_after_main_thread(void *main_thread) {
    pthread_join(*(pthread_t *)main_thread, NULL);
    call_late();
    exit(0);
}

static int program(char **argv) {
    read_arguments(argv);
    static pthread_t main_thread;
    main_thread = pthread_self();
    if (is("constructor")) {
        return 0; /* it was before */
    }
    if (is("atexit, first") || is("exit in a thread") || is("threads in calls")) {
        atexit(call_late);
    }
    if (is("thread_local, first") || is("thread_local, last") || is("pthread_key") ||
        is("exit in a thread") || is("pthread_exit")) {
        pthread_t thread;
        pthread_key_create(&key, call_late_with);
        CHECK(pthread_create(&thread, NULL, in_thread, NULL) == 0);
        pthread_join(thread, NULL);
        if (is("pthread_exit")) {
            call_late();
        }
        return 0;
    }
    use_before();
    if (is("atexit, last")) {
        atexit(call_late);
    }
    if (is("thread_local of main")) {
        __cxa_thread_atexit_impl(call_late_with, NULL, &__dso_handle);
    }
    if (is("at_quick_exit")) {
        at_quick_exit(call_late);
        quick_exit(0);
    }
    if (is("threads in calls")) {
        for (int count = 0; count < 4; count++) {
            pthread_t thread;
            CHECK(pthread_create(&thread, NULL, keep_calling, NULL) == 0);
        }
    }
    if (is("main thread ended")) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, call_after_main_thread, &main_thread) == 0);
        pthread_exit(NULL);
    }
    if (is("forked child")) {
        pid_t child = fork();
        if (child != 0) {
            int status = -1;
            waitpid(child, &status, 0);
            return status;
        }
        atexit(call_late);
    }
    is_after_main = is("destructor");
    return 0;
}

/* ---- the test ---- */

static void run(const char *program, const sandbox *box, const char *where, int is_used) {
    int output[2];
    CHECK(pipe(output) == 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(output[1], STDOUT_FILENO);
        dup2(output[1], STDERR_FILENO);
        close(output[0]), close(output[1]);
        alarm(60);
        execl(program, program, where, box->url, box->api_key,
              box->ca_file == NULL ? "" : box->ca_file, is_used ? "1" : "0", (char *)NULL);
        _exit(127);
    }
    close(output[1]);
    char printed[4096], expected[128];
    size_t length = 0;
    ssize_t count;
    while ((count = read(output[0], printed + length, sizeof printed - 1 - length)) > 0) {
        length += (size_t)count;
    }
    printed[length] = '\0';
    close(output[0]);
    int status = -1;
    waitpid(child, &status, 0);
    const int failed = failures;
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    snprintf(expected, sizeof expected, "%s: 0 failed\n", where);
    CHECK(strcmp(printed, expected) == 0);
    if (failed != failures) {
        fprintf(stderr, "%s, %s, used before: %d, status %x:\n%s", where, box->url, is_used, status,
                printed);
    }
}

int main(int argc, char **argv) {
    if (argc == ARGUMENTS) {
        return program(argv);
    }
    const char *const places[] = {
        "constructor",
        "atexit, first", /* registered before the first call */
        "atexit, last",
        "at_quick_exit",
        "destructor",
        "thread_local of main",
        "thread_local, first",
        "thread_local, last",
        "pthread_key",
        "exit in a thread",
        "pthread_exit",
        "threads in calls",
        "main thread ended",
        "forked child",
    };
    for (int tls = 0; tls <= 1; tls++) {
        sandbox box = sandbox_start(tls);
        for (size_t at = 0; at < sizeof places / sizeof *places; at++) {
            if (is_emulated() && strcmp(places[at], "main thread ended") == 0) {
                skip(places[at], "QEMU crashes when the main thread ends before the others");
                continue;
            }
            for (int is_used = 0; is_used <= 1; is_used++) {
                run(argv[0], &box, places[at], is_used);
            }
        }
        sandbox_stop(&box);
    }
    return report("exit");
}
