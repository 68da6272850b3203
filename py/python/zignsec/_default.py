"""Module-level functions that use a default client.

The client is created from the environment at the first call and then reused. If it cannot be
created, the next call tries again.
"""

from __future__ import annotations

from types import MethodType

from zignsec._zignsec import Client, Session

# Same as typing.TYPE_CHECKING; importing typing is slow.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Concatenate, ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

_clients: dict[str, Client] = {}


def _client() -> Client:
    # setdefault is atomic: threads that arrive here together get the same client. A lock could be
    # held by another thread during a fork, and would then never be released in the child.
    return _clients.get("default") or _clients.setdefault("default", Client())


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

    The default client is created at the first call, from the environment only. See ``Client``.
    """
    return _client().start_phone_2fa(*args, **kwargs)


@_same_arguments(Client.get_session)
def get_session(*args: Any, **kwargs: Any) -> Session:
    """Get a session with the default client. See ``Client.get_session``."""
    return _client().get_session(*args, **kwargs)


@_same_arguments(Client.wait_for_session)
def wait_for_session(*args: Any, **kwargs: Any) -> Session:
    """Wait for a session with the default client. See ``Client.wait_for_session``."""
    return _client().wait_for_session(*args, **kwargs)
