/*
 * The numbers that a compiled program contains: sizes, offsets, results, statuses, and what the
 * INIT macros set. Compiled in every version of C and C++; needs no library. As long as the SONAME
 * stays the same, no number changes, with one exception: an option struct grows when a field is
 * appended.
 */
#include "check.h"
#include "zignsec.h"

#include <string.h>

/* A compile-time assertion in C99. */
#define JOIN(left, right) left##right
#define NAMED(left, right) JOIN(left, right)
#define ASSERT_STATIC(condition) \
    typedef char NAMED(assertion_in_line_, __LINE__)[(condition) ? 1 : -1]
#define ASSERT_OFFSET(type, field, offset) ASSERT_STATIC(offsetof(type, field) == (offset))

enum { POINTER = sizeof(void *) };
ASSERT_STATIC(sizeof(size_t) == POINTER);

ASSERT_OFFSET(zs_client_options, struct_size, 0);
ASSERT_OFFSET(zs_client_options, api_key, POINTER);
ASSERT_OFFSET(zs_client_options, secondary_api_key, 2 * POINTER);
ASSERT_OFFSET(zs_client_options, base_url, 3 * POINTER);
ASSERT_OFFSET(zs_client_options, environment, 4 * POINTER);
ASSERT_OFFSET(zs_client_options, auth_scheme, 4 * POINTER + 4);
ASSERT_OFFSET(zs_client_options, connect_timeout_ms, 4 * POINTER + 8);
ASSERT_OFFSET(zs_client_options, attempt_timeout_ms, 4 * POINTER + 12);
ASSERT_OFFSET(zs_client_options, timeout_ms, 4 * POINTER + 16);
ASSERT_OFFSET(zs_client_options, max_retries, 4 * POINTER + 20);
ASSERT_OFFSET(zs_client_options, ca_file, 4 * POINTER + 24);
ASSERT_OFFSET(zs_client_options, client_cert_file, 5 * POINTER + 24);
ASSERT_OFFSET(zs_client_options, client_key_file, 6 * POINTER + 24);
ASSERT_OFFSET(zs_client_options, proxy, 7 * POINTER + 24);
ASSERT_OFFSET(zs_client_options, user_agent, 8 * POINTER + 24);
ASSERT_STATIC(sizeof(zs_client_options) == 9 * POINTER + 24);

ASSERT_OFFSET(zs_phone_2fa_request, struct_size, 0);
ASSERT_OFFSET(zs_phone_2fa_request, phone_number, POINTER);
ASSERT_OFFSET(zs_phone_2fa_request, redirect_success, 2 * POINTER);
ASSERT_OFFSET(zs_phone_2fa_request, redirect_failure, 3 * POINTER);
ASSERT_OFFSET(zs_phone_2fa_request, locale, 4 * POINTER);
ASSERT_OFFSET(zs_phone_2fa_request, relay_state, 5 * POINTER);
ASSERT_OFFSET(zs_phone_2fa_request, webhook, 6 * POINTER);
ASSERT_OFFSET(zs_phone_2fa_request, csrf_token, 7 * POINTER);
ASSERT_STATIC(sizeof(zs_phone_2fa_request) == 8 * POINTER);

ASSERT_OFFSET(zs_wait_options, struct_size, 0);
ASSERT_OFFSET(zs_wait_options, timeout_ms, POINTER);
ASSERT_OFFSET(zs_wait_options, poll_interval_ms, POINTER + 4);
ASSERT_OFFSET(zs_wait_options, on_poll, POINTER + 8);
ASSERT_OFFSET(zs_wait_options, user_data, 2 * POINTER + 8);
ASSERT_STATIC(sizeof(zs_wait_options) == 3 * POINTER + 8);

/* An enum is an int32_t in every dialect. */
ASSERT_STATIC(sizeof(zs_result) == 4 && (zs_result)-1 < 0);
ASSERT_STATIC(sizeof(zs_status) == 4 && (zs_status)-1 < 0);

ASSERT_STATIC(ZS_OK == 0 && ZS_ERROR_INVALID_ARGUMENT == 1 && ZS_ERROR_CONFIGURATION == 2);
ASSERT_STATIC(ZS_ERROR_CLOSED == 3);
ASSERT_STATIC(ZS_ERROR_CONNECT == 10 && ZS_ERROR_TLS == 11 && ZS_ERROR_TIMEOUT == 12);
ASSERT_STATIC(ZS_ERROR_IO == 13 && ZS_ERROR_PROTOCOL == 14);
ASSERT_STATIC(ZS_ERROR_INVALID_REQUEST == 20 && ZS_ERROR_AUTHENTICATION == 21);
ASSERT_STATIC(ZS_ERROR_PERMISSION == 22 && ZS_ERROR_NOT_FOUND == 23 && ZS_ERROR_RATE_LIMITED == 24);
ASSERT_STATIC(ZS_ERROR_SERVER == 25 && ZS_ERROR_UNEXPECTED_STATUS == 26);
ASSERT_STATIC(ZS_ERROR_WAIT_TIMEOUT == 30 && ZS_ERROR_CANCELLED == 31);
ASSERT_STATIC(ZS_ERROR_WEBHOOK_SIGNATURE == 40 && ZS_ERROR_INTERNAL == 99);

ASSERT_STATIC(ZS_STATUS_UNKNOWN == 0 && ZS_STATUS_CREATED == 1 && ZS_STATUS_PENDING == 2);
ASSERT_STATIC(ZS_STATUS_ACCEPTED == 3 && ZS_STATUS_FINISHED == 4 && ZS_STATUS_FAILED == 5);
ASSERT_STATIC(ZS_STATUS_CANCELLED == 6 && ZS_STATUS_DECLINED == 7 && ZS_STATUS_TIMEOUT == 8);

ASSERT_STATIC(ZS_ENVIRONMENT_DEFAULT == 0 && ZS_ENVIRONMENT_TEST == 1 &&
              ZS_ENVIRONMENT_PRODUCTION == 2);
ASSERT_STATIC(ZS_AUTH_AUTHORIZATION == 0 && ZS_AUTH_ZS_PRODUCT_KEY == 1);
ASSERT_STATIC(ZS_TOLERANCE_UNLIMITED == -1);
ASSERT_STATIC(ZS_LOG_ERROR == 1 && ZS_LOG_WARN == 2 && ZS_LOG_INFO == 3);
ASSERT_STATIC(ZS_LOG_DEBUG == 4 && ZS_LOG_TRACE == 5);
ASSERT_STATIC(ZS_VERSION_MAJOR < 256 && ZS_VERSION_MINOR < 256 && ZS_VERSION_PATCH < 256);
ASSERT_STATIC(ZS_VERSION_NUMBER ==
              ZS_VERSION_MAJOR * 65536 + ZS_VERSION_MINOR * 256 + ZS_VERSION_PATCH);

/* Whether a struct contains its size, and zero in every other byte. The structs have no padding. */
static int contains_only_its_size(const void *value, size_t size) {
    size_t nonzero_bytes = 0, struct_size = 0;
    for (size_t at = sizeof struct_size; at < size; at++) {
        nonzero_bytes += ((const unsigned char *)value)[at] != 0;
    }
    memcpy(&struct_size, value, sizeof struct_size);
    return struct_size == size && nonzero_bytes == 0;
}

int main(void) {
    const zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    const zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
    const zs_wait_options wait = ZS_WAIT_OPTIONS_INIT;
    CHECK(contains_only_its_size(&options, sizeof options));
    CHECK(contains_only_its_size(&request, sizeof request));
    CHECK(contains_only_its_size(&wait, sizeof wait));
    return report("layout");
}
