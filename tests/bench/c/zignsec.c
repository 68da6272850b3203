/* The C library. */
#include "client.h"

#include <zignsec.h>

static zs_client *client;

static void expect_ok(zs_result result, const zs_error *error) {
    expect(result == ZS_OK, error != NULL ? zs_error_message(error) : "");
}

void client_open(const char *url, const char *ca_file) {
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = KEY;
    options.base_url = url;
    if (strncmp(url, "https", 5) == 0) {
        options.ca_file = ca_file;
    }
    zs_error *error = NULL;
    expect_ok(zs_client_new(&options, &client, &error), error);
}

void client_get(const char *id) {
    zs_session *session = NULL;
    zs_error *error = NULL;
    expect_ok(zs_get_session(client, id, &session, &error), error);
    check_looked_up(id, zs_session_id(session), zs_session_status_text(session),
                    zs_session_phone_number(session));
    zs_session_free(session);
}

void client_post(void) {
    zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
    request.phone_number = PHONE_NUMBER;
    request.redirect_success = REDIRECT_SUCCESS;
    request.redirect_failure = REDIRECT_FAILURE;
    request.relay_state = RELAY_STATE;
    request.webhook = WEBHOOK;
    zs_session *session = NULL;
    zs_error *error = NULL;
    expect_ok(zs_start_phone_2fa(client, &request, &session, &error), error);
    check_started(zs_session_id(session), zs_session_status_text(session),
                  zs_session_redirect_url(session));
    zs_session_free(session);
}

void client_close(void) {
    zs_client_free(client);
}
