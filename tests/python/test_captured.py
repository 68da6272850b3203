"""Tests of the search for secrets: plain and in several forms of dump."""

from __future__ import annotations

import pytest
from captured import found

SECRET = b"authorization: sandbox-key\r\n"


def hex_dump(data: bytes) -> str:
    def row(at: int) -> str:
        part = data[at : at + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        return f"{at:08x}  {part.hex(' '):<48} |{shown}|"

    return "\n".join(row(at) for at in range(0, len(data), 16))


@pytest.mark.parametrize(
    "text",
    [
        "sent sandbox-key to the gateway",
        "split sandb\nox-key over rows",
        hex_dump(b"." * 11 + SECRET),
        hex_dump(b"." * 11 + SECRET).replace("|", ""),
        " ".join(f"{byte:02x}" for byte in SECRET),
        SECRET.hex(),
        str(list(SECRET)),
        "to +46701740605",
        "to +46 70-174 06 05",
        hex_dump(b'{"phone_number":"+46703339954"}'),
    ],
)
def test_secret_is_found(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize(
    "text",
    [
        "POST core/api/sessions/two_factor_auth/phone: attempt 1, new connection, 3 ms: 200",
        "to +46*****605 and +46*****954 with [key]",
        hex_dump(b"nothing to be seen here, please go on"),
    ],
)
def test_no_secret_is_found_in_harmless_text(text: str) -> None:
    assert not found(text)
