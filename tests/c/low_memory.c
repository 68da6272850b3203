/*
 * A host with little memory: hostile responses of 1 MiB end in a session or an error, never in an
 * abort, and the client can be used afterwards.
 */
#define _GNU_SOURCE

#include "calls.h"
#include "stack.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1024 * 1024, THREADS = 4 };

/* A body: the unit repeated between the other two, up to 1 MiB. %s is the session ID. */
typedef struct hostile {
    const char *name, *start, *unit, *end;
    enum { LENGTH, CHUNKED, UNTIL_CLOSE } framing;
} hostile;

#define SESSION "{\"data\":{\"id\":\"%s\",\"status\":\"pending\","
#define ESCAPED "\\u0041"

static const hostile HOSTILE[] = {
    {"a small session", SESSION "\"x\":0}}", "", "", LENGTH},
    {"objects of one key", SESSION "\"x\":[", "{\"\":0},", "0]}}", LENGTH},
    {"objects of one key, chunked", SESSION "\"x\":[", "{\"\":0},", "0]}}", CHUNKED},
    {"objects of one key, until closed", SESSION "\"x\":[", "{\"\":0},", "0]}}", UNTIL_CLOSE},
    {"fields of one key", SESSION, "\"\":{\"\":0},", "\"x\":0}}", LENGTH},
    {"chains of objects", SESSION "\"x\":[",
     "{\"\":{\"\":{\"\":{\"\":{\"\":{\"\":{\"\":{\"\":0}}}}}}}},", "0]}}", LENGTH},
    {"too deep", SESSION "\"x\":", "[", "", LENGTH},
    {"empty lists", SESSION "\"x\":[", "[],", "0]}}", LENGTH},
    {"numbers", SESSION "\"x\":[", "1e-7,", "0]}}", LENGTH},
    {"a million digits", SESSION "\"x\":0.", "1", "}}", LENGTH},
    {"a text of escapes", SESSION "\"x\":\"", ESCAPED, "\"}}", LENGTH},
    {"a key of escapes", SESSION "\"", ESCAPED, "\":0}}", LENGTH},
    {"keys of escapes", SESSION, "\"\\n\":0,", "\"x\":0}}", LENGTH},
    {"a status in newlines", "{\"data\":{\"id\":\"%s\",\"status\":\"", "\\n", "\"}}", LENGTH},
    {"a long status, until closed", "{\"data\":{\"id\":\"%s\",\"status\":\"", "s", "\"}}",
     UNTIL_CLOSE},
    {"a phone number of escapes", SESSION "\"phone_number\":\"", ESCAPED, "\"}}", LENGTH},
    {"a long redirect_url", SESSION "\"redirect_url\":\"https://a/", "a", "\"}}", LENGTH},
    {"a relay_state in newlines", SESSION "\"request_data\":{\"relay_state\":\"", "\\n", "\"}}}",
     LENGTH},
    {"duplicate keys", SESSION, "\"id\":\"a\",", "\"x\":0}}", LENGTH},
    {"many errors", SESSION "\"errors\":[", "{\"code\":\"c\"},", "0]}}", LENGTH},
    {"result of escapes", SESSION "\"result\":{\"status\":\"", "\\n", "\"}}}", LENGTH},
    {"an envelope of escapes", "{\"data\":\"", "\\n", "\"}", LENGTH},
    {"an unfinished text", SESSION "\"x\":\"", "\\n", "", LENGTH},
    {"errors in errors", "", "{\"errors\":[", "", LENGTH},
    {"a reason of escapes", "{\"errors\":[{\"message\":\"", ESCAPED, "\"}]}", LENGTH},
    {"many reasons", "{", "\"message\":\"a\",", "\"x\":0}", LENGTH},
    {"errors", "{\"errors\":[", "{\"a\":\"\"},", "{\"code\":\"c\"}]}", LENGTH},
    {"HTML", "<html>", "<p>error</p>", "</html>", LENGTH},
    {"digits", "", "4", "", LENGTH},
    {"spaces", "", " ", "", CHUNKED},
    {"not UTF-8", "", "\xff", "", UNTIL_CLOSE},
    {"1 MiB of head", "", "", "", LENGTH},
};
enum { CASES = sizeof HOSTILE / sizeof *HOSTILE, HEAD = CASES - 1 };

static const int STATUSES[] = {200, 422, 500};
enum { STATUS_COUNT = 3 };
/* The memory to spare, in MiB. */
static const int SPARE[] = {1, 2, 4, 8, 16, 32, 64};
enum { SPARE_COUNT = sizeof SPARE / sizeof *SPARE, ENOUGH = 16 };

/* The results of a process, in memory that it shares with its parent. */
typedef struct results {
    zs_result get[CASES][STATUS_COUNT], post[CASES][STATUS_COUNT];
} results;

static void send_all(int fd, const char *bytes, size_t size) {
    for (ssize_t sent; size > 0; bytes += sent, size -= (size_t)sent) {
        sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
    }
}

/* Responds to a request that contains "case-NUMBER-STATUS", its session ID or relay_state. */
static void respond(int fd) {
    static char body[MIB + 1];
    char request[8192] = "", id[64], head[256];
    const char *named = NULL;
    for (size_t length = 0; length < sizeof request - 1;) {
        const ssize_t count = recv(fd, request + length, sizeof request - 1 - length, 0);
        if (count <= 0) {
            return;
        }
        length += (size_t)count;
        request[length] = '\0';
        if ((named = strstr(request, "case-")) != NULL && strpbrk(named, "\" ") != NULL) {
            break;
        }
    }
    int number = 0, status = 0;
    if (named == NULL || sscanf(named, "case-%d-%d", &number, &status) != 2) {
        return;
    }
    snprintf(id, sizeof id, "case-%d-%d", number, status);
    const hostile *it = &HOSTILE[number];
    const size_t unit = strlen(it->unit), end = strlen(it->end);
    size_t size = (size_t)snprintf(body, sizeof body, it->start, id);
    while (unit > 0 && size + unit + end <= MIB) {
        memcpy(body + size, it->unit, unit);
        size += unit;
    }
    memcpy(body + size, it->end, end);
    size += end;

    snprintf(head, sizeof head, "HTTP/1.1 %d x\r\nconnection: close\r\n", status);
    send_all(fd, head, strlen(head));
    if (number == HEAD) {
        for (int at = 0; at < MIB / 8; at++) {
            send_all(fd, "a: bcd\r\n", 8);
        }
    } else if (it->framing == LENGTH) {
        snprintf(head, sizeof head, "content-length: %zu\r\n\r\n", size);
        send_all(fd, head, strlen(head));
        send_all(fd, body, size);
    } else if (it->framing == UNTIL_CLOSE) {
        send_all(fd, "\r\n", 2);
        send_all(fd, body, size);
    } else {
        static const char CHUNKS[] = "transfer-encoding: chunked\r\n\r\n";
        send_all(fd, CHUNKS, sizeof CHUNKS - 1);
        for (size_t at = 0; at < size; at += 1000) {
            const size_t length = size - at < 1000 ? size - at : 1000;
            snprintf(head, sizeof head, "%zx\r\n", length);
            send_all(fd, head, strlen(head));
            send_all(fd, body + at, length);
            send_all(fd, "\r\n", 2);
        }
        send_all(fd, "0\r\n\r\n", 5);
    }
}

/* Starts a server in a separate process, and one more for each connection. */
static pid_t serve(char url[64]) {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {0};
    socklen_t length = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        perror("serve");
        exit(2);
    }
    snprintf(url, 64, "http://127.0.0.1:%d", ntohs(address.sin_port));
    const pid_t server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also ends if the test is killed */
        signal(SIGCHLD, SIG_IGN);
        for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
            if (fork() == 0) {
                respond(fd);
                _exit(0);
            }
        }
        _exit(0);
    }
    close(listener);
    return server;
}

static zs_client *client_without_retries(const char *url) {
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = "key";
    options.base_url = url;
    options.max_retries = -1;
    zs_client *client = NULL;
    CHECK(zs_client_new(&options, &client, NULL) == ZS_OK);
    return client;
}

/* Reads every text of the outcome, and frees it. */
static zs_result check_outcome(zs_result result, zs_session *session, zs_error *error) {
    if (result == ZS_OK) {
        CHECK(strlen(zs_session_id(session)) > 0 && strlen(zs_session_json(session)) <= MIB);
    } else {
        CHECK(session == NULL && strlen(zs_error_message(error)) > 0);
        CHECK(zs_error_body(error) == NULL || strlen(zs_error_body(error)) <= 64 * 1024);
    }
    zs_session_free(session);
    zs_error_free(error);
    return result;
}

static zs_result get(const zs_client *client, int number, int status) {
    char id[64];
    snprintf(id, sizeof id, "case-%d-%d", number, status);
    zs_session *session = NULL;
    zs_error *error = NULL;
    const zs_result result = zs_get_session(client, id, &session, &error);
    return check_outcome(result, session, error);
}

static zs_result post(const zs_client *client, int number, int status) {
    char state[64];
    snprintf(state, sizeof state, "case-%d-%d", number, status);
    zs_phone_2fa_request request = page_example();
    request.relay_state = state;
    zs_session *session = NULL;
    zs_error *error = NULL;
    const zs_result result = zs_start_phone_2fa(client, &request, &session, &error);
    /* A session may exist, unless the gateway refused. */
    CHECK(result == ZS_OK || zs_error_in_doubt(error) == (status != 422 || number == HEAD));
    return check_outcome(result, session, error);
}

/* Limits the memory of this process to what it has, and `spare` MiB more. */
static void limit_memory(int spare) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    struct rlimit limit;
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (rlim_t)spare * MIB;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static int run_all(const char *url, int spare, results *all) {
    zs_client *client = client_without_retries(url);
    CHECK(get(client, 0, 200) == ZS_OK && post(client, 0, 200) == ZS_OK);
    CHECK(get(client, 0, 500) == ZS_ERROR_SERVER);
    limit_memory(spare);
    for (int number = 0; number < CASES; number++) {
        for (int at = 0; at < STATUS_COUNT; at++) {
            const zs_result got = get(client, number, STATUSES[at]);
            const zs_result posted = post(client, number, STATUSES[at]);
            all->get[number][at] = got;
            all->post[number][at] = posted;
            if (STATUSES[at] != 200 && number != HEAD) {
                const zs_result expected =
                    STATUSES[at] == 422 ? ZS_ERROR_INVALID_REQUEST : ZS_ERROR_SERVER;
                CHECK(got == expected && posted == expected);
            }
            CHECK(spare < ENOUGH || (got != ZS_ERROR_INTERNAL && posted != ZS_ERROR_INTERNAL));
            CHECK(get(client, 0, 200) == ZS_OK);
        }
    }
    zs_client_free(client);
    return failures;
}

static pthread_barrier_t warm, limited;

static void *run_thread(void *client) {
    CHECK(get(client, 0, 200) == ZS_OK);
    pthread_barrier_wait(&warm);
    pthread_barrier_wait(&limited);
    for (int number = 0; number < CASES; number++) {
        for (int at = 0; at < STATUS_COUNT; at++) {
            get(client, number, STATUSES[at]);
        }
    }
    return NULL;
}

/* Each thread has its share. */
static int run_threads(const char *url) {
    zs_client *client = client_without_retries(url);
    pthread_t threads[THREADS];
    pthread_barrier_init(&warm, NULL, THREADS + 1);
    pthread_barrier_init(&limited, NULL, THREADS + 1);
    for (int at = 0; at < THREADS; at++) {
        start_thread(&threads[at], run_thread, client);
    }
    pthread_barrier_wait(&warm);
    limit_memory(THREADS * ENOUGH);
    pthread_barrier_wait(&limited);
    for (int at = 0; at < THREADS; at++) {
        pthread_join(threads[at], NULL);
    }
    CHECK(get(client, 0, 200) == ZS_OK);
    zs_client_free(client);
    return failures;
}

static void check_process(pid_t pid, const char *what) {
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "%s: %s %d\n", what, WIFSIGNALED(status) ? "signal" : "exit status",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void) {
    char url[64];
    const pid_t server = serve(url);
    results *all = mmap(NULL, SPARE_COUNT * sizeof *all, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int at = 0; at < SPARE_COUNT; at++) {
        char what[32];
        snprintf(what, sizeof what, "%d MiB", SPARE[at]);
        const pid_t pid = fork();
        if (pid == 0) {
            failures = 0;
            _exit(run_all(url, SPARE[at], &all[at]) != 0);
        }
        check_process(pid, what);
    }
    const pid_t pid = fork();
    if (pid == 0) {
        failures = 0;
        _exit(run_threads(url) != 0);
    }
    check_process(pid, "threads");
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);

    printf("%-34s status  zs_result of GET/POST with", "response of 1 MiB");
    for (int at = 0; at < SPARE_COUNT; at++) {
        printf(" %d", SPARE[at]);
    }
    puts(" MiB to spare");
    for (int number = 1; number < CASES; number++) {
        for (int status = 0; status < STATUS_COUNT; status++) {
            printf("%-34s %6d ", HOSTILE[number].name, STATUSES[status]);
            for (int at = 0; at < SPARE_COUNT; at++) {
                printf(" %2d/%-2d", (int)all[at].get[number][status],
                       (int)all[at].post[number][status]);
            }
            putchar('\n');
        }
    }
    return report("low_memory");
}
