"""Calls through real proxies, and without a proxy."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from network import (
    ANY_ADDRESS,
    GATEWAY,
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
from sandbox import Sandbox

CONNECT, TLS, TIMEOUT = 10, 11, 12
USER, PASSWORD = "proxy-user", "proxy.pass-word"
LOGIN = f"{USER}:{PASSWORD}"


@pytest.fixture
def gateway() -> Iterator[Sandbox]:
    with Sandbox("--tls", "--allow-host", GATEWAY, "--allow-host", ANY_ADDRESS) as box:
        yield box


@pytest.fixture
def start_tinyproxy(tmp_path: Path) -> Iterator[Callable[..., Tinyproxy]]:
    started: list[Tinyproxy] = []

    def start(*settings: str) -> Tinyproxy:
        started.append(Tinyproxy(tmp_path, *settings))
        return started[-1]

    yield start
    for proxy in started:
        proxy.stop()


@pytest.fixture
def proxy(start_tinyproxy: Callable[..., Tinyproxy]) -> Tinyproxy:
    return start_tinyproxy()


def to_gateway(box: Sandbox, *calls: str, host: str = GATEWAY, **how: Any) -> Completed:
    """Make calls to the sandbox by a host name that is not loopback; by default one POST."""
    how.setdefault("ca_file", box.ca_file)
    return call(*(calls or ("POST",)), base_url=f"https://{host}:{box.port}", **how)


@pytest.mark.parametrize("scheme", ["http://", "HTTP://", ""])
def test_proxy_option_is_used(gateway: Sandbox, proxy: Tinyproxy, scheme: str) -> None:
    assert to_gateway(gateway, proxy=scheme + proxy.address).result.session_id
    assert proxy.connects() == [f"{GATEWAY}:{gateway.port}"]
    assert len(gateway.requests()) == 1


@pytest.mark.parametrize(
    ("used", "unused"),
    [
        (["HTTPS_PROXY"], []),
        (["https_proxy"], []),
        (["ALL_PROXY"], []),
        (["all_proxy"], []),
        (["https_proxy"], ["HTTPS_PROXY", "ALL_PROXY", "all_proxy"]),
        (["HTTPS_PROXY"], ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"]),
        (["all_proxy"], ["ALL_PROXY"]),
    ],
)
def test_proxy_variable_is_used(
    gateway: Sandbox, proxy: Tinyproxy, used: list[str], unused: list[str]
) -> None:
    with dead_port() as dead:
        environment = dict.fromkeys(used, f"http://{proxy.address}")
        environment |= dict.fromkeys(unused, f"http://{dead}")
        assert to_gateway(gateway, environment=environment).result.session_id
    assert len(proxy.connects()) == 1


def test_option_has_priority_over_variables(gateway: Sandbox, proxy: Tinyproxy) -> None:
    with dead_port() as dead:
        # NO_PROXY does not apply to the option.
        environment = {"HTTPS_PROXY": f"http://{dead}", "NO_PROXY": "*"}
        completed = to_gateway(gateway, environment=environment, proxy=f"http://{proxy.address}")
    assert completed.result.session_id
    assert len(proxy.connects()) == 1


def test_tunnel_is_reused(gateway: Sandbox, proxy: Tinyproxy) -> None:
    completed = to_gateway(gateway, *["POST", "GET"] * 10, proxy=f"http://{proxy.address}")
    assert all(one.session_id or one.status_code == 404 for one in completed.results)
    assert len(completed.results) == len(gateway.requests()) == 20
    assert len({request["connection"] for request in gateway.requests()}) == 1
    assert len(proxy.connects()) == 1


@pytest.fixture(scope="module")
def proxy_with_login() -> Iterator[Squid]:
    squid = squid_with_login(USER, PASSWORD)
    yield squid
    squid.stop()


def named(way: str, url: str) -> dict[str, Any]:
    """The arguments that set a proxy, as the option or in a variable."""
    return {"proxy": url} if way == "proxy" else {"environment": {way: url}}


@pytest.mark.parametrize("way", ["proxy", "HTTPS_PROXY", "all_proxy"])
def test_proxy_login_is_sent_to_the_proxy_only(
    gateway: Sandbox, proxy_with_login: Squid, way: str
) -> None:
    completed = to_gateway(gateway, **named(way, f"http://{LOGIN}@{proxy_with_login.address}"))
    assert completed.result.session_id
    # The gateway does not receive the login.
    (request,) = gateway.requests()
    assert "proxy-authorization" not in request["headers"]
    assert_no_secret_in(completed)


@pytest.mark.parametrize("way", ["proxy", "HTTPS_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    "login", ["", f"{USER}:wrong-word@", f"{USER}@", f"other-user:{PASSWORD}@"]
)
def test_rejected_proxy_login_is_reported_as_407(
    gateway: Sandbox, proxy_with_login: Squid, way: str, login: str
) -> None:
    url = f"http://{login}{proxy_with_login.address}"
    completed = to_gateway(gateway, max_retries=0, **named(way, url))
    assert completed.result.code == CONNECT
    assert "proxy" in completed.result.message
    assert "407" in completed.result.message
    assert not completed.result.in_doubt
    assert gateway.requests() == []
    assert_no_secret_in(completed)


def assert_no_secret_in(completed: Completed) -> None:
    logins = [LOGIN, f"{USER}:wrong-word", f"{USER}:", f"other-user:{PASSWORD}"]
    encoded = [base64.b64encode(login.encode()).decode() for login in logins]
    for secret in [USER, PASSWORD, "wrong-word", "other-user", *encoded]:
        assert secret not in completed.printed


@pytest.mark.parametrize(
    ("in_url", "user", "password"),
    [
        ("m%40x.y:p%2Fw%3Ad%23%25", "m@x.y", "p/w:d#%"),
        ("user:%2541", "user", "%41"),
        ("user:a+b", "user", "a+b"),
        ("anv%C3%A4ndare:l%C3%B6senord", "användare", "lösenord"),
    ],
)
def test_login_in_proxy_url_is_percent_decoded(
    gateway: Sandbox, in_url: str, user: str, password: str
) -> None:
    proxy = squid_with_login(user, password)
    try:
        assert to_gateway(gateway, proxy=f"http://{in_url}@{proxy.address}").result.session_id
    finally:
        proxy.stop()


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(
    "exempt",
    [
        "*",
        GATEWAY,
        GATEWAY.upper(),
        f" other.example ,\t{GATEWAY} ",
        f"other.example {GATEWAY}",
        ".example",
        "example",
        "*.example",
        f"{GATEWAY}:PORT",
        ".example:PORT",
    ],
)
def test_no_proxy_matches_the_name(
    gateway: Sandbox, proxy: Tinyproxy, tmp_path: Path, variable: str, exempt: str
) -> None:
    assert not is_proxied(gateway, proxy, tmp_path, {variable: exempt})


@pytest.mark.parametrize(
    "exempt",
    ["", "gateway", "ateway.example", "other.gateway.example", f"{GATEWAY}:1", "0.0.0.0/0", ","],
)
def test_no_proxy_does_not_match_other_names(
    gateway: Sandbox, proxy: Tinyproxy, tmp_path: Path, exempt: str
) -> None:
    assert is_proxied(gateway, proxy, tmp_path, {"NO_PROXY": exempt})


@pytest.mark.parametrize(
    ("exempt", "proxied"),
    [
        ("0.0.0.0/8", False),
        ("10.0.0.0/8, 0.0.0.0/31", False),
        (ANY_ADDRESS, False),
        (f"{ANY_ADDRESS}:PORT", False),
        ("0.0.0.0/8:PORT", False),
        ("10.0.0.0/8", True),
        ("0.0.0.1/32", True),
        ("0", True),
    ],
)
def test_no_proxy_matches_address_blocks(
    gateway: Sandbox, proxy: Tinyproxy, tmp_path: Path, exempt: str, proxied: bool
) -> None:
    environment = {"NO_PROXY": exempt}
    assert is_proxied(gateway, proxy, tmp_path, environment, host=ANY_ADDRESS) is proxied


def test_lower_case_no_proxy_has_priority(
    gateway: Sandbox, proxy: Tinyproxy, tmp_path: Path
) -> None:
    environment = {"NO_PROXY": "*", "no_proxy": "other.example"}
    assert is_proxied(gateway, proxy, tmp_path, environment)


def is_proxied(
    box: Sandbox, proxy: Tinyproxy, folder: Path, environment: dict[str, str], host: str = GATEWAY
) -> bool:
    """Whether the call used the proxy. A direct connection also works."""
    environment = {name: text.replace("PORT", str(box.port)) for name, text in environment.items()}
    environment |= {"HTTPS_PROXY": f"http://{proxy.address}", **resolving_the_gateway(folder)}
    assert to_gateway(box, environment=environment, host=host).result.session_id
    assert len(box.requests()) == 1
    assert len(proxy.connects()) <= 1
    return len(proxy.connects()) == 1


def test_option_none_means_direct_connection(gateway: Sandbox, tmp_path: Path) -> None:
    with dead_port() as dead:
        environment = {"HTTPS_PROXY": f"http://{dead}", **resolving_the_gateway(tmp_path)}
        assert to_gateway(gateway, environment=environment, proxy="none").result.session_id


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "sandbox.localhost"])
def test_loopback_never_uses_a_proxy(gateway: Sandbox, host: str) -> None:
    with dead_port() as dead:
        environment = dict.fromkeys(["HTTPS_PROXY", "ALL_PROXY"], f"http://{dead}")
        completed = to_gateway(gateway, host=host, environment=environment, proxy=f"http://{dead}")
    assert completed.result.session_id


def test_unreachable_proxy_is_a_connect_error(gateway: Sandbox) -> None:
    with dead_port() as dead:
        result = to_gateway(gateway, proxy=f"http://{dead}", max_retries=1).result
    assert (result.code, result.attempts, result.in_doubt) == (CONNECT, 2, False)


def test_target_rejected_by_proxy_is_reported_as_403(
    gateway: Sandbox, start_tinyproxy: Callable[..., Tinyproxy]
) -> None:
    proxy = start_tinyproxy("ConnectPort 1")
    result = to_gateway(gateway, proxy=f"http://{proxy.address}", max_retries=0).result
    assert result.code == CONNECT
    assert "403" in result.message
    assert not result.in_doubt


@pytest.mark.parametrize(
    ("response", "code", "attempts"),
    [
        # A proxy closes the connection when it restarts.
        (b"", CONNECT, 2),
        (b"SSH-2.0-OpenSSH_9.2\r\n", CONNECT, 2),
        (b"HTTP/1.1 200 OK\r\n\r\n", TLS, 2),
        # The server behind the tunnel does not use TLS.
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", TLS, 1),
    ],
    ids=["nothing", "not HTTP", "end of tunnel", "no TLS in tunnel"],
)
def test_invalid_proxy_response(
    gateway: Sandbox, response: bytes, code: int, attempts: int
) -> None:
    with ScriptedProxy(response) as proxy:
        result = to_gateway(gateway, proxy=f"http://{proxy.address}", max_retries=1).result
    assert (result.code, result.attempts, result.in_doubt) == (code, attempts, False)
    assert len(proxy.heads) == attempts


def test_silent_proxy_times_out_after_connect_timeout(gateway: Sandbox) -> None:
    with ScriptedProxy(None) as proxy:
        result = to_gateway(
            gateway,
            proxy=f"http://{proxy.address}",
            connect_timeout=0.3,
            # Longer than the time limit of this test.
            attempt_timeout=600,
            timeout=600,
            max_retries=1,
        ).result
    assert (result.code, result.attempts, result.in_doubt) == (TIMEOUT, 2, False)
    assert len(proxy.heads) == 2


@pytest.fixture
def proxy_ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def https_proxy(proxy_ca: trustme.CA) -> Iterator[Squid]:
    squid = squid_behind_tls(proxy_ca)
    yield squid
    squid.stop()


@pytest.mark.parametrize("way", ["proxy", "HTTPS_PROXY"])
def test_https_proxy_and_gateway_have_separate_handshakes(
    gateway: Sandbox, https_proxy: Squid, proxy_ca: trustme.CA, tmp_path: Path, way: str
) -> None:
    assert gateway.ca_file
    of_proxy, of_both = tmp_path / "proxy.pem", tmp_path / "both.pem"
    proxy_ca.cert_pem.write_to_path(of_proxy)
    of_both.write_bytes(of_proxy.read_bytes() + Path(gateway.ca_file).read_bytes())
    how = named(way, f"https://{https_proxy.address}")

    completed = to_gateway(gateway, *["POST"] * 20, ca_file=str(of_both), **how)
    assert all(one.session_id for one in completed.results)
    assert len({request["connection"] for request in gateway.requests()}) == 1

    # Both must be trusted. The message says which certificate was rejected.
    gateway.reset()
    for ca_file, is_proxy in ((gateway.ca_file, True), (str(of_proxy), False)):
        result = to_gateway(gateway, ca_file=ca_file, **how).result
        assert (result.code, result.attempts, result.in_doubt) == (TLS, 1, False)
        assert "ca_file" in result.message
        assert (f"proxy https://{https_proxy.address}: " in result.message) == is_proxy
    assert gateway.requests() == []


def test_https_proxy_certificate_must_match_its_name(
    gateway: Sandbox, https_proxy: Squid, proxy_ca: trustme.CA, tmp_path: Path
) -> None:
    proxy_ca.cert_pem.write_to_path(tmp_path / "proxy.pem")
    url = f"https://{https_proxy.address}".replace("127.0.0.1", "localhost")
    result = to_gateway(gateway, ca_file=str(tmp_path / "proxy.pem"), proxy=url).result
    assert (result.code, result.attempts) == (TLS, 1)
    assert "name" in result.message
