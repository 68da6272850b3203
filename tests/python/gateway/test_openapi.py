"""The sandbox held against its own OpenAPI description, and against every odd body."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox import Sandbox

from gateway.web import START

HERE = Path(__file__).parent
# Over 1,000 calls in all, which take some 15 seconds.
EXAMPLES_OF_AN_OPERATION = 80


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for every call here: none may leave it in a state that spoils another."""
    shared = Sandbox()
    yield shared
    shared.stop()


def test_every_operation_is_as_described(sandbox: Sandbox, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            sandbox.url + "/_sandbox/openapi.json",
            f"--header=Authorization: {sandbox.api_key}",
            f"--max-examples={EXAMPLES_OF_AN_OPERATION}",
            "--request-timeout=20",
            "--generation-database=none",
            # The same calls each time: a failure is the change's, not the dice's.
            "--seed=1",
            "--no-color",
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(HERE.parent),
            "SCHEMATHESIS_HOOKS": "gateway.schemathesis_hooks",
            "NO_PROXY": "*",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    tested = re.search(r"Tested: +(\d+)", done.stdout)
    described = sandbox.call("openapi.json")["paths"].values()
    assert tested is not None, done.stdout
    # It leaves out the operation that it got the description from.
    assert int(tested[1]) == sum(len(operations) for operations in described) - 1, done.stdout


VALID: dict[str, Any] = {
    "locale": "En",
    "metadata": {"phone_number": "+46703339954"},
    "redirect_success": "https://my_success_url.com",
    "redirect_failure": "https://my_failure_url.com",
    "relay_state": "Tulasi_V5_SMS",
    "webhook": "http://127.0.0.1:9/hook",
}
REQUIRED = {"metadata", "redirect_success", "redirect_failure"}
MISSING = object()

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)
no_strings = json_values.filter(lambda value: not isinstance(value, str))
no_texts = no_strings.filter(lambda value: value is not None)
no_phone_numbers = (
    no_strings
    | st.text().filter(lambda text: not re.fullmatch(r"\+[1-9][0-9]{6,14}", text))
    | st.sampled_from(
        ["+0701740605", "46701740605", "+467017406051234567", "+46 70 174 06 05", "+4670174060\n"]
    )
    | st.just("+\u0664\u0666\u0667\u0660\u0663\u0663\u0663\u0669\u0669\u0665\u0664")
)
no_metadata = (
    json_values.filter(lambda value: not isinstance(value, dict))
    | st.dictionaries(st.text(), json_values).filter(lambda value: "phone_number" not in value)
    | no_phone_numbers.map(lambda phone: {"phone_number": phone})
)
no_urls = (
    no_texts
    | st.text().filter(lambda text: not text.lower().startswith("http"))
    | st.sampled_from(
        [
            "",
            "http://",
            "https:///path",
            "https:a.example",
            "https:\\\\a.example",
            " https://a.example",
            "https://a.example ",
            "https://a.example/\r\nset-cookie: a=b",
            "https://a.example/\0",
            "https://a b.example",
            "https://[::1",
            "https://a.example:99999",
            "javascript:alert(1)",
            "ftp://a.example",
            "//a.example",
            "x" * 10_000,
        ]
    )
)
odd_values = {
    "locale": no_texts,
    "relay_state": no_texts,
    "webhook": no_urls,
    "metadata": no_metadata | st.just(MISSING),
    "redirect_success": no_urls | st.none() | st.just(MISSING),
    "redirect_failure": no_urls | st.none() | st.just(MISSING),
}


@st.composite
def odd_bodies(draw: st.DrawFn) -> tuple[set[str], dict[str, Any]]:
    """A valid body with one odd value or more, and the names of those."""
    names = draw(st.sets(st.sampled_from(sorted(odd_values)), min_size=1))
    body = {**VALID, **{name: draw(odd_values[name]) for name in sorted(names)}}
    return names, {name: value for name, value in body.items() if value is not MISSING}


def post(sandbox: Sandbox, path: str, body: bytes) -> tuple[int, Any]:
    """The status and the JSON that answer a body."""
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=20)
    try:
        headers = {"authorization": sandbox.api_key, "content-type": "application/json"}
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        assert answer.headers.get_content_type() == "application/json"
        return answer.status, json.load(answer)
    finally:
        connection.close()


def reason(answer: Any) -> str:
    """Why a body was refused."""
    (error,) = answer["errors"]
    assert error["code"]
    return str(error["description"])


def test_the_body_that_is_spoiled_below_is_valid(sandbox: Sandbox) -> None:
    assert post(sandbox, START, json.dumps(VALID).encode())[0] == 200
    required = {name: value for name, value in VALID.items() if name in REQUIRED}
    assert post(sandbox, START, json.dumps(required).encode())[0] == 200


@settings(max_examples=200, deadline=None, derandomize=True)
@given(odd_bodies())
def test_a_body_with_odd_values_is_refused_with_a_reason(
    sandbox: Sandbox, odd: tuple[set[str], dict[str, Any]]
) -> None:
    names, body = odd
    text = json.dumps(body)
    status, answer = post(sandbox, START, text.encode())
    if re.search(r"\b(NaN|Infinity)\b", text) and status == 400:
        # Python writes such floats; JSON has none.
        assert "not JSON" in reason(answer)
        return
    assert status == 422, answer
    assert any(reason(answer).startswith(name) for name in names), answer


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_a_body_of_another_kind_is_refused_with_a_reason(sandbox: Sandbox, body: bytes) -> None:
    for path in (START, "/_sandbox/faults", "/_sandbox/clock"):
        status, answer = post(sandbox, path, body)
        assert status in (400, 422), (path, answer)
        assert reason(answer), path


def test_bodies_that_are_too_much_are_refused_with_a_reason(sandbox: Sandbox) -> None:
    def with_relay_state(json_text: str) -> bytes:
        return json.dumps({**VALID, "relay_state": "?"}).replace('"?"', json_text).encode()

    assert post(sandbox, START, with_relay_state(f'"{"x" * 60_000}"'))[0] == 200
    for json_text, status in (
        (f'"{"x" * 66_000}"', 413),
        (f'"{"å" * 40_000}"', 413),
        ("[" * 30_000 + "]" * 30_000, 400),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, 400),
        ("[" * 100 + "]" * 100, 422),
        ("9" * 60_000, 400),
        ("1e999999", 400),
        ('"\\ud800"', 400),
        ('"\ttab"', 400),
        ('"no end', 400),
    ):
        answered, answer = post(sandbox, START, with_relay_state(json_text))
        assert answered == status, json_text[:20]
        assert reason(answer), json_text[:20]
