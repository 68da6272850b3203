/*
 * Memory after a client was freed: it contains no copy of the API key.
 */
#define _POSIX_C_SOURCE 200809L

#include "check.h"
#include "portable.h"
#include "sandbox.h"
#include "zignsec.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_LENGTH = 24 };

/* A key that this program does not contain: it computes each letter. */
static char letter(int at) {
    return (char)('a' + (at * at * 7 + at * 3 + 11) % 26);
}

static int is_key(const char *text) {
    int at = 0;
    while (at < KEY_LENGTH && text[at] == letter(at)) {
        at++;
    }
    return at == KEY_LENGTH;
}

static int copies_between(uintptr_t from, uintptr_t to) {
    int copies = 0;
    for (const char *at = (const char *)from; at + KEY_LENGTH <= (const char *)to; at++) {
        copies += is_key(at);
    }
    return copies;
}

/* The number of copies of the key in the writable memory of this process, without the stack. Reads
   the memory in place, because it would find its own copy of it. */
static int copies_in_memory(void) {
    int copies = 0;
#ifdef _WIN32
    MEMORY_BASIC_INFORMATION found, stack;
    CHECK(VirtualQuery(&copies, &stack, sizeof stack) != 0);
    const char *at = NULL;
    while (VirtualQuery(at, &found, sizeof found) != 0) {
        const uintptr_t from = (uintptr_t)found.BaseAddress, to = from + found.RegionSize;
        const DWORD writable = PAGE_READWRITE | PAGE_WRITECOPY | PAGE_EXECUTE_READWRITE;
        if (found.State == MEM_COMMIT && (found.Protect & writable) != 0 &&
            (found.Protect & PAGE_GUARD) == 0 && found.AllocationBase != stack.AllocationBase) {
            copies += copies_between(from, to);
        }
        at = (const char *)to;
    }
#else
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    char line[512];
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        char mode[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && strncmp(mode, "rw", 2) == 0 &&
            strstr(line, "[stack]") == NULL) {
            copies += copies_between(from, to);
        }
    }
    if (maps != NULL) {
        fclose(maps);
    }
#endif
    return copies;
}

static void wipe(char *key) {
    volatile char *each = key;
    for (int at = 0; at < KEY_LENGTH; at++) {
        each[at] = 0;
    }
}

static void a_freed_client_leaves_no_key(const sandbox *box) {
    char *key = malloc(KEY_LENGTH + 1);
    for (int at = 0; at < KEY_LENGTH; at++) {
        key[at] = letter(at);
    }
    key[KEY_LENGTH] = '\0';
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = key;
    options.base_url = box->url;
    options.ca_file = box->ca_file;
    zs_client *client = NULL;
    CHECK(zs_client_new(&options, &client, NULL) == ZS_OK);
    wipe(key);
    free(key);

    /* The gateway does not know the key, but receives it. */
    zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
    request.phone_number = "+46701740605";
    request.redirect_success = "https://example.com/ok";
    request.redirect_failure = "https://example.com/no";
    zs_session *session = NULL;
    CHECK(zs_start_phone_2fa(client, &request, &session, NULL) == ZS_ERROR_AUTHENTICATION);
    CHECK(zs_get_session(client, "a", &session, NULL) == ZS_ERROR_AUTHENTICATION);
    CHECK(copies_in_memory() == 1);
    zs_client_free(client);
    CHECK(copies_in_memory() == 0);
}

int main(void) {
    for (int tls = 0; tls <= 1; tls++) {
        sandbox box = sandbox_start(tls);
        a_freed_client_leaves_no_key(&box);
        sandbox_stop(&box);
    }
    return report("memory");
}
