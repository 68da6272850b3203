/*
 * A CGI program that verifies a webhook: the body is read from standard input, its length and its
 * signature from the variables that web servers set, the secret from ZIGNSEC_WEBHOOK_SECRET.
 *
 * A webhook is a notification only. A real handler also ignores duplicates, queries the session with
 * zs_get_session(), and checks zs_session_is_verified_for() with the phone number that it stored.
 */
#include <zignsec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A webhook is much smaller. Anyone can send a larger body. */
static uint8_t body[64 * 1024];

/* Returns NULL, or the status of the response if the body must not be read. */
static const char *check_length(const char *content_length) {
    if (content_length == NULL || *content_length == '\0') {
        return "411 Length Required";
    }
    if (content_length[strspn(content_length, "0123456789")] != '\0') {
        return "400 Bad Request";
    }
    /* strtoul returns ULONG_MAX if the number is too large. */
    return strtoul(content_length, NULL, 10) > sizeof body ? "413 Content Too Large" : NULL;
}

int main(void) {
    const char *content_length = getenv("CONTENT_LENGTH");
    const char *status = check_length(content_length);
    if (status != NULL) {
        printf("Status: %s\r\n\r\n", status);
        return 0;
    }
    size_t length = fread(body, 1, strtoul(content_length, NULL, 10), stdin);

    zs_webhook_event *event = NULL;
    zs_error *error = NULL;
    status = "204 No Content";
    const zs_result result =
        zs_verify_webhook(body, length, getenv("HTTP_X_ZIGNSEC_HMAC_SHA256"),
                          getenv("ZIGNSEC_WEBHOOK_SECRET"), 0, &event, &error);
    if (result == ZS_OK) {
        fprintf(stderr, "%s of session %s, %s: the signature is valid.\n",
                zs_webhook_event_name(event), zs_webhook_event_session_id(event),
                zs_webhook_event_status_text(event));
    } else {
        fprintf(stderr, "%s: %s\n", zs_result_name(zs_error_result(error)),
                zs_error_message(error));
        /* ZS_ERROR_PROTOCOL: the signature is valid, but the body cannot be read. Otherwise, the
         * error is on this side, for example a missing secret. */
        status = result == ZS_ERROR_WEBHOOK_SIGNATURE || result == ZS_ERROR_PROTOCOL
                     ? "400 Bad Request"
                     : "500 Internal Server Error";
    }
    printf("Status: %s\r\n\r\n", status);

    zs_error_free(error);
    zs_webhook_event_free(event);
    return 0;
}
