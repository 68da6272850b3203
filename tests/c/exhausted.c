/*
 * Hosts in which a resource has run out: each error names it and says what to do, and the client can
 * be used afterwards. Each case runs in a separate process.
 */
#define _GNU_SOURCE

#include "calls.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1024 * 1024, BODY = 16 * MIB, NOBODY = 65534 };

static zs_client *client_without_retries(const sandbox *box, const char *base_url) {
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = box->api_key;
    options.base_url = base_url;
    options.proxy = "none";
    options.max_retries = -1;
    zs_client *client = NULL;
    CHECK(zs_client_new(&options, &client, NULL) == ZS_OK);
    return client;
}

static void check_message(zs_error *error, const char *first, const char *second) {
    const char *message = zs_error_message(error);
    CHECK(strstr(message, first) != NULL && strstr(message, second) != NULL);
    if (strstr(message, first) == NULL || strstr(message, second) == NULL) {
        fprintf(stderr, "%s\n", message);
    }
    CHECK(zs_error_in_doubt(error) == 0);
    zs_error_free(error);
}

/* Lets the process open only as many more files. Returns the former limit. */
static struct rlimit limit_files(rlim_t left) {
    struct rlimit before, limit;
    getrlimit(RLIMIT_NOFILE, &before);
    limit = before;
    const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(next);
    limit.rlim_cur = (rlim_t)next + left;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    return before;
}

static void without_files(const sandbox *box) {
    zs_client *by_address = client_without_retries(box, box->url);
    zs_client *by_name = client_without_retries(box, "https://gateway.invalid");
    zs_client *const clients[] = {by_address, by_name};
    for (size_t i = 0; i < sizeof clients / sizeof *clients; i++) {
        zs_session *session = NULL;
        zs_error *error = NULL;
        const struct rlimit before = limit_files(0);
        CHECK(zs_get_session(clients[i], "a", &session, &error) == ZS_ERROR_CONNECT);
        check_message(error, "too many open files in this process (EMFILE)", "raise the limit");
        const zs_phone_2fa_request request = page_example();
        CHECK(zs_start_phone_2fa(clients[i], &request, &session, &error) == ZS_ERROR_CONNECT);
        check_message(error, "too many open files in this process (EMFILE)", "raise the limit");
        CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    }
    const session_id id = start_session(by_address);
    CHECK(strlen(id.text) > 0);
    zs_client_free(by_address);
    zs_client_free(by_name);
}

/* The limit does not apply to root. */
static void without_threads(const sandbox *box) {
    zs_client *by_address = client_without_retries(box, box->url);
    zs_client *by_name = client_without_retries(box, "https://gateway.invalid");
    if (getuid() == 0) {
        CHECK(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
    }
    struct rlimit limit;
    getrlimit(RLIMIT_NPROC, &limit);
    limit.rlim_cur = 0;
    CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
    for (int round = 0; round < 20; round++) {
        zs_session *session = NULL;
        zs_error *error = NULL;
        CHECK(zs_get_session(by_name, "a", &session, &error) == ZS_ERROR_CONNECT);
        check_message(error, "cannot start a thread to resolve the host name: a limit was reached (EAGAIN)",
                      "raise the limit of threads");
    }
    /* An address needs no thread. */
    const session_id id = start_session(by_address);
    CHECK(strlen(id.text) > 0);
    zs_client_free(by_address);
    zs_client_free(by_name);
}

/* Memory that runs out while a large webhook is verified. */
static void without_memory(const sandbox *box) {
    (void)box;
    static const char START[] =
        "{\"event\":\"session_finished\",\"id\":\"55c20771\",\"status\":\"accepted\",\"x\":\"";
    /* Computed by Python's hmac, with the secret a-secret-of-hooks. */
    static const char SIGNATURE[] =
        "t=1700000000,v1=6200205c64d6c03643fba7459eae66c6bbf362c8c257a3270f26c8f658a9d5ac";
    const size_t size = sizeof START - 1 + BODY + 2;
    char *body = malloc(size);
    memset(body, 'x', size);
    memcpy(body, START, sizeof START - 1);
    memcpy(body + size - 2, "\"}", 2);
    int verified = 0, refused = 0;
    for (rlim_t spare = 0; spare <= 128; spare += 4) {
        const pid_t child = fork();
        if (child == 0) {
            long pages = 0;
            FILE *file = fopen("/proc/self/statm", "r");
            if (file == NULL || fscanf(file, "%ld", &pages) != 1) _exit(3);
            fclose(file);
            struct rlimit limit = {0, 0};
            limit.rlim_cur = limit.rlim_max =
                (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + spare * MIB;
            if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(3);
            zs_webhook_event *event = NULL;
            zs_error *error = NULL;
            const zs_result result =
                zs_verify_webhook((const uint8_t *)body, size, SIGNATURE, "a-secret-of-hooks",
                                  ZS_TOLERANCE_UNLIMITED, &event, &error);
            if (result == ZS_OK) _exit(strlen(zs_webhook_event_json(event)) == size ? 0 : 3);
            const char *message = zs_error_message(error);
            _exit(result == ZS_ERROR_INTERNAL && strstr(message, "not enough memory (ENOMEM)") &&
                          strstr(message, "free memory")
                      ? 1
                      : 3);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
        verified += WIFEXITED(status) && WEXITSTATUS(status) == 0;
        refused += WIFEXITED(status) && WEXITSTATUS(status) == 1;
    }
    CHECK(verified > 0 && refused > 0);
    free(body);
}

int main(void) {
    static void (*const CASES[])(const sandbox *) = {without_files, without_threads,
                                                     without_memory};
    sandbox box = sandbox_start(0);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        fflush(NULL);
        const pid_t child = fork();
        if (child == 0) {
            CASES[i](&box);
            fflush(NULL);
            _exit(failures != 0);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(status == 0);
    }
    sandbox_stop(&box);
    return report("exhausted");
}
