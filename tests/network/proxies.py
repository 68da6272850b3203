"""Real SOCKS5 proxies, and TLS servers that record what a client shows them."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import socket
import socketserver
import ssl
import threading
import time
from pathlib import Path

from network import Daemon, program, resolving_the_gateway


class Microsocks:
    """Debian's microsocks; it resolves the gateway's host name to this machine."""

    def __init__(self, folder: Path, user: str | None = None, password: str = "") -> None:
        self._log = folder / "log"
        login = ["-u", user, "-P", password] if user else []
        command = [program("microsocks"), "-i", "127.0.0.1", *login, "-p"]
        self._daemon = Daemon(
            folder,
            "",
            lambda port: [*command, str(port)],
            env={**os.environ, **resolving_the_gateway(folder)},
        )
        self.address = f"127.0.0.1:{self._daemon.port}"
        # It does not say when it listens.
        wait_until_listening(self._daemon.port)

    def targets(self) -> list[str]:
        """The targets of the tunnels that were opened, in order."""
        return re.findall(r"connected to (\S+)", self._log.read_text())

    def stop(self) -> None:
        self._daemon.stop()


class Dante:
    """Debian's SOCKS server; it resolves the gateway's host name to this machine."""

    def __init__(self, folder: Path, *rules: str, method: str = "none") -> None:
        configuration = folder / "danted.conf"

        def configure(port: int) -> list[str]:
            lines = [
                "logoutput: stdout",
                f"internal: 127.0.0.1 port = {port}",
                "external: lo",
                "clientmethod: none",
                f"socksmethod: {method}",
                f"user.privileged: {getpass.getuser()}",
                f"user.unprivileged: {getpass.getuser()}",
                "client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }",
                *rules,
                "socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }",
            ]
            configuration.write_text("\n".join(lines) + "\n")
            return [program("danted"), "-f", str(configuration)]

        environment = {**os.environ, **resolving_the_gateway(folder)}
        self._daemon = Daemon(folder, "running", configure, env=environment)
        self.address = f"127.0.0.1:{self._daemon.port}"

    def stop(self) -> None:
        self._daemon.stop()


def wait_until_listening(port: int) -> None:
    """Wait until a program accepts connections; this makes one."""
    for _ in range(500):
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.01)
    raise AssertionError(f"nothing listens on port {port}")


class TlsServer(socketserver.ThreadingTCPServer):
    """Makes TLS handshakes, and passes the bytes on to another server if there is one. It records
    the certificates that clients show, and why handshakes fail."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext, behind: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _TlsConnection)
        self.context = context
        self.behind = behind
        self.certificates: list[object] = []
        self.errors: list[str] = []
        self.port: int = self.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


class _TlsConnection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, TlsServer)
        try:
            client = server.context.wrap_socket(self.request, server_side=True)
        except OSError as error:
            server.errors.append(str(error))
            return
        server.certificates.append(client.getpeercert())
        if server.behind is None:
            return
        host, port = server.behind.rsplit(":", 1)
        with client, socket.create_connection((host, int(port))) as behind:
            answers = threading.Thread(target=_copy, args=(behind, client), daemon=True)
            answers.start()
            _copy(client, behind)
            with contextlib.suppress(OSError):
                behind.shutdown(socket.SHUT_RDWR)
            answers.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
