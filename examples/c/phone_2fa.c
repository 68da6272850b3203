/*
 * Puts one user through the phone check: phone_2fa +46701740605
 *
 * The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT.
 */
#include <zignsec.h>

#include <stdio.h>

static int failed(const char *what, zs_result result, zs_error *error) {
    fprintf(stderr, "%s: %s: %s\n", what, zs_result_name(result), zs_error_message(error));
    if (zs_error_in_doubt(error)) {
        fprintf(stderr, "a session may have been opened all the same\n");
    }
    zs_error_free(error);
    return 1;
}

static void print(const char *name, const char *value) {
    printf("  %-16s  %s\n", name, value != NULL ? value : "-");
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s PHONE_NUMBER\n", argv[0]);
        return 2;
    }

    zs_client *client = NULL;
    zs_error *error = NULL;
    zs_result result = zs_client_new(NULL, &client, &error);
    if (result != ZS_OK) {
        return failed("no client", result, error);
    }

    zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
    request.phone_number = argv[1];
    request.redirect_success = "https://my_success_url.com";
    request.redirect_failure = "https://my_failure_url.com";
    request.locale = "En";
    request.relay_state = "Tulasi_V5_SMS";
    request.webhook = "https://webhook.site/zignsec";

    zs_session *started = NULL;
    result = zs_start_phone_2fa(client, &request, &started, &error);
    if (result != ZS_OK) {
        zs_client_free(client);
        return failed("no session", result, error);
    }
    printf("1. A session is open.\n");
    print("id", zs_session_id(started));
    print("status", zs_session_status_text(started));
    const char *redirect_url = zs_session_redirect_url(started);
    printf("2. Send the user here:\n  %s\n", redirect_url != NULL ? redirect_url : "-");
    fflush(stdout);

    zs_session *session = NULL;
    result = zs_wait_for_session(client, zs_session_id(started), NULL, &session, &error);
    zs_session_free(started);
    if (result != ZS_OK) {
        zs_client_free(client);
        return failed("no verdict", result, error);
    }

    const int verified = zs_session_is_verified(session);
    printf("3. The user %s.\n", verified ? "is verified" : "is not verified");
    print("status", zs_session_status_text(session));
    print("phone_number", zs_session_phone_number(session));
    print("locale", zs_session_locale(session));
    print("redirect_success", zs_session_redirect_success(session));
    print("redirect_failure", zs_session_redirect_failure(session));
    print("relay_state", zs_session_relay_state(session));
    print("webhook", zs_session_webhook(session));
    zs_session_free(session);
    zs_client_free(client);
    return verified ? 0 : 1;
}
