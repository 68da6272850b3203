/* Waiting and cancelling in C++: callbacks that act, cancel and throw; threads; duplicates. */
extern "C" {
#include "sandbox.h"
}
#include "check.h"
#include "zignsec.hpp"

#ifndef _WIN32
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <chrono>
#include <csignal>
#include <cstdio>
#include <future>
#include <string>
#include <utility>

using std::chrono::hours;
using std::chrono::milliseconds;

static zignsec::Client client_of(const sandbox &box) {
    zignsec::ClientOptions options;
    options.api_key = box.api_key;
    options.base_url = box.url;
    return zignsec::Client(options);
}

static std::string start_session(const zignsec::Client &client) {
    zignsec::Phone2faRequest request;
    request.phone_number = "+46703339954";
    request.redirect_success = "https://my_success_url.com";
    request.redirect_failure = "https://my_failure_url.com";
    return std::string(client.start_phone_2fa(request).id());
}

/* The result in the Error that a call throws. */
template <typename Call> static zs_result result_of(Call call) {
    try {
        call();
    } catch (const zignsec::Error &error) {
        return error.result();
    }
    return ZS_OK;
}

static void a_wait_ends_when_the_session_is_final(const sandbox &box) {
    const zignsec::Client client = client_of(box);
    const std::string id = start_session(client);
    int polls = 0;
    milliseconds last{};
    zignsec::WaitOptions options;
    options.poll_interval = milliseconds(1);
    options.on_poll = [&](const zignsec::Session &session, milliseconds elapsed) {
        CHECK(session.id() == id && session.is_final() == (++polls == 2));
        CHECK(elapsed >= last);
        last = elapsed;
        if (polls == 1) {
            sandbox_user(&box, id.c_str(), "accept");
        }
        /* on_poll cannot cancel at the poll that returns a final session. */
        return polls < 2;
    };
    const zignsec::Session session = client.wait_for_session(id, options);
    CHECK(session.is_verified() && session.id() == id && polls == 2);
    CHECK(client.wait_for_session(id).is_verified());
}

static void a_wait_fails_as_in_c(const sandbox &box) {
    const zignsec::Client client = client_of(box);
    const std::string id = start_session(client);
    zignsec::WaitOptions options;
    options.timeout = milliseconds(20);
    options.poll_interval = milliseconds(5);
    CHECK(result_of([&] { (void)client.wait_for_session(id, options); }) == ZS_ERROR_WAIT_TIMEOUT);
    options = {};
    options.on_poll = [](const zignsec::Session &, milliseconds) { return false; };
    CHECK(result_of([&] { (void)client.wait_for_session(id, options); }) == ZS_ERROR_CANCELLED);

    const int before = sandbox_request_count(&box);
    for (const milliseconds bad : {milliseconds(-1), milliseconds(hours(24 * 50))}) {
        options = {};
        options.timeout = bad;
        CHECK(result_of([&] { (void)client.wait_for_session(id, options); }) ==
              ZS_ERROR_INVALID_ARGUMENT);
        options = {};
        options.poll_interval = bad;
        CHECK(result_of([&] { (void)client.wait_for_session(id, options); }) ==
              ZS_ERROR_INVALID_ARGUMENT);
    }
    CHECK(result_of([&] { (void)client.wait_for_session(std::string("a\0b", 3)); }) ==
          ZS_ERROR_INVALID_ARGUMENT);
    CHECK(sandbox_request_count(&box) == before);
}

struct Thrown {
    int number;
};

static void an_exception_of_on_poll_reaches_the_caller(const sandbox &box) {
    const zignsec::Client client = client_of(box);
    const std::string id = start_session(client);
    zignsec::WaitOptions options;
    int number = 0;
    options.on_poll = [&](const zignsec::Session &, milliseconds) -> bool {
        throw Thrown{++number};
    };
    const auto caught = [&] {
        try {
            (void)client.wait_for_session(id, options);
        } catch (const Thrown &thrown) {
            return thrown.number;
        }
        return 0;
    };
    /* At a poll that returns a pending session, and at one that returns a final session. */
    CHECK(caught() == 1);
    sandbox_user(&box, id.c_str(), "accept");
    CHECK(caught() == 2);
}

static void a_client_and_its_duplicate_are_cancelled_separately(const sandbox &box) {
    const zignsec::Client client = client_of(box);
    const zignsec::Client other = client.dup();
    CHECK(other.get() != nullptr && other.get() != client.get());
    const auto wait = [&](const zignsec::Client &self, milliseconds interval,
                          std::promise<void> &polled) {
        return std::async(std::launch::async,
                          [&self, &polled, interval, id = start_session(client)] {
                              zignsec::WaitOptions options;
                              bool first = true;
                              options.poll_interval = interval;
                              options.on_poll = [&](const zignsec::Session &, milliseconds) {
                                  if (std::exchange(first, false)) {
                                      polled.set_value();
                                  }
                                  return true;
                              };
                              return result_of([&] { (void)self.wait_for_session(id, options); });
                          });
    };
    std::promise<void> polled, other_polled;
    auto result = wait(client, hours(1), polled);
    auto other_result = wait(other, hours(1), other_polled);
    polled.get_future().wait();
    other_polled.get_future().wait();
    client.cancel();
    CHECK(result.get() == ZS_ERROR_CANCELLED);
    CHECK(other_result.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
    other.cancel();
    CHECK(other_result.get() == ZS_ERROR_CANCELLED);
}

#ifndef _WIN32
static std::int32_t throws(const zs_session *, std::uint32_t, void *) {
    throw 1;
}

static void throws_from_the_log(std::int32_t, const char *, void *) {
    throw 1;
}

/* The exit status of a process that uses the C API with a callback that throws. */
static int status_of_a_process_that_throws(const sandbox &box, bool while_logging) {
    const zignsec::Client client = client_of(box);
    const std::string id = start_session(client);
    const pid_t child = fork();
    if (child == 0) {
        /* No message and no core file. */
        const rlimit none{};
        setrlimit(RLIMIT_CORE, &none);
        CHECK(std::freopen("/dev/null", "w", stderr) != nullptr);
        try {
            zs_wait_options options = ZS_WAIT_OPTIONS_INIT;
            zs_session *session = nullptr;
            options.on_poll = throws;
            if (while_logging) {
                zs_set_log_callback(ZS_LOG_TRACE, throws_from_the_log, nullptr);
                zs_get_session(client.get(), id.c_str(), &session, nullptr);
            } else {
                zs_wait_for_session(client.get(), id.c_str(), &options, &session, nullptr);
            }
        } catch (...) {
            _exit(2);
        }
        _exit(1);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static void an_exception_of_a_callback_aborts_the_process(const sandbox &box) {
    for (const bool while_logging : {false, true}) {
        const int status = status_of_a_process_that_throws(box, while_logging);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}
#endif

int main() {
    sandbox box = sandbox_start(0);
    a_wait_ends_when_the_session_is_final(box);
    a_wait_fails_as_in_c(box);
    an_exception_of_on_poll_reaches_the_caller(box);
    a_client_and_its_duplicate_are_cancelled_separately(box);
#ifdef _WIN32
    skip("an_exception_of_a_callback_aborts_the_process", "fork");
#else
    an_exception_of_a_callback_aborts_the_process(box);
#endif
    sandbox_stop(&box);
    return report("cpp/waiting");
}
