"""Runs the programs and commands of the READMEs, unchanged, against the sandbox."""

from __future__ import annotations

import os
import queue
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import zignsec
from listener import Listener
from network import needs
from sandbox import Sandbox, direct
from steps import ROOT, SECRET, UNREADABLE_WEBHOOKS, programs, sign, until

TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{ROOT / 'include'}"]
LIBRARY = [f"-L{TARGET / 'debug'}", "-lzignsec", f"-Wl,-rpath,{TARGET / 'debug'}"]


# Positions of the programs of one language in the README.
FIRST, WEBHOOK, CANCEL = 0, 1, 2


def program(readme: str, language: str, position: int = FIRST) -> str:
    return programs(readme, language)[position]


def compile_program(
    folder: Path, language: str, *compiler: str, position: int = FIRST
) -> list[str]:
    source, executable = folder / f"first.{language}", str(folder / "first")
    source.write_text(program("README.md", language, position))
    subprocess.run([*compiler, *STRICT, source, "-o", executable, *LIBRARY], check=True)
    return [executable]


def build_c(folder: Path, position: int = FIRST) -> list[str]:
    return compile_program(folder, "c", os.environ.get("CC", "cc"), "-std=c99", position=position)


def build_cpp(folder: Path) -> list[str]:
    return compile_program(folder, "cpp", os.environ.get("CXX", "c++"), "-std=c++17")


def build_rust(folder: Path) -> list[str]:
    (folder / "src").mkdir()
    (folder / "src/main.rs").write_text(program("README.md", "rust"))
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "readme-first"\nedition = "2024"\n[workspace]\n'
        f'[dependencies]\nzignsec = {{ path = "{ROOT / "core"}" }}\n'
    )
    # The same dependency versions as the project, so that nothing is downloaded or built again.
    (folder / "Cargo.lock").write_bytes((ROOT / "Cargo.lock").read_bytes())
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}
    subprocess.run(["cargo", "build", "--quiet"], cwd=folder, env=environment, check=True)
    return [str(TARGET / "debug/readme-first")]


def build_python(folder: Path, readme: str = "README.md") -> list[str]:
    (folder / "first.py").write_text(program(readme, "python"))
    return [sys.executable, str(folder / "first.py")]


def build_python_package_program(folder: Path) -> list[str]:
    return build_python(folder, "py/README.md")


@pytest.mark.parametrize(
    "build", [build_c, build_cpp, build_python, build_python_package_program, build_rust]
)
def test_first_program_starts_a_session(
    build: Callable[[Path], list[str]], sandbox: Sandbox, tmp_path: Path
) -> None:
    command = build(tmp_path)
    environment = {
        **os.environ,
        "ZIGNSEC_BASE_URL": sandbox.url,
        "ZIGNSEC_API_KEY": sandbox.api_key,
    }
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    (session,) = sandbox.call("sessions")
    assert session["redirect_url"] in ran.stdout
    assert "verified" in ran.stdout
    assert "pending" in ran.stdout

    environment["ZIGNSEC_API_KEY"] = "wrong-key"
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode != 0
    assert "401" in ran.stderr


def commands(beginning: str) -> str:
    """The block of shell commands of the README with this beginning."""
    (block,) = (code for code in programs("README.md", "sh") if code.startswith(beginning))
    return block


# The first installation builds the libraries in release mode.
@pytest.mark.timeout(1200)
def test_the_c_library_is_installed_and_linked_by_the_commands_of_the_readme(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ZIGNSEC_", "MAKE", "MFLAGS", "LD_", "PKG_CONFIG", "DESTDIR"))
    }
    environment = {
        # Cargo and rustup keep their files in the real home directory.
        "CARGO_HOME": str(Path.home() / ".cargo"),
        "RUSTUP_HOME": str(Path.home() / ".rustup"),
        **inherited,
        "HOME": str(tmp_path),
    }
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "first.c").write_text(program("README.md", "c"))
    for beginning, where in (('make install PREFIX="$HOME', ROOT), ("export PKG_CONFIG", folder)):
        subprocess.run(["sh", "-euc", commands(beginning)], cwd=where, env=environment, check=True)
    settings = {"ZIGNSEC_BASE_URL": sandbox.url, "ZIGNSEC_API_KEY": sandbox.api_key}
    ran = subprocess.run(
        [folder / "first"], env=settings, capture_output=True, text=True, check=True, timeout=60
    )
    (session,) = sandbox.call("sessions")
    assert session["redirect_url"] in ran.stdout


@pytest.fixture
def webhook_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox with a known webhook secret. The environment points the programs at it."""
    with Sandbox("--webhook-secret", SECRET) as box:
        monkeypatch.setenv("ZIGNSEC_BASE_URL", box.url)
        monkeypatch.setenv("ZIGNSEC_API_KEY", box.api_key)
        monkeypatch.setenv("ZIGNSEC_WEBHOOK_SECRET", SECRET)
        yield box


def start(webhook: str, phone_number: str = "+46703339954") -> zignsec.Session:
    with zignsec.Client() as client:
        return client.start_phone_2fa(
            phone_number,
            redirect_success="https://example.com/ok",
            redirect_failure="https://example.com/no",
            webhook=webhook,
        )


SENT_TWICE = "+46701740651"
"""The sandbox sends each webhook for this number twice."""


class AnySession(dict[str, str]):
    """Contains the same phone number for every session ID."""

    def __init__(self, phone_number: str) -> None:
        self._phone_number = phone_number

    def __contains__(self, session_id: object) -> bool:
        return True

    def __getitem__(self, session_id: str) -> str:
        return self._phone_number


@contextmanager
def python_server(tmp_path: Path, phone_number: str, statuses: queue.Queue[str]) -> Generator[int]:
    """Runs the server, which has stored this number for every session. Returns the port."""
    (tmp_path / "hook.py").write_text(program("README.md", "python", WEBHOOK))
    webhook = runpy.run_path(str(tmp_path / "hook.py"))["webhook"]
    webhook.__globals__["phone_numbers"] = AnySession(phone_number)

    def recorded(environ: Any, start_response: Any) -> Any:
        def record(status: str, headers: list[tuple[str, str]]) -> Any:
            statuses.put(status)
            return start_response(status, headers)

        return webhook(environ, record)

    with make_server("127.0.0.1", 0, recorded) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("stored", "verified"), [(SENT_TWICE, True), ("+46701740652", False)])
def test_the_python_server_receives_a_webhook(
    webhook_sandbox: Sandbox,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    stored: str,
    verified: bool,
) -> None:
    statuses: queue.Queue[str] = queue.Queue()
    with python_server(tmp_path, stored, statuses) as port:
        url = f"http://127.0.0.1:{port}/hook"
        session = start(url, SENT_TWICE)
        assert [statuses.get(timeout=20) for _ in range(2)] == ["204 No Content"] * 2
        webhook_sandbox.user(session.id, "accept")
        assert [statuses.get(timeout=20) for _ in range(2)] == ["204 No Content"] * 2
        assert capfd.readouterr().out.splitlines() == [
            "session_created: pending, verified: False",
            f"session_finished: accepted, verified: {verified}",
        ]

        forged = urllib.request.Request(url, b'{"id":"a"}', {"X-ZignSec-Hmac-SHA256": "t=1"})
        with pytest.raises(urllib.error.HTTPError, match="400"):
            direct.open(forged, timeout=30)
        assert "rejected: the webhook signature has no v1" in capfd.readouterr().out


# What a client announces, and the response. None of these bodies may be read.
UNACCEPTABLE_LENGTHS = {
    "": "411 Length Required",
    "-1": "400 Bad Request",
    "+5": "400 Bad Request",
    "1_0": "400 Bad Request",
    "many": "400 Bad Request",
    "65537": "413 Content Too Large",
    "300000000": "413 Content Too Large",
    "99999999999999999999": "413 Content Too Large",
}


@pytest.mark.usefixtures("webhook_sandbox")
def test_the_python_server_does_not_read_a_body_without_an_acceptable_length(
    tmp_path: Path,
) -> None:
    import resource

    statuses: queue.Queue[str] = queue.Queue()
    with python_server(tmp_path, SENT_TWICE, statuses) as port:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for length, expected in UNACCEPTABLE_LENGTHS.items():
            header = f"Content-Length: {length}" if length else "Transfer-Encoding: chunked"
            # The client neither sends the body nor closes the connection. The server has one
            # thread, so it can respond to the next request only if it does not wait for the body.
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                connection.sendall(f"POST /hook HTTP/1.1\r\n{header}\r\n\r\n".encode())
                assert statuses.get(timeout=20) == expected, length
                assert expected in connection.recv(100).decode(), length
        # A large body that is sent is not stored.
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(b"POST /hook HTTP/1.1\r\nContent-Length: 300000000\r\n\r\n")
            with pytest.raises(ConnectionError):
                for _ in range(300):
                    connection.sendall(b"x" * 1_000_000)
        assert statuses.get(timeout=20) == "413 Content Too Large"
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024


@pytest.mark.usefixtures("webhook_sandbox")
def test_the_python_server_rejects_nonsense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WSGIRequestHandler, "timeout", 0.2)
    statuses: queue.Queue[str] = queue.Queue()
    with python_server(tmp_path, SENT_TWICE, statuses) as port:

        def response(headers: str, body: bytes = b"", *, is_complete: bool = True) -> str:
            """The status that the client receives."""
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                connection.sendall(f"POST /hook HTTP/1.1\r\n{headers}\r\n\r\n".encode() + body)
                if is_complete:
                    connection.shutdown(socket.SHUT_WR)
                return connection.makefile().readline().split(" ", 1)[1].strip()

        for body in UNREADABLE_WEBHOOKS:
            headers = f"Content-Length: {len(body)}\r\nX-ZignSec-Hmac-SHA256: {sign(body)}"
            assert response(headers, body) == "400 Bad Request", body
        body = b'{"id":"a"}'
        signature = f"X-ZignSec-Hmac-SHA256: {sign(body)}"
        # Less than the signed body, and less than announced.
        assert response(f"Content-Length: 9\r\n{signature}", body) == "400 Bad Request"
        assert response(f"Content-Length: 10\r\n{signature}", body[:-1]) == "400 Bad Request"
        chunk = b"a\r\n" + body + b"\r\n0\r\n\r\n"
        chunked = f"Transfer-Encoding: chunked\r\n{signature}"
        assert response(chunked, chunk) == "411 Length Required"
        assert response(f"{chunked}\r\nContent-Length: {len(chunk)}", chunk) == "400 Bad Request"
        late = response(f"Content-Length: 11\r\n{signature}", body, is_complete=False)
        assert late == "408 Request Timeout"


def test_the_c_program_receives_a_webhook(
    webhook_sandbox: Sandbox, listener: Listener, tmp_path: Path
) -> None:
    command = build_c(tmp_path, WEBHOOK)
    webhook_sandbox.arm("webhook-stale")
    session = start(listener.url, "+46701740605")
    stale = listener.next()
    webhook_sandbox.user(session.id, "accept")
    received = listener.next()

    def run(body: bytes, signature: str | None) -> tuple[str, str]:
        """Returns the response of the program and its standard error."""
        environment = {**os.environ, "CONTENT_LENGTH": str(len(body))}
        if signature is not None:
            environment["HTTP_X_ZIGNSEC_HMAC_SHA256"] = signature
        ran = subprocess.run(command, input=body, env=environment, capture_output=True, timeout=60)
        assert ran.returncode == 0
        return ran.stdout.decode(), ran.stderr.decode()

    signature = received.headers["x-zignsec-hmac-sha256"]
    response, log = run(received.body, signature)
    assert response == "Status: 204 No Content\r\n\r\n"
    assert log == "session_finished: accepted, verified: 1\n"
    for body, header in (
        (received.body + b" ", signature),
        (received.body, None),
        (b"", signature),
        (stale.body, stale.headers["x-zignsec-hmac-sha256"]),
    ):
        response, log = run(body, header)
        assert response == "Status: 400 Bad Request\r\n\r\n"
        assert log.startswith("ZS_ERROR_WEBHOOK_SIGNATURE: ")

    # The program has the number of every session; this session has another one.
    session = start(listener.url, "+46703339954")
    listener.next()
    webhook_sandbox.user(session.id, "accept")
    received = listener.next()
    response, log = run(received.body, received.headers["x-zignsec-hmac-sha256"])
    assert log == "session_finished: accepted, verified: 0\n"


def build_c_webhook_example(folder: Path) -> list[str]:
    executable = str(folder / "webhook")
    source = ROOT / "examples/c/webhook.c"
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-std=c99", *STRICT, source, "-o", executable, *LIBRARY], check=True)
    return [executable]


def build_c_webhook(folder: Path) -> list[str]:
    return build_c(folder, WEBHOOK)


@pytest.mark.parametrize("build", [build_c_webhook, build_c_webhook_example])
def test_a_c_program_does_not_read_a_body_without_an_acceptable_length(
    build: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    command = build(tmp_path)
    environment = {**os.environ, "ZIGNSEC_WEBHOOK_SECRET": SECRET}

    def run(length: str | None) -> str:
        variables = {} if length is None else {"CONTENT_LENGTH": length}
        # Standard input stays open: a program that reads it does not end.
        with subprocess.Popen(
            command,
            env={**environment, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            try:
                process.wait(timeout=20)
                return process.stdout.read().decode()
            finally:
                process.kill()

    assert run(None) == "Status: 411 Length Required\r\n\r\n"
    for length, expected in UNACCEPTABLE_LENGTHS.items():
        assert run(length) == f"Status: {expected}\r\n\r\n", length


@pytest.mark.parametrize("build", [build_c_webhook, build_c_webhook_example])
def test_a_c_program_rejects_nonsense(build: Callable[[Path], list[str]], tmp_path: Path) -> None:
    command = build(tmp_path)

    def run(body: bytes, length: int, signature: str, **environment: str) -> str:
        environment = {
            **os.environ,
            "CONTENT_LENGTH": str(length),
            "HTTP_X_ZIGNSEC_HMAC_SHA256": signature,
            **environment,
        }
        ran = subprocess.run(command, input=body, env=environment, capture_output=True, timeout=20)
        return ran.stdout.decode()

    for body in UNREADABLE_WEBHOOKS:
        response = run(body, len(body), sign(body), ZIGNSEC_WEBHOOK_SECRET=SECRET)
        assert response == "Status: 400 Bad Request\r\n\r\n", body
    body = b'{"id":"a"}'
    # Less than the signed body, and less than announced.
    for length, sent in ((9, body), (10, body[:-1])):
        response = run(sent, length, sign(body), ZIGNSEC_WEBHOOK_SECRET=SECRET)
        assert response == "Status: 400 Bad Request\r\n\r\n"
    # Not the sender's mistake.
    assert run(body, 10, sign(body)) == "Status: 500 Internal Server Error\r\n\r\n"


def build_c_cancel(folder: Path, *options: str) -> list[str]:
    return compile_program(folder, "c", "cc", "-std=c99", *options, position=CANCEL)


def waiting_process(sandbox: Sandbox, command: list[str], **options: Any) -> subprocess.Popen[str]:
    """Runs the program, and returns it when it has polled an unfinished session."""
    with zignsec.Client(sandbox.api_key, base_url=sandbox.url) as client:
        session = client.start_phone_2fa(
            "+46703339954",
            redirect_success="https://example.com/ok",
            redirect_failure="https://example.com/no",
        )
    before = len(sandbox.requests())
    process = subprocess.Popen(
        [*command, session.id],
        env={
            **os.environ,
            "ZIGNSEC_BASE_URL": sandbox.url,
            "ZIGNSEC_API_KEY": sandbox.api_key,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    until(lambda: len(sandbox.requests()) > before)
    return process


def test_ctrl_c_cancels_the_wait_of_the_c_program(sandbox: Sandbox, tmp_path: Path) -> None:
    process = waiting_process(sandbox, build_c_cancel(tmp_path))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, "")
    assert err.startswith("ZS_ERROR_CANCELLED: ")


# Calls the real function, and then raises SIGINT as if the user pressed Ctrl-C at that moment.
FREE_AND_INTERRUPT = """
#include <signal.h>
#include <zignsec.h>
void free_and_interrupt(zs_client *client);
void free_and_interrupt(zs_client *client) {
    zs_client_free(client);
    raise(SIGINT);
}
"""


def test_ctrl_c_after_the_free_does_not_touch_the_client(tmp_path: Path) -> None:
    needs("valgrind", found=shutil.which("valgrind") is not None)
    shim = tmp_path / "shim.o"
    (tmp_path / "shim.c").write_text(FREE_AND_INTERRUPT)
    subprocess.run(["cc", *STRICT, "-c", tmp_path / "shim.c", "-o", shim], check=True)
    command = build_c_cancel(tmp_path, "-Dzs_client_free=free_and_interrupt", str(shim))
    ran = subprocess.run(
        ["valgrind", *command, "not an ID"],
        env={**os.environ, "ZIGNSEC_API_KEY": "a-key"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    # The default action, because the program restored it.
    assert ran.returncode == -signal.SIGINT
    assert "Invalid read" not in ran.stderr
    assert "ERROR SUMMARY: 0 errors" in ran.stderr


WAITING = [code for code in programs("py/README.md", "python") if "wait_for_session" in code]


@pytest.mark.parametrize("code", WAITING)
def test_a_python_program_waits_for_the_verdict(sandbox: Sandbox, code: str) -> None:
    environment = {
        **os.environ,
        "ZIGNSEC_BASE_URL": sandbox.url,
        "ZIGNSEC_API_KEY": sandbox.api_key,
    }
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    )
    until(lambda: sandbox.call("sessions"))
    (session,) = sandbox.call("sessions")
    sandbox.user(session["id"], "accept")
    out, _ = process.communicate(timeout=60)
    assert session["redirect_url"] in out
    assert out.endswith("\nverified\n")
