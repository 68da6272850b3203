"""uWSGI: Debian's, with Debian's Python and the package of this test."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from host import (
    Host,
    assert_each_request_is_logged_once,
    assert_verdicts,
    check_service,
    environment,
    free_port,
    get,
    make_calls,
    only_zignsec,
    running,
)
from network import needs, program
from sandbox import Sandbox

# Does not use the package.
FIRST = """
def application(environ, start_response):
    start_response("200 OK", [])
    return []
"""
# Catches an exception of the package, which must be the class that it imported itself.
SECOND = """
import json, zignsec
client = zignsec.Client()

def application(environ, start_response):
    try:
        client.get_session("unknown")
    except zignsec.NotFoundError:
        result = {"caught": True}
    start_response("200 OK", [("content-type", "application/json")])
    return [json.dumps(result).encode()]
"""


@pytest.fixture
def gateway() -> Iterator[Sandbox]:
    with Sandbox("--tls") as box:
        yield box


@contextmanager
def uwsgi(gateway: Sandbox, folder: Path, *options: str) -> Generator[tuple[Host, str]]:
    """Run uWSGI with two processes of two threads; yields the server and its URL."""
    command = program("uwsgi")
    needs("uwsgi-plugin-python3", found=Path("/usr/lib/uwsgi/plugins/python3_plugin.so").exists())
    address = f"127.0.0.1:{free_port()}"
    server = [command, "--plugins", "http,python3", "--master", "--die-on-term", "--need-app"]
    server += ["--http-socket", address, "--processes", "2", "--threads", "2"]
    # At a stop after a reload, uWSGI sometimes waits for its own threads, with any application.
    server += ["--worker-reload-mercy", "3", "--reload-mercy", "3"]
    server += ["--pythonpath", only_zignsec(folder), "--pythonpath", str(folder), *options]
    with running(server, folder, environment(gateway, folder)) as host:
        yield host, f"http://{address}"


READY = "spawned uWSGI worker 2"


def test_workers_share_a_client_but_no_connection(gateway: Sandbox, tmp_path: Path) -> None:
    options = ["--single-interpreter", "--module", "wsgi_app"]
    with uwsgi(gateway, tmp_path, *options) as (host, url):
        host.wait_for(READY)
        processes = check_service(gateway, host, url)
        assert "imported" in processes
        assert len(processes) > 2
        # A reload: the same master, new workers.
        host.process.send_signal(signal.SIGHUP)
        host.wait_for(READY, 2)
        assert get(f"{url}/start/after")["pid"] not in processes
        host.stop()


def test_second_application_needs_the_same_interpreter(gateway: Sandbox, tmp_path: Path) -> None:
    """By default, uWSGI gives each application its own interpreter."""
    (tmp_path / "second.py").write_text(SECOND)
    options = ["--mount", "/first=wsgi_app:application", "--mount", f"/second={tmp_path}/second.py"]
    options += ["--manage-script-name"]
    with uwsgi(gateway, tmp_path, *options) as (host, _):
        # uWSGI does not start without an application that it should mount.
        host.process.wait(timeout=30)
        assert "ImportError: zignsec is used by another Python interpreter" in host.output()
        assert "single-interpreter = true" in host.output()
    with uwsgi(gateway, tmp_path, "--single-interpreter", *options) as (host, url):
        host.wait_for(READY)
        assert get(f"{url}/first/start/word")["relay_state"] == "word"
        assert get(f"{url}/second/any")["caught"]
        host.stop()


def test_only_application_may_be_in_another_interpreter(gateway: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(FIRST)
    options = ["--mount", f"/first={tmp_path}/first.py", "--mount", "/second=wsgi_app:application"]
    with uwsgi(gateway, tmp_path, *options, "--manage-script-name") as (host, url):
        host.wait_for(READY)
        make_calls(f"{url}/second", [f"word-{number}" for number in range(20)])
        assert_verdicts(gateway, f"{url}/second")
        assert_each_request_is_logged_once(gateway, host)
        # Python code that runs during a call runs in the interpreter that made it.
        assert get(f"{url}/second/wait/word")["interpreter"] == "that of wsgi_app"
        host.stop()
