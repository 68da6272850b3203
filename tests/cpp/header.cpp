/* zignsec.hpp alone, included twice. Compiled as a second translation unit of a program, so that
   the linker finds functions that are defined twice. */
/* clang-format off: it would remove the second #include. */
#include "zignsec.hpp"
#include "zignsec.hpp"
/* clang-format on */

/* Uses a member, so that the compiler emits code for it. */
using Wait = zignsec::Session (zignsec::Client::*)(const std::string &,
                                                   const zignsec::WaitOptions &) const;
extern const Wait wait_of_the_header;
const Wait wait_of_the_header = &zignsec::Client::wait_for_session;

#if __cplusplus >= 202002L
/* Designated initialisers may leave out any option without a warning. */
const zignsec::ClientOptions options_of_the_header{.api_key = "key", .max_retries = 0};
const zignsec::Phone2faRequest request_of_the_header{
    .phone_number = "+46701740605", .redirect_success = "https://a", .redirect_failure = "https://b"};
const zignsec::WaitOptions wait_options_of_the_header{.timeout = std::chrono::seconds(1)};
#endif
