"""The command line if its standard streams are closed, full or odd, and if it is interrupted."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from command_line import (
    BAD_USAGE,
    BUG,
    CLOSED_PIPE,
    CONFIGURATION,
    DONE,
    INTERRUPTED,
    MODULE,
    NETWORK,
    NO_RESULT,
    OTHER_STATUS,
    OUTPUT,
    SCRIPT,
    WEBHOOK_REJECTED,
    environment_of,
    run,
)
from network import dead_port
from sandbox import Sandbox
from steps import (
    INHERITED,
    NEW_CONSOLE,
    REDIRECTS,
    interrupt,
    request_arrived,
    start_session,
    until,
)

START = (
    *("start", "+46703339954"),
    *("--redirect-success", REDIRECTS["redirect_success"]),
    *("--redirect-failure", REDIRECTS["redirect_failure"]),
)
NO_SPACE = "cannot write standard output: No space left on device\n"
CLOSED = "cannot write standard output: it is closed\n"
VERIFY = ("verify-webhook", "--signature", "t=1,v1=00")


@pytest.fixture
def env(sandbox: Sandbox) -> dict[str, str]:
    return {**environment_of(sandbox), "ZIGNSEC_WEBHOOK_SECRET": "a-secret"}


@pytest.fixture(params=["buffered", "unbuffered"])
def _buffering(request: pytest.FixtureRequest, env: dict[str, str]) -> None:
    if request.param == "unbuffered":
        env["PYTHONUNBUFFERED"] = "1"


@pytest.fixture
def session_id(sandbox: Sandbox) -> str:
    with sandbox.client() as client:
        return start_session(client)


@pytest.fixture
def closed_pipe() -> Iterator[int]:
    """The end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.fixture
def full_disk() -> Iterator[int]:
    full = os.open("/dev/full", os.O_WRONLY)
    yield full
    os.close(full)


def outputs(session_id: str) -> list[tuple[str, ...]]:
    """Commands that write to standard output, whatever it is."""
    return [
        ("--help",),
        ("--version",),
        ("get", session_id),
        ("get", "no-such-session", "--json"),
        ("demo",),
    ]


def code_and_error(
    arguments: tuple[str, ...],
    env: Mapping[str, str],
    *,
    stdout: int,
    program: tuple[str, ...] = MODULE,
) -> tuple[int, str]:
    completed = subprocess.run(
        [*program, *arguments],
        env={**INHERITED, **env},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    return completed.returncode, completed.stderr


def last_line(text: str) -> str:
    return "".join(text.splitlines(keepends=True)[-1:])


@pytest.mark.usefixtures("_buffering")
def test_closed_pipe_ends_the_program_quietly(
    session_id: str, env: dict[str, str], closed_pipe: int
) -> None:
    for arguments in outputs(session_id):
        code, error = code_and_error(arguments, env, stdout=closed_pipe)
        assert code == CLOSED_PIPE
        # Only the error of the command itself.
        assert error.startswith("NotFoundError: ") if "--json" in arguments else error == ""
    if sys.platform != "win32":  # windows.py says why.
        closed = code_and_error(("--help",), env, stdout=closed_pipe, program=SCRIPT)
        assert closed[0] == CLOSED_PIPE


@pytest.mark.usefixtures("_buffering")
def test_full_disk_is_an_error_in_one_line(
    session_id: str, env: dict[str, str], full_disk: int
) -> None:
    for arguments in outputs(session_id):
        code, error = code_and_error(arguments, env, stdout=full_disk)
        assert (code, last_line(error)) == (OUTPUT, NO_SPACE)
        assert error.count("\n") == (2 if "--json" in arguments else 1)
    completed = code_and_error(("--help",), env, stdout=full_disk, program=SCRIPT)
    assert completed == (OUTPUT, NO_SPACE)


def test_reader_of_the_first_line_gets_the_whole_result(
    session_id: str, env: dict[str, str]
) -> None:
    # The result is written at once, so the reader cannot leave in the middle.
    process = subprocess.Popen(
        [*MODULE, "get", session_id],
        env={**INHERITED, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == f"id            {session_id}{os.linesep}".encode()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == NO_RESULT


def test_unwritten_output_does_not_hide_an_error(
    env: dict[str, str], closed_pipe: int, full_disk: int
) -> None:
    with dead_port() as dead:
        env["ZIGNSEC_BASE_URL"] = f"http://{dead}"
        for stdout in (closed_pipe, full_disk):
            code, error = code_and_error(("get", "a"), env, stdout=stdout)
            assert (code, error.startswith("APIConnectionError: ")) == (NETWORK, True)
            code, error = code_and_error(("get",), env, stdout=stdout)
            assert (code, error.startswith("usage: ")) == (BAD_USAGE, True)


def test_unwritable_standard_error_does_not_change_the_exit_code(
    session_id: str, env: dict[str, str], closed_pipe: int, full_disk: int
) -> None:
    for arguments, code in (
        (("get", session_id), NO_RESULT),
        (("get", "no-such-session", "--json"), OTHER_STATUS),
        (("get",), BAD_USAGE),
        (VERIFY, WEBHOOK_REJECTED),
        (("demo", "--json"), DONE),
    ):
        expected = run(*arguments, environment=env)
        for stderr in (closed_pipe, full_disk):
            completed = subprocess.run(
                [*MODULE, *arguments],
                env={**INHERITED, **env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                timeout=60,
            )
            assert completed.returncode == expected.code == code
            if code == NO_RESULT:
                assert completed.stdout == expected.out


def with_closed(
    numbers: str, *arguments: str, environment: Mapping[str, str]
) -> tuple[int, str, str]:
    """Run the program without some of the standard streams."""
    closing = " ".join(f"{number}>&-" for number in numbers)
    completed = run(
        *("-c", f'"$@" {closing}', "sh", *MODULE, *arguments),
        environment=environment,
        program=["sh"],
    )
    return completed.code, completed.out, completed.err


def test_closed_streams(session_id: str, env: dict[str, str], sandbox: Sandbox) -> None:
    expected = run("get", session_id, environment=env)
    get = ("get", session_id)
    assert with_closed("0", *get, environment=env) == (NO_RESULT, expected.out, "")
    assert with_closed("2", *get, environment=env) == (NO_RESULT, expected.out, "")
    assert with_closed("02", *get, environment=env) == (NO_RESULT, expected.out, "")
    assert with_closed("1", *get, environment=env) == (OUTPUT, "", CLOSED)
    assert with_closed("012", *get, environment=env) == (OUTPUT, "", "")
    assert with_closed("1", "--help", environment=env) == (OUTPUT, "", CLOSED)
    # Without standard error, messages do not go to standard output instead.
    assert with_closed("2", "get", environment=env) == (BAD_USAGE, "", "")
    assert with_closed("12", "get", environment=env) == (BAD_USAGE, "", "")
    assert with_closed("2", "get", "not an id", environment=env) == (BAD_USAGE, "", "")
    code, out, _ = with_closed("2", "wait", session_id, "--timeout", "0.1", environment=env)
    assert (code, out) == (NO_RESULT, "")
    sandbox.user(session_id, "accept")
    code, out, _ = with_closed("02", "wait", session_id, environment=env)
    assert (code, "status        accepted\n" in out) == (DONE, True)
    assert with_closed("02", "demo", environment=env)[0] == DONE
    code, out, error = with_closed("0", *VERIFY, environment=env)
    assert (code, out) == (CONFIGURATION, "")
    assert error == ("ConfigurationError: FILE: cannot read the body: standard input is closed\n")


AFTERWARDS = """
import os, sys
from pathlib import Path
from zignsec.__main__ import main
code = main(["get", "not an id"])
targets = [os.readlink(f"/proc/self/fd/{number}") for number in range(3)]
Path(sys.argv[1]).write_text(f"{code} {targets}")
"""


def test_no_socket_becomes_a_standard_stream(tmp_path: Path, env: dict[str, str]) -> None:
    result = tmp_path / "result"
    closing = ("sh", "-c", '"$@" <&- >&- 2>&-', "sh")
    run(str(result), environment=env, program=[*closing, sys.executable, "-c", AFTERWARDS])
    assert result.read_text() == f"{int(BAD_USAGE)} {['/dev/null'] * 3}"


def test_body_without_end_is_an_error(env: dict[str, str]) -> None:
    stdin = os.open("/dev/zero", os.O_RDONLY)
    completed = subprocess.run(
        [*MODULE, *VERIFY],
        env={**INHERITED, **env},
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )
    os.close(stdin)
    assert (completed.returncode, completed.stdout) == (CONFIGURATION, "")
    assert completed.stderr.startswith("ConfigurationError: FILE: cannot read the body: ")


BUG_IN_A_COMMAND = """
import sys
from zignsec import _parser
from zignsec.__main__ import main
def check(args):
    raise ZeroDivisionError
_parser.check = check
sys.exit(main(["check"]))
"""


def test_bug_keeps_its_exit_code(env: dict[str, str], closed_pipe: int, full_disk: int) -> None:
    completed = run("-c", BUG_IN_A_COMMAND, environment=env, program=[sys.executable])
    assert completed.code == BUG
    for broken in (closed_pipe, full_disk):
        program = [sys.executable, "-c", BUG_IN_A_COMMAND]
        environment = {**INHERITED, **env}
        done = subprocess.run(program, env=environment, stdout=broken, stderr=broken, timeout=60)
        assert done.returncode == BUG


@pytest.mark.parametrize(
    ("locale", "name"),
    [
        ({"PYTHONIOENCODING": "ascii"}, rb"\xe5 \u6f22 \U0001f512 \u2028"),
        ({"PYTHONIOENCODING": "cp1252"}, b"\xe5 " + rb"\u6f22 \U0001f512 \u2028"),
        (
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            rb"\xe5 \u6f22 \U0001f512 \u2028",
        ),
        ({"LC_ALL": "C.UTF-8"}, r"å 漢 🔒 \u2028".encode()),
    ],
    ids=str,
)
def test_text_that_the_locale_lacks_is_escaped(
    locale: dict[str, str], name: bytes, env: dict[str, str]
) -> None:
    body = '{"id":"a","event":"å 漢 🔒 \\u2028","status":"accepted"}'.encode()
    at = f"{time.time():.0f}"
    digest = hmac.new(b"a-secret", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    verify = ("verify-webhook", "--signature", f"t={at},v1={digest}")
    completed = in_locale(locale, *verify, env=env, body=body)
    assert (completed.returncode, completed.stderr) == (DONE, b"")
    assert completed.stdout.splitlines()[0] == b"name          " + name
    completed = in_locale(locale, *verify, "--json", env=env, body=body)
    assert json.loads(completed.stdout)["name"] == "å 漢 🔒 \u2028"

    for odd in (b"\xff", "å".encode(), b"\x1b[2J"):
        for arguments in (
            (odd,),
            ("get", odd),
            ("get", "a", odd),
            ("get", "a", "--api-key-file", b"/" + odd),
        ):
            completed = in_locale(locale, *arguments, env=env)
            assert completed.returncode in (BAD_USAGE, CONFIGURATION)
            assert b"Traceback" not in completed.stderr
            assert b"\x1b" not in completed.stderr


def in_locale(
    locale: Mapping[str, str], *arguments: str | bytes, env: Mapping[str, str], body: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*MODULE, *arguments],
        env={**INHERITED, **env, **locale},
        input=body,
        capture_output=True,
        timeout=60,
    )


class Running:
    """The program, in the background."""

    def __init__(
        self, *arguments: str, env: Mapping[str, str], stdout: int = subprocess.PIPE
    ) -> None:
        self.process = subprocess.Popen(
            [*MODULE, *arguments],
            env={**INHERITED, **env},
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.PIPE,
            creationflags=NEW_CONSOLE,
        )

    def interrupt(self) -> None:
        """Send the signal of Ctrl-C, and check how the program ends."""
        interrupt(self.process)
        # Not communicate(), which would close standard input.
        assert self.process.wait(60) == INTERRUPTED
        _, err = self.process.communicate()
        assert err == b"interrupted\n"


def test_ctrl_c_during_a_wait(sandbox: Sandbox, session_id: str, env: dict[str, str]) -> None:
    polled = request_arrived(sandbox)
    running = Running("wait", session_id, env=env)
    until(polled)
    running.interrupt()


@pytest.mark.parametrize("arguments", [("get", "a"), ("check",), START], ids=lambda a: a[0])
def test_ctrl_c_during_a_call(arguments: tuple[str, ...], env: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env["ZIGNSEC_BASE_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        running = Running(*arguments, env=env)
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(1)
            running.interrupt()


def test_ctrl_c_while_the_body_is_read(env: dict[str, str]) -> None:
    running = Running(*VERIFY, env=env)
    assert running.process.stdin is not None
    running.process.stdin.write(b"{")
    running.process.stdin.flush()
    pipe = running.process.stdin.fileno()
    until(lambda: unread(pipe) == 0)
    running.interrupt()


def test_ctrl_c_while_nobody_reads_the_output(sandbox: Sandbox, env: dict[str, str]) -> None:
    with sandbox.client() as client:
        session = client.start_phone_2fa("+46703339954", **REDIRECTS, relay_state="x" * 10_000)
    import fcntl

    reader, writer = os.pipe()
    size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    running = Running("get", session.id, "--json", env=env, stdout=writer)
    until(lambda: unread(reader) == size)
    running.interrupt()
    os.close(reader)
    os.close(writer)


def unread(pipe: int) -> int:
    """The number of bytes in a pipe."""
    import fcntl
    import termios

    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4), sys.byteorder)


def test_ctrl_c_during_the_demo(env: dict[str, str]) -> None:
    # The browser of this user shows nothing.
    running = Running("demo", "--browser", env={**env, "BROWSER": "true %s"})
    assert running.process.stdout is not None
    while b"3. " not in running.process.stdout.readline():
        pass
    running.interrupt()


DURING_THE_IMPORT = """
import sys
from zignsec.__main__ import main
class Interrupt:
    def find_spec(name, *_):
        if name == sys.argv[1]:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt)
sys.exit(main(["--version"]))
"""


@pytest.mark.parametrize("module", ["zignsec._command_line", "argparse", "zignsec._report"])
def test_ctrl_c_during_the_import(module: str, env: dict[str, str]) -> None:
    completed = run("-c", DURING_THE_IMPORT, module, environment=env, program=[sys.executable])
    assert completed == type(completed)(INTERRUPTED, "", "interrupted\n")
