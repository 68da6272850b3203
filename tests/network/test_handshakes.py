"""Handshakes that fail for another reason than the server's certificate: alerts, versions, client
certificates, and ports that do not speak TLS."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
import zignsec
from error_table import ErrorTable
from network import GATEWAY, Squid, Tinyproxy, squid_behind_tls
from pki import LEAF, Certificate, Pki, TlsServer, error_of

PEER = "https://127.0.0.1"
Handle = Callable[[socket.socket], None]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def root(pki: Pki) -> Certificate:
    return pki.issue("Root CA")


@pytest.fixture(scope="module")
def certificate(pki: Pki, root: Certificate) -> Certificate:
    return pki.issue("server", root)


@contextmanager
def listening(handle: Handle) -> Generator[int]:
    """A port whose connections are handled one after another, each closed afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    if not connection.recv(65536):
                        return
                    handle(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        port: int = listener.getsockname()[1]
        try:
            yield port
        finally:
            # An empty connection ends it.
            socket.create_connection(("127.0.0.1", port)).close()
            thread.join()


def sending(data: bytes) -> Handle:
    return lambda connection: connection.sendall(data)


def resetting(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


PORTS: dict[str, tuple[Handle, str, str]] = {
    "plain HTTP": (
        sending(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"),
        "the server answered in plain HTTP, not TLS",
        "check the scheme and the port",
    ),
    "SSH": (
        sending(b"SSH-2.0-OpenSSH_9.9\r\n"),
        "the server did not answer in TLS",
        "check the scheme and the port",
    ),
    "SMTP": (
        sending(b"220 a.example ESMTP\r\n"),
        "did not answer in TLS",
        "check the scheme and the port",
    ),
    "closed": (sending(b""), "the server closed the connection during", "check the port, and"),
    "reset": (resetting, "connection reset (ECONNRESET)", "check the port, and for a firewall"),
    "damaged": (
        sending(b"\x16\x03\x03\x00\x04\xff\x00\x00\x00"),
        "the TLS protocol",
        "check for a firewall",
    ),
}


@pytest.mark.parametrize("name", PORTS)
def test_port_that_does_not_speak_tls(errors: ErrorTable, name: str) -> None:
    handle, expected, remedy = PORTS[name]
    with listening(handle) as port:
        error = error_of(f"https://127.0.0.1:{port}")
    assert isinstance(error, zignsec.TLSError)
    assert expected in errors.add(f"port: {name}", error, peer=PEER, remedy=remedy)


def test_port_of_an_https_proxy_that_does_not_speak_tls(errors: ErrorTable) -> None:
    handle, expected, remedy = PORTS["plain HTTP"]
    with listening(handle) as port:
        proxy = f"https://127.0.0.1:{port}"
        error = error_of(f"https://{GATEWAY}", proxy=proxy)
    text = errors.add("proxy: plain HTTP", error, peer=f"proxy {proxy}: ", remedy=remedy)
    assert isinstance(error, zignsec.TLSError)
    assert expected in text


def test_silent_ports_are_named(errors: ErrorTable) -> None:
    done = threading.Event()
    with listening(lambda _: assert_done(done)) as port:
        url = f"https://127.0.0.1:{port}"
        error = error_of(url, connect_timeout=0.2)
        done.set()
        remedy = "try again, or raise the time limits"
        assert "TLS handshake timed out" in errors.add("silent", error, peer=url, remedy=remedy)
        done.clear()
        error = error_of(f"https://{GATEWAY}", proxy=url, connect_timeout=0.2)
        done.set()
        text = errors.add("silent proxy", error, peer=f"proxy {url}", remedy="http://")
        assert "TLS handshake timed out" in text


def assert_done(done: threading.Event) -> None:
    assert done.wait(10)


ALERTS = {
    10: ("refused the handshake (TLS alert 10)", "check its TLS settings"),
    40: ("no common cipher, key type or curve", "or set a client certificate"),
    42: ("asks for a client certificate", "set client_cert_file and client_key_file"),
    48: ("refused the handshake (TLS alert 48)", "check its TLS settings"),
    49: ("asks for a client certificate", "set client_cert_file and client_key_file"),
    70: ("neither TLS 1.2 nor TLS 1.3", "enable one of them"),
    71: ("no common cipher, key type or curve", "check its TLS settings"),
    80: ("the server failed in the TLS handshake (internal_error)", "try again later"),
    90: ("the server ended the TLS handshake", "check for a firewall"),
    112: ("does not know this host name", "check the host name"),
    116: ("asks for a client certificate", "set client_cert_file and client_key_file"),
    120: ("does not offer HTTP/1.1", "check the port"),
    255: ("refused the handshake (TLS alert 255)", "check its TLS settings"),
}


@pytest.mark.parametrize("number", ALERTS)
def test_alert_in_words(errors: ErrorTable, number: int) -> None:
    expected, remedy = ALERTS[number]
    with listening(sending(b"\x15\x03\x03\x00\x02\x02" + bytes([number]))) as port:
        error = error_of(f"https://127.0.0.1:{port}")
    assert isinstance(error, zignsec.TLSError)
    assert expected in errors.add(f"alert {number}", error, peer=PEER, remedy=remedy)


SERVERS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "TLS 1.1 only": (("-tls1_1",), "neither TLS 1.2 nor TLS 1.3", "enable one of them"),
    "CBC only": (
        ("-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"),
        "no common cipher, key type or curve",
        "check its TLS settings",
    ),
    "P-521 only": (
        ("-tls1_3", "-groups", "P-521"),
        "no common cipher, key type or curve",
        "check its TLS settings",
    ),
    "HTTP/2 only": (("-alpn", "h2"), "does not offer HTTP/1.1", "check the port"),
    "client certificate, TLS 1.2": (
        ("-tls1_2", "-Verify", "1"),
        "or wants a client certificate",
        "or set a client certificate",
    ),
    "client certificate, TLS 1.3": (
        ("-tls1_3", "-Verify", "1"),
        "the server asks for a client certificate",
        "set client_cert_file and client_key_file",
    ),
}


@pytest.mark.parametrize("name", SERVERS)
def test_settings_of_a_server(
    certificate: Certificate, root: Certificate, errors: ErrorTable, tmp_path: Path, name: str
) -> None:
    arguments, expected, remedy = SERVERS[name]
    with TlsServer(tmp_path / "server", certificate, [], *arguments) as server:
        error = error_of(server.url, root.file)
    assert isinstance(error, zignsec.TLSError)
    assert expected in errors.add(f"server: {name}", error, peer=PEER, remedy=remedy)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize(
    ("fault", "expected"),
    [("unknown CA", "its issuer is unknown to the server"), ("expired", "it has expired")],
)
def test_refused_client_certificate(
    pki: Pki,
    root: Certificate,
    certificate: Certificate,
    errors: ErrorTable,
    tmp_path: Path,
    version: str,
    fault: str,
    expected: str,
) -> None:
    if fault == "expired":
        dates = ("20200101000000Z", "20210605000000Z")
        own = pki.issue("client", root, extensions=LEAF[:1], dates=dates)
    else:
        own = pki.issue("client", pki.issue("Other CA"), extensions=LEAF[:1])
    arguments = (version, "-Verify", "1", "-CAfile", root.file, "-verify_return_error")
    with TlsServer(tmp_path / "server", certificate, [], *arguments) as server:
        error = error_of(server.url, root.file, client_cert=(own.file, own.key))
    assert isinstance(error, zignsec.TLSError)
    remedy = "check client_cert_file"
    text = errors.add(f"client certificate: {fault}, {version}", error, peer=PEER, remedy=remedy)
    assert f"the server refused the client certificate: {expected}" in text


def test_host_name_that_a_server_does_not_know(
    certificate: Certificate, root: Certificate, errors: ErrorTable, tmp_path: Path
) -> None:
    name = ("-servername", "other.example", "-servername_fatal")
    other = ("-cert2", certificate.file, "-key2", certificate.key)
    with TlsServer(tmp_path / "server", certificate, [], *name, *other) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        error = error_of(url, root.file)
    text = errors.add("unknown host name", error, peer=url, remedy="check the host name")
    assert "the server does not know this host name" in text


def response(session_id: str) -> bytes:
    body = json.dumps({"data": {"id": session_id, "status": "pending"}}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def test_server_that_insists_on_http_1_1(certificate: Certificate, root: Certificate) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key)
    context.set_alpn_protocols(["http/1.1"])
    chosen: list[str | None] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with context.wrap_socket(connection, server_side=True) as tls:
                chosen.append(tls.selected_alpn_protocol())
                if chosen == ["http/1.1"] and tls.recv(65536):
                    tls.sendall(response("a"))

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with zignsec.Client("a-key", base_url=url, ca_file=root.file, max_retries=0) as client:
            assert client.get_session("a").id == "a"
        thread.join()
    assert chosen == ["http/1.1"]


@pytest.mark.parametrize("kind", ["tinyproxy", "squid"])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_alert_reaches_the_server_through_a_proxy(
    pki: Pki, errors: ErrorTable, tmp_path: Path, kind: str, version: str
) -> None:
    root = pki.issue("Root CA")
    own = pki.issue("own", root)
    proxy: Tinyproxy | Squid
    if kind == "squid":
        proxy = Squid("http_port 127.0.0.1:{port}", "", {})
    else:
        (tmp_path / "proxy").mkdir()
        proxy = Tinyproxy(tmp_path / "proxy")
    other = pki.issue("Other CA")
    with TlsServer(tmp_path / "server", own, [root], version) as server:
        url = server.url.replace("127.0.0.1", GATEWAY)
        error = error_of(url, other.file, proxy=f"http://{proxy.address}")
        remedy = "add its certificate there"
        errors.add(f"certificate behind {kind}, {version}", error, peer=url, remedy=remedy)
        server.wait_for("alert unknown ca")
    proxy.stop()


def test_certificate_of_an_https_proxy_that_is_not_trusted(pki: Pki, errors: ErrorTable) -> None:
    proxy = squid_behind_tls(trustme.CA())
    url = f"https://{proxy.address}"
    error = error_of(f"https://{GATEWAY}", pki.issue("Root CA").file, proxy=url)
    proxy.stop()
    remedy = "the full chain on the server, or add the CA"
    errors.add("certificate of a proxy", error, peer=f"proxy {url}: ", remedy=remedy)


@contextmanager
def calling(client: zignsec.Client, *, start: bool = False) -> Generator[list[object]]:
    """A call on another thread. Its result, or its error, is in the list afterwards."""
    results: list[object] = []

    def run() -> None:
        try:
            if start:
                session = client.start_phone_2fa(
                    "+46701740605",
                    redirect_success="https://a.example/ok",
                    redirect_failure="https://a.example/no",
                )
                results.append(session.id)
            else:
                results.append(client.get_session("a").id)
        except zignsec.ZignSecError as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield results
    thread.join()


@contextmanager
def server_that_renegotiates(
    certificate: Certificate, root: Certificate, folder: Path
) -> Generator[tuple[TlsServer, zignsec.Client]]:
    arguments = ("-tls1_2", "-msg", "-CAfile", root.file)
    with (
        TlsServer(folder, certificate, [], *arguments) as server,
        zignsec.Client("a-key", base_url=server.url, ca_file=root.file, max_retries=0) as client,
    ):
        yield server, client


@pytest.mark.parametrize("command", ["r", "R"])
@pytest.mark.parametrize("start", [False, True])
def test_renegotiation_on_an_idle_connection(
    certificate: Certificate, root: Certificate, tmp_path: Path, command: str, start: bool
) -> None:
    with server_that_renegotiates(certificate, root, tmp_path / "s") as (server, client):
        with calling(client) as results:
            server.wait_for("GET /")
            server.write(response("a").decode())
        assert results == ["a"]
        server.write(f"{command}\n")
        server.wait_for("HelloRequest")
        server.forget()
        with calling(client, start=start) as results:
            server.wait_for("POST /" if start else "GET /")
            server.write(response("a").decode())
        assert results == ["a"]


def test_renegotiation_while_a_call_waits(
    certificate: Certificate, root: Certificate, errors: ErrorTable, tmp_path: Path
) -> None:
    with server_that_renegotiates(certificate, root, tmp_path / "s") as (server, client):
        with calling(client) as results:
            server.wait_for("GET /")
            server.write("r\n")
        (error,) = results
        assert isinstance(error, zignsec.TLSError)
        text = errors.add("renegotiation", error, peer=server.url, remedy="enable TLS 1.3, or")
        assert "the server asked to renegotiate TLS 1.2, which is not supported" in text


def test_connection_that_ends_without_the_end_of_tls(
    certificate: Certificate, root: Certificate, errors: ErrorTable
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with context.wrap_socket(connection, server_side=True) as tls:
                assert tls.recv(65536)
                tls.sendall(response("a")[:-1])

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        error = error_of(url, root.file)
        thread.join()
    text = errors.add("no end of TLS", error, peer=url, remedy="try again, or check for")
    assert "without close_notify" in text
