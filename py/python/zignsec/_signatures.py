"""The signatures of ``Client``, for methods that pass all their arguments on to a ``Client``.

Type checkers and ``help()`` show them.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from zignsec._zignsec import Client

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Concatenate, ParamSpec

    P = ParamSpec("P")

R = TypeVar("R")


def same_arguments_as_client(
    client: Callable[P, Client],
) -> Callable[[Callable[..., None]], Callable[Concatenate[Any, P], None]]:
    """Give ``__init__`` the signature of ``Client``."""

    def decorate(function: Any) -> Any:
        # Of the function, not of the class: a subclass with another __init__ has another signature.
        signature = inspect.signature(client)
        itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        parameters = [itself, *signature.parameters.values()]
        function.__signature__ = signature.replace(parameters=parameters)
        return function

    return decorate


def same_arguments(
    method: Callable[Concatenate[Client, P], object],
) -> Callable[[Callable[..., R]], Callable[Concatenate[Any, P], R]]:
    """Give a method the signature of a method of ``Client``."""

    def decorate(function: Any) -> Any:
        # inspect.signature() reads this attribute.
        function.__wrapped__ = method
        return function

    return decorate
