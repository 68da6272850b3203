"""Module-level functions that use a default client.

The client is created from the environment at the first call and then reused. If it cannot be
created, the next call tries again.
"""

from __future__ import annotations

from types import MethodType

from zignsec._errors import ClosedError
from zignsec._zignsec import Client, Session

# Same as typing.TYPE_CHECKING; importing typing is slow.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Concatenate, ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

# Contains the default client, if it was created. A reset replaces the dict. No lock is used:
# another thread could hold it during a fork, and it would then never be released in the child.
_clients: dict[str, Client] = {}


def _call(method: str, args: Any, kwargs: Any) -> Session:
    """Call a method of the default client."""
    while True:
        clients = _clients
        # setdefault is atomic: threads that arrive here together get the same client.
        client = clients.get("default") or clients.setdefault("default", Client())
        if clients is not _clients:
            # A reset while it was created, so it may have the settings from before the reset.
            client.close()
            continue
        try:
            session: Session = getattr(client, method)(*args, **kwargs)
            return session
        except ClosedError:
            if clients is _clients:
                raise
            # A reset just before the call began. Nothing was sent.


def reset_default_client() -> None:
    """Close the default client and forget it. The next call creates one from the environment.

    Use it after the environment was changed, for example in tests. May be called from any thread.
    Running calls of the default client raise ``CallCancelledError``; the next call of each thread
    uses the new client. In a forked child process, it affects the calls of the child only. Clients
    that you created yourself are not affected.
    """
    global _clients
    clients, _clients = _clients, {}
    # Not a loop: another thread may add a client now. It then sees the reset and closes the client.
    if client := clients.get("default"):
        client.close()


def _same_arguments(
    method: Callable[Concatenate[Client, P], R],
) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Give a function the signature of a method of ``Client``, for type checkers and ``help()``."""

    def decorate(function: Any) -> Any:
        # inspect.signature() reads __wrapped__, and leaves out the `self` of a bound method.
        function.__wrapped__ = MethodType(method, Client)
        function.__module__ = "zignsec"
        return function

    return decorate


@_same_arguments(Client.start_phone_2fa)
def start_phone_2fa(*args: Any, **kwargs: Any) -> Session:
    """Start a session with the default client. See ``Client.start_phone_2fa``.

    The default client is created at the first call, from the environment only. See ``Client`` and
    ``reset_default_client``.
    """
    return _call("start_phone_2fa", args, kwargs)


@_same_arguments(Client.get_session)
def get_session(*args: Any, **kwargs: Any) -> Session:
    """Get a session with the default client. See ``Client.get_session``."""
    return _call("get_session", args, kwargs)


@_same_arguments(Client.wait_for_session)
def wait_for_session(*args: Any, **kwargs: Any) -> Session:
    """Wait for a session with the default client. See ``Client.wait_for_session``."""
    return _call("wait_for_session", args, kwargs)


reset_default_client.__module__ = "zignsec"
