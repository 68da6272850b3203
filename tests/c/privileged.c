/*
 * A program that its user may run with more privileges than the user has (set-user-ID and the
 * like). The user chooses its environment, which must not choose its gateway, API key, proxy or
 * trust roots. privileged.sh installs copies of this program, one of them without privileges: in
 * that one each variable must have its effect, or the test would prove nothing.
 */
#define _GNU_SOURCE

#include "check.h"
#include "sandbox.h"
#include "zignsec.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534, TEXT = 4096 };

/* ---- the program ---- */

static int watches_getenv;

/* In place of the function of the C library, also for the library: shows what it reads. */
char *getenv(const char *name) {
    const size_t length = strlen(name);
    if (watches_getenv) {
        printf("getenv %s\n", name);
    }
    for (char **each = environ; *each != NULL; each++) {
        if (strncmp(*each, name, length) == 0 && (*each)[length] == '=') {
            return *each + length + 1;
        }
    }
    return NULL;
}

static const char *or_null(const char *text) {
    return text[0] == '\0' ? NULL : text;
}

static void print_log(int32_t level, const char *message, void *user_data) {
    (void)user_data;
    printf("log %d %s\n", (int)level, message);
}

/* call MODE URL KEY PROXY CA: creates a client and gets a session. An empty argument is NULL. */
static int call(char **argv) {
    const char *mode = argv[2];
    const zs_client *client = NULL;
    zs_client *owned = NULL;
    zs_error *error = NULL;
    watches_getenv = 1;
    zs_set_log_callback(ZS_LOG_DEBUG, print_log, NULL);
    if (strcmp(mode, "drop") == 0 &&
        (setresgid(getgid(), getgid(), getgid()) != 0 ||
         setresuid(getuid(), getuid(), getuid()) != 0)) {
        return 3;
    }
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.base_url = or_null(argv[3]);
    options.api_key = or_null(argv[4]);
    options.proxy = or_null(argv[5]);
    options.max_retries = -1;
    zs_result result;
    if (strcmp(mode, "default") == 0) {
        result = zs_client_default(&client, &error);
    } else {
        result = zs_client_new(strcmp(mode, "null") == 0 ? NULL : &options, &owned, &error);
        client = owned;
    }
    if (strcmp(mode, "late") == 0) {
        /* The system's store is read at the first connection, which comes later. */
        setenv("SSL_CERT_FILE", argv[6], 1);
    }
    if (result == ZS_OK) {
        zs_session *session = NULL;
        result = zs_get_session(client, "a", &session, &error);
        zs_session_free(session);
    }
    printf("result %d %s\n", (int)result, zs_error_message(error));
    zs_error_free(error);
    zs_client_free(owned);
    return 0;
}

/* ---- the test ---- */

/* Waits for requests as a proxy would, refuses them, and writes the first line of each into a pipe
 * whose other end it returns. */
static int start_proxy(char *url, size_t size, pid_t *pid) {
    int server = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {0};
    socklen_t length = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int lines[2];
    if (bind(server, (struct sockaddr *)&address, length) != 0 || listen(server, 8) != 0 ||
        getsockname(server, (struct sockaddr *)&address, &length) != 0 || pipe(lines) != 0) {
        exit(2);
    }
    snprintf(url, size, "http://127.0.0.1:%d", ntohs(address.sin_port));
    *pid = fork();
    if (*pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also ends if the test is killed */
        const char refusal[] = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
        for (;;) {
            char request[TEXT];
            int peer = accept(server, NULL, NULL);
            ssize_t count = recv(peer, request, sizeof request - 1, 0);
            request[count < 0 ? 0 : count] = '\0';
            request[strcspn(request, "\r\n")] = '\0';
            dprintf(lines[1], "[%s]", request);
            send(peer, refusal, sizeof refusal - 1, MSG_NOSIGNAL);
            close(peer);
        }
    }
    close(server), close(lines[1]);
    fcntl(lines[0], F_SETFL, O_NONBLOCK);
    return lines[0];
}

/* What is in a pipe or file, at the end of `text`. */
static void read_all(int from, char *text) {
    size_t length = strlen(text);
    ssize_t count;
    while ((count = read(from, text + length, TEXT - 1 - length)) > 0) {
        length += (size_t)count;
        text[length] = '\0';
    }
}

/* Runs a copy of this program as a user without privileges, and returns what it prints. */
static void run(const char *program, char **arguments, char **environment, char *printed) {
    int output[2];
    if (pipe(output) != 0) {
        exit(2);
    }
    pid_t child = fork();
    if (child == 0) {
        dup2(output[1], STDOUT_FILENO);
        close(output[0]), close(output[1]);
        if (chdir("/") == 0 && setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 &&
            setuid(NOBODY) == 0) {
            execve(program, arguments, environment);
        }
        _exit(127);
    }
    close(output[1]);
    printed[0] = '\0';
    read_all(output[0], printed);
    close(output[0]);
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

typedef struct outcome {
    zs_result result;
    const char *proxied; /* the request that the proxy receives, or "" */
} outcome;

typedef struct row {
    const char *name, *mode, *url, *key, *proxy;
    char *environment[8];
    outcome plain, raised;
} row;

static char *variable(const char *name, const char *value) {
    char *text = malloc(strlen(name) + strlen(value) + 2);
    sprintf(text, "%s=%s", name, value);
    return text;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "probe") == 0) {
        printf("%lu\n", getauxval(AT_SECURE));
        return 0;
    }
    if (argc == 7) {
        return call(argv);
    }

    /* argv[1]: the folder of the copies; argv[2]...: their names, the one without privileges first. */
    sandbox http = sandbox_start(0), tls = sandbox_start(1);
    char ca_file[TEXT], ca_dir[TEXT], proxy[64], any[64], named[64], command[6 * TEXT];
    snprintf(ca_dir, sizeof ca_dir, "%s/certificates", argv[1]);
    snprintf(ca_file, sizeof ca_file, "%s/certificates/ca.pem", argv[1]);
    snprintf(command, sizeof command, "install -m 755 -d '%s' && install -m 644 '%s' '%s'", ca_dir,
             tls.ca_file, ca_file);
    CHECK(system(command) == 0);
    pid_t proxy_process;
    const int proxied = start_proxy(proxy, sizeof proxy, &proxy_process);
    /* 0.0.0.0 is this machine, but not a loopback address, so a proxy would be used for it. */
    const char *port = strrchr(tls.url, ':') + 1;
    snprintf(any, sizeof any, "https://0.0.0.0:%s", port);
    snprintf(named, sizeof named, "[CONNECT 0.0.0.0:%s HTTP/1.1]", port);
    const char *const key = tls.api_key;

    const outcome found = {ZS_ERROR_NOT_FOUND, ""}; /* the answer to a valid key */
    const outcome untrusted = {ZS_ERROR_TLS, ""};
    const outcome no_key = {ZS_ERROR_CONFIGURATION, ""};
    const outcome through_proxy = {ZS_ERROR_CONNECT, named};
    const outcome to_test = {ZS_ERROR_CONNECT, "[CONNECT test-gateway.zignsec.com:443 HTTP/1.1]"};
    const outcome to_production = {ZS_ERROR_CONNECT, "[CONNECT gateway.zignsec.com:443 HTTP/1.1]"};
    const outcome to_hostile = {ZS_ERROR_CONNECT, "[CONNECT hostile.invalid:443 HTTP/1.1]"};
    const row rows[] = {
        {"HTTPS_PROXY", "get", any, key, "", {variable("HTTPS_PROXY", proxy)}, through_proxy,
         untrusted},
        {"https_proxy", "get", any, key, "", {variable("https_proxy", proxy)}, through_proxy,
         untrusted},
        {"ALL_PROXY", "get", any, key, "", {variable("ALL_PROXY", proxy)}, through_proxy,
         untrusted},
        {"all_proxy", "get", any, key, "", {variable("all_proxy", proxy)}, through_proxy,
         untrusted},
        {"NO_PROXY applies to variables only", "get", any, key, "",
         {variable("ALL_PROXY", proxy), variable("NO_PROXY", "*")}, untrusted, untrusted},
        {"SSL_CERT_FILE", "get", tls.url, key, "", {variable("SSL_CERT_FILE", ca_file)}, found,
         untrusted},
        {"SSL_CERT_DIR", "get", tls.url, key, "", {variable("SSL_CERT_DIR", ca_dir)}, found,
         untrusted},
        {"REQUESTS_CA_BUNDLE", "get", tls.url, key, "", {variable("REQUESTS_CA_BUNDLE", ca_file)},
         found, untrusted},
        {"CURL_CA_BUNDLE", "get", tls.url, key, "", {variable("CURL_CA_BUNDLE", ca_file)}, found,
         untrusted},
        {"proxy and roots", "get", any, key, "",
         {variable("HTTPS_PROXY", proxy), variable("SSL_CERT_FILE", ca_file)}, through_proxy,
         untrusted},
        {"proxy and roots, privileges given up", "drop", any, key, "",
         {variable("HTTPS_PROXY", proxy), variable("SSL_CERT_FILE", ca_file)}, through_proxy,
         untrusted},
        {"SSL_CERT_FILE set after the client was created", "late", tls.url, key, "", {NULL},
         untrusted, untrusted},
        {"ZIGNSEC_API_KEY", "get", http.url, "", "", {variable("ZIGNSEC_API_KEY", http.api_key)},
         found, no_key},
        {"ZIGNSEC_SECONDARY_API_KEY", "get", http.url, "", "",
         {variable("ZIGNSEC_API_KEY", "old"),
          variable("ZIGNSEC_SECONDARY_API_KEY", http.api_key)},
         found, no_key},
        {"ZIGNSEC_BASE_URL", "get", "", key, proxy,
         {variable("ZIGNSEC_BASE_URL", "https://hostile.invalid")}, to_hostile, to_test},
        {"ZIGNSEC_ENVIRONMENT", "get", "", key, proxy,
         {variable("ZIGNSEC_ENVIRONMENT", "production")}, to_production, to_test},
        {"no options", "null", "", "", "",
         {variable("ZIGNSEC_API_KEY", http.api_key), variable("ZIGNSEC_BASE_URL", http.url)}, found,
         no_key},
        {"the default client", "default", "", "", "",
         {variable("ZIGNSEC_API_KEY", http.api_key), variable("ZIGNSEC_BASE_URL", http.url)}, found,
         no_key},
        {"options in code", "get", http.url, http.api_key, "none",
         {variable("ZIGNSEC_API_KEY", "other"), variable("ZIGNSEC_BASE_URL", any),
          variable("HTTPS_PROXY", proxy)},
         found, found},
    };
    for (size_t at = 0; at < sizeof rows / sizeof *rows; at++) {
        const row *each = &rows[at];
        for (int copy = 2; copy < argc; copy++) {
            char program[TEXT], printed[TEXT], requests[TEXT] = "";
            snprintf(program, sizeof program, "%s/%s", argv[1], argv[copy]);
            char *arguments[] = {program,
                                 "call",
                                 (char *)each->mode,
                                 (char *)each->url,
                                 (char *)each->key,
                                 (char *)each->proxy,
                                 ca_file,
                                 NULL};
            run(program, arguments, (char **)each->environment, printed);
            read_all(proxied, requests);
            const outcome *expected = copy == 2 ? &each->plain : &each->raised;
            char result[32];
            snprintf(result, sizeof result, "result %d ", (int)expected->result);
            const int failed = failures;
            CHECK(strstr(printed, result) != NULL);
            CHECK(strcmp(requests, expected->proxied) == 0);
            CHECK((strstr(printed, "getenv ") != NULL) == (copy == 2));
            CHECK((strstr(printed, "the environment variables are ignored: ") != NULL) == (copy > 2));
            if (expected == &each->raised && expected->result == ZS_ERROR_CONFIGURATION) {
                CHECK(strstr(printed, "no API key: pass api_key; the environment") != NULL);
            }
            if (copy == 2 && strcmp(each->mode, "null") == 0) {
                CHECK(strstr(printed, "log 2 ZIGNSEC_BASE_URL is plain http to loopback") != NULL);
            }
            if (failed != failures) {
                fprintf(stderr, "%s, %s: proxy %s\n%s", each->name, argv[copy], requests, printed);
            }
        }
    }
    kill(proxy_process, SIGKILL);
    waitpid(proxy_process, NULL, 0);
    sandbox_stop(&http);
    sandbox_stop(&tls);
    return report("privileged");
}
