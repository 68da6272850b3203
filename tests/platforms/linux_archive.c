/*
 * A program that is linked with the archive for a Linux: linux_archive BASE_URL CA_FILE, or, with a
 * library that was built with the feature __panic, linux_archive panic.
 */
#include "check.h"
#include "zignsec.h"

#include <string.h>

/* A panic unwinds the stack up to the function that was called, and the client stays usable. */
static void a_panic_becomes_an_internal_error(void) {
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = "sandbox-key";
    options.base_url = "http://127.0.0.1:1";
    options.max_retries = 0;
    zs_client *client = NULL;
    CHECK(zs_client_new(&options, &client, NULL) == ZS_OK);
    zs_session *session = NULL;
    zs_error *error = NULL;
    CHECK(zs_get_session(client, "panic", &session, &error) == ZS_ERROR_INTERNAL);
    CHECK(session == NULL && zs_error_result(error) == ZS_ERROR_INTERNAL);
    zs_error_free(error);
    CHECK(zs_get_session(client, "unknown-session", &session, NULL) == ZS_ERROR_CONNECT);
    zs_client_free(client);
}

/* Prints the ID of a session as soon as it is started, and waits for its verdict. */
static void a_session_runs_from_start_to_verdict(const char *base_url, const char *ca_file) {
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = "sandbox-key";
    options.base_url = base_url;
    options.ca_file = ca_file;
    zs_client *client = NULL;
    CHECK(zs_client_new(&options, &client, NULL) == ZS_OK);

    zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
    request.phone_number = "+46701740605";
    request.redirect_success = "https://example.com/signed-in";
    request.redirect_failure = "https://example.com/try-again";
    zs_session *session = NULL, *ended = NULL;
    zs_error *error = NULL;
    CHECK(zs_start_phone_2fa(client, &request, &session, &error) == ZS_OK);
    if (session != NULL) {
        printf("%s\n", zs_session_id(session));
        fflush(stdout);
        zs_wait_options wait = ZS_WAIT_OPTIONS_INIT;
        wait.timeout_ms = 60000;
        CHECK(zs_wait_for_session(client, zs_session_id(session), &wait, &ended, &error) == ZS_OK);
        CHECK(zs_session_is_verified_for(ended, request.phone_number));
    }
    if (error != NULL) {
        fprintf(stderr, "%s\n", zs_error_message(error));
    }
    zs_error_free(error);
    zs_session_free(ended);
    zs_session_free(session);
    zs_client_free(client);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "panic") == 0) {
        a_panic_becomes_an_internal_error();
    } else if (argc == 3) {
        a_session_runs_from_start_to_verdict(argv[1], argv[2]);
    } else {
        return 2;
    }
    return report("platforms/linux_archive");
}
