/*
 * Verifies one user by phone: phone_2fa +46701740605
 *
 * The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or
 * ZIGNSEC_ENVIRONMENT.
 */
#include <zignsec.hpp>

#include <chrono>
#include <iostream>
#include <string>

static bool show_progress(const zignsec::Session &session, std::chrono::milliseconds elapsed) {
    std::cout << "  " << session.status_text() << " after " << elapsed.count() << " ms"
              << std::endl;
    return true; // continue waiting
}

static bool check(const std::string &phone_number) {
    const zignsec::Client client;

    zignsec::Phone2faRequest request;
    request.phone_number = phone_number;
    request.redirect_success = "https://my_success_url.com";
    request.redirect_failure = "https://my_failure_url.com";
    request.relay_state = "Tulasi_V5_SMS";

    zignsec::Session session = client.start_phone_2fa(request);
    std::cout << "1. Session " << session.id() << " is " << session.status_text() << ".\n"
              << "2. Send the user here:\n  " << session.redirect_url().value_or("-") << std::endl;

    zignsec::WaitOptions wait;
    wait.poll_interval = std::chrono::seconds(1);
    wait.on_poll = show_progress;

    session = client.wait_for_session(std::string(session.id()), wait);
    const bool verified = session.is_verified_for(phone_number);
    std::cout << "3. The session ended " << session.status_text() << ": the user "
              << (verified ? "is" : "is not") << " verified.\n";
    return verified;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: " << argv[0] << " PHONE_NUMBER\n";
        return 2;
    }
    try {
        return check(argv[1]) ? 0 : 1;
    } catch (const zignsec::Error &error) {
        std::cerr << zs_result_name(error.result()) << ": " << error.what() << '\n';
        return 1;
    }
}
