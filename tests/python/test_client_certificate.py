"""Servers that require a client certificate: OpenSSL in Python's ``ssl``, and rustls in the
sandbox."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import trustme
from network import Completed, call
from sandbox import Sandbox

TLS = 11
# A server that rejects the certificate closes the connection while the request is being sent. The
# reported error must not depend on which is faster, so each case runs many times.
REPEAT = 50
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


class Gateway(ThreadingHTTPServer):
    """Accepts clients that have a certificate of ``ca``."""

    daemon_threads = False

    def __init__(self, ca: trustme.CA, version: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.minimum_version = self._context.maximum_version = VERSIONS[version]
        self._context.load_verify_locations(cadata=ca.cert_pem.bytes().decode())
        with ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.tempfile() as chain:
            self._context.load_cert_chain(chain)
        self.url = f"https://127.0.0.1:{self.server_port}"
        self.connections = 0
        self.rejected = 0
        self.callers: list[tuple[object, str | None]] = []
        """The names in the certificate and the TLS version, for each request."""
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        self.connections += 1
        # The handshake runs on the thread of the connection, not on this one.
        tls = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return tls, address

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        self.rejected += 1

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        # Also waits for the connections, so the counts are complete after this.
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _respond(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        assert isinstance(self.server, Gateway)
        assert isinstance(self.connection, ssl.SSLSocket)
        certificate = self.connection.getpeercert()
        assert certificate
        self.server.callers.append((certificate["subjectAltName"], self.connection.version()))
        body = b'{"data":{"id":"no-such-session","status":"pending"}}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    do_POST = do_GET = _respond  # noqa: N815


@dataclass(frozen=True)
class Files:
    """The CA of the gateway and its clients, and certificates with their keys, in files."""

    ca: trustme.CA
    ca_file: str
    trusted: tuple[str, str]
    untrusted: tuple[str, str]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("certificates")

    def written(ca: trustme.CA, name: str) -> tuple[str, str]:
        leaf = ca.issue_cert(f"{name}.example")
        certificate, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
        leaf.cert_chain_pems[0].write_to_path(certificate)
        leaf.private_key_pem.write_to_path(key)
        return str(certificate), str(key)

    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    return Files(
        ca,
        str(folder / "ca.pem"),
        written(ca, "trusted"),
        written(trustme.CA(), "untrusted"),
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_client_presents_its_certificate(files: Files, version: str) -> None:
    with Gateway(files.ca, version) as gateway:
        options: dict[str, Any] = {
            "base_url": gateway.url,
            "ca_file": files.ca_file,
            "client_cert": files.trusted,
        }
        completed = call("POST", "GET", **options)
    assert [one.session_id for one in completed.results] == ["no-such-session"] * 2
    assert gateway.callers == [((("DNS", "trusted.example"),), version)] * 2
    assert (gateway.connections, gateway.rejected) == (1, 0)


@pytest.mark.parametrize("whose", [None, "untrusted"])
@pytest.mark.parametrize("method", ["POST", "LONG POST", "GET"])
@pytest.mark.parametrize("version", VERSIONS)
def test_rejected_client_certificate_is_reported_and_not_retried(
    files: Files, version: str, method: str, whose: str | None
) -> None:
    client_cert = whose and files.untrusted
    with Gateway(files.ca, version) as gateway:
        options: dict[str, Any] = {
            "base_url": gateway.url,
            "ca_file": files.ca_file,
            "client_cert": client_cert,
        }
        completed = call(*[method] * REPEAT, **options)
    # In TLS 1.3 the request is sent before the server has checked the certificate.
    assert_rejected(completed, in_doubt=method != "GET" and version == "TLSv1.3")
    assert (gateway.connections, gateway.rejected) == (REPEAT, REPEAT)
    assert gateway.callers == []


def assert_rejected(completed: Completed, *, in_doubt: bool) -> None:
    assert len(completed.results) == REPEAT
    results = {(one.code, one.attempts, one.in_doubt) for one in completed.results}
    assert results == {(TLS, 1, in_doubt)}, completed.printed
    assert all("client certificate" in one.message for one in completed.results)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox("--tls") as box:
        yield box


def test_sandbox_accepts_its_client_certificate(sandbox: Sandbox) -> None:
    sandbox.arm("tls-client-certificate", times=2)
    options: dict[str, Any] = {"base_url": sandbox.url, "ca_file": sandbox.ca_file}
    assert call("POST", client_cert=sandbox.client_cert, **options).result.session_id
    assert call("POST", **options).result.code == TLS
    assert len(sandbox.requests()) == 1


@pytest.mark.parametrize("method", ["POST", "LONG POST", "GET"])
def test_sandbox_rejects_clients_without_certificate(sandbox: Sandbox, method: str) -> None:
    sandbox.arm("tls-client-certificate", times=REPEAT)
    completed = call(*[method] * REPEAT, base_url=sandbox.url, ca_file=sandbox.ca_file)
    assert_rejected(completed, in_doubt=method != "GET")
    assert sandbox.requests() == []
    # Each call opened one connection, so every fault was used.
    assert sandbox.call("faults")["armed"] == []
