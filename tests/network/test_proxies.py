"""What proxies do, row by row: SOCKS5, refusals, mixed-up schemes, variables and TLS."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from error_table import ErrorTable
from network import (
    GATEWAY,
    CallResult,
    Completed,
    ScriptedProxy,
    Squid,
    Tinyproxy,
    call,
    dead_port,
    resolving_the_gateway,
    squid_behind_tls,
    squid_with_login,
)
from proxies import Dante, Microsocks, TlsServer
from sandbox import Sandbox

CONNECT, TLS, TIMEOUT = 10, 11, 12
USER, PASSWORD = "proxy-user", "proxy.pass-word"


@pytest.fixture(scope="module")
def gateway() -> Iterator[Sandbox]:
    with Sandbox("--tls", "--allow-host", GATEWAY) as box:
        yield box


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return tmp_path_factory.mktemp


@pytest.fixture(scope="module")
def microsocks(folder_of: Callable[[str], Path]) -> Iterator[Microsocks]:
    yield from running(Microsocks(folder_of("microsocks")))


@pytest.fixture(scope="module")
def microsocks_with_login(folder_of: Callable[[str], Path]) -> Iterator[Microsocks]:
    yield from running(Microsocks(folder_of("microsocks"), USER, PASSWORD))


@pytest.fixture(scope="module")
def dante(folder_of: Callable[[str], Path]) -> Iterator[Dante]:
    yield from running(Dante(folder_of("dante")))


@pytest.fixture(scope="module")
def tinyproxy(folder_of: Callable[[str], Path]) -> Iterator[Tinyproxy]:
    yield from running(Tinyproxy(folder_of("tinyproxy")))


@pytest.fixture(scope="module")
def squid() -> Iterator[Squid]:
    yield from running(Squid("http_port 127.0.0.1:{port}", "", {}))


@pytest.fixture(scope="module")
def proxy_ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls_squid(proxy_ca: trustme.CA) -> Iterator[Squid]:
    yield from running(squid_behind_tls(proxy_ca))


def running(proxy: Any) -> Iterator[Any]:
    yield proxy
    proxy.stop()


def to_gateway(box: Sandbox, *calls: str, **how: Any) -> Completed:
    """Make calls to the sandbox by a host name that is not loopback; by default one POST."""
    box.reset()
    how = {"ca_file": box.ca_file, "base_url": f"https://{GATEWAY}:{box.port}", **how}
    return call(*(calls or ("POST",)), **how)


def failed(box: Sandbox, **how: Any) -> CallResult:
    """The error of a call that reached the gateway with no byte."""
    result = to_gateway(box, **how).result
    assert result.error
    assert not result.in_doubt
    assert box.requests() == []
    assert PASSWORD not in f"{result.message} {result.repr}"
    return result


@pytest.mark.parametrize("way", ["proxy", "HTTPS_PROXY", "all_proxy"])
@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks", "SOCKS5H"])
@pytest.mark.parametrize("server", ["microsocks", "dante"])
def test_socks_proxy_is_used(
    gateway: Sandbox,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    server: str,
    scheme: str,
    way: str,
) -> None:
    proxy: Microsocks | Dante = request.getfixturevalue(server)
    before = len(proxy.targets()) if isinstance(proxy, Microsocks) else 0
    url = f"{scheme}://{proxy.address}"
    # With socks5, the client looks the host name up, and with the others only the proxy does.
    is_local = scheme == "socks5"
    environment = resolving_the_gateway(tmp_path) if is_local else {}
    how = {"proxy": url} if way == "proxy" else {}
    environment |= {} if way == "proxy" else {way: url}
    completed = to_gateway(gateway, "POST", "POST", environment=environment, **how)
    assert all(one.session_id for one in completed.results)
    assert len({request["connection"] for request in gateway.requests()}) == 1
    if isinstance(proxy, Microsocks):
        (target,) = proxy.targets()[before:]
        assert target.startswith("127.0.0.1" if is_local else GATEWAY)


def test_proxy_is_asked_for_each_address_of_the_gateway(
    gateway: Sandbox, microsocks: Microsocks, tmp_path: Path
) -> None:
    before = len(microsocks.targets())
    # Nothing listens on the first two.
    environment = resolving_the_gateway(tmp_path, "::1", "127.0.0.2", "127.0.0.1")
    how = {"proxy": f"socks5://{microsocks.address}", "max_retries": 0}
    assert to_gateway(gateway, environment=environment, **how).result.session_id
    assert microsocks.targets()[before:] == [f"127.0.0.1:{gateway.port}"]


def test_login_of_a_socks_proxy(gateway: Sandbox, microsocks_with_login: Microsocks) -> None:
    url = f"socks5h://{USER}:{PASSWORD}@{microsocks_with_login.address}"
    completed = to_gateway(gateway, proxy=url)
    assert completed.result.session_id
    assert PASSWORD not in completed.printed


@pytest.mark.parametrize(
    ("login", "says", "remedy"),
    [
        ("", "requires a login", "put user and password into the proxy URL"),
        (f"{USER}:wrong@", "refused the login", "check the user and password"),
        (f"other:{PASSWORD}@", "refused the login", "check the user and password"),
    ],
)
def test_refused_login_of_a_socks_proxy_is_not_repeated(
    gateway: Sandbox,
    microsocks_with_login: Microsocks,
    errors: ErrorTable,
    login: str,
    says: str,
    remedy: str,
) -> None:
    address = microsocks_with_login.address
    result = failed(gateway, proxy=f"socks5h://{login}{address}", max_retries=2)
    assert (result.code, result.attempts) == (CONNECT, 1)
    case = f"microsocks, login {login.split(':')[0] or 'none'}"
    errors.add(case, result.message, peer=f"proxy socks5h://{address}: ", remedy=remedy)
    assert says in result.message


def test_target_that_a_socks_proxy_cannot_reach(
    gateway: Sandbox, microsocks: Microsocks, errors: ErrorTable
) -> None:
    peer = f"proxy socks5h://{microsocks.address}: "
    with dead_port() as dead:
        url = f"https://{GATEWAY}:{dead.split(':')[1]}"
        how = {"proxy": f"socks5h://{microsocks.address}", "max_retries": 1}
        result = failed(gateway, base_url=url, **how)
    assert (result.code, result.attempts) == (CONNECT, 2)
    text = errors.add(
        "microsocks, gateway refuses", result.message, peer=peer, remedy="check the base URL"
    )
    assert "the gateway refused the connection of the proxy (SOCKS5 reply 5)" in text

    how["max_retries"] = 0
    result = failed(gateway, base_url="https://no-such-host.invalid", **how)
    errors.add("microsocks, unknown host", result.message, peer=peer, remedy="check the base URL")

    # The client itself cannot resolve the name.
    how["proxy"] = f"socks5://{microsocks.address}"
    result = failed(gateway, base_url="https://no-such-host.invalid", **how)
    assert result.code == CONNECT
    text = errors.add(
        "socks5, unknown host", result.message, peer="no-such-host.invalid", remedy="socks5h://"
    )
    assert "the host name of the gateway could not be resolved" in text


def test_rule_and_login_method_of_dante(
    gateway: Sandbox, errors: ErrorTable, tmp_path: Path
) -> None:
    rule = "socks block { from: 0.0.0.0/0 to: 0.0.0.0/0 }"
    for case, rules, method, says, remedy in [
        ("blocked", [rule], "none", "not allowed by the ruleset", "must allow connections"),
        ("login", [], "username", "requires a login", "put user and password"),
    ]:
        folder = tmp_path / case
        folder.mkdir()
        proxy = Dante(folder, *rules, method=method)
        try:
            result = failed(gateway, proxy=f"socks5h://{proxy.address}", max_retries=2)
        finally:
            proxy.stop()
        assert (result.code, result.attempts) == (CONNECT, 1)
        peer = f"proxy socks5h://{proxy.address}: "
        assert says in errors.add(f"dante, {case}", result.message, peer=peer, remedy=remedy)


LOCAL = "run a local proxy"
NO_LOGIN = "put user and password into the proxy URL"
WRONG_LOGIN = "check the user and password"


@pytest.mark.parametrize(
    ("login", "head", "says", "remedy"),
    [
        ("", "407 x\r\nProxy-Authenticate: Basic realm=x", "407: it offers Basic;", NO_LOGIN),
        ("u:p@", "407 x\r\nProxy-Authenticate: Basic realm=x", "407: it offers Basic", WRONG_LOGIN),
        (
            "u:p@",
            '407\r\nProxy-Authenticate: Digest realm="a, b", nonce=x',
            "407: it offers Digest, and this library speaks Basic",
            LOCAL,
        ),
        (
            "",
            "407\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Negotiate",
            "407: it offers Negotiate and NTLM, and this library speaks Basic",
            LOCAL,
        ),
        ("", "407", "HTTP 407;", NO_LOGIN),
        (
            "",
            "302 Found\r\nLocation: https://portal.example/login?token=word-of-a-query",
            "HTTP 302, a redirect to portal.example",
            "log in to the network",
        ),
        ("", "403 Forbidden", "HTTP 403", "must allow connections to the gateway"),
        ("", "404 Not Found", "HTTP 404", "a proxy that allows CONNECT"),
        ("", "429 Too Many", "HTTP 429", "must allow"),
        ("", "101 Switching Protocols", "HTTP 101", "check the proxy"),
    ],
)
def test_refusal_of_a_proxy_is_explained_and_not_repeated(
    gateway: Sandbox, errors: ErrorTable, login: str, head: str, says: str, remedy: str
) -> None:
    with ScriptedProxy(f"HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n".encode()) as proxy:
        result = failed(gateway, proxy=f"http://{login}{proxy.address}", max_retries=2)
    assert (result.code, result.attempts, len(proxy.heads)) == (CONNECT, 1, 1)
    peer = f"proxy http://{proxy.address}: "
    case = f"proxy: {'login, ' if login else ''}{head.splitlines()[0]}"
    assert says in errors.add(case, result.message, peer=peer, remedy=remedy)
    assert "word-of-a-query" not in result.message


def test_login_that_squid_refuses_ends_at_once(gateway: Sandbox, errors: ErrorTable) -> None:
    proxy = squid_with_login(USER, PASSWORD)
    try:
        for login, remedy in (("", NO_LOGIN), (f"{USER}:wrong@", WRONG_LOGIN)):
            result = failed(gateway, proxy=f"http://{login}{proxy.address}", max_retries=2)
            assert (result.code, result.attempts) == (CONNECT, 1)
            text = errors.add(
                f"squid, login {'wrong' if login else 'missing'}",
                result.message,
                peer=f"proxy http://{proxy.address}: ",
                remedy=remedy,
            )
            assert "HTTP 407: it offers Basic;" in text
    finally:
        proxy.stop()


def test_target_that_squid_cannot_reach(gateway: Sandbox, squid: Squid, errors: ErrorTable) -> None:
    with dead_port() as dead:
        url = f"https://{GATEWAY}:{dead.split(':')[1]}"
        result = failed(gateway, base_url=url, proxy=f"http://{squid.address}", max_retries=1)
    assert (result.code, result.attempts) == (CONNECT, 2)
    text = errors.add(
        "squid, gateway refuses",
        result.message,
        peer=f"proxy http://{squid.address}: ",
        remedy="check the base URL, and whether the proxy can reach the gateway",
    )
    assert "the proxy returned HTTP 503" in text


@pytest.mark.parametrize(
    "response",
    [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\n" + "x: y\r\n" * 100 + "\r\n",
        "HTTP/1.1 200 OK\r\nvia: a,\r\n b\r\nserver : c\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_every_successful_response_opens_the_tunnel(gateway: Sandbox, response: str) -> None:
    # The tunnel leads nowhere, so that the handshake with the gateway fails.
    with ScriptedProxy(response.encode()) as proxy:
        result = failed(gateway, proxy=f"http://{proxy.address}", max_retries=0)
    assert result.code == TLS
    assert "proxy" not in result.message.split(";")[0]


def test_heads_that_are_too_large_are_the_proxys(gateway: Sandbox, errors: ErrorTable) -> None:
    for case, headers, says in [
        ("101 headers", "x: y\r\n" * 101, "sent more than 100 headers"),
        ("17 KiB", "x: " + "y" * 17_000 + "\r\n", "sent more than 16 KiB of headers"),
    ]:
        with ScriptedProxy(f"HTTP/1.1 200 OK\r\n{headers}\r\n".encode()) as proxy:
            result = failed(gateway, proxy=f"http://{proxy.address}", max_retries=0)
        peer = f"proxy http://{proxy.address}: "
        remedy = "check the proxy and its address"
        text = errors.add(f"proxy: {case}", result.message, peer=peer, remedy=remedy)
        assert says in text


@pytest.mark.parametrize(
    ("server", "scheme", "code", "remedy"),
    [
        ("squid", "https", TLS, "check the scheme and the port"),
        ("tinyproxy", "https", TIMEOUT, "begin its URL with http://"),
        ("microsocks", "https", TLS, "check the scheme and the port"),
        ("tls_squid", "http", CONNECT, "if it is a TLS"),
        ("microsocks", "http", CONNECT, "begin its URL with socks5h://"),
        ("dante", "http", CONNECT, "begin its URL with https:// or socks5h://"),
        ("squid", "socks5h", TIMEOUT, "begin its URL with http:// or https://"),
        ("tls_squid", "socks5h", TIMEOUT, "begin its URL with http:// or https://"),
        ("tinyproxy", "socks5h", TIMEOUT, "begin its URL with http:// or https://"),
    ],
)
def test_wrong_scheme_is_explained(
    gateway: Sandbox,
    request: pytest.FixtureRequest,
    errors: ErrorTable,
    server: str,
    scheme: str,
    code: int,
    remedy: str,
) -> None:
    url = f"{scheme}://{request.getfixturevalue(server).address}"
    result = failed(gateway, proxy=url, connect_timeout=0.5, max_retries=0)
    errors.add(f"{scheme}:// to {server}", result.message, peer=f"proxy {url}: ", remedy=remedy)
    assert result.code == code


def test_unreachable_proxy_is_named(gateway: Sandbox, errors: ErrorTable) -> None:
    for scheme in ("http", "https", "socks5h"):
        with dead_port() as dead:
            result = failed(gateway, proxy=f"{scheme}://{dead}", max_retries=0)
        errors.add(
            f"{scheme} proxy refuses the connection",
            result.message,
            peer=f"proxy {scheme}://{dead}: could not connect: connection refused",
            remedy="check the proxy and its address",
        )
    result = failed(gateway, proxy="http://no-such-proxy.invalid:3128", max_retries=0)
    errors.add(
        "unknown proxy", result.message, peer="proxy http://no-such-proxy", remedy="check the proxy"
    )


PROXY = "http://PROXY"


@pytest.mark.parametrize(
    ("environment", "is_proxied"),
    [
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, False),
        ({"https_proxy": "", "HTTPS_PROXY": "http://127.0.0.1:1", "ALL_PROXY": PROXY}, True),
        ({"all_proxy": "", "ALL_PROXY": PROXY}, False),
        ({"HTTPS_PROXY": "", "ALL_PROXY": PROXY}, True),
        ({"no_proxy": "", "NO_PROXY": "*", "HTTPS_PROXY": PROXY}, True),
        ({"NO_PROXY": "", "no_proxy": "*", "HTTPS_PROXY": PROXY}, False),
        ({"HTTPS_PROXY": f"{PROXY}\r"}, True),
        ({"HTTPS_PROXY": f" {PROXY} "}, True),
        ({"HTTPS_PROXY": f"{PROXY}\n"}, True),
        ({"HTTPS_PROXY": f'"{PROXY}"'}, True),
        ({"HTTPS_PROXY": f"\u201c{PROXY}\u201d"}, True),
        ({"HTTPS_PROXY": "none", "ALL_PROXY": PROXY}, False),
        ({"HTTPS_PROXY": "DIRECT"}, False),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": f"{GATEWAY}."}, False),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": f"{GATEWAY}\r"}, False),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": f"a\n{GATEWAY}"}, False),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": f"'a,{GATEWAY}'"}, False),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "127.*"}, True),
    ],
)
def test_variables_as_people_set_them(
    gateway: Sandbox,
    tinyproxy: Tinyproxy,
    tmp_path: Path,
    environment: dict[str, str],
    is_proxied: bool,
) -> None:
    before = len(tinyproxy.connects())
    environment = {
        name: text.replace("PROXY", tinyproxy.address) for name, text in environment.items()
    }
    environment |= resolving_the_gateway(tmp_path)
    assert to_gateway(gateway, environment=environment).result.session_id
    assert len(tinyproxy.connects()) - before == is_proxied


@pytest.mark.parametrize(
    ("in_url", "user", "password"),
    [
        ("user:p\u00e5", "user", "p\u00e5"),
        ("DOM\\user:p", "DOM\\user", "p"),
        ("m@x.example:p@w", "m@x.example", "p@w"),
    ],
)
def test_login_as_people_write_it(gateway: Sandbox, in_url: str, user: str, password: str) -> None:
    with ScriptedProxy(b"HTTP/1.1 407 Wrong\r\n\r\n") as proxy:
        failed(gateway, environment={"HTTPS_PROXY": f"http://{in_url}@{proxy.address}"})
    (head,) = proxy.heads
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    assert f"Proxy-Authorization: Basic {login}\r\n" in head


@pytest.fixture(scope="module")
def client_certificate(folder_of: Callable[[str], Path]) -> tuple[Path, Path]:
    """A certificate and key that are meant for the gateway."""
    folder = folder_of("client")
    certificate = trustme.CA().issue_cert("client.example")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    return folder / "cert.pem", folder / "key.pem"


def trusting(folder: Path, *files: bytes) -> str:
    (folder / "roots.pem").write_bytes(b"".join(files))
    return str(folder / "roots.pem")


def server_context(ca: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(name).configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    return context


def test_client_certificate_is_not_shown_to_a_proxy_that_asks_for_one(
    gateway: Sandbox,
    tinyproxy: Tinyproxy,
    proxy_ca: trustme.CA,
    client_certificate: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    context = server_context(proxy_ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    # It trusts another CA, and a certificate of this one would be refused.
    trustme.CA().configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
    assert gateway.ca_file
    roots = trusting(tmp_path, proxy_ca.cert_pem.bytes(), Path(gateway.ca_file).read_bytes())
    cert, key = client_certificate
    with TlsServer(context, tinyproxy.address) as proxy:
        completed = to_gateway(
            gateway,
            proxy=f"https://{proxy.address}",
            ca_file=roots,
            client_cert=[str(cert), str(key)],
        )
    assert completed.result.session_id, completed.printed
    assert (proxy.certificates, proxy.errors) == ([None], [])


def test_proxy_that_insists_on_a_certificate_is_named(
    gateway: Sandbox,
    proxy_ca: trustme.CA,
    client_certificate: tuple[Path, Path],
    errors: ErrorTable,
    tmp_path: Path,
) -> None:
    chain = proxy_ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.bytes()
    other_ca = trustme.CA().cert_pem.bytes()
    squid = Squid(
        "https_port 127.0.0.1:{port} tls-cert=chain.pem clientca=clients.pem",
        "",
        {"chain.pem": chain, "clients.pem": other_ca},
    )
    cert, key = client_certificate
    try:
        url = f"https://{squid.address}"
        result = failed(
            gateway,
            proxy=url,
            ca_file=trusting(tmp_path, proxy_ca.cert_pem.bytes()),
            client_cert=[str(cert), str(key)],
            max_retries=0,
        )
    finally:
        squid.stop()
    assert result.code == TLS
    errors.add(
        "squid insists on a certificate",
        result.message,
        peer=f"proxy {url}: ",
        remedy="if the proxy requires a client certificate, use another one",
    )


@pytest.mark.parametrize("kind", ["tinyproxy", "microsocks", "tls_squid"])
def test_alert_reaches_the_gateway_through_a_tunnel(
    proxy_ca: trustme.CA,
    request: pytest.FixtureRequest,
    gateway: Sandbox,
    tmp_path: Path,
    kind: str,
) -> None:
    scheme = {"tinyproxy": "http", "microsocks": "socks5h", "tls_squid": "https"}[kind]
    proxy = request.getfixturevalue(kind)
    roots = trusting(tmp_path, proxy_ca.cert_pem.bytes())
    # Its CA is unknown to the client.
    with TlsServer(server_context(trustme.CA(), GATEWAY)) as server:
        result = to_gateway(
            gateway,
            base_url=f"https://{GATEWAY}:{server.port}",
            proxy=f"{scheme}://{proxy.address}",
            ca_file=roots,
            max_retries=0,
        ).result
        assert result.code == TLS
        assert "proxy " not in result.message.split(";")[0].split("(")[0]
    assert len(server.errors) == 1
    assert "unknown ca" in server.errors[0]
