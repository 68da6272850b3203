"""The sandbox tested against its OpenAPI description, and with invalid bodies."""

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
# More than 1000 requests in total, which take about 15 seconds.
EXAMPLES_PER_OPERATION = 80


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all requests: none may leave it in a state that affects another."""
    shared = Sandbox()
    yield shared
    shared.stop()


def test_every_operation_matches_the_description(sandbox: Sandbox, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            sandbox.url + "/_sandbox/openapi.json",
            f"--header=Authorization: {sandbox.api_key}",
            f"--max-examples={EXAMPLES_PER_OPERATION}",
            "--request-timeout=20",
            "--generation-database=none",
            # The same requests in each run, so that only a code change can cause a failure.
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
    # Schemathesis does not test the operation that returns the description.
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
non_strings = json_values.filter(lambda value: not isinstance(value, str))
invalid_texts = non_strings.filter(lambda value: value is not None)
invalid_phone_numbers = (
    non_strings
    | st.text().filter(lambda text: not re.fullmatch(r"\+[1-9][0-9]{6,14}", text))
    | st.sampled_from(
        ["+0701740605", "46701740605", "+467017406051234567", "+46 70 174 06 05", "+4670174060\n"]
    )
    | st.just("+\u0664\u0666\u0667\u0660\u0663\u0663\u0663\u0669\u0669\u0665\u0664")
)
invalid_metadata = (
    json_values.filter(lambda value: not isinstance(value, dict))
    | st.dictionaries(st.text(), json_values).filter(lambda value: "phone_number" not in value)
    | invalid_phone_numbers.map(lambda phone: {"phone_number": phone})
)
invalid_urls = (
    invalid_texts
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
invalid_values = {
    "locale": invalid_texts,
    "relay_state": invalid_texts,
    "webhook": invalid_urls,
    "metadata": invalid_metadata | st.just(MISSING),
    "redirect_success": invalid_urls | st.none() | st.just(MISSING),
    "redirect_failure": invalid_urls | st.none() | st.just(MISSING),
}


@st.composite
def invalid_bodies(draw: st.DrawFn) -> tuple[set[str], dict[str, Any]]:
    """A valid body with one or more invalid values, and the names of their fields."""
    names = draw(st.sets(st.sampled_from(sorted(invalid_values)), min_size=1))
    body = {**VALID, **{name: draw(invalid_values[name]) for name in sorted(names)}}
    return names, {name: value for name, value in body.items() if value is not MISSING}


def post(sandbox: Sandbox, path: str, body: bytes) -> tuple[int, Any]:
    """Posts a body; returns the status and the JSON of the response."""
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=20)
    try:
        headers = {"authorization": sandbox.api_key, "content-type": "application/json"}
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        assert response.headers.get_content_type() == "application/json"
        return response.status, json.load(response)
    finally:
        connection.close()


def post_headers(sandbox: Sandbox, path: str, length: int) -> tuple[int, Any]:
    """Announces a body and sends none: the sandbox would close the connection while it arrives."""
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=20)
    try:
        connection.putrequest("POST", path)
        connection.putheader("authorization", sandbox.api_key)
        connection.putheader("content-length", str(length))
        connection.endheaders()
        response = connection.getresponse()
        return response.status, json.load(response)
    finally:
        connection.close()


def reason(response: Any) -> str:
    """The error description in a response."""
    (error,) = response["errors"]
    assert error["code"]
    return str(error["description"])


def test_valid_body_is_accepted(sandbox: Sandbox) -> None:
    assert post(sandbox, START, json.dumps(VALID).encode())[0] == 200
    required = {name: value for name, value in VALID.items() if name in REQUIRED}
    assert post(sandbox, START, json.dumps(required).encode())[0] == 200


@settings(max_examples=200, deadline=None, derandomize=True)
@given(invalid_bodies())
def test_invalid_values_are_rejected_with_a_reason(
    sandbox: Sandbox, invalid: tuple[set[str], dict[str, Any]]
) -> None:
    names, body = invalid
    text = json.dumps(body)
    status, response = post(sandbox, START, text.encode())
    if re.search(r"\b(NaN|Infinity)\b", text) and status == 400:
        # Python writes such floats, which JSON does not allow.
        assert "not valid JSON" in reason(response)
        return
    assert status == 422, response
    assert any(reason(response).startswith(name) for name in names), response


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_bodies_of_another_type_are_rejected_with_a_reason(sandbox: Sandbox, body: bytes) -> None:
    for path in (START, "/_sandbox/faults", "/_sandbox/clock"):
        status, response = post(sandbox, path, body)
        assert status in (400, 422), (path, response)
        assert reason(response), path


def test_oversized_and_malformed_bodies_are_rejected_with_a_reason(sandbox: Sandbox) -> None:
    def with_relay_state(json_text: str) -> bytes:
        return json.dumps({**VALID, "relay_state": "?"}).replace('"?"', json_text).encode()

    assert post(sandbox, START, with_relay_state(f'"{"x" * 300_000}"'))[0] == 200
    status, response = post_headers(sandbox, START, 330_000)
    assert status == 413
    assert reason(response)
    for json_text, status in (
        ("[" * 30_000 + "]" * 30_000, 400),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, 400),
        ("[" * 100 + "]" * 100, 422),
        ("9" * 60_000, 400),
        ("1e999999", 400),
        ('"\\ud800"', 400),
        ('"\ttab"', 400),
        ('"no end', 400),
    ):
        actual_status, response = post(sandbox, START, with_relay_state(json_text))
        assert actual_status == status, json_text[:20]
        assert reason(response), json_text[:20]
