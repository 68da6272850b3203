#define _POSIX_C_SOURCE 200809L

#include "sandbox.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(2);
}

sandbox sandbox_start(int tls) {
    const char *program = getenv("ZIGNSEC_TEST_SANDBOX");
    if (program == NULL) {
        fail("ZIGNSEC_TEST_SANDBOX", "not set; run the tests with `make test`");
    }
    int in[2], out[2];
    if (pipe(in) != 0 || pipe(out) != 0) {
        fail("pipe", "cannot create a pipe");
    }
    /* Another sandbox must not keep the standard input of this one open. */
    fcntl(in[1], F_SETFD, FD_CLOEXEC);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[0]), close(in[1]), close(out[0]), close(out[1]);
        execl(program, program, "--port", "0", "--json", tls ? "--tls" : NULL, (char *)NULL);
        _exit(127);
    }
    close(in[0]), close(out[1]);

    FILE *output = fdopen(out[0], "r");
    char line[4096];
    if (output == NULL || fgets(line, sizeof line, output) == NULL) {
        fail(program, "did not start");
    }
    fclose(output);

    sandbox box = {0};
    box.pid = pid;
    box.standard_input = in[1];
    box.ready = cJSON_Parse(line);
    box.url = cJSON_GetStringValue(cJSON_GetObjectItem(box.ready, "url"));
    box.api_key = cJSON_GetStringValue(cJSON_GetObjectItem(box.ready, "api_key"));
    box.ca_file = cJSON_GetStringValue(cJSON_GetObjectItem(box.ready, "ca_file"));
    if (box.url == NULL) {
        fail(program, line);
    }
    /* With TLS, the admin routes are still available over plain HTTP. */
    const char *host = strstr(box.url, "://");
    box.admin = malloc(strlen(box.url) + sizeof "http");
    sprintf(box.admin, "http%s", host);
    return box;
}

void sandbox_stop(sandbox *box) {
    close(box->standard_input);
    waitpid((pid_t)box->pid, NULL, 0);
    cJSON_Delete(box->ready);
    free(box->admin);
}

typedef struct text {
    char *bytes;
    size_t length;
} text;

static size_t append(char *bytes, size_t size, size_t count, void *user) {
    text *all = user;
    size_t added = size * count;
    all->bytes = realloc(all->bytes, all->length + added + 1);
    memcpy(all->bytes + all->length, bytes, added);
    all->length += added;
    all->bytes[all->length] = '\0';
    return added;
}

static cJSON *call(const sandbox *box, const char *method, const char *path, const cJSON *body) {
    char url[512];
    snprintf(url, sizeof url, "%s/_sandbox/%s", box->admin, path);
    text response = {NULL, 0};
    char *sent = body == NULL ? NULL : cJSON_PrintUnformatted(body);
    struct curl_slist *headers = curl_slist_append(NULL, "content-type: application/json");
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &response);
    if (sent != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, sent);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        fail(url, curl_easy_strerror(code));
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    cJSON_free(sent);
    cJSON *parsed = response.bytes == NULL ? NULL : cJSON_Parse(response.bytes);
    free(response.bytes);
    return parsed;
}

cJSON *sandbox_call(const sandbox *box, const char *path, const cJSON *body) {
    return call(box, body == NULL ? "GET" : "POST", path, body);
}

int sandbox_request_count(const sandbox *box) {
    cJSON *requests = sandbox_call(box, "requests", NULL);
    int count = cJSON_GetArraySize(requests);
    cJSON_Delete(requests);
    return count;
}

void sandbox_reset(const sandbox *box) {
    cJSON *empty = cJSON_CreateObject();
    cJSON_Delete(sandbox_call(box, "reset", empty));
    cJSON_Delete(empty);
}

void sandbox_fault(const sandbox *box, const char *fault) {
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "fault", fault);
    cJSON_Delete(sandbox_call(box, "faults", body));
    cJSON_Delete(body);
}

void sandbox_disarm(const sandbox *box) {
    cJSON_Delete(call(box, "DELETE", "faults", NULL));
}

void sandbox_user(const sandbox *box, const char *session_id, const char *action) {
    char path[128];
    snprintf(path, sizeof path, "sessions/%s/user", session_id);
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "action", action);
    cJSON_Delete(sandbox_call(box, path, body));
    cJSON_Delete(body);
}
