/*
 * Stands in for libzignsec: passes each call on to the library named by LEDGER_LIBRARY, and appends
 * to the file LEDGER a + for each object that was handed out and a - for each that was freed.
 */
#include <zignsec.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void note(const void *object, const char *sign) {
    if (object != NULL) {
        int ledger = open(getenv("LEDGER"), O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (ledger < 0 || write(ledger, sign, 1) != 1) {
            abort();
        }
        close(ledger);
    }
}

static void *function(const char *name) {
    static void *library;
    if (library == NULL) {
        library = dlopen(getenv("LEDGER_LIBRARY"), RTLD_NOW | RTLD_LOCAL);
    }
    return dlsym(library, name);
}

#define REAL(name) ((__typeof__(&name))function(#name))

#define FREES(name, type) \
    void name(type *object) { \
        REAL(name)(object); \
        note(object, "-"); \
    }
FREES(zs_client_free, zs_client)
FREES(zs_session_free, zs_session)
FREES(zs_error_free, zs_error)

zs_result zs_client_new(const zs_client_options *options, zs_client **client, zs_error **error) {
    zs_result result = REAL(zs_client_new)(options, client, error);
    note(*client, "+");
    note(*error, "+");
    return result;
}

zs_result zs_start_phone_2fa(const zs_client *client, const zs_phone_2fa_request *request,
                             zs_session **session, zs_error **error) {
    zs_result result = REAL(zs_start_phone_2fa)(client, request, session, error);
    note(*session, "+");
    note(*error, "+");
    return result;
}

zs_result zs_wait_for_session(const zs_client *client, const char *id,
                              const zs_wait_options *options, zs_session **session,
                              zs_error **error) {
    zs_result result = REAL(zs_wait_for_session)(client, id, options, session, error);
    note(*session, "+");
    note(*error, "+");
    return result;
}

#define READS(result, name, type) \
    result name(type object) { return REAL(name)(object); }
READS(const char *, zs_session_id, const zs_session *)
READS(const char *, zs_session_status_text, const zs_session *)
READS(const char *, zs_session_redirect_url, const zs_session *)
READS(int32_t, zs_session_is_verified, const zs_session *)
READS(zs_result, zs_error_result, const zs_error *)
READS(const char *, zs_error_message, const zs_error *)
READS(const char *, zs_error_body, const zs_error *)
READS(const char *, zs_error_request_id, const zs_error *)
READS(int32_t, zs_error_http_status, const zs_error *)
READS(int64_t, zs_error_retry_after_ms, const zs_error *)
READS(uint32_t, zs_error_attempts, const zs_error *)
READS(int32_t, zs_error_in_doubt, const zs_error *)
READS(const char *, zs_result_name, int32_t)
