/* zignsec.hpp alone, and twice. Its own translation unit beside another that includes it: each of its
   functions may be in both. */
#include "zignsec.hpp"
#include "zignsec.hpp"

/* So that each member is compiled. */
using Wait = zignsec::Session (zignsec::Client::*)(const std::string &,
                                                   const zignsec::WaitOptions &) const;
extern const Wait wait_of_the_header;
const Wait wait_of_the_header = &zignsec::Client::wait_for_session;
