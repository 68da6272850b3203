"""Responses as servers, proxies and portals give them, beside those of ZignSec's gateway."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import trustme
import zignsec
from call import get_unknown_session, start, start_with_large_body
from error_table import ErrorTable
from network import Daemon, program
from sandbox import Sandbox

SESSION = b'{"data": {"id": "no-such-session", "status": "pending"}}'
LENGTH = b"content-length: %d\r\n" % len(SESSION)
OK = b"HTTP/1.1 200 OK\r\n"
PAGE = b"<!DOCTYPE html>\n<title>Sign in to\nthe network</title>"
WRONG_PEER = "whether a proxy, portal or firewall answers in its place"

CA = trustme.CA()


def response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers])
    return head.encode() + b"\r\n\r\n" + body


class Gateway:
    """A server that sends the same bytes to every request and closes the connection.

    A client that makes a second call may take the connection before it notices the end.
    """

    def __init__(self, sent: bytes, *, tls: bool = False, reads_all: bool = True) -> None:
        self._sent = sent
        self._reads_all = reads_all
        self.requests: list[bytes] = []
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            leaf = CA.issue_cert("127.0.0.1")
            leaf.configure_cert(self._context)  # pyright: ignore[reportUnknownMemberType]
        self._socket = socket.create_server(("127.0.0.1", 0))
        if not reads_all:
            # So small that a long request cannot be sent before it is refused.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Gateway:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            # Closed without close_notify, and with RST if bytes were not read.
            with closing(connection), suppress(OSError):
                self._respond(connection)

    def _respond(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        if self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True)
        with closing(connection):
            request = b""
            while b"\r\n\r\n" not in request or (self._reads_all and not is_whole(request)):
                received = connection.recv(1024)
                if not received:
                    return
                request += received
            self.requests.append(request)
            connection.sendall(self._sent)


def is_whole(request: bytes) -> bool:
    head, _, body = request.partition(b"\r\n\r\n")
    _, _, length = head.partition(b"content-length: ")
    return len(body) >= int(length.split(b"\r\n")[0] or 0)


def client_of(gateway: Gateway, tmp_path: Path, *, max_retries: int = 0) -> zignsec.Client:
    ca_file = tmp_path / "ca.pem"
    CA.cert_pem.write_to_path(str(ca_file))
    return zignsec.Client(
        "a-key", base_url=gateway.url, ca_file=str(ca_file), max_retries=max_retries
    )


ACCEPTED = {
    "folded header": OK + b"csp: a;\r\n  b\r\n" + LENGTH + b"\r\n" + SESSION,
    "folded with a tab, after an empty line": OK + b"csp:\r\n\ta\r\n" + LENGTH + b"\r\n" + SESSION,
    "space before a colon": OK + b"server : x\r\n" + LENGTH + b"\r\n" + SESSION,
    "length stated twice": OK + LENGTH + LENGTH + b"\r\n" + SESSION,
    "length as a list": OK + LENGTH[:-2] + b", %d\r\n\r\n" % len(SESSION) + SESSION,
    "byte order mark": response(b"\xef\xbb\xbf" + SESSION),
    "no length": OK + b"\r\n" + SESSION + b"\r\n",
    "early hints": b"HTTP/1.1 103 x\r\nlink: a\r\n b\r\n\r\n" + response(SESSION),
    "identity": response(SESSION, "content-encoding: identity"),
    "JSON declared as HTML": response(SESSION, "content-type: text/html"),
}


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("sent", ACCEPTED.values(), ids=ACCEPTED)
@pytest.mark.parametrize("call", [get_unknown_session, start])
def test_unusual_response_is_accepted(
    sent: bytes, tls: bool, call: Callable[[zignsec.Client], zignsec.Session], tmp_path: Path
) -> None:
    with Gateway(sent, tls=tls) as gateway:
        session = call(client_of(gateway, tmp_path))
        assert session.status == "pending"
        assert json.loads(session.json) == json.loads(SESSION)["data"]
        assert b"\r\naccept-encoding: identity\r\n" in gateway.requests[0]


REFUSED = {
    "folded length": (OK + LENGTH[:-2] + b"\r\n 1\r\n\r\n" + SESSION, "folded content-length"),
    "space before the length's colon": (
        OK + LENGTH.replace(b":", b" :") + b"\r\n" + SESSION,
        "space before its colon",
    ),
    "different lengths": (OK + LENGTH + b"content-length: 1\r\n\r\n" + SESSION, "more than one"),
    "folded transfer-encoding": (
        OK + b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        "folded content-length or transfer-encoding",
    ),
    "101 headers": (OK + b"a: b\r\n" * 101 + b"\r\n", "too many headers"),
    "headers of 20 kB": (OK + b"a: " + b"b" * 20_000 + b"\r\n\r\n", "response headers too large"),
    "invalid header name": (OK + b"a(b): c\r\n\r\n", "invalid header name"),
    "gzip": (
        response(gzip.compress(SESSION), "content-encoding: gzip"),
        "the response is compressed (gzip), though none was asked for",
    ),
    "HTML page": (response(PAGE), 'an HTML page, from a proxy, a portal or a firewall: "Sign in'),
    "HTML page, only declared": (
        response(b"Blocked<br>", "content-type: text/html; charset=utf-8"),
        "an HTML page",
    ),
    "empty body": (response(b""), "an empty body"),
    "plain text": (response(b"hello"), "is not JSON"),
    "truncated JSON": (response(SESSION[:20]), "ends too early"),
    "body of 2 MiB": (response(b" " * (2 << 20)), "larger than 1 MiB"),
}
REMEDIES = {
    "gzip": "turn off compression",
    "HTML page": WRONG_PEER,
    "HTML page, only declared": WRONG_PEER,
    "empty body": WRONG_PEER,
}


@pytest.mark.parametrize("case", REFUSED)
def test_unreadable_response_is_explained(case: str, tmp_path: Path, errors: ErrorTable) -> None:
    sent, says = REFUSED[case]
    with Gateway(sent) as gateway:
        with pytest.raises(zignsec.ProtocolError) as caught:
            get_unknown_session(client_of(gateway, tmp_path))
        remedy = REMEDIES.get(case, "check that the base URL")
        assert says in errors.add(case, caught.value, peer=gateway.url, remedy=remedy)
        with pytest.raises(zignsec.ProtocolError) as caught:
            start(client_of(gateway, tmp_path))
        assert caught.value.in_doubt
        remedy = REMEDIES.get(case, "a retry may create a second one")
        assert says in errors.add(f"{case}, POST", caught.value, peer=gateway.url, remedy=remedy)


STATUSES = {
    "301 to another host": (301, "location: https://new.example/a?key=hidden", "address that the"),
    "302 to a portal": (302, "location: //portal.example/login", "address that the gateway moved"),
    "307 to another path": (307, "location: /other", "check the path of the base URL"),
    "401": (401, "x: y", "check the API key"),
    "403": (403, "x: y", "ask ZignSec whether the key"),
    "407": (407, "x: y", "set the option proxy"),
    "408": (408, "x: y", "try again"),
    "413": (413, "x: y", "shorten the URLs"),
    "425": (425, "x: y", "try again"),
    "429": (429, "x: y", "wait before the next call"),
    "501": (501, "x: y", "check the base URL"),
    "505": (505, "x: y", "check the base URL"),
    "511": (511, "x: y", "in a browser"),
    "520": (520, "x: y", "try again later"),
}


@pytest.mark.parametrize("body", [b"", PAGE, b'{"error": "the reason"}'], ids=["", "page", "JSON"])
@pytest.mark.parametrize("case", STATUSES)
def test_status_is_explained(case: str, body: bytes, tmp_path: Path, errors: ErrorTable) -> None:
    status, header, remedy = STATUSES[case]
    if body == PAGE and status == 403:
        remedy = WRONG_PEER
    with Gateway(response(body, header, status=f"{status} x")) as gateway:
        with pytest.raises(zignsec.APIStatusError) as caught:
            get_unknown_session(client_of(gateway, tmp_path))
        text = errors.add(case, caught.value, peer=gateway.url, remedy=remedy)
        assert f"{gateway.url}: HTTP {status}" in text
        assert "hidden" not in text
        if status >= 400 and body == PAGE:
            assert '"Sign in to the network"' in text
        with pytest.raises(zignsec.APIStatusError) as caught:
            start(client_of(gateway, tmp_path))
        assert caught.value.in_doubt == (not 400 <= status < 500)
        if status == 520 and caught.value.in_doubt:
            remedy = "a retry may create a second one"
        errors.add(f"{case}, POST", caught.value, peer=gateway.url, remedy=remedy)


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        (b"\r\n" + SESSION[:-1], "the connection ended without close_notify"),
        (b"\r\n", "the connection ended without close_notify"),
        (LENGTH + b"\r\n" + SESSION[:-1], "the connection ended without close_notify"),
        (b"", "the connection ended without close_notify"),
    ],
    ids=["part of an object", "nothing", "less than its length", "part of the head"],
)
def test_end_without_close_notify_is_refused_if_the_object_is_not_whole(
    rest: bytes, says: str, tmp_path: Path, errors: ErrorTable
) -> None:
    with (
        Gateway(OK + rest, tls=True) as gateway,
        client_of(gateway, tmp_path, max_retries=1) as client,
    ):
        with pytest.raises(zignsec.APIConnectionError) as caught:
            get_unknown_session(client)
        assert caught.value.attempts == 2
        text = errors.add("no close_notify", caught.value, peer=gateway.url, remedy="try again")
        assert says in text
        assert "docs.rs" not in text


def start_with_largest_body(client: zignsec.Client) -> zignsec.Session:
    """The request does not fit in the buffers of a server that does not read it."""
    url = "https://a.example/" + "x" * 65_000
    return client.start_phone_2fa(
        "+46703339954", redirect_success=url, redirect_failure=url, webhook=url
    )


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_response_that_comes_before_the_request_was_read_is_told(
    tls: bool, tmp_path: Path, errors: ErrorTable
) -> None:
    early = response(b"", "connection: close", status="413 Content Too Large")
    with (
        Gateway(early, tls=tls, reads_all=False) as gateway,
        client_of(gateway, tmp_path) as client,
    ):
        with pytest.raises(zignsec.BadRequestError) as caught:
            start_with_largest_body(client)
        assert (caught.value.status_code, caught.value.in_doubt) == (413, False)
        errors.add("early 413", caught.value, peer=gateway.url, remedy="shorten the URLs")


CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 1k;
    gzip on;
    gzip_min_length 1;
    gzip_proxied any;
    gzip_types *;
    server {{
        listen 127.0.0.1:{port};
        add_header Content-Security-Policy "default-src 'self';
            img-src *" always;
        location / {{
            proxy_pass {gateway};
            proxy_set_header Accept-Encoding $http_accept_encoding;
        }}
        location /down/ {{ return 403; }}
        location /moved/ {{ return 308 https://new.example/; }}
    }}
}}
"""


@contextmanager
def nginx(folder: Path, gateway: str) -> Generator[str, None, None]:
    """A real nginx in front of the gateway. It sends a header in two lines."""
    path = program("nginx")
    file = folder / "nginx.conf"

    def configure(port: int) -> list[str]:
        file.write_text(CONFIGURATION.format(folder=folder, port=port, gateway=gateway))
        return [path, "-p", str(folder), "-c", str(file)]

    daemon = Daemon(folder, "start worker process", configure)
    try:
        yield f"http://127.0.0.1:{daemon.port}"
    finally:
        daemon.stop()


def test_nginx_that_sends_a_folded_header_does_no_harm(tmp_path: Path, errors: ErrorTable) -> None:
    with Sandbox() as box, nginx(tmp_path, box.url) as url:
        with zignsec.Client(box.api_key, base_url=url) as client:
            session = start(client)
            assert client.get_session(session.id).status == "pending"
            with pytest.raises(zignsec.NotFoundError):
                get_unknown_session(client)
            with pytest.raises(zignsec.BadRequestError) as caught:
                start_with_large_body(client)
            assert caught.value.status_code == 413
            errors.add("nginx, 413", caught.value, peer=url, remedy="shorten the URLs")
        for path, kind, remedy in (
            ("/down", zignsec.PermissionDeniedError, WRONG_PEER),
            ("/moved", zignsec.APIStatusError, "address that the gateway moved to"),
        ):
            with (
                zignsec.Client(box.api_key, base_url=url + path) as client,
                pytest.raises(kind) as refused,
            ):
                get_unknown_session(client)
            errors.add(f"nginx, {path}", refused.value, peer=url, remedy=remedy)


REFUSALS = ["not-json", "empty-body", "byte-order-mark", "http-403", "http-404", "http-408"]


@pytest.mark.parametrize("fault", REFUSALS)
def test_wait_survives_one_odd_response(fault: str) -> None:
    with Sandbox() as box, zignsec.Client(box.api_key, base_url=box.url) as client:
        session = start(client)
        box.arm(fault)
        waited = threading.Event()

        def on_poll(_: zignsec.Session, __: float) -> bool:
            if not waited.is_set():
                waited.set()
                box.arm(fault)
                box.user(session.id, "accept")
            return True

        result = client.wait_for_session(session.id, poll_interval=0.02, on_poll=on_poll)
        assert result.is_verified
        assert waited.is_set()


def test_wait_ends_at_the_third_odd_response_in_a_row() -> None:
    page = {"status": 200, "body": PAGE.decode()}
    with Sandbox() as box, zignsec.Client(box.api_key, base_url=box.url) as client:
        session = start(client)
        begun = time.monotonic()
        box.arm("answer", times=3, **page)
        with pytest.raises(zignsec.ProtocolError, match="HTML page") as caught:
            client.wait_for_session(session.id, poll_interval=0.02)
        assert caught.value.attempts == 3
        assert time.monotonic() - begun < 5
