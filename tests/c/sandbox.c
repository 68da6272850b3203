#define _POSIX_C_SOURCE 200809L

#include "sandbox.h"

#include "portable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <fcntl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

/* A lost connection is reported by send(), not by a signal. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

static void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(2);
}

#ifdef _WIN32

/* Starts the program and reads the line that it prints when it is ready. */
static void start(sandbox *box, const char *program, int tls, char *line, size_t size) {
    char command[1024];
    snprintf(command, sizeof command, "\"%s\" --port 0 --json%s", program, tls ? " --tls" : "");
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    HANDLE in[2], out[2];
    if (!CreatePipe(&in[0], &in[1], &inherited, 0) ||
        !CreatePipe(&out[0], &out[1], &inherited, 0)) {
        fail("CreatePipe", "cannot create a pipe");
    }
    SetHandleInformation(in[1], HANDLE_FLAG_INHERIT, 0);
    SetHandleInformation(out[0], HANDLE_FLAG_INHERIT, 0);
    STARTUPINFOA startup;
    memset(&startup, 0, sizeof startup);
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = in[0];
    startup.hStdOutput = out[1];
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    PROCESS_INFORMATION process;
    if (!CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process)) {
        fail(program, "cannot be started");
    }
    CloseHandle(process.hThread), CloseHandle(in[0]), CloseHandle(out[1]);
    size_t length = 0;
    DWORD count = 0;
    while (length + 1 < size && ReadFile(out[0], line + length, 1, &count, NULL) && count == 1 &&
           line[length] != '\n') {
        length++;
    }
    line[length] = '\0';
    CloseHandle(out[0]);
    box->process = (intptr_t)process.hProcess;
    box->standard_input = (intptr_t)in[1];
}

static void stop(const sandbox *box) {
    HANDLE process = (HANDLE)box->process;
    CloseHandle((HANDLE)box->standard_input);
    if (WaitForSingleObject(process, 500) != WAIT_OBJECT_0) {
        TerminateProcess(process, 0);
        WaitForSingleObject(process, INFINITE);
    }
    CloseHandle(process);
}

#else

/* Starts the program and reads the line that it prints when it is ready. */
static void start(sandbox *box, const char *program, int tls, char *line, size_t size) {
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
    if (output == NULL || fgets(line, (int)size, output) == NULL) {
        line[0] = '\0';
    }
    fclose(output);
    box->process = pid;
    box->standard_input = in[1];
}

static void stop(const sandbox *box) {
    close((int)box->standard_input);
    waitpid((pid_t)box->process, NULL, 0);
}

#endif

sandbox sandbox_start(int tls) {
    const char *program = getenv("ZIGNSEC_TEST_SANDBOX");
    if (program == NULL) {
        fail("ZIGNSEC_TEST_SANDBOX", "not set; run the tests with `make test`");
    }
    start_sockets();
    char line[4096];
    sandbox box = {0};
    start(&box, program, tls, line, sizeof line);
    if (line[0] == '\0') {
        fail(program, "did not start");
    }
    box.ready = cJSON_Parse(line);
    box.url = cJSON_GetStringValue(cJSON_GetObjectItem(box.ready, "url"));
    box.api_key = cJSON_GetStringValue(cJSON_GetObjectItem(box.ready, "api_key"));
    box.ca_file = cJSON_GetStringValue(cJSON_GetObjectItem(box.ready, "ca_file"));
    if (box.url == NULL) {
        fail(program, line);
    }
    box.port = atoi(strrchr(box.url, ':') + 1);
    return box;
}

void sandbox_stop(sandbox *box) {
    stop(box);
    cJSON_Delete(box->ready);
}

/* Sends a request on a separate connection and returns the whole response. */
static char *exchange(int port, const char *request, const char *what) {
    const struct sockaddr_in address = loopback(port);
    const socket_handle handle = socket(AF_INET, SOCK_STREAM, 0);
    if (handle == NO_SOCKET ||
        connect(handle, (const struct sockaddr *)&address, sizeof address) != 0) {
        fail(what, "cannot connect to the sandbox");
    }
    for (size_t sent = 0, length = strlen(request); sent < length;) {
        const int count = (int)send(handle, request + sent, (int)(length - sent), MSG_NOSIGNAL);
        if (count <= 0) {
            fail(what, "cannot send to the sandbox");
        }
        sent += (size_t)count;
    }
    size_t length = 0, size = 1 << 16;
    char *response = malloc(size);
    for (;;) {
        const int count = (int)recv(handle, response + length, (int)(size - length - 1), 0);
        if (count < 0) {
            fail(what, "cannot receive from the sandbox");
        }
        length += (size_t)count;
        if (count == 0) {
            break;
        }
        if (size - length < 2) {
            size *= 2;
            response = realloc(response, size);
        }
    }
    response[length] = '\0';
    close_socket(handle);
    return response;
}

/* With TLS, the admin routes are still available over plain HTTP. */
static cJSON *call(const sandbox *box, const char *method, const char *path, const cJSON *body) {
    char *sent = body == NULL ? NULL : cJSON_PrintUnformatted(body);
    const size_t length = sent == NULL ? 0 : strlen(sent), size = length + 1024;
    char *request = malloc(size);
    /* In HTTP/1.0, the response ends with the connection and has no other framing. */
    snprintf(request, size,
             "%s /_sandbox/%s HTTP/1.0\r\nhost: 127.0.0.1:%d\r\n"
             "content-type: application/json\r\ncontent-length: %lu\r\n\r\n%s",
             method, path, box->port, (unsigned long)length, sent == NULL ? "" : sent);
    char *response = exchange(box->port, request, path);
    const char *status = strchr(response, ' '), *content = strstr(response, "\r\n\r\n");
    if (status == NULL || status[1] != '2' || content == NULL) {
        fail(path, response);
    }
    cJSON *parsed = cJSON_Parse(content + 4);
    free(response);
    free(request);
    cJSON_free(sent);
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
