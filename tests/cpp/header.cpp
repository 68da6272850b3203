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
