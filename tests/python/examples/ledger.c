/*
 * A library with the name of libzignsec that records which objects a program creates and frees.
 * It replaces the functions that do so: each calls the function of the real library and appends to
 * the file named by LEDGER a + for a new object or a - for a freed one. Every other function is found in
 * the real library, on which this one depends.
 */
#include <zignsec.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void record(const void *object, const char *sign) {
    if (object != NULL) {
        int ledger = open(getenv("LEDGER"), O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (ledger < 0 || write(ledger, sign, 1) != 1) {
            abort();
        }
        close(ledger);
    }
}

static void *real(const char *name) {
    static void *library;
    if (library == NULL) {
        library = dlopen(REAL_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    }
    return dlsym(library, name);
}

#define REAL(name) ((__typeof__(&name))real(#name))

#define FREES(name, type) \
    void name(type *object) { \
        REAL(name)(object); \
        record(object, "-"); \
    }
FREES(zs_client_free, zs_client)
FREES(zs_session_free, zs_session)
FREES(zs_error_free, zs_error)

zs_result zs_client_new(const zs_client_options *options, zs_client **client, zs_error **error) {
    zs_result result = REAL(zs_client_new)(options, client, error);
    record(*client, "+");
    record(*error, "+");
    return result;
}

zs_result zs_start_phone_2fa(const zs_client *client, const zs_phone_2fa_request *request,
                             zs_session **session, zs_error **error) {
    zs_result result = REAL(zs_start_phone_2fa)(client, request, session, error);
    record(*session, "+");
    record(*error, "+");
    return result;
}

zs_result zs_wait_for_session(const zs_client *client, const char *id,
                              const zs_wait_options *options, zs_session **session,
                              zs_error **error) {
    zs_result result = REAL(zs_wait_for_session)(client, id, options, session, error);
    record(*session, "+");
    record(*error, "+");
    return result;
}
