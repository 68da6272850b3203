/*
 * The interface of a client that measure.c measures. The functions end the program if a response is
 * not the expected one.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sets the client up as a program does at its start. `url` is http:// or https://, address, port. */
void client_open(const char *url, const char *ca_file);
void client_get(const char *id);
void client_post(void);
void client_close(void);

#define KEY "bench-key"
#define USER_AGENT "zignsec/0.1.0"
#define ID "55c20771-9d75-4241-8e0f-94d3a37671ca"
#define STARTED_ID "b653e2c9-0138-434e-99c9-c9333cfb1129"
#define PHONE_NUMBER "+46703339954"
#define REDIRECT_SUCCESS "https://my_success_url.com"
#define REDIRECT_FAILURE "https://my_failure_url.com"
#define RELAY_STATE "Tulasi_V5_SMS"
#define WEBHOOK "https://webhook.site/zignsec"

/* Ends the program if `is_true` is 0. */
static inline void expect(int is_true, const char *what) {
    if (!is_true) {
        fprintf(stderr, "failed: %s\n", what);
        exit(1);
    }
}

static inline void expect_text(const char *text, const char *expected) {
    expect(text != NULL && strcmp(text, expected) == 0, expected);
}

static inline void check_started(const char *id, const char *status, const char *redirect_url) {
    expect_text(id, STARTED_ID);
    expect_text(status, "pending");
    expect(redirect_url != NULL && strstr(redirect_url, STARTED_ID) != NULL, "redirect_url");
}

static inline void check_looked_up(const char *requested, const char *id, const char *status,
                                   const char *phone_number) {
    expect_text(id, requested);
    expect_text(status, "accepted");
    expect_text(phone_number, PHONE_NUMBER);
}

#endif
