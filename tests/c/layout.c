/*
 * The numbers that a compiled program has in it: sizes, offsets, results, statuses and what the INIT
 * macros set. Built in every dialect of C and C++; needs no library. A number here changes only with
 * the name of the shared library.
 */
#include "check.h"
#include "zignsec.h"

#include <string.h>

/* Checked by the compiler, in a way that C99 has. */
#define JOIN(left, right) left##right
#define NAMED(left, right) JOIN(left, right)
#define HOLDS(condition) typedef char NAMED(holds_in_line_, __LINE__)[(condition) ? 1 : -1]
#define IS_AT(type, field, offset) HOLDS(offsetof(type, field) == (offset))

enum { POINTER = sizeof(void *) };
HOLDS(sizeof(size_t) == POINTER);

IS_AT(zs_client_options, struct_size, 0);
IS_AT(zs_client_options, api_key, POINTER);
IS_AT(zs_client_options, secondary_api_key, 2 * POINTER);
IS_AT(zs_client_options, base_url, 3 * POINTER);
IS_AT(zs_client_options, environment, 4 * POINTER);
IS_AT(zs_client_options, auth_scheme, 4 * POINTER + 4);
IS_AT(zs_client_options, connect_timeout_ms, 4 * POINTER + 8);
IS_AT(zs_client_options, attempt_timeout_ms, 4 * POINTER + 12);
IS_AT(zs_client_options, timeout_ms, 4 * POINTER + 16);
IS_AT(zs_client_options, max_retries, 4 * POINTER + 20);
IS_AT(zs_client_options, ca_file, 4 * POINTER + 24);
IS_AT(zs_client_options, client_cert_file, 5 * POINTER + 24);
IS_AT(zs_client_options, client_key_file, 6 * POINTER + 24);
IS_AT(zs_client_options, proxy, 7 * POINTER + 24);
IS_AT(zs_client_options, user_agent, 8 * POINTER + 24);
HOLDS(sizeof(zs_client_options) == 9 * POINTER + 24);

IS_AT(zs_phone_2fa_request, struct_size, 0);
IS_AT(zs_phone_2fa_request, phone_number, POINTER);
IS_AT(zs_phone_2fa_request, redirect_success, 2 * POINTER);
IS_AT(zs_phone_2fa_request, redirect_failure, 3 * POINTER);
IS_AT(zs_phone_2fa_request, locale, 4 * POINTER);
IS_AT(zs_phone_2fa_request, relay_state, 5 * POINTER);
IS_AT(zs_phone_2fa_request, webhook, 6 * POINTER);
IS_AT(zs_phone_2fa_request, csrf_token, 7 * POINTER);
HOLDS(sizeof(zs_phone_2fa_request) == 8 * POINTER);

IS_AT(zs_wait_options, struct_size, 0);
IS_AT(zs_wait_options, timeout_ms, POINTER);
IS_AT(zs_wait_options, poll_interval_ms, POINTER + 4);
IS_AT(zs_wait_options, on_poll, POINTER + 8);
IS_AT(zs_wait_options, user_data, 2 * POINTER + 8);
HOLDS(sizeof(zs_wait_options) == 3 * POINTER + 8);

/* An enum is an int32_t in every dialect. */
HOLDS(sizeof(zs_result) == 4 && (zs_result)-1 < 0);
HOLDS(sizeof(zs_status) == 4 && (zs_status)-1 < 0);

HOLDS(ZS_OK == 0);
HOLDS(ZS_ERROR_INVALID_ARGUMENT == 1 && ZS_ERROR_CONFIGURATION == 2);
HOLDS(ZS_ERROR_CONNECT == 10 && ZS_ERROR_TLS == 11 && ZS_ERROR_TIMEOUT == 12);
HOLDS(ZS_ERROR_IO == 13 && ZS_ERROR_PROTOCOL == 14);
HOLDS(ZS_ERROR_INVALID_REQUEST == 20 && ZS_ERROR_AUTHENTICATION == 21);
HOLDS(ZS_ERROR_PERMISSION == 22 && ZS_ERROR_NOT_FOUND == 23 && ZS_ERROR_RATE_LIMITED == 24);
HOLDS(ZS_ERROR_SERVER == 25 && ZS_ERROR_UNEXPECTED_STATUS == 26);
HOLDS(ZS_ERROR_WAIT_TIMEOUT == 30 && ZS_ERROR_CANCELLED == 31);
HOLDS(ZS_ERROR_WEBHOOK_SIGNATURE == 40 && ZS_ERROR_INTERNAL == 99);

HOLDS(ZS_STATUS_UNKNOWN == 0 && ZS_STATUS_CREATED == 1 && ZS_STATUS_PENDING == 2);
HOLDS(ZS_STATUS_ACCEPTED == 3 && ZS_STATUS_FINISHED == 4 && ZS_STATUS_FAILED == 5);
HOLDS(ZS_STATUS_CANCELLED == 6 && ZS_STATUS_DECLINED == 7 && ZS_STATUS_TIMEOUT == 8);

HOLDS(ZS_ENVIRONMENT_DEFAULT == 0 && ZS_ENVIRONMENT_TEST == 1 && ZS_ENVIRONMENT_PRODUCTION == 2);
HOLDS(ZS_AUTH_AUTHORIZATION == 0 && ZS_AUTH_ZS_PRODUCT_KEY == 1);
HOLDS(ZS_TOLERANCE_NONE == -1);
HOLDS(ZS_VERSION_MAJOR < 256 && ZS_VERSION_MINOR < 256 && ZS_VERSION_PATCH < 256);
HOLDS(ZS_VERSION_NUMBER == ZS_VERSION_MAJOR * 65536 + ZS_VERSION_MINOR * 256 + ZS_VERSION_PATCH);

/* Whether a struct is its own size and nothing else. None has padding. */
static int is_size_alone(const void *given, size_t size) {
    size_t bytes_set = 0, told = 0;
    for (size_t at = sizeof told; at < size; at++) {
        bytes_set += ((const unsigned char *)given)[at] != 0;
    }
    memcpy(&told, given, sizeof told);
    return told == size && bytes_set == 0;
}

int main(void) {
    const zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    const zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
    const zs_wait_options wait = ZS_WAIT_OPTIONS_INIT;
    CHECK(is_size_alone(&options, sizeof options));
    CHECK(is_size_alone(&request, sizeof request));
    CHECK(is_size_alone(&wait, sizeof wait));
    return report("layout");
}
