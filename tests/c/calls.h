/* What most tests need: a client of the sandbox, and the example request of the gateway's page. */
#ifndef TESTS_CALLS_H
#define TESTS_CALLS_H

#include "check.h"
#include "sandbox.h"
#include "zignsec.h"

#include <stdio.h>
#include <string.h>

static inline int same(const char *left, const char *right) {
    return left != NULL && strcmp(left, right) == 0;
}

static inline zs_client *client_of(const sandbox *box) {
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = box->api_key;
    options.base_url = box->url;
    zs_client *client = NULL;
    CHECK(zs_client_new(&options, &client, NULL) == ZS_OK);
    return client;
}

static inline zs_phone_2fa_request page_example(void) {
    zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
    request.locale = "En";
    request.phone_number = "+46703339954";
    request.redirect_success = "https://my_success_url.com";
    request.redirect_failure = "https://my_failure_url.com";
    request.relay_state = "Tulasi_V5_SMS";
    request.webhook = "https://webhook.site/zignsec";
    return request;
}

/* A session ID of any length. */
typedef struct session_id {
    char text[65];
} session_id;

static inline session_id start_session(const zs_client *client) {
    zs_phone_2fa_request request = page_example();
    zs_session *session = NULL;
    session_id id = {""};
    CHECK(zs_start_phone_2fa(client, &request, &session, NULL) == ZS_OK);
    snprintf(id.text, sizeof id.text, "%s", zs_session_id(session));
    zs_session_free(session);
    return id;
}

#endif
