"""The three steps without a client of your own: on one that is made from the environment at the
first call, and kept. Where it cannot be made, the next call tries anew."""

from __future__ import annotations

from zignsec._zignsec import Client, Session

# As in `typing`, which takes long to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_made: dict[str, Client] = {}


def _client() -> Client:
    # Of threads that come first together, all get the same one. A lock could be held in a fork.
    return _made.get("client") or _made.setdefault("client", Client())


def start_phone_2fa(
    phone_number: str,
    *,
    redirect_success: str,
    redirect_failure: str,
    locale: str | None = "En",
    relay_state: str | None = None,
    webhook: str | None = None,
    csrf_token: str | None = None,
) -> Session:
    """Step 1 on the default client: see ``Client.start_phone_2fa``.

    The default client is made at the first call, from the environment alone: see ``Client``.
    """
    return _client().start_phone_2fa(
        phone_number,
        redirect_success=redirect_success,
        redirect_failure=redirect_failure,
        locale=locale,
        relay_state=relay_state,
        webhook=webhook,
        csrf_token=csrf_token,
    )


def get_session(session_id: str) -> Session:
    """Step 3 on the default client: see ``Client.get_session``."""
    return _client().get_session(session_id)


def wait_for_session(
    session_id: str,
    *,
    timeout: float = 300.0,
    poll_interval: float = 2.0,
    on_poll: Callable[[Session, float], object] | None = None,
) -> Session:
    """Step 3 on the default client, until there is a verdict: see ``Client.wait_for_session``."""
    return _client().wait_for_session(
        session_id, timeout=timeout, poll_interval=poll_interval, on_poll=on_poll
    )


for _function in (start_phone_2fa, get_session, wait_for_session):
    _function.__module__ = "zignsec"
