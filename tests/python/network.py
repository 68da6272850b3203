"""What lies between a client and the gateway, of real parts: names, proxies, and a client in a
process of its own."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
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
from typing import Any

import pytest
import trustme

# Loopback is never proxied, so the sandbox has a name for those who may be.
GATEWAY = "gateway.example"
# On Linux this is another way to say loopback, and no loopback address by the client's rule.
ANY_ADDRESS = "0.0.0.0"
SYSTEM_PROGRAMS = "/usr/local/sbin:/usr/sbin:/sbin"


def needs(tool: str, *, found: bool) -> None:
    """Skips the test by the name of a missing tool, or fails where none may be missing."""
    if found:
        return
    if os.environ.get("ZIGNSEC_TEST_ALL"):
        pytest.fail(f"{tool} is missing")
    pytest.skip(f"{tool} is missing")


def program(name: str) -> str:
    """Where a program is, also one for administrators."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:{SYSTEM_PROGRAMS}")
    needs(name, found=path is not None)
    assert path is not None
    return path


def knowing_the_gateway(folder: Path) -> dict[str, str]:
    """The environment of a process for which the gateway's name is this machine."""
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 {GATEWAY}\n")
    names = {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_HOSTS": str(hosts)}
    probe = subprocess.run(
        ["getent", "hosts", GATEWAY], env={**os.environ, **names}, capture_output=True
    )
    needs("libnss-wrapper", found=probe.returncode == 0)
    return names


@dataclass(frozen=True)
class Outcome:
    """What became of a call."""

    session_id: str | None = None
    error: str | None = None
    code: int | None = None
    message: str = ""
    status_code: int | None = None
    attempts: int = 0
    in_doubt: bool = False
    repr: str = ""


@dataclass(frozen=True)
class Ran:
    """What a process made of its calls, and all that it printed and logged."""

    outcomes: list[Outcome]
    printed: str

    @property
    def outcome(self) -> Outcome:
        (outcome,) = self.outcomes
        return outcome


def call(
    *calls: str,
    environment: Mapping[str, str] | None = None,
    key: str = "sandbox-key",
    **options: Any,
) -> Ran:
    """Makes calls that ``call.py`` knows in a process with no more environment than is given."""
    ran = subprocess.run(
        [sys.executable, Path(__file__).with_name("call.py")],
        input=json.dumps({"options": {"api_key": key, **options}, "calls": calls}),
        env={"PATH": os.environ["PATH"], **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    outcomes = [Outcome(**outcome) for outcome in json.loads(ran.stdout)]
    return Ran(outcomes, ran.stdout + ran.stderr)


class Daemon:
    """A real server, which writes a log and cannot choose its port itself."""

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
                    start(self.port), stdout=out, stderr=subprocess.STDOUT, **how
                )
            # Nothing but its log says when it listens; where the port was taken meanwhile, it ends.
            while self._process.poll() is None:
                if ready in log.read_text():
                    return
                time.sleep(0.01)
        raise AssertionError(log.read_text())

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class Tinyproxy:
    """Debian's tinyproxy, which finds the gateway at this machine."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self._folder = folder
        self._settings = settings
        self._daemon = Daemon(
            folder,
            "Accepting connections",
            self._configure,
            env={**os.environ, **knowing_the_gateway(folder)},
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
    """Debian's squid with TLS, which finds the gateway at this machine."""

    def __init__(self, listen: str, settings: str, files: Mapping[str, bytes]) -> None:
        squid = program("squid")
        # A folder that an unprivileged user can reach: squid does not run as root.
        self._folder = tempfile.TemporaryDirectory(prefix="zignsec-squid-")
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
    """A program that squid runs, where Debian has it."""
    path = Path("/usr/lib/squid", name)
    needs("squid-openssl", found=path.exists())
    return path


def squid_with_login(user: str, password: str) -> Squid:
    """Lets through who knows a password."""
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
    """Reads what goes through it: it shows each client a certificate of ``ca`` for whatever gateway
    the client asks for, and the gateway sees an ``x-forwarded-for``."""
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
    """Gives every CONNECT the same answer and hangs up; without an answer, it says nothing."""

    def __init__(self, answer: bytes | None) -> None:
        super().__init__(("127.0.0.1", 0), _ScriptedAnswer)
        self.answer = answer
        self.heads: list[str] = []
        """What each connection began with."""
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        # Waits for the connections too: their heads are complete after this.
        self.server_close()
        self._thread.join()


class _ScriptedAnswer(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        proxy = self.server
        assert isinstance(proxy, ScriptedProxy)
        head = itertools.takewhile(lambda line: line.strip(), self.rfile)
        proxy.heads.append(b"".join(head).decode())
        if proxy.answer is None:
            self.rfile.read()
        else:
            self.wfile.write(proxy.answer)


@contextmanager
def dead_port() -> Generator[str, None, None]:
    """The address of a port that refuses connections, and is nobody else's meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"
