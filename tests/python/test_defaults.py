"""Default values: signatures and the stub have to repeat the constants of the core."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zignsec
from zignsec import _zignsec as native

CLIENT = {
    "timeout": native.DEFAULT_TIMEOUT,
    "connect_timeout": native.DEFAULT_CONNECT_TIMEOUT,
    "attempt_timeout": native.DEFAULT_ATTEMPT_TIMEOUT,
    "max_retries": native.DEFAULT_MAX_RETRIES,
}
START = {"locale": native.DEFAULT_LOCALE}
WAIT = {"timeout": native.DEFAULT_WAIT_TIMEOUT, "poll_interval": native.DEFAULT_POLL_INTERVAL}
WEBHOOK = {"tolerance": native.DEFAULT_WEBHOOK_TOLERANCE}


def defaults(function: Callable[..., Any]) -> dict[str, object]:
    """The defaults in the signature of a function, except None and the authentication scheme."""
    parameters = inspect.signature(function).parameters.values()
    return without_others({each.name: each.default for each in parameters})


def without_others(defaults: dict[str, object]) -> dict[str, object]:
    others = (inspect.Parameter.empty, None, "authorization")
    return {name: default for name, default in defaults.items() if default not in others}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (zignsec.Client, CLIENT),
        (zignsec.AsyncClient, CLIENT),
        (zignsec.Client.start_phone_2fa, START),
        (zignsec.AsyncClient.start_phone_2fa, START),
        (zignsec.start_phone_2fa, START),
        (zignsec.Client.wait_for_session, WAIT),
        (zignsec.AsyncClient.wait_for_session, WAIT),
        (zignsec.wait_for_session, WAIT),
        (native.Wait, WAIT),
        (zignsec.verify_webhook, WEBHOOK),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_signature_has_the_defaults_of_the_core(
    function: Callable[..., Any], expected: dict[str, object]
) -> None:
    assert defaults(function) == expected


def in_stub(node: ast.FunctionDef) -> dict[str, object]:
    """The defaults of a function in the stub."""
    arguments = node.args
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    found: dict[str, object] = {
        each.arg: default and ast.literal_eval(default) for each, default in named
    }
    return without_others(found)


def test_stub_has_the_defaults_of_the_core() -> None:
    stub = Path(zignsec.__file__).with_name("_zignsec.pyi").read_text(encoding="utf-8")
    functions: dict[str, ast.FunctionDef] = {}
    for node in ast.parse(stub).body:
        if isinstance(node, ast.FunctionDef):
            functions[node.name] = node
        elif isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef):
                    functions[f"{node.name}.{each.name}"] = each
    assert {name: found for name, node in functions.items() if (found := in_stub(node))} == {
        "Client.__init__": CLIENT,
        "Client.start_phone_2fa": START,
        "Client.wait_for_session": WAIT,
        "Wait.__new__": WAIT,
        "verify_webhook": WEBHOOK,
    }


def test_default_limits_are_those_of_the_contract() -> None:
    assert {**CLIENT, **START, **WEBHOOK} == {
        "timeout": 30.0,
        "connect_timeout": 5.0,
        "attempt_timeout": 10.0,
        "max_retries": 2,
        "locale": "En",
        "tolerance": 300.0,
    }
    assert WAIT == {"timeout": 300.0, "poll_interval": 2.0}
