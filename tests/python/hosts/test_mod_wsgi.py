"""Apache with mod_wsgi: Debian's, with Debian's Python and the package of this test."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import urllib.error
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zignsec
from host import (
    HERE,
    Host,
    assert_connections_belong_to_one_process,
    assert_each_request_is_logged_once,
    assert_verdicts,
    environment,
    free_port,
    get,
    make_calls,
    running,
)
from network import needs, program
from sandbox import Sandbox
from steps import until
from test_uwsgi import SECOND

MODULES = Path("/usr/lib/apache2/modules")
CONFIGURATION = """
ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/errors
{user}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
WSGISocketPrefix {folder}/socket
WSGIScriptAlias /first {folder}/first.wsgi
WSGIScriptAlias /second {folder}/second.wsgi
"""
ONE_PROCESS = """
WSGIDaemonProcess both processes=1 threads=8 python-path={folder}
WSGIProcessGroup both
"""
IN_THE_MAIN_INTERPRETER = "WSGIApplicationGroup %{{GLOBAL}}\n"
EACH_ITS_PROCESSES = """
WSGIDaemonProcess first processes=2 threads=4 python-path={folder}
WSGIDaemonProcess second processes=1 threads=4 python-path={folder}
<Location /first>
    WSGIProcessGroup first
</Location>
<Location /second>
    WSGIProcessGroup second
</Location>
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the unprivileged user of Apache's processes can read and write."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        shutil.copytree(Path(zignsec.__file__).parent, path / "zignsec")
        shutil.copy(HERE / "wsgi_app.py", path / "first.wsgi")
        (path / "second.wsgi").write_text(SECOND)
        (path / "log").touch()
        (path / "log").chmod(0o666)
        path.chmod(0o755)
        yield path


@contextmanager
def apache(gateway: Sandbox, folder: Path, applications: str) -> Generator[tuple[Host, str]]:
    """Run both applications in Apache; yields the server and its URL."""
    command = program("apache2")
    needs("libapache2-mod-wsgi-py3", found=(MODULES / "mod_wsgi.so").exists())
    port = free_port()
    user = "User #65534\nGroup #65534" if os.geteuid() == 0 else ""
    text = (CONFIGURATION + applications).format(
        folder=folder, port=port, modules=MODULES, user=user
    )
    (folder / "apache.conf").write_text(text)
    start = [command, "-f", str(folder / "apache.conf"), "-D", "FOREGROUND"]
    with running(start, folder, environment(gateway, folder)) as host:
        until(lambda: "resuming normal operations" in errors(folder) or ended(host))
        assert host.process.poll() is None, host.output() + errors(folder)
        yield host, f"http://127.0.0.1:{port}"


def ended(host: Host) -> bool:
    return host.process.poll() is not None


def errors(folder: Path) -> str:
    path = folder / "errors"
    return path.read_text() if path.exists() else ""


def test_second_application_of_a_process_is_refused(sandbox: Sandbox, folder: Path) -> None:
    """By default, each application has its own interpreter."""
    with apache(sandbox, folder, ONE_PROCESS) as (host, url):
        # Its calls run Python code in its own interpreter.
        assert get(f"{url}/first/wait/word")["interpreter"] == "that of wsgi_app"
        for _ in range(2):
            with pytest.raises(urllib.error.HTTPError, match="500"):
                get(f"{url}/second/any")
        assert errors(folder).count("WSGIApplicationGroup %{GLOBAL}") == 2
        # The first one goes on.
        make_calls(f"{url}/first", [f"word-{number}" for number in range(20)])
        assert_verdicts(sandbox, f"{url}/first")
        assert_each_request_is_logged_once(sandbox, host)
        host.stop()


@pytest.mark.parametrize(
    "applications", [ONE_PROCESS + IN_THE_MAIN_INTERPRETER, EACH_ITS_PROCESSES]
)
def test_two_applications_work_as_the_error_says(
    sandbox: Sandbox, folder: Path, applications: str
) -> None:
    with apache(sandbox, folder, applications) as (host, url):
        assert get(f"{url}/first/wait/word")["interpreter"] == "that of wsgi_app"
        assert get(f"{url}/second/any")["caught"]
        results = make_calls(f"{url}/first", [f"word-{number}" for number in range(100)])
        assert_connections_belong_to_one_process(sandbox, results, preloaded=False)
        assert_verdicts(sandbox, f"{url}/first")
        # A graceful restart: new processes.
        host.process.send_signal(signal.SIGUSR1)
        until(lambda: errors(folder).count("resuming normal operations") == 2)
        before = {result["pid"] for result in results}
        assert get(f"{url}/first/start/after")["pid"] not in before
        assert get(f"{url}/second/any")["caught"]
        host.stop()
        assert "ImportError" not in errors(folder)
