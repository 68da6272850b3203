"""Web pages of other origins, which a developer's browser shows while the sandbox runs."""

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
    """What there is to read and to change: a session, its SMS, and an armed fault."""
    started = start_session(sandbox, relay_state="a secret")
    sandbox.user(started.id, "abandon")
    sandbox.arm("page-unavailable")
    sandbox.arm("http-500")
    return started


def state_of(sandbox: Sandbox) -> dict[str, Any]:
    """Everything that a page might change."""
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
    """A page of another port: to a browser, another origin."""
    page = open_page()
    page.goto(listener.url)
    return page


TRY_TO_FETCH = """
async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return answer.type === "opaque" ? "opaque" : "read: " + (await answer.text());
  } catch (error) {
    return error.name;
  }
}
"""


def try_to_fetch(page: Page, url: str, **options: object) -> str:
    return str(page.evaluate(TRY_TO_FETCH, [url, options]))


def test_the_attempts_themselves_work(open_page: OpenPage, sandbox: Sandbox) -> None:
    """From the sandbox's own origin each attempt does what it does not from another."""
    page = open_page()
    page.goto(sandbox.url)
    session = start_session(sandbox)
    assert session.id in try_to_fetch(page, sandbox.url + "/_sandbox/sessions")
    path = f"{sandbox.url}/_sandbox/sessions/{session.id}/user"
    done = try_to_fetch(page, path, method="POST", body=json.dumps({"action": "accept"}))
    assert done.startswith('read: {"status":"accepted"')
    submit_form(page, sandbox.url + "/_sandbox/dashboard", {"do": "reset"})
    expect(page.locator("#session-list")).to_contain_text("No session yet")
    assert sandbox.call("sessions") == []


@pytest.mark.usefixtures("nothing_changes")
def test_it_cannot_read(foreign_page: Page, sandbox: Sandbox, session: Session) -> None:
    for path in READS:
        url = sandbox.url + path.format(id=session.id)
        assert try_to_fetch(foreign_page, url) == "TypeError", path
        assert try_to_fetch(foreign_page, url, credentials="include") == "TypeError", path
        with_key = {"authorization": sandbox.api_key}
        assert try_to_fetch(foreign_page, url, headers=with_key) == "TypeError", path


@pytest.mark.usefixtures("nothing_changes")
def test_it_cannot_change_anything_by_fetch(
    foreign_page: Page, sandbox: Sandbox, session: Session
) -> None:
    for path, body in JSON_POSTS.items():
        url = sandbox.url + path.format(id=session.id)
        post = {"method": "POST", "body": json.dumps(body)}
        # Sent as plain text it needs no preflight, so that it does arrive.
        assert try_to_fetch(foreign_page, url, mode="no-cors", **post) == "opaque", path
        as_json = {"content-type": "application/json", "authorization": sandbox.api_key}
        assert try_to_fetch(foreign_page, url, headers=as_json, **post) == "TypeError", path
        assert try_to_fetch(foreign_page, url, **post) == "TypeError", path
    for method in ("DELETE", "PUT", "PATCH"):
        url = sandbox.url + "/_sandbox/faults"
        assert try_to_fetch(foreign_page, url, method=method) == "TypeError", method


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
def test_it_cannot_change_anything_by_forms(
    foreign_page: Page, sandbox: Sandbox, session: Session, listener: Listener
) -> None:
    for path, fields in FORMS.items():
        submit_form(foreign_page, sandbox.url + path.format(id=session.id), fields)
        expect(foreign_page.locator("body")).to_contain_text("another origin")
        foreign_page.goto(listener.url)
    # JSON that a form can write: its name and its value with an equals sign between.
    for path, body in JSON_POSTS.items():
        name, _, value = json.dumps({**body, "x": "="}).partition("=")
        url = sandbox.url + path.format(id=session.id)
        submit_form(foreign_page, url, {name: value}, "text/plain")
        expect(foreign_page.locator("body")).to_contain_text("another origin")
        foreign_page.goto(listener.url)


@pytest.mark.usefixtures("nothing_changes")
def test_it_cannot_show_a_page_in_a_frame(
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
def test_it_cannot_use_anything_as_a_script_an_image_or_a_style(
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
                    element.onerror = () => done("refused");
                    element[source] = url;
                    document.head.append(element);
                })""",
                [tag, source, url],
            )
            assert outcome == "refused", f"{tag} {path}"


@pytest.mark.usefixtures("nothing_changes")
def test_it_cannot_listen_to_events(foreign_page: Page, sandbox: Sandbox) -> None:
    outcome = foreign_page.evaluate(
        """url => new Promise((done) => {
            const events = new EventSource(url);
            events.onopen = events.onmessage = () => done("open");
            events.onerror = () => done("refused");
        })""",
        sandbox.url + "/_sandbox/events",
    )
    assert outcome == "refused"


def test_it_cannot_look_into_a_window_it_opened(foreign_page: Page, sandbox: Sandbox) -> None:
    with foreign_page.expect_popup() as opened:
        foreign_page.evaluate("url => void (window.popup = open(url))", sandbox.url)
    expect(opened.value.get_by_role("heading", name="ZignSec sandbox")).to_be_visible()
    looked = foreign_page.evaluate(
        """() => {
            try {
                return window.popup.document.body.innerHTML;
            } catch (error) {
                return error.name;
            }
        }"""
    )
    assert looked == "SecurityError"


def test_a_link_from_another_site_still_works(sandbox: Sandbox, open_page: OpenPage) -> None:
    """A caller's own web page sends its user to the hosted page: by a link or by a redirect."""
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
def test_a_name_pointed_at_this_machine_gets_nothing(
    open_page: OpenPage, sandbox: Sandbox, session: Session
) -> None:
    """DNS rebinding: to the browser, page and sandbox are of one origin."""
    page = open_page()
    rebound = f"http://{REBOUND_NAME}:{urlsplit(sandbox.url).port}"
    answer = page.goto(rebound + "/")
    assert answer is not None
    assert answer.status == 403
    expect(page.locator("body")).to_contain_text("this Host is not the sandbox's")
    for path in READS:
        read = try_to_fetch(page, rebound + path.format(id=session.id))
        assert "this Host is not the sandbox's" in read, path
    for path, body in JSON_POSTS.items():
        url = rebound + path.format(id=session.id)
        read = try_to_fetch(page, url, method="POST", body=json.dumps(body))
        assert "this Host is not the sandbox's" in read, path


def status_for_host(sandbox: Sandbox, *hosts: str) -> int:
    """The status of a request with these Host headers."""
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
def test_foreign_hosts_are_refused(host: str, sandbox: Sandbox) -> None:
    named = host.format(port=urlsplit(sandbox.url).port)
    assert status_for_host(sandbox, named) in (400, 403)


def test_loopback_hosts_are_not_and_two_hosts_are(sandbox: Sandbox) -> None:
    for host in ("127.0.0.1", "localhost", "LOCALHOST:80", "a.localhost", "[::1]", "127.1.2.3"):
        assert status_for_host(sandbox, host) == 200, host
    assert status_for_host(sandbox) in (400, 403)
    assert status_for_host(sandbox, "localhost", "evil.example") in (400, 403)
    assert status_for_host(sandbox, "evil.example", "localhost") in (400, 403)
