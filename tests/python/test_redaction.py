"""Text of the gateway: no key and no phone number in what the library shows, logs or prints."""

from __future__ import annotations

import html
import json
import logging
import os
import pickle
import random
import re
import socketserver
import string
import subprocess
import sys
import threading
import traceback
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import unquote

import pytest
import zignsec
from steps import INHERITED

VALUES = 1000
PROGRAMS = 12
"""How many values are tried with the command line."""

SEPARATORS = [
    *("", " ", "-", ".", ",", ":", ";", "*", "|", "=", "~", "'", "\\", "+", '"', "[", "]", "("),
    *("/", "_", "&", "%", "#", "·", "•", "\u2212", "\uff0d", "\xa0", "\u2009", "\u200b", "\xad"),
    *("\u061c", "\u034f", "\u180e", "\u3164", "\ufe0f", "\ufffa", "\U000e0041", "<br>", " - \t"),
]

ENCODINGS: list[Callable[[str], str]] = [
    lambda text: text,
    lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    lambda text: "".join(f"%25{byte:02x}" for byte in text.encode()),
    lambda text: "".join(f"&#{ord(c)};" for c in text),
    lambda text: "".join(f"&#x{ord(c):X};" for c in text),
    lambda text: "".join(
        rf"\u{int.from_bytes(pair, 'big'):04x}"
        for c in text
        for pair in re.findall(rb"..", c.encode("utf-16-be"), re.DOTALL)
    ),
]

FORMS: list[Callable[[str], str]] = [
    lambda text: text,
    lambda text: json.dumps({"error": text}),
    lambda text: json.dumps({"errors": [{"code": "c", "description": text}]}),
]


class Gateway:
    """A server that returns the same response to every request."""

    def __init__(self) -> None:
        self.response = b""
        gateway = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while self.rfile.readline().strip():
                    pass
                self.wfile.write(gateway.response)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def respond_with(self, body: str, request_id: str) -> None:
        content = body.encode()
        head = f"HTTP/1.1 400 Bad\r\nx-request-id: {request_id}\r\nconnection: close\r\n"
        self.response = f"{head}content-length: {len(content)}\r\n\r\n".encode() + content

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    yield gateway
    gateway.stop()


def written(random: random.Random, text: str, separator: str, encode: Callable[[str], str]) -> str:
    """The text in groups with separators; all of it is encoded, or only the groups, or only the
    separators."""
    plain: Callable[[str], str] = ENCODINGS[0]
    group, between = random.choice([(encode, encode), (encode, plain), (plain, encode)])
    parts: list[str] = []
    while text:
        length = random.randint(1, 4)
        parts.append(group(text[:length]))
        text = text[length:]
    return between(separator).join(parts)


def readings(text: str) -> Iterator[str]:
    """What a text says, also to a program that decodes it."""
    for _ in range(4):
        yield re.sub("<[a-z/]+>", "", text)
        text = html.unescape(unquote(text))
        text = re.sub(r"\\+u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), text)


def leak(text: str, secret: str, part: int, pattern: str) -> bool:
    """Whether a part of the secret can be read in a text."""
    parts = {secret[at : at + part] for at in range(len(secret) - part + 1)}
    for reading in readings(text):
        # A masked number shows up to three digits at its ends.
        unmasked = re.sub(r"\+?\d{0,3}\*{5}(\d{3})?", "", reading)
        bare = re.sub(pattern, "", unmasked)
        if any(each in bare for each in parts):
            return True
    return False


def assert_safe(shown: str, number: str, key: str) -> None:
    assert not leak(shown, number, 6, r"[^0-9]"), (number, shown)
    assert not leak(shown, key, 8, r"[^0-9A-Za-z]"), (key, shown)


def cases(count: int) -> Iterator[tuple[str, str, str]]:
    """Random numbers and keys, and a text of the gateway that contains both."""
    rng = random.Random(14)
    pairs = [(separator, encode) for separator in SEPARATORS for encode in ENCODINGS]
    rng.shuffle(pairs)
    for at in range(count):
        separator, encode = pairs[at % len(pairs)]
        number = str(rng.randrange(10**8, 10**14))
        key = "".join(rng.choices(string.ascii_letters + string.digits, k=24))
        numbers = written(rng, f"+{number}", separator, encode)
        keys = written(rng, key, separator, encode)
        yield number, key, f"the number {numbers} and the key {keys} are unknown"


def header(text: str) -> str:
    """The text without what a request ID cannot contain; only its number if it is too long."""
    for part in (text, text.split(" and ")[0]):
        visible = "".join(c for c in part if "!" <= c <= "~")
        if len(visible) <= 128:
            return visible
    return "too-long"


def test_no_random_number_or_key_is_found_in_errors_and_logs(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(1)
    assert (len(SEPARATORS), len(ENCODINGS)) == (40, 6)
    for at, (number, key, text) in enumerate(cases(VALUES)):
        caplog.clear()
        gateway.respond_with(FORMS[at % len(FORMS)](text), header(text))
        client = zignsec.Client(key, base_url=gateway.url, max_retries=0)
        with pytest.raises(zignsec.BadRequestError) as raised:
            client.get_session("a")
        error = raised.value
        shown = [
            *(str(error), repr(error), error.message, error.request_id or "", repr(client)),
            *traceback.format_exception_only(error),
            *(record.getMessage() for record in caplog.records),
        ]
        for each in shown:
            # Their digits may be those of a number by chance.
            own = each.replace(gateway.url, "URL")
            assert_safe(re.sub(r"\b\d+ ms\b", "ms", own), number, key)
            unseen = {"Cc", "Cf", "Zl", "Zp"}
            assert not unseen & set(map(unicodedata.category, each.rstrip("\n"))), ascii(each)
        assert error.body is not None
        # A phone number stays in the body, and so in the arguments; a key does not.
        for each in (
            error.body,
            *map(str, error.args),
            str(pickle.loads(pickle.dumps(error)).body),
        ):
            assert not leak(each, key, 8, r"[^0-9A-Za-z]"), (key, each)
    print(
        f"{VALUES} values in {len(SEPARATORS)} separators and {len(ENCODINGS)} encodings: 0 found"
    )


def test_no_random_number_or_key_is_printed_by_the_command_line(gateway: Gateway) -> None:
    for number, key, text in cases(PROGRAMS):
        gateway.respond_with(text, header(text))
        for options in ((), ("--json",)):
            completed = subprocess.run(
                [sys.executable, "-m", "zignsec", "get", *options, "a"],
                env={**INHERITED, "ZIGNSEC_API_KEY": key, "ZIGNSEC_BASE_URL": gateway.url}
                | {"PYTHONPATH": os.pathsep.join(sys.path)},
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert completed.returncode == 9
            assert_safe(completed.stdout, number, key)
            assert_safe(completed.stderr, number, key)


def test_the_command_line_escapes_errors_as_it_does_results() -> None:
    file = "no\x1b[31m\u202efile\nFAKE LINE"
    completed = subprocess.run(
        [sys.executable, "-m", "zignsec", "get", "--api-key-file", file, "a"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed.returncode == 6
    assert completed.stderr.count("\n") == 1
    assert completed.stderr.rstrip("\n").isprintable()


def test_one_attempt_is_one_line_whatever_the_gateway_says(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway.respond_with(json.dumps({"error": "x\x1b[31mred\r\nFAKE\u2028LOG\u202e LINE"}), "a b")
    client = zignsec.Client("a-key", base_url=gateway.url, max_retries=0)
    says = r"400: x\[31mred  FAKE LOG LINE; check the values of the request$"
    with pytest.raises(zignsec.BadRequestError, match=says) as raised:
        client.get_session("a")
    assert raised.value.request_id is None
    assert [record.name for record in caplog.records].count("zignsec") == 1
