/* The header alone, included twice, and its macros. Compiled in every version of C and C++. */
/* clang-format off: it would remove the second #include. */
#include "zignsec.h"
#include "zignsec.h"
/* clang-format on */

/* Each type has a tag. */
struct zs_client;
struct zs_session;
struct zs_error;
extern struct zs_client_options *an_options_struct;
extern struct zs_phone_2fa_request *a_request_struct;
extern struct zs_wait_options *a_wait_struct;

zs_client_options options_of_the_header(void);
zs_phone_2fa_request request_of_the_header(void);
zs_wait_options wait_of_the_header(void);
int32_t ZS_CALL on_poll_of_the_header(const zs_session *session, uint32_t elapsed_ms,
                                      void *user_data);

zs_client_options options_of_the_header(void) {
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    return options;
}

zs_phone_2fa_request request_of_the_header(void) {
    zs_phone_2fa_request request = ZS_PHONE_2FA_REQUEST_INIT;
    return request;
}

int32_t ZS_CALL on_poll_of_the_header(const zs_session *session, uint32_t elapsed_ms,
                                      void *user_data) {
    return session == NULL || elapsed_ms > 1000 || user_data == NULL;
}

zs_wait_options wait_of_the_header(void) {
    zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
    options.on_poll = on_poll_of_the_header;
    return options;
}
