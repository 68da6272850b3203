"""Web pages of other origins that are open in a browser while the sandbox runs."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from listener import EMPTY_PAGE, Listener
from playwright.sync_api import Page, expect
from sandbox import Sandbox

from gateway.conftest import REBOUND_NAME, OpenPage
from gateway.web import START, Session, start_session

READS = [
    "/",
    "/_sandbox/sms",
    "/_sandbox/sessions",
    "/_sandbox/sessions/{id}",
    "/_sandbox/requests",
    "/_sandbox/webhooks",
    "/_sandbox/faults",
    "/_sandbox/clock",
    "/_sandbox/help",
    "/_sandbox/openapi.json",
    "/_sandbox/events",
    "/2fa-ui/2fa/phone/{id}",
    "/core/api/sessions/{id}",
]
JSON_POSTS: dict[str, dict[str, Any]] = {
    "/_sandbox/sessions/{id}/user": {"action": "accept"},
    "/_sandbox/faults": {"fault": "reset"},
    "/_sandbox/clock": {"advance_s": 3600},
    "/_sandbox/reset": {},
    START: {
        "metadata": {"phone_number": "+46703339954"},
        "redirect_success": "https://a.example",
        "redirect_failure": "https://b.example",
    },
}
FORMS: dict[str, dict[str, str]] = {
    "/_sandbox/dashboard": {"do": "reset"},
    "/_sandbox/reset": {},
    "/_sandbox/webhooks/1/resend": {},
    "/2fa-ui/2fa/phone/{id}/send": {},
    "/2fa-ui/2fa/phone/{id}/code": {"code": "12345"},
    "/2fa-ui/2fa/phone/{id}/cancel": {},
}


@pytest.fixture
def session(sandbox: Sandbox) -> Session:
    """Data to read and to change: a session, its SMS and armed faults."""
    started = start_session(sandbox, relay_state="a secret")
    sandbox.user(started.id, "abandon")
    sandbox.arm("page-unavailable")
    sandbox.arm("http-500")
    return started


def state_of(sandbox: Sandbox) -> dict[str, Any]:
    """All data that a page might change."""
    routes = ("sessions", "sms", "requests", "webhooks", "faults")
    return {route: sandbox.call(route) for route in routes}


@pytest.fixture
def nothing_changes(sandbox: Sandbox, session: Session) -> Iterator[None]:
    assert state_of(sandbox)["sessions"][0]["id"] == session.id
    clock = sandbox.call("clock")["now"][:13]
    before = state_of(sandbox)
    yield
    assert state_of(sandbox) == before
    assert sandbox.call("clock")["now"][:13] == clock


@pytest.fixture
def foreign_page(open_page: OpenPage, listener: Listener) -> Page:
    """A page on another port, which is another origin for a browser."""
    page = open_page()
    page.goto(listener.url)
    return page


FETCH_SCRIPT = """
async ([url, options]) => {
  try {
    const response = await fetch(url, options);
    return response.type === "opaque" ? "opaque" : "read: " + (await response.text());
  } catch (error) {
    return error.name;
  }
}
"""


def fetch(page: Page, url: str, **options: object) -> str:
    return str(page.evaluate(FETCH_SCRIPT, [url, options]))


def test_same_requests_work_from_the_own_origin(open_page: OpenPage, sandbox: Sandbox) -> None:
    """Shows that the requests of the other tests fail because of their origin."""
    page = open_page()
    page.goto(sandbox.url)
    session = start_session(sandbox)
    assert session.id in fetch(page, sandbox.url + "/_sandbox/sessions")
    path = f"{sandbox.url}/_sandbox/sessions/{session.id}/user"
    done = fetch(page, path, method="POST", body=json.dumps({"action": "accept"}))
    assert done.startswith('read: {"status":"accepted"')
    submit_form(page, sandbox.url + "/_sandbox/dashboard", {"do": "reset"})
    expect(page.locator("#session-list")).to_contain_text("No sessions yet")
    assert sandbox.call("sessions") == []


@pytest.mark.usefixtures("nothing_changes")
def test_foreign_page_cannot_read(foreign_page: Page, sandbox: Sandbox, session: Session) -> None:
    for path in READS:
        url = sandbox.url + path.format(id=session.id)
        assert fetch(foreign_page, url) == "TypeError", path
        assert fetch(foreign_page, url, credentials="include") == "TypeError", path
        with_key = {"authorization": sandbox.api_key}
        assert fetch(foreign_page, url, headers=with_key) == "TypeError", path


@pytest.mark.usefixtures("nothing_changes")
def test_foreign_page_cannot_change_data_with_fetch(
    foreign_page: Page, sandbox: Sandbox, session: Session
) -> None:
    for path, body in JSON_POSTS.items():
        url = sandbox.url + path.format(id=session.id)
        post = {"method": "POST", "body": json.dumps(body)}
        # Plain text needs no preflight, so this request reaches the sandbox.
        assert fetch(foreign_page, url, mode="no-cors", **post) == "opaque", path
        as_json = {"content-type": "application/json", "authorization": sandbox.api_key}
        assert fetch(foreign_page, url, headers=as_json, **post) == "TypeError", path
        assert fetch(foreign_page, url, **post) == "TypeError", path
    for method in ("DELETE", "PUT", "PATCH"):
        url = sandbox.url + "/_sandbox/faults"
        assert fetch(foreign_page, url, method=method) == "TypeError", method


def submit_form(page: Page, url: str, fields: dict[str, str], encoding: str = "") -> None:
    with page.expect_navigation():
        page.evaluate(
            """([url, fields, encoding]) => {
                const form = document.createElement("form");
                form.method = "post";
                form.action = url;
                if (encoding) form.enctype = encoding;
                for (const [name, value] of Object.entries(fields)) {
                    const input = document.createElement("input");
                    [input.type, input.name, input.value] = ["hidden", name, value];
                    form.append(input);
                }
                document.body.append(form);
                form.submit();
            }""",
            [url, fields, encoding],
        )


@pytest.mark.usefixtures("nothing_changes")
def test_foreign_page_cannot_change_data_with_forms(
    foreign_page: Page, sandbox: Sandbox, session: Session, listener: Listener
) -> None:
    for path, fields in FORMS.items():
        submit_form(foreign_page, sandbox.url + path.format(id=session.id), fields)
        expect(foreign_page.locator("body")).to_contain_text("another origin")
        foreign_page.goto(listener.url)
    # A form with encoding text/plain can send JSON: its name, an equals sign and its value.
    for path, body in JSON_POSTS.items():
        name, _, value = json.dumps({**body, "x": "="}).partition("=")
        url = sandbox.url + path.format(id=session.id)
        submit_form(foreign_page, url, {name: value}, "text/plain")
        expect(foreign_page.locator("body")).to_contain_text("another origin")
        foreign_page.goto(listener.url)


@pytest.mark.usefixtures("nothing_changes")
def test_foreign_page_cannot_frame_the_sandbox(
    foreign_page: Page, sandbox: Sandbox, session: Session
) -> None:
    for path in ("/", f"/2fa-ui/2fa/phone/{session.id}", "/_sandbox/sms"):
        with foreign_page.expect_event("framenavigated"):
            foreign_page.evaluate(
                """url => {
                    const frame = document.createElement("iframe");
                    frame.src = url;
                    document.body.replaceChildren(frame);
                }""",
                sandbox.url + path,
            )
        (frame,) = foreign_page.frames[1:]
        expect(frame.locator("body")).to_contain_text("another origin")
        assert foreign_page.evaluate("document.querySelector('iframe').contentDocument") is None


@pytest.mark.usefixtures("nothing_changes")
def test_foreign_page_cannot_load_scripts_images_or_styles(
    foreign_page: Page, sandbox: Sandbox, session: Session
) -> None:
    for path in READS:
        if path == "/_sandbox/events":
            continue
        url = sandbox.url + path.format(id=session.id)
        for tag, source in (("script", "src"), ("img", "src"), ("link", "href")):
            outcome = foreign_page.evaluate(
                """([tag, source, url]) => new Promise((done) => {
                    const element = document.createElement(tag);
                    element.rel = "stylesheet";
                    element.onload = () => done("loaded");
                    element.onerror = () => done("rejected");
                    element[source] = url;
                    document.head.append(element);
                })""",
                [tag, source, url],
            )
            assert outcome == "rejected", f"{tag} {path}"


@pytest.mark.usefixtures("nothing_changes")
def test_foreign_page_cannot_read_events(foreign_page: Page, sandbox: Sandbox) -> None:
    outcome = foreign_page.evaluate(
        """url => new Promise((done) => {
            const events = new EventSource(url);
            events.onopen = events.onmessage = () => done("open");
            events.onerror = () => done("rejected");
        })""",
        sandbox.url + "/_sandbox/events",
    )
    assert outcome == "rejected"


def test_foreign_page_cannot_read_a_window_it_opened(foreign_page: Page, sandbox: Sandbox) -> None:
    with foreign_page.expect_popup() as opened:
        foreign_page.evaluate("url => void (window.popup = open(url))", sandbox.url)
    expect(opened.value.get_by_role("heading", name="ZignSec sandbox")).to_be_visible()
    result = foreign_page.evaluate(
        """() => {
            try {
                return window.popup.document.body.innerHTML;
            } catch (error) {
                return error.name;
            }
        }"""
    )
    assert result == "SecurityError"


def test_link_from_another_site_works(sandbox: Sandbox, open_page: OpenPage) -> None:
    """The caller's website sends its user to the hosted page by a link or a redirect."""
    session = start_session(sandbox)
    shop = Listener(f'{EMPTY_PAGE}<a href="{session.page_url}">Confirm</a>')
    try:
        page = open_page()
        page.goto(shop.url)
        page.get_by_role("link", name="Confirm").click()
        expect(page.get_by_role("heading")).to_have_text("Confirm your phone number")
    finally:
        shop.stop()


@pytest.mark.usefixtures("nothing_changes")
def test_dns_rebinding_is_rejected(open_page: OpenPage, sandbox: Sandbox, session: Session) -> None:
    """For the browser, the page and the sandbox have the same origin."""
    page = open_page()
    rebound = f"http://{REBOUND_NAME}:{urlsplit(sandbox.url).port}"
    response = page.goto(rebound + "/")
    assert response is not None
    assert response.status == 403
    expect(page.locator("body")).to_contain_text("this Host header is not allowed")
    for path in READS:
        read = fetch(page, rebound + path.format(id=session.id))
        assert "this Host header is not allowed" in read, path
    for path, body in JSON_POSTS.items():
        url = rebound + path.format(id=session.id)
        read = fetch(page, url, method="POST", body=json.dumps(body))
        assert "this Host header is not allowed" in read, path


def status_for_host(sandbox: Sandbox, *hosts: str) -> int:
    """The status of the response to a request with these Host headers."""
    address = urlsplit(sandbox.url)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    try:
        connection.putrequest("GET", "/_sandbox/sms", skip_host=True)
        for host in hosts:
            connection.putheader("host", host)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evillocalhost",
        "evil.example#localhost",
        "localhost@evil.example",
        "10.0.0.1",
        "0.0.0.0",
        "[2001:db8::1]",
        "",
    ],
)
def test_foreign_hosts_are_rejected(host: str, sandbox: Sandbox) -> None:
    named = host.format(port=urlsplit(sandbox.url).port)
    assert status_for_host(sandbox, named) in (400, 403)


def test_loopback_hosts_are_accepted_but_not_two_host_headers(sandbox: Sandbox) -> None:
    for host in ("127.0.0.1", "localhost", "LOCALHOST:80", "a.localhost", "[::1]", "127.1.2.3"):
        assert status_for_host(sandbox, host) == 200, host
    assert status_for_host(sandbox) in (400, 403)
    assert status_for_host(sandbox, "localhost", "evil.example") in (400, 403)
    assert status_for_host(sandbox, "evil.example", "localhost") in (400, 403)
