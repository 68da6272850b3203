/*
 * Verifies one user by phone: phone_2fa +46701740605
 *
 * The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or
 * ZIGNSEC_ENVIRONMENT.
 */
#include <zignsec.h>

#include <inttypes.h>
#include <stdio.h>

static int32_t ZS_CALL show_progress(const zs_session *session, uint32_t elapsed_ms,
                                     void *user_data) {
    (void)user_data;
    printf("  %s after %" PRIu32 " ms\n", zs_session_status_text(session), elapsed_ms);
    return 0; /* continue waiting */
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s PHONE_NUMBER\n", argv[0]);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);

    zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
    request.phone_number = argv[1];
    request.redirect_success = "https://my_success_url.com";
    request.redirect_failure = "https://my_failure_url.com";
    request.relay_state = "Tulasi_V5_SMS";

    zs_wait_options wait = ZS_WAIT_OPTIONS_INIT;
    wait.poll_interval_ms = 1000;
    wait.on_poll = show_progress;

    zs_client *client = NULL;
    zs_session *session = NULL, *ended = NULL;
    zs_error *error = NULL;
    int verified = 0;

    if (zs_client_new(NULL, &client, &error) == ZS_OK &&
        zs_start_phone_2fa(client, &request, &session, &error) == ZS_OK) {
        const char *url = zs_session_redirect_url(session);
        printf("1. Session %s is %s.\n", zs_session_id(session), zs_session_status_text(session));
        printf("2. Send the user here:\n  %s\n", url != NULL ? url : "-");

        if (zs_wait_for_session(client, zs_session_id(session), &wait, &ended, &error) == ZS_OK) {
            verified = zs_session_is_verified_for(ended, argv[1]);
            printf("3. The session ended %s: the user %s verified.\n",
                   zs_session_status_text(ended), verified ? "is" : "is not");
        }
    }
    if (error != NULL) {
        fprintf(stderr, "%s: %s\n", zs_error_result_name(error), zs_error_message(error));
    }

    zs_error_free(error);
    zs_session_free(ended);
    zs_session_free(session);
    zs_client_free(client);
    return verified ? 0 : 1;
}
