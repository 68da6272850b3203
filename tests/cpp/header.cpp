/* zignsec.hpp alone, included twice. Compiled as a second translation unit of a program, so that the
   linker finds functions that are defined twice. */
#include "zignsec.hpp"
#include "zignsec.hpp"

/* Instantiates a member that calls all the others. */
using Wait = zignsec::Session (zignsec::Client::*)(const std::string &,
                                                   const zignsec::WaitOptions &) const;
extern const Wait wait_of_the_header;
const Wait wait_of_the_header = &zignsec::Client::wait_for_session;
