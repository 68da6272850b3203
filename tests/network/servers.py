"""Servers in front of the gateway: reverse proxies, and application servers that forward."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import trustme
from network import Daemon, needs, program

HERE = Path(__file__).parent
MODULES = Path("/usr/lib/apache2/modules")


@dataclass(frozen=True)
class Setup:
    """What a server is started with."""

    folder: Path
    gateway: int
    """The port of the gateway."""
    keep_alive: int | None = None
    """How long it keeps idle connections, in seconds. None: the server's default."""

    @property
    def chain(self) -> Path:
        """A file with its key and its certificate."""
        return self.folder / "chain.pem"

    def write(self, name: str, text: str) -> str:
        """The path of a new file."""
        path = self.folder / name
        path.write_text(text)
        return str(path)


def nginx(setup: Setup, port: int, *, announced: bool = False) -> list[str]:
    seconds = setup.keep_alive
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {setup.folder};" for kind in kinds)
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = f"""
        {user} daemon off; pid {setup.folder}/pid; error_log stderr;
        events {{ }}
        http {{
            access_log off; {paths}
            keepalive_timeout {seconds} {seconds if announced else ""};
            server {{
                listen 127.0.0.1:{port} ssl;
                ssl_certificate {setup.chain}; ssl_certificate_key {setup.chain};
                location / {{ proxy_pass http://127.0.0.1:{setup.gateway}; }}
            }}
        }}
    """
    path = setup.write("nginx.conf", configuration)
    return [program("nginx"), "-e", "stderr", "-c", path]


def announcing_nginx(setup: Setup, port: int) -> list[str]:
    return nginx(setup, port, announced=True)


def haproxy(setup: Setup, port: int) -> list[str]:
    configuration = f"""
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout http-keep-alive {setup.keep_alive}s
frontend clients
    bind 127.0.0.1:{port} ssl crt {setup.chain}
    default_backend gateway
backend gateway
    server gateway 127.0.0.1:{setup.gateway}
"""
    return [program("haproxy"), "-db", "-f", setup.write("haproxy.cfg", configuration)]


def apache(setup: Setup, port: int) -> list[str]:
    command = program("apache2")
    needs("apache2-bin", found=(MODULES / "mod_ssl.so").exists())
    names = ("mpm_event", "authz_core", "proxy", "proxy_http", "socache_shmcb", "ssl")
    modules = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in names)
    user = "User #65534\nGroup #65534" if os.geteuid() == 0 else ""
    keep_alive = f"KeepAliveTimeout {setup.keep_alive}" if setup.keep_alive else ""
    configuration = f"""
ServerRoot {setup.folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {setup.folder}/pid
ErrorLog /dev/stderr
{modules}
{user}
{keep_alive}
SSLEngine on
SSLCertificateFile {setup.chain}
ProxyPass / http://127.0.0.1:{setup.gateway}/
"""
    path = setup.write("apache.conf", configuration)
    return [command, "-f", path, "-D", "FOREGROUND"]


def caddy(setup: Setup, port: int) -> list[str]:
    configuration = f"""{{
    admin off
    auto_https disable_redirects
    servers {{
        timeouts {{
            idle {setup.keep_alive}s
        }}
    }}
}}
https://127.0.0.1:{port} {{
    tls {setup.chain} {setup.chain}
    reverse_proxy 127.0.0.1:{setup.gateway}
}}
"""
    path = setup.write("Caddyfile", configuration)
    return [program("caddy"), "run", "--config", path, "--adapter", "caddyfile"]


def stunnel(setup: Setup, port: int) -> list[str]:
    """The gateway's own server behind TLS; idle connections are closed by the tunnel."""
    configuration = f"""
foreground = yes
pid =
[gateway]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{setup.gateway}
cert = {setup.chain}
TIMEOUTidle = {setup.keep_alive}
"""
    return [program("stunnel4"), setup.write("stunnel.conf", configuration)]


def nodejs(setup: Setup, port: int) -> list[str]:
    seconds = [str(setup.keep_alive)] if setup.keep_alive else []
    script = str(HERE / "reverse_proxy.js")
    return [program("node"), script, str(port), str(setup.gateway), str(setup.chain), *seconds]


def golang(setup: Setup, port: int) -> list[str]:
    executable = setup.folder / "reverse_proxy"
    if not executable.exists():
        subprocess.run(
            [program("go"), "build", "-o", executable, HERE / "reverse_proxy.go"],
            env={"GOCACHE": str(setup.folder / "cache"), **os.environ, "GO111MODULE": "off"},
            check=True,
        )
    arguments = (port, setup.gateway, setup.chain, f"{setup.keep_alive}s")
    return [str(executable), *map(str, arguments)]


def gunicorn(_: Setup, port: int) -> list[str]:
    # The default workers close every connection after a response.
    workers = ["--worker-class", "gthread", "--threads", "16", "--no-control-socket"]
    bind = ["--bind", f"127.0.0.1:{port}"]
    return [sys.executable, "-m", "gunicorn", *bind, *workers, "forwarding_app:wsgi"]


def uvicorn(_: Setup, port: int) -> list[str]:
    command = [sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port)]
    return [*command, "--no-access-log", "forwarding_app:asgi"]


class Server:
    """A running server program, or a relay in front of one."""

    def __init__(self, folder: Path, start: Callable[[int], list[str]], **more: str) -> None:
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(folder), **more}
        self._folder = folder
        self._daemon = Daemon(folder, "", start, cwd=HERE, env=env)
        self.port = self._daemon.port
        try:
            self._wait()
        except BaseException:
            self._daemon.stop()
            raise

    def _wait(self) -> None:
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                assert time.monotonic() < end, (self._folder / "log").read_text()
                time.sleep(0.02)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._daemon.stop()


def serve(program: Callable[[Setup, int], list[str]], setup: Setup, ca: trustme.CA) -> Server:
    """Start a server with a certificate of ``ca``."""
    certificate = ca.issue_cert("127.0.0.1")
    setup.chain.write_bytes(certificate.private_key_and_cert_chain_pem.bytes())
    setup.chain.chmod(0o600)
    return Server(setup.folder, lambda port: program(setup, port), GATEWAY_PORT=str(setup.gateway))


def delay(folder: Path, server: Server, seconds: float) -> Server:
    """Start a relay to a server that delivers everything later by ``seconds``, each way."""
    script = str(HERE / "delaying_relay.py")
    return Server(
        folder, lambda port: [sys.executable, script, str(port), str(server.port), str(seconds)]
    )
