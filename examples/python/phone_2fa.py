"""Verifies one user by phone: phone_2fa.py +46701740605

The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT.
"""

import sys

import zignsec


def show_progress(session: zignsec.Session, elapsed: float) -> None:
    """Prints the status of the session after each poll."""
    print(f"  {session.status_text} after {elapsed * 1000:.0f} ms", flush=True)


def check(phone_number: str) -> bool:
    """Returns whether the user was verified."""
    with zignsec.Client() as client:
        session = client.start_phone_2fa(
            phone_number,
            redirect_success="https://my_success_url.com",
            redirect_failure="https://my_failure_url.com",
            relay_state="Tulasi_V5_SMS",
        )
        print(f"1. Session {session.id} is {session.status_text}.")
        print(f"2. Send the user here:\n  {session.redirect_url or '-'}", flush=True)

        session = client.wait_for_session(session.id, poll_interval=1, on_poll=show_progress)
        verified = session.is_verified_for(phone_number)
        verdict = "is" if verified else "is not"
        print(f"3. The session ended {session.status_text}: the user {verdict} verified.")
        return verified


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} PHONE_NUMBER")
    try:
        sys.exit(0 if check(sys.argv[1]) else 1)
    except zignsec.ZignSecError as error:
        sys.exit(f"{type(error).__name__}: {error}")
