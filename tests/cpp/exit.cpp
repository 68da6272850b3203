/* Calls in the destructors of static and thread_local objects, which run when the program ends. */
extern "C" {
#include "sandbox.h"
}
#include "check.h"
#include "zignsec.hpp"

#include <cstdlib>
#include <optional>
#include <string>
#include <thread>

/* The sandbox ends with this program. */
static sandbox box;

static void call(const zignsec::Client &client) {
    zignsec::Phone2faRequest request;
    request.phone_number = "+46703339954";
    request.redirect_success = "https://my_success_url.com";
    request.redirect_failure = "https://my_failure_url.com";
    try {
        const zignsec::Session session = client.start_phone_2fa(request);
        const std::string id(session.id());
        CHECK(client.get_session(id).id() == id);
        zignsec::WaitOptions options;
        options.on_poll = [](const zignsec::Session &, std::chrono::milliseconds) { return false; };
        try {
            CHECK(client.wait_for_session(id, options).id().empty());
        } catch (const zignsec::Error &error) {
            CHECK(error.result() == ZS_ERROR_CANCELLED);
        }
    } catch (const zignsec::Error &error) {
        std::fprintf(stderr, "%s\n", error.what());
        CHECK(error.result() == ZS_OK);
    }
}

/* Keeps a client, and uses it and a new one when it is destroyed. */
struct Late {
    std::optional<zignsec::Client> client;
    bool is_last = false;

    Late() = default;
    Late(const Late &) = delete;
    Late &operator=(const Late &) = delete;

    void open() {
        zignsec::ClientOptions options;
        options.api_key = box.api_key;
        options.base_url = box.url;
        options.ca_file = box.ca_file;
        client.emplace(options);
        call(*client);
    }

    ~Late() {
        const int before = checks;
        if (client) {
            call(*client);
            open();
        }
        if (is_last && (failures != 0 || checks == before)) {
            std::_Exit(1); /* the status of main() is already set */
        }
    }
};

static Late first;
static thread_local Late of_thread;

int main() {
    box = sandbox_start(1);
    static Late last;
    first.is_last = true; /* destroyed after the others */
    first.open();
    last.open();
    of_thread.open();
    std::thread([] { of_thread.open(); }).join();
    return report("exit");
}
