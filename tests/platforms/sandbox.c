/*
 * How the sandbox stops on Windows: sandbox.exe ZIGNSEC-SANDBOX.EXE. Tests that it does when its
 * standard input is closed, and on Ctrl-C, and that it deletes its files; that it does not stop
 * because standard input is the null device. Needs a console.
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

typedef struct {
    PROCESS_INFORMATION process;
    HANDLE input; /* NULL if its standard input is the null device */
    HANDLE output;
    char ca_file[MAX_PATH];
} sandbox;

static HANDLE inherited(HANDLE handle) {
    SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    return handle;
}

/* Starts a sandbox and reads the path of its CA file from its ready line. */
static sandbox start(const char *program, int has_input, DWORD flags) {
    sandbox box;
    memset(&box, 0, sizeof box);
    HANDLE input = NULL, output = NULL;
    CHECK(CreatePipe(&box.output, &output, NULL, 0));
    if (has_input) {
        CHECK(CreatePipe(&input, &box.input, NULL, 0));
    } else {
        input = CreateFileA("NUL", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    }
    STARTUPINFOA info;
    memset(&info, 0, sizeof info);
    info.cb = sizeof info;
    info.dwFlags = STARTF_USESTDHANDLES;
    info.hStdInput = inherited(input);
    info.hStdOutput = inherited(output);
    info.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    char command[2 * MAX_PATH];
    snprintf(command, sizeof command, "\"%s\" --port 0 --json --tls", program);
    CHECK(CreateProcessA(NULL, command, NULL, NULL, TRUE, flags, NULL, NULL, &info, &box.process));
    CloseHandle(input);
    CloseHandle(output);

    char line[4096];
    DWORD length = 0, more = 0;
    while (length + 1 < sizeof line && memchr(line, '\n', length) == NULL &&
           ReadFile(box.output, line + length, (DWORD)(sizeof line - 1 - length), &more, NULL)) {
        length += more;
    }
    line[length] = '\0';
    const char *from = strstr(line, "\"ca_file\":\"");
    CHECK(from != NULL);
    size_t to = 0;
    for (from += from != NULL ? strlen("\"ca_file\":\"") : 0;
         from != NULL && *from != '"' && *from != '\0' && to + 1 < sizeof box.ca_file; from++) {
        from += *from == '\\'; /* JSON writes a backslash as two */
        box.ca_file[to++] = *from;
    }
    CHECK(GetFileAttributesA(box.ca_file) != INVALID_FILE_ATTRIBUTES);
    return box;
}

static int has_stopped(const sandbox *box, DWORD timeout_ms) {
    return WaitForSingleObject(box->process.hProcess, timeout_ms) == WAIT_OBJECT_0;
}

/* The sandbox ends by itself, successfully, and leaves no file. */
static void stops(sandbox *box) {
    DWORD code = 99;
    CHECK(has_stopped(box, 10000));
    CHECK(GetExitCodeProcess(box->process.hProcess, &code) && code == 0);
    CHECK(GetFileAttributesA(box->ca_file) == INVALID_FILE_ATTRIBUTES);
    TerminateProcess(box->process.hProcess, 1);
    CloseHandle(box->process.hProcess);
    CloseHandle(box->process.hThread);
    CloseHandle(box->output);
}

static BOOL WINAPI ignore(DWORD event) {
    (void)event;
    return TRUE;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        return 2;
    }
    sandbox box = start(argv[1], 1, CREATE_NEW_PROCESS_GROUP);
    CHECK(!has_stopped(&box, 500));
    CloseHandle(box.input);
    stops(&box);

    /* Ctrl-C reaches each process of the console. Wine has no Ctrl-Break. */
    CHECK(SetConsoleCtrlHandler(NULL, FALSE));
    CHECK(SetConsoleCtrlHandler(ignore, TRUE));
    box = start(argv[1], 0, 0);
    CHECK(!has_stopped(&box, 500));
    CHECK(GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0));
    stops(&box);
    return report("platforms/sandbox");
}
