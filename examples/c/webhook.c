/*
 * A CGI program that verifies a webhook: the body is read from standard input, its length and its
 * signature from the variables that web servers set, the secret from ZIGNSEC_WEBHOOK_SECRET.
 *
 * A webhook is a notification only. A real handler also ignores duplicates, and queries the session
 * with zs_get_session().
 */
#include <zignsec.h>

#include <stdio.h>
#include <stdlib.h>

int main(void) {
    static uint8_t body[1 << 20];
    const char *content_length = getenv("CONTENT_LENGTH");
    size_t length = content_length != NULL ? strtoul(content_length, NULL, 10) : 0;
    length = fread(body, 1, length < sizeof body ? length : sizeof body, stdin);

    zs_webhook_event *event = NULL;
    zs_error *error = NULL;
    const char *status = "204 No Content";
    if (zs_verify_webhook(body, length, getenv("HTTP_X_ZIGNSEC_HMAC_SHA256"),
                          getenv("ZIGNSEC_WEBHOOK_SECRET"), 0, &event, &error) == ZS_OK) {
        fprintf(stderr, "%s of session %s, %s: the signature is valid.\n",
                zs_webhook_event_name(event), zs_webhook_event_session_id(event),
                zs_webhook_event_status_text(event));
    } else {
        fprintf(stderr, "%s: %s\n", zs_result_name(zs_error_result(error)),
                zs_error_message(error));
        status = "400 Bad Request";
    }
    printf("Status: %s\r\n\r\n", status);

    zs_error_free(error);
    zs_webhook_event_free(event);
    return 0;
}
