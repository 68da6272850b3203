"""The network between a client and the gateway: host names, real proxies, and a client in a
separate process."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import trustme

# Loopback never uses a proxy, so the sandbox needs a name that is not loopback.
GATEWAY = "gateway.example"
# Linux connects this address to loopback, but the client does not treat it as loopback.
ANY_ADDRESS = "0.0.0.0"
SYSTEM_PROGRAMS = "/usr/local/sbin:/usr/sbin:/sbin"


def needs(tool: str, *, found: bool) -> None:
    """Skip the test if a tool is missing; fail it if ZIGNSEC_TEST_ALL is set."""
    if found:
        return
    if os.environ.get("ZIGNSEC_TEST_ALL"):
        pytest.fail(f"{tool} is missing")
    pytest.skip(f"{tool} is missing")


def program(name: str) -> str:
    """The path of a program, including programs for administrators."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:{SYSTEM_PROGRAMS}")
    needs(name, found=path is not None)
    assert path is not None
    return path


def resolving_the_gateway(folder: Path, *addresses: str) -> dict[str, str]:
    """An environment in which the gateway's host name resolves to these addresses, or else to this
    machine."""
    hosts = folder / "hosts"
    hosts.write_text("".join(f"{to} {GATEWAY}\n" for to in addresses or ["127.0.0.1"]))
    names = {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_HOSTS": str(hosts)}
    probe = subprocess.run(
        ["getent", "hosts", GATEWAY], env={**os.environ, **names}, capture_output=True
    )
    needs("libnss-wrapper", found=probe.returncode == 0)
    return names


@dataclass(frozen=True)
class CallResult:
    """The result of a call."""

    session_id: str | None = None
    error: str | None = None
    code: int | None = None
    message: str = ""
    status_code: int | None = None
    attempts: int = 0
    in_doubt: bool = False
    repr: str = ""


@dataclass(frozen=True)
class Completed:
    """The results of the calls of a process, and everything it printed and logged."""

    results: list[CallResult]
    printed: str

    @property
    def result(self) -> CallResult:
        (result,) = self.results
        return result


def call(
    *calls: str,
    environment: Mapping[str, str] | None = None,
    key: str = "sandbox-key",
    **options: Any,
) -> Completed:
    """Make calls of ``call.py`` in a process that has only the given environment, and imports the
    same package."""
    inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    completed = subprocess.run(
        [sys.executable, Path(__file__).with_name("call.py")],
        input=json.dumps({"options": {"api_key": key, **options}, "calls": calls}),
        env={**inherited, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed.returncode == 0, completed.stderr
    results = [CallResult(**result) for result in json.loads(completed.stdout)]
    return Completed(results, completed.stdout + completed.stderr)


class Daemon:
    """A server program that writes a log and needs a free port as an argument."""

    def __init__(
        self, folder: Path, ready: str, start: Callable[[int], list[str]], **how: Any
    ) -> None:
        log = folder / "log"
        for _ in range(5):
            with socket.socket() as chosen:
                chosen.bind(("127.0.0.1", 0))
                self.port: int = chosen.getsockname()[1]
            with log.open("wb") as out:
                self._process = subprocess.Popen(
                    start(self.port),
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    **how,
                )
            # Only the log shows when it listens. It exits if another process has taken the port.
            while self._process.poll() is None:
                if ready in log.read_text():
                    return
                time.sleep(0.01)
        raise AssertionError(log.read_text())

    def write(self, text: str) -> None:
        """Write to its standard input, which must be a pipe."""
        assert self._process.stdin
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()

    def stop(self) -> None:
        # Its helper processes too: they would go on to write files.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()


class Tinyproxy:
    """Debian's tinyproxy; it resolves the gateway's host name to this machine."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self._folder = folder
        self._settings = settings
        self._daemon = Daemon(
            folder,
            "Accepting connections",
            self._configure,
            env={**os.environ, **resolving_the_gateway(folder)},
        )
        self.address = f"127.0.0.1:{self._daemon.port}"

    def _configure(self, port: int) -> list[str]:
        configuration = self._folder / "tinyproxy.conf"
        lines = [
            "Listen 127.0.0.1",
            f"Port {port}",
            "LogLevel Info",
            "MaxClients 20",
            *self._settings,
        ]
        configuration.write_text("\n".join(lines) + "\n")
        return [program("tinyproxy"), "-d", "-c", str(configuration)]

    def connects(self) -> list[str]:
        """The targets of every CONNECT, in order."""
        return re.findall(r"Request .*: CONNECT (\S+) HTTP", (self._folder / "log").read_text())

    def stop(self) -> None:
        self._daemon.stop()


class Squid:
    """Debian's squid with TLS; it resolves the gateway's host name to this machine."""

    def __init__(self, listen: str, settings: str, files: Mapping[str, bytes]) -> None:
        squid = program("squid")
        # Squid drops root, so the folder must be readable by an unprivileged user.
        # A helper process that is being killed can still create a file during the cleanup.
        self._folder = tempfile.TemporaryDirectory(
            prefix="zignsec-squid-", ignore_cleanup_errors=True
        )
        folder = Path(self._folder.name)
        folder.chmod(0o755)
        (folder / "hosts").write_text(f"127.0.0.1 {GATEWAY}\n")
        for name, content in files.items():
            (folder / name).write_bytes(content)

        def configure(port: int) -> list[str]:
            (folder / "squid.conf").write_text(f"""
                {listen.format(port=port)}
                {settings}
                http_access allow all
                hosts_file hosts
                cache deny all
                cache_effective_user nobody
                cache_log /dev/null
                access_log none
                netdb_filename none
                pid_filename none
                pinger_enable off
                coredump_dir {folder}
            """)
            return [squid, "-N", "-d", "1", "-f", "squid.conf"]

        self._daemon = Daemon(folder, "Accepting", configure, cwd=folder)
        self.address = f"127.0.0.1:{self._daemon.port}"

    def stop(self) -> None:
        self._daemon.stop()
        self._folder.cleanup()


def squid_helper(name: str) -> Path:
    """The path of a helper program of squid in Debian."""
    path = Path("/usr/lib/squid", name)
    needs("squid-openssl", found=path.exists())
    return path


def squid_with_login(user: str, password: str) -> Squid:
    """A proxy that requires a user name and password."""
    digest = subprocess.run(
        [program("openssl"), "passwd", "-5", "-stdin"],
        input=password.encode(),
        capture_output=True,
        check=True,
    ).stdout
    settings = f"""
        auth_param basic program {squid_helper("basic_ncsa_auth")} logins
        auth_param basic children 1 startup=1
        acl known proxy_auth REQUIRED
        http_access deny !known
    """
    logins = {"logins": f"{user}:".encode() + digest}
    return Squid("http_port 127.0.0.1:{port}", settings, logins)


def squid_behind_tls(ca: trustme.CA) -> Squid:
    """An https proxy, with a certificate of ``ca``."""
    chain = ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.bytes()
    return Squid("https_port 127.0.0.1:{port} tls-cert=chain.pem", "", {"chain.pem": chain})


def squid_that_inspects(ca: trustme.CA, gateway_ca: bytes) -> Squid:
    """A proxy that inspects TLS: it presents a certificate of ``ca`` for every gateway, and adds an
    ``x-forwarded-for`` header."""
    listen = "http_port 127.0.0.1:{port} ssl-bump generate-host-certificates=on tls-cert=ca.pem"
    settings = f"""
        acl greeting at_step SslBump1
        ssl_bump peek greeting
        ssl_bump bump all
        sslcrtd_program {squid_helper("security_file_certgen")}
        sslcrtd_children 1 startup=1
        tls_outgoing_options cafile=gateway.pem
    """
    own = ca.private_key_pem.bytes() + ca.cert_pem.bytes()
    return Squid(listen, settings, {"ca.pem": own, "gateway.pem": gateway_ca})


class ScriptedProxy(socketserver.ThreadingTCPServer):
    """Sends the same response to every CONNECT and closes; without a response, it stays silent."""

    def __init__(self, response: bytes | None) -> None:
        super().__init__(("127.0.0.1", 0), _ScriptedResponse)
        self.response = response
        self.heads: list[str] = []
        """The request head of each connection."""
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        # Also waits for the connections, so all heads are complete after this.
        self.server_close()
        self._thread.join()


class _ScriptedResponse(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        proxy = self.server
        assert isinstance(proxy, ScriptedProxy)
        head = itertools.takewhile(lambda line: line.strip(), self.rfile)
        proxy.heads.append(b"".join(head).decode())
        if proxy.response is None:
            self.rfile.read()
        else:
            self.wfile.write(proxy.response)


@contextmanager
def dead_port() -> Generator[str, None, None]:
    """The address of a port that refuses connections. It is reserved meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"
