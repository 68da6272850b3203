/*
 * The program of `make demo`: starts a phone check, waits for its end, and prints everything that
 * the gateway returns for the session: demo +46701740605
 *
 * The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or
 * ZIGNSEC_ENVIRONMENT, and the URL that handles webhooks, such as webhook.c, from WEBHOOK_URL.
 */
#include <zignsec.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int32_t ZS_CALL show_progress(const zs_session *session, uint32_t elapsed_ms,
                                     void *user_data) {
    (void)user_data;
    printf("  %s after %" PRIu32 " ms\n", zs_session_status_text(session), elapsed_ms);
    return 0; /* continue waiting */
}

static void show(const char *name, const char *value) {
    printf("  %-16s %s\n", name, value != NULL ? value : "-");
}

static int check_phone(const zs_client *client, const char *phone_number, zs_error **error) {
    zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
    request.phone_number = phone_number;
    request.redirect_success = "https://my_success_url.com";
    request.redirect_failure = "https://my_failure_url.com";
    request.locale = "En";
    request.relay_state = "Tulasi_V5_SMS";
    request.webhook = getenv("WEBHOOK_URL");

    zs_wait_options wait = ZS_WAIT_OPTIONS_INIT;
    wait.poll_interval_ms = 1000;
    wait.on_poll = show_progress;

    zs_session *started = NULL, *ended = NULL, *found = NULL;
    int verified = 0;
    if (zs_start_phone_2fa(client, &request, &started, error) == ZS_OK) {
        const char *url = zs_session_redirect_url(started);
        printf("1. Session %s is %s.\n", zs_session_id(started), zs_session_status_text(started));
        printf("2. Send the user here:\n  %s\n", url != NULL ? url : "-");

        const char *id = zs_session_id(started);
        if (zs_wait_for_session(client, id, &wait, &ended, error) == ZS_OK &&
            zs_get_session(client, id, &found, error) == ZS_OK) {
            verified = zs_session_is_verified_for(found, phone_number);
            printf("3. The session ended %s: the user %s verified.\n",
                   zs_session_status_text(found), verified ? "is" : "is not");
            printf("4. The lookup returned:\n");
            show("phone_number", zs_session_phone_number(found));
            show("locale", zs_session_locale(found));
            show("redirect_success", zs_session_redirect_success(found));
            show("redirect_failure", zs_session_redirect_failure(found));
            show("relay_state", zs_session_relay_state(found));
            show("webhook", zs_session_webhook(found));
        }
    }
    zs_session_free(found);
    zs_session_free(ended);
    zs_session_free(started);
    return verified;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s PHONE_NUMBER\n", argv[0]);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);

    zs_client *client = NULL;
    zs_error *error = NULL;
    int verified = 0;
    if (zs_client_new(NULL, &client, &error) == ZS_OK) {
        verified = check_phone(client, argv[1], &error);
    }
    if (error != NULL) {
        fprintf(stderr, "%s: %s\n", zs_result_name(zs_error_result(error)),
                zs_error_message(error));
    }
    zs_error_free(error);
    zs_client_free(client);
    return verified ? 0 : 1;
}
