"""The PHP example in PHP-FPM, with the settings that its README names."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from network import needs
from sandbox import Sandbox
from test_examples import EXAMPLES, IMMEDIATELY_ACCEPTED, LIBRARY, ROOT

FPM = next(iter(sorted(Path("/usr/sbin").glob("php-fpm*"))), None)
IS_ROOT = os.geteuid() == 0

# FastCGI, section 8.
BEGIN_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7
RESPONDER = bytes([0, 1, 0, 0, 0, 0, 0, 0])

PAGE = """<?php
try {
    check(load_library(), getenv('ZIGNSEC_TEST_PHONE'));
} catch (Throwable $error) {
    echo get_class($error), ': ', $error->getMessage();
}
"""

CONFIG = """
[global]
error_log = /dev/stderr
daemonize = no
[www]
{user}
listen = {folder}/socket
listen.mode = 0666
pm = static
pm.max_children = 1
clear_env = no
"""


def record(kind: int, content: bytes) -> bytes:
    return bytes([1, kind, 0, 1]) + len(content).to_bytes(2, "big") + bytes(2) + content


def pair(name: str, value: str) -> bytes:
    # The length of a value of 128 bytes or more has four bytes.
    lengths = bytes([len(name)]) + (len(value) | 1 << 31).to_bytes(4, "big")
    return lengths + name.encode() + value.encode()


def get(path: Path, script: Path) -> str:
    """The response of PHP-FPM to a GET, with its headers and errors."""
    params = pair("SCRIPT_FILENAME", str(script)) + pair("REQUEST_METHOD", "GET")
    request = record(BEGIN_REQUEST, RESPONDER) + record(PARAMS, params) + record(PARAMS, b"")
    received = bytearray()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(request + record(STDIN, b""))
        with connection.makefile("rb") as response:
            while (header := response.read(8))[1] != END_REQUEST:
                content = response.read(int.from_bytes(header[4:6], "big"))
                response.read(header[6])
                if header[1] in (STDOUT, STDERR):
                    received += content
    return received.decode()


@contextmanager
def fpm(folder: Path, sandbox: Sandbox, options: list[str]) -> Generator[Path]:
    """PHP-FPM with some options; returns its socket."""
    assert FPM is not None
    user = "user = root\ngroup = root" if IS_ROOT else ""
    (folder / "fpm.conf").write_text(CONFIG.format(folder=folder, user=user))
    settings = [part for option in options for part in ("-d", option)]
    with subprocess.Popen(
        [FPM, "-F", "-y", folder / "fpm.conf", *(["-R"] if IS_ROOT else []), *settings],
        env={
            "LD_LIBRARY_PATH": str(LIBRARY),
            "ZIGNSEC_BASE_URL": sandbox.url,
            "ZIGNSEC_API_KEY": sandbox.api_key,
            "ZIGNSEC_TEST_PHONE": IMMEDIATELY_ACCEPTED,
        },
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            assert any("ready to handle connections" in line for line in process.stderr)
            yield folder / "socket"
        finally:
            process.terminate()


VERIFIED = "The session ended accepted: the user is verified."


@pytest.mark.parametrize(
    ("options", "is_preloaded", "expected"),
    [
        ([], False, 'FFI API is restricted by "ffi.enable" configuration directive'),
        (["ffi.enable=1"], False, VERIFIED),
        ([], True, VERIFIED),
    ],
    ids=["not preloaded", "enabled", "preloaded"],
)
def test_a_page_that_verifies_a_user(
    tmp_path: Path, options: list[str], is_preloaded: bool, expected: str
) -> None:
    needs("php-fpm", found=FPM is not None)
    shutil.copy(ROOT / "include/zignsec.cdef", tmp_path)
    program = (EXAMPLES / "php/phone_2fa.php").read_text()
    functions, end, _ = program.partition("\nif ($argc !== 2)")
    assert end
    (tmp_path / "functions.php").write_text(functions)
    page = PAGE
    if is_preloaded:
        options = [*options, f"opcache.preload={tmp_path}/functions.php"]
        options += ["opcache.preload_user=root"] if IS_ROOT else []
    else:
        page = page.replace("<?php\n", "<?php\nrequire __DIR__ . '/functions.php';\n")
    (tmp_path / "page.php").write_text(page)
    with Sandbox() as box, fpm(tmp_path, box, options) as path:
        assert expected in get(path, tmp_path / "page.php")
