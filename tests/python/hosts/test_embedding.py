"""A C program that starts Python, ends it, and starts it again."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import zignsec
from host import HERE, only_zignsec
from network import needs
from sandbox import Sandbox
from steps import start_session

CALL = """
import os, zignsec
client = zignsec.Client()
assert client.get_session(os.environ["SESSION_ID"]).id == os.environ["SESSION_ID"]
try:
    client.get_session("unknown")
except zignsec.NotFoundError:
    pass
"""
IN_A_CALLBACK = """
import os, zignsec

def on_poll(session, elapsed):
    return False

try:
    zignsec.Client().wait_for_session(os.environ["SESSION_ID"], on_poll=on_poll)
except zignsec.CallCancelledError:
    pass
"""
REFUSED = """
import sys
for _ in range(2):
    try:
        import zignsec
    except ImportError as error:
        assert "or was used by one that has ended" in str(error), error
    else:
        raise AssertionError("imported")
    assert not [name for name in sys.modules if name.startswith("zignsec")]
"""


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The C program, linked with the Python that runs this test."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    config = Path(sys.base_prefix, "bin", f"python{version}-config")
    needs("python3-dev", found=config.exists())
    flags = shlex.split(
        subprocess.run(
            [config, "--embed", "--cflags", "--ldflags"], capture_output=True, text=True, check=True
        ).stdout
    )
    path = tmp_path_factory.mktemp("embedding") / "embedding"
    library = f"-Wl,-rpath,{sys.base_prefix}/lib"
    subprocess.run(["cc", HERE / "embedding.c", "-o", path, *flags, library], check=True)
    return str(path)


@pytest.mark.parametrize(
    "lives",
    [
        [CALL, REFUSED, REFUSED],
        [IN_A_CALLBACK, REFUSED],
        ["import zignsec", REFUSED],
        # An interpreter that does not import it leaves it to the next one.
        ["import json", CALL, REFUSED],
    ],
)
def test_python_that_starts_again(
    program: str, sandbox: Sandbox, client: zignsec.Client, tmp_path: Path, lives: list[str]
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONHOME": f"{sys.base_prefix}:{sys.base_exec_prefix}",
        "PYTHONPATH": only_zignsec(tmp_path),
        "ZIGNSEC_BASE_URL": sandbox.url,
        "ZIGNSEC_API_KEY": sandbox.api_key,
        "SESSION_ID": start_session(client),
    }
    completed = subprocess.run(
        [program, *lives], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (completed.returncode, completed.stderr) == (0, "")
