"""The programs of the READMEs, as they stand there, against the sandbox."""

from __future__ import annotations

import os
import queue
import re
import runpy
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

import pytest
import zignsec
from listener import Listener
from sandbox import Sandbox, direct
from steps import ROOT, programs, until

TARGET = ROOT / "target"
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{ROOT / 'include'}"]
LIBRARY = [f"-L{TARGET / 'debug'}", "-lzignsec", f"-Wl,-rpath,{TARGET / 'debug'}"]


FIRST, WEBHOOK = 0, 1


def program(readme: str, language: str, place: int = FIRST) -> str:
    """One of them."""
    return programs(readme, language)[place]


def compiled(folder: Path, language: str, *compiler: str, place: int = FIRST) -> list[str]:
    source, built = folder / f"first.{language}", str(folder / "first")
    source.write_text(program("README.md", language, place))
    subprocess.run([*compiler, *STRICT, source, "-o", built, *LIBRARY], check=True)
    return [built]


def build_c(folder: Path, place: int = FIRST) -> list[str]:
    return compiled(folder, "c", os.environ.get("CC", "cc"), "-std=c99", place=place)


def build_cpp(folder: Path) -> list[str]:
    return compiled(folder, "cpp", os.environ.get("CXX", "c++"), "-std=c++17")


def build_rust(folder: Path) -> list[str]:
    (folder / "src").mkdir()
    (folder / "src/main.rs").write_text(program("README.md", "rust"))
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "readme-first"\nedition = "2024"\n[workspace]\n'
        f'[dependencies]\nzignsec = {{ path = "{ROOT / "core"}" }}\n'
    )
    # The versions that the project is built with.
    (folder / "Cargo.lock").write_bytes((ROOT / "Cargo.lock").read_bytes())
    where = {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}
    subprocess.run(["cargo", "build", "--quiet"], cwd=folder, env=where, check=True)
    return [str(TARGET / "debug/readme-first")]


def build_python(folder: Path, readme: str = "README.md") -> list[str]:
    (folder / "first.py").write_text(program(readme, "python"))
    return [sys.executable, str(folder / "first.py")]


def build_python_of_the_package(folder: Path) -> list[str]:
    return build_python(folder, "py/README.md")


@pytest.mark.parametrize(
    "build", [build_c, build_cpp, build_python, build_python_of_the_package, build_rust]
)
def test_a_first_program_opens_a_session(
    build: Callable[[Path], list[str]], sandbox: Sandbox, tmp_path: Path
) -> None:
    command = build(tmp_path)
    where = {
        **os.environ,
        "ZIGNSEC_BASE_URL": sandbox.url,
        "ZIGNSEC_API_KEY": sandbox.api_key,
    }
    ran = subprocess.run(command, env=where, capture_output=True, text=True, check=True, timeout=60)
    (session,) = sandbox.call("sessions")
    assert session["redirect_url"] in ran.stdout
    assert "verified" in ran.stdout
    assert "pending" in ran.stdout

    where["ZIGNSEC_API_KEY"] = "wrong-key"
    ran = subprocess.run(command, env=where, capture_output=True, text=True, timeout=60)
    assert ran.returncode != 0
    assert "401" in ran.stderr


def test_the_library_is_linked_as_the_readme_says(sandbox: Sandbox, tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    (commands,) = re.findall(
        r"^```sh\n(cargo build --release -p zignsec-c\n.*?)^```$", text, re.S | re.M
    )
    # The tests have built it already, for debugging.
    commands = commands.replace("cargo build --release -p zignsec-c", "").replace(
        "release", "debug"
    )
    (tmp_path / "first.c").write_text(program("README.md", "c"))
    for folder in ("include", "target"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    subprocess.run(["sh", "-euc", commands], cwd=tmp_path, check=True, timeout=60)
    where = {"ZIGNSEC_BASE_URL": sandbox.url, "ZIGNSEC_API_KEY": sandbox.api_key}
    subprocess.run([tmp_path / "first"], env=where, check=True, timeout=60)


SECRET = "a-secret-of-hooks"


@pytest.fixture
def signing_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox whose secret the programs know, and whose gateway they use."""
    with Sandbox("--webhook-secret", SECRET) as box:
        monkeypatch.setenv("ZIGNSEC_BASE_URL", box.url)
        monkeypatch.setenv("ZIGNSEC_API_KEY", box.api_key)
        monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
        yield box


def start(webhook: str, phone_number: str = "+46703339954") -> zignsec.Session:
    with zignsec.Client() as client:
        return client.start_phone_2fa(
            phone_number,
            redirect_success="https://example.com/ok",
            redirect_failure="https://example.com/no",
            webhook=webhook,
        )


def test_a_webhook_reaches_the_server_in_python(
    signing_sandbox: Sandbox, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hook.py").write_text(program("README.md", "python", WEBHOOK))
    webhook = runpy.run_path(str(tmp_path / "hook.py"))["webhook"]
    answers: queue.Queue[str] = queue.Queue()

    def watched(environ: Any, start_response: Any) -> Any:
        def note(status: str, headers: list[tuple[str, str]]) -> Any:
            answers.put(status)
            return start_response(status, headers)

        return webhook(environ, note)

    with make_server("127.0.0.1", 0, watched) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/hook"
            # The sandbox sends each webhook of this number's twice.
            session = start(url, "+46701740651")
            assert [answers.get(timeout=20) for _ in range(2)] == ["204 No Content"] * 2
            signing_sandbox.user(session.id, "accept")
            assert [answers.get(timeout=20) for _ in range(2)] == ["204 No Content"] * 2
            assert capfd.readouterr().out.splitlines() == [
                "session_created: pending, verified: False",
                "session_finished: accepted, verified: True",
            ]

            forged = urllib.request.Request(url, b'{"id":"a"}', {"X-ZignSec-Hmac-SHA256": "t=1"})
            with pytest.raises(urllib.error.HTTPError, match="400"):
                direct.open(forged, timeout=30)
            assert "refused: the webhook's signature has no v1" in capfd.readouterr().out
        finally:
            server.shutdown()
            thread.join()


def test_a_webhook_reaches_the_program_in_c(
    signing_sandbox: Sandbox, listener: Listener, tmp_path: Path
) -> None:
    command = build_c(tmp_path, WEBHOOK)
    signing_sandbox.arm("webhook-stale")
    session = start(listener.url)
    stale = listener.next()
    signing_sandbox.user(session.id, "accept")
    arrived = listener.next()

    def answer(body: bytes, signature: str | None) -> tuple[str, str]:
        """What the program says to the web server, and on standard error."""
        request = {"CONTENT_LENGTH": str(len(body)), "HTTP_X_ZIGNSEC_HMAC_SHA256": signature}
        where = {**os.environ, **{name: text for name, text in request.items() if text}}
        ran = subprocess.run(command, input=body, env=where, capture_output=True, timeout=60)
        assert ran.returncode == 0
        return ran.stdout.decode(), ran.stderr.decode()

    signature = arrived.headers["x-zignsec-hmac-sha256"]
    said, told = answer(arrived.body, signature)
    assert said == "Status: 204 No Content\r\n\r\n"
    assert told == "session_finished: accepted, verified: 1\n"
    for body, header in (
        (arrived.body + b" ", signature),
        (arrived.body, None),
        (b"", signature),
        (stale.body, stale.headers["x-zignsec-hmac-sha256"]),
    ):
        said, told = answer(body, header)
        assert said == "Status: 400 Bad Request\r\n\r\n"
        assert told.startswith("ZS_ERROR_WEBHOOK_SIGNATURE: ")


WAITING = [code for code in programs("py/README.md", "python") if "wait_for_session" in code]


@pytest.mark.parametrize("code", WAITING)
def test_a_python_program_waits_for_the_verdict(sandbox: Sandbox, code: str) -> None:
    where = {**os.environ, "ZIGNSEC_BASE_URL": sandbox.url, "ZIGNSEC_API_KEY": sandbox.api_key}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=where, stdout=subprocess.PIPE, text=True
    )
    until(lambda: sandbox.call("sessions"))
    (session,) = sandbox.call("sessions")
    sandbox.user(session["id"], "accept")
    out, _ = process.communicate(timeout=60)
    assert session["redirect_url"] in out
    assert out.endswith("\nverified\n")
