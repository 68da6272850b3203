/*
 * The library as a plug-in: loaded, used and closed repeatedly, by a program that is not linked to
 * it, from a thread that C created.
 */
#define _POSIX_C_SOURCE 200809L

#include "check.h"
#include "sandbox.h"
#include "zignsec.h"

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libzignsec.so.0.1"
#define TIMES 1000

/* The functions that the program uses. */
typedef struct functions {
    zs_result (*client_new)(const zs_client_options *, zs_client **, zs_error **);
    void (*client_free)(zs_client *);
    zs_result (*get_session)(const zs_client *, const char *, zs_session **, zs_error **);
    zs_result (*error_result)(const zs_error *);
    void (*error_free)(zs_error *);
} functions;

static void find(void *library, const char *name, void *function) {
    void *found = dlsym(library, name);
    CHECK(found != NULL);
    /* C has no conversion between the two kinds of pointer. */
    memcpy(function, &found, sizeof found);
}

static void load_use_and_close(const sandbox *box) {
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    functions zs;
    find(library, "zs_client_new", &zs.client_new);
    find(library, "zs_client_free", &zs.client_free);
    find(library, "zs_get_session", &zs.get_session);
    find(library, "zs_error_result", &zs.error_result);
    find(library, "zs_error_free", &zs.error_free);

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
    CHECK(dlclose(library) == 0);
}

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

/* The private memory of this process, in KiB. */
static long memory(void) {
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long kib = -1;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Private_Dirty: %ld", &kib) == 1) {
            break;
        }
    }
    fclose(file);
    return kib;
}

static void *load_repeatedly(void *box) {
    /* The first time loads the library, which stays loaded. */
    load_use_and_close(box);
    int files = entries("/proc/self/fd"), threads = entries("/proc/self/task");
    int mappings = lines("/proc/self/maps");
    for (int warm = 0; warm < TIMES / 10; warm++) {
        load_use_and_close(box);
    }
    long before = memory();
    for (int loaded = 0; loaded < TIMES; loaded++) {
        load_use_and_close(box);
    }
    CHECK(entries("/proc/self/fd") == files);
    CHECK(entries("/proc/self/task") == threads);
    /* The allocator may have split the heap. */
    CHECK(lines("/proc/self/maps") <= mappings + 2);
    CHECK(before > 0 && memory() - before < 256);
    return NULL;
}

/* The thread ends after the library was closed, while its code is still loaded. */
static void a_thread_loads_the_library_a_thousand_times(sandbox *box) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, load_repeatedly, box) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(void) {
    sandbox box = sandbox_start(1);
    a_thread_loads_the_library_a_thousand_times(&box);
    sandbox_stop(&box);
    return report("loading");
}
