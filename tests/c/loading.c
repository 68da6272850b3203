/*
 * The library as a plug-in: loaded, used and closed repeatedly, by a program that is not linked to
 * it, from a thread that C created; and closed while a thread of the library resolves a name.
 */
#define _POSIX_C_SOURCE 200809L

#include "check.h"
#include "portable.h"
#include "sandbox.h"
#include "zignsec.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#ifndef _WIN32
#include <dirent.h>
#include <dlfcn.h>
#endif

#define TIMES 1000

#ifdef _WIN32

#define LIBRARY "zignsec-0.1.dll"

static void *load(void) {
    return LoadLibraryA(LIBRARY);
}

/* C has no conversion between the two kinds of pointer. */
static void find(void *library, const char *name, void *function) {
    FARPROC found = GetProcAddress(library, name);
    CHECK(found != NULL);
    memcpy(function, &found, sizeof found);
}

static int close_library(void *library) {
    return FreeLibrary(library);
}

#else

#define LIBRARY "libzignsec.so.0.1"

static void *load(void) {
    return dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
}

/* C has no conversion between the two kinds of pointer. */
static void find(void *library, const char *name, void *function) {
    void *found = dlsym(library, name);
    CHECK(found != NULL);
    memcpy(function, &found, sizeof found);
}

static int close_library(void *library) {
    return dlclose(library) == 0;
}

#endif

/* The functions that the program uses. */
typedef struct functions {
    zs_result(ZS_CALL *client_new)(const zs_client_options *, zs_client **, zs_error **);
    void(ZS_CALL *client_free)(zs_client *);
    zs_result(ZS_CALL *get_session)(const zs_client *, const char *, zs_session **, zs_error **);
    zs_result(ZS_CALL *error_result)(const zs_error *);
    void(ZS_CALL *error_free)(zs_error *);
} functions;

static functions find_all(void *library) {
    functions zs;
    CHECK(library != NULL);
    find(library, "zs_client_new", &zs.client_new);
    find(library, "zs_client_free", &zs.client_free);
    find(library, "zs_get_session", &zs.get_session);
    find(library, "zs_error_result", &zs.error_result);
    find(library, "zs_error_free", &zs.error_free);
    return zs;
}

static void load_use_and_close(const sandbox *box) {
    void *library = load();
    const functions zs = find_all(library);
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = box->api_key;
    options.base_url = box->url;
    options.ca_file = box->ca_file;
    zs_client *client = NULL;
    zs_session *session = NULL;
    zs_error *error = NULL;
    CHECK(zs.client_new(&options, &client, NULL) == ZS_OK);
    CHECK(zs.get_session(client, "unknown-session", &session, &error) == ZS_ERROR_NOT_FOUND);
    CHECK(zs.error_result(error) == ZS_ERROR_NOT_FOUND);
    zs.error_free(error);
    zs.client_free(client);
    CHECK(close_library(library));
}

#ifdef _WIN32

typedef struct usage {
    DWORD handles;
} usage;

static usage used(void) {
    usage now = {0};
    CHECK(GetProcessHandleCount(GetCurrentProcess(), &now.handles));
    return now;
}

static void check_usage(const usage *before, const usage *now) {
    CHECK(now->handles == before->handles);
}

#else

typedef struct usage {
    int files, threads, mappings;
} usage;

static int entries(const char *folder) {
    DIR *opened = opendir(folder);
    int count = 0;
    while (readdir(opened) != NULL) {
        count++;
    }
    closedir(opened);
    return count;
}

static int lines(const char *path) {
    FILE *file = fopen(path, "r");
    int count = 0;
    for (int byte; (byte = fgetc(file)) != EOF;) {
        count += byte == '\n';
    }
    fclose(file);
    return count;
}

static usage used(void) {
    const usage now = {entries("/proc/self/fd"), entries("/proc/self/task"),
                       lines("/proc/self/maps")};
    return now;
}

static void check_usage(const usage *before, const usage *now) {
    CHECK(now->files == before->files);
    CHECK(now->threads == before->threads);
    /* The allocator may have split the heap. */
    CHECK(now->mappings <= before->mappings + 2);
}

#endif

/* The private memory of this process, in KiB; the same number each time if it cannot be read. */
static long memory(void) {
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long kib = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Private_Dirty: %ld", &kib) == 1) {
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib;
}

static void *load_repeatedly(void *box) {
    /* The first time loads the library, which stays loaded. */
    load_use_and_close(box);
    const usage first = used();
    for (int warm = 0; warm < TIMES / 10; warm++) {
        load_use_and_close(box);
    }
    const long before = memory();
    for (int loaded = 0; loaded < TIMES; loaded++) {
        load_use_and_close(box);
    }
    const usage last = used();
    check_usage(&first, &last);
    CHECK(memory() - before < 256);
    return NULL;
}

/* The thread ends after the library was closed, while its code is still loaded. */
static void a_thread_loads_the_library_a_thousand_times(sandbox *box) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, load_repeatedly, box) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* The call does not wait for the resolver, whose thread returns to the library's code later. */
static void the_library_is_closed_while_a_name_is_resolved(void) {
    for (int round = 0; round < 10; round++) {
        void *library = load();
        const functions zs = find_all(library);
        char url[64];
        snprintf(url, sizeof url, "https://host-%d.invalid", round);
        zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
        options.api_key = "a-key";
        options.base_url = url;
        options.connect_timeout_ms = 1;
        options.max_retries = -1;
        zs_client *client = NULL;
        zs_session *session = NULL;
        CHECK(zs.client_new(&options, &client, NULL) == ZS_OK);
        CHECK(zs.get_session(client, "a", &session, NULL) != ZS_OK);
        zs.client_free(client);
        CHECK(close_library(library));
    }
    /* Long enough for most resolvers. */
    sleep_ms(2000);
}

int main(void) {
    start_sockets();
    the_library_is_closed_while_a_name_is_resolved();
    sandbox box = sandbox_start(1);
    a_thread_loads_the_library_a_thousand_times(&box);
    sandbox_stop(&box);
    return report("loading");
}
