"""A program that uses the library. The tests freeze it.

It imports nothing that the library imports too: a freezer must find that through the library.
Arguments: the URL of a dead port, the signature of the webhook ``BODY``, and its secret. The client
is configured by the environment. The output does not depend on how the program runs.
"""

import os
import sys
from types import ModuleType

import zignsec

BODY = '{"id":"a","event":"session_finished","status":"accepted"}'
ACCEPTED = "+46701740606"  # The sandbox accepts it immediately.


def loaded(name: str) -> ModuleType:
    """A module that the library has imported; a statement would show it to the freezer."""
    return sys.modules[name]


def on_poll(session: zignsec.Session, _elapsed: float) -> None:
    print("polled:", session.status_text)


def main(dead: str, signature: str, secret: str) -> None:
    client = zignsec.Client("key", base_url=dead, max_retries=0)
    try:
        client.get_session("a")
    except zignsec.APIConnectionError as error:
        print("no connection:", type(error).__name__, error.code)

    loaded("logging").basicConfig(level=10, stream=sys.stdout, format="%(name)s %(levelname)s")
    with zignsec.Client() as client:
        session = client.start_phone_2fa(
            ACCEPTED, redirect_success="https://a.example", redirect_failure="https://b.example"
        )
        print("started:", session.status, session.is_verified)
        session = client.wait_for_session(session.id, on_poll=on_poll)
        print("waited:", session.status, session.is_verified_for(ACCEPTED))
    print("default client:", zignsec.get_session(session.id).to_dict()["status"])
    print("status:", zignsec.SessionStatus.ACCEPTED is session.status, repr(session.status))

    async def look_up() -> zignsec.Session:
        async with zignsec.AsyncClient() as client:
            return await client.wait_for_session(session.id)

    coroutine = look_up()
    zignsec.AsyncClient  # noqa: B018 (imports asyncio)
    print("asyncio:", loaded("asyncio").run(coroutine) == session)

    event = zignsec.verify_webhook(BODY, signature, secret)
    print("webhook:", event.name, event.status, event.to_dict()["id"])
    try:
        zignsec.verify_webhook(BODY, signature, "wrong")
    except zignsec.WebhookSignatureError as error:
        print("wrong secret:", type(error).__name__)

    # The certificates of the system do not contain the one of the sandbox.
    del os.environ["SSL_CERT_FILE"]
    try:
        zignsec.Client().get_session("a")
    except zignsec.TLSError as error:
        print("untrusted:", error.attempts)


if __name__ == "__main__":
    main(*sys.argv[1:])
