"""The dashboard at /, in a browser."""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import datetime

import pytest
from listener import Listener
from playwright.sync_api import Page, expect
from sandbox import Sandbox, direct

from gateway.conftest import OpenPage
from gateway.web import (
    PHONE_NUMBER,
    check_appearance,
    newest_code,
    record_dialogs,
    start_session,
    status_of,
)


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def dashboard(request: pytest.FixtureRequest, open_page: OpenPage, sandbox: Sandbox) -> Page:
    """The dashboard, with and without JavaScript."""
    page = open_page(java_script_enabled=request.param)
    page.goto(sandbox.url)
    return page


def wait_until_live(page: Page) -> None:
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Refresh")).to_be_hidden()


def test_activity_is_shown_live(open_page: OpenPage, sandbox: Sandbox, listener: Listener) -> None:
    page = open_page()
    page.goto(sandbox.url)
    wait_until_live(page)
    loads: list[str] = []
    page.on("load", lambda loaded: loads.append(loaded.url))

    session = start_session(sandbox, relay_state="order 7", webhook=listener.url + "/hook")
    row = page.locator("#session-list tbody tr")
    expect(row).to_contain_text("order 7")
    expect(row.locator(".status")).to_have_text("pending")
    expect(page.locator("#request-list")).to_contain_text("two_factor_auth/phone")
    expect(page.locator("#webhook-list tbody tr")).to_contain_text("session_created")
    expect(page.locator("#sms-list")).to_contain_text("No SMS yet")

    sandbox.user(session.id, "abandon")
    expect(page.locator("#sms-list article")).to_contain_text(newest_code(sandbox))
    expect(page.locator("#sms-list article")).to_contain_text(PHONE_NUMBER)
    sandbox.user(session.id, "accept")
    expect(row.locator(".status")).to_have_text("accepted")
    expect(page.locator("#webhook-list tbody tr")).to_have_count(2)

    sandbox.arm("reset", times=3)
    expect(page.locator("#armed-list")).to_contain_text("reset \N{MULTIPLICATION SIGN} 3")
    now = page.locator("#clock time").inner_text()
    sandbox.call("clock", {"advance_s": 3600})
    expect(page.locator("#clock time")).not_to_have_text(now)
    sandbox.reset()
    expect(page.locator("#session-list")).to_contain_text("No sessions yet")
    expect(page.locator("#sms-list article")).to_have_count(0)
    assert loads == []


def test_live_update_keeps_open_details_and_focus(open_page: OpenPage, sandbox: Sandbox) -> None:
    page = open_page()
    start_session(sandbox, relay_state="first")
    page.goto(sandbox.url)
    wait_until_live(page)
    page.locator("#request-list summary").first.click()
    times = page.get_by_label("Times")
    times.fill("42")
    start_session(sandbox, relay_state="second")
    expect(page.locator("#request-list details")).to_have_count(2)
    expect(page.locator("#request-list details[open]")).to_contain_text("first")
    expect(times).to_have_value("42")
    expect(times).to_be_focused()


def test_reload_shows_activity_without_javascript(open_page: OpenPage, sandbox: Sandbox) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(sandbox.url)
    expect(page.get_by_text("Live", exact=True)).to_be_hidden()
    session = start_session(sandbox, relay_state="order 7")
    sandbox.user(session.id, "abandon")
    page.get_by_role("link", name="Refresh").click()
    expect(page.locator("#session-list")).to_contain_text("order 7")
    expect(page.locator("#sms-list")).to_contain_text(newest_code(sandbox))


@pytest.mark.parametrize(
    ("button", "status", "step"),
    [
        ("Accept", "accepted", "ended"),
        ("Wrong code", "pending", "wrong-code"),
        ("Fail", "failed", "ended"),
        ("Cancel", "cancelled", "ended"),
    ],
)
def test_user_action_buttons(
    button: str, status: str, step: str, dashboard: Page, sandbox: Sandbox
) -> None:
    session, other = start_session(sandbox, relay_state="this"), start_session(sandbox)
    dashboard.reload()
    row = dashboard.locator("#session-list tr", has_text="this")
    row.get_by_role("button", name=button).click()
    expect(row.locator(".status")).to_have_text(status)
    view = sandbox.call(f"sessions/{session.id}")
    assert (view["status"], view["step"]) == (status, step)
    assert sandbox.call(f"sessions/{other.id}")["step"] == "ready"
    expect(row.get_by_role("button")).to_have_count(0 if step == "ended" else 4)


def test_resend_button(dashboard: Page, sandbox: Sandbox, listener: Listener) -> None:
    start_session(sandbox, webhook=listener.url + "/hook")
    first = listener.next()
    # An attempt is listed after its response.
    expect(dashboard.locator("#webhook-list")).to_be_visible()
    dashboard.reload()
    resend = dashboard.get_by_role("button", name="Resend webhook 1")
    while resend.count() == 0:
        dashboard.reload()
    resend.click()
    assert listener.next().body == first.body
    expect(dashboard.locator("#webhook-list tbody tr")).to_have_count(2)
    assert [attempt["attempt"] for attempt in sandbox.call("webhooks")] == [2, 1]


def test_arm_and_disarm_buttons(dashboard: Page, sandbox: Sandbox) -> None:
    dashboard.get_by_label("Fault", exact=True).fill("http-503")
    dashboard.get_by_label("Times").fill("2")
    dashboard.get_by_role("button", name="Arm", exact=True).click()
    expect(dashboard.locator("#armed-list")).to_contain_text("http-503 \N{MULTIPLICATION SIGN} 2")
    assert sandbox.call("faults")["armed"] == [{"fault": "http-503", "times": 2}]
    for left in (1, 0):
        with pytest.raises(urllib.error.HTTPError) as error:
            start_session(sandbox)
        error.value.close()
        assert error.value.code == 503
        assert sum(armed["times"] for armed in sandbox.call("faults")["armed"]) == left

    sandbox.arm("reset")
    dashboard.reload()
    dashboard.get_by_role("button", name="Disarm all").click()
    expect(dashboard.locator("#armed-list")).to_contain_text("No faults armed")
    assert sandbox.call("faults")["armed"] == []


def test_unknown_fault_shows_an_error(dashboard: Page, sandbox: Sandbox) -> None:
    dashboard.get_by_label("Fault", exact=True).fill("no-such-fault")
    dashboard.get_by_role("button", name="Arm", exact=True).click()
    expect(dashboard.get_by_role("alert")).to_contain_text("fault must be one of the names")
    assert sandbox.call("faults")["armed"] == []


@pytest.mark.parametrize(
    ("button", "seconds"),
    [("+10 s", 10), ("+5 min", 300), ("+30 min", 1800), ("+10 h", 36000)],
)
def test_clock_buttons(button: str, seconds: int, dashboard: Page, sandbox: Sandbox) -> None:
    session = start_session(sandbox)
    before = sandbox_time(sandbox)
    dashboard.get_by_role("button", name=button, exact=True).click()
    expect(dashboard.locator("#session-list")).to_contain_text(
        "timeout" if seconds >= 1800 else "pending"
    )
    assert seconds <= (sandbox_time(sandbox) - before).total_seconds() < seconds + 9
    assert status_of(sandbox, session) == ("timeout" if seconds >= 1800 else "pending")


def sandbox_time(sandbox: Sandbox) -> datetime:
    """The time of the sandbox's clock, without the fractions that Python 3.10 cannot parse."""
    return datetime.fromisoformat(str(sandbox.call("clock")["now"])[:19])


def test_reset_button(dashboard: Page, sandbox: Sandbox) -> None:
    sandbox.user(start_session(sandbox).id, "abandon")
    sandbox.arm("reset")
    dashboard.reload()
    dashboard.get_by_role("button", name="Reset all data").click()
    expect(dashboard.locator("#session-list")).to_contain_text("No sessions yet")
    for route in ("sessions", "sms", "requests", "webhooks"):
        assert sandbox.call(route) == [], route
    assert sandbox.call("faults")["armed"] == []


MARKUP = "\"'></td><img src=x onerror=alert(1)><script>alert(2)</script><svg onload=alert(3)>"


def test_markup_is_escaped(dashboard: Page, sandbox: Sandbox) -> None:
    dialogs = record_dialogs(dashboard)
    url = f"http://127.0.0.1:1/{MARKUP.replace(' ', '/')}"
    session = start_session(
        sandbox,
        locale=MARKUP,
        relay_state=MARKUP,
        webhook=url,
        redirect_success=url,
        redirect_failure=url,
    )
    with pytest.raises(urllib.error.HTTPError) as error:
        start_session(sandbox, metadata={"phone_number": MARKUP})
    error.value.close()
    lookup = urllib.request.Request(sandbox.url + "/core/api/sessions/nobody")
    lookup.add_header("user-agent", MARKUP)
    with pytest.raises(urllib.error.HTTPError) as error:
        direct.open(lookup, timeout=30)
    error.value.close()
    sandbox.user(session.id, "abandon")
    dashboard.reload()

    row = dashboard.locator("#session-list tbody tr")
    assert row.locator("td.long").inner_text() == MARKUP
    webhooks = dashboard.locator("#webhook-list tbody tr")
    while webhooks.count() == 0:
        dashboard.reload()
    assert webhooks.locator("td.long").last.inner_text() == url
    requests = dashboard.locator("#request-list")
    expect(requests.locator("summary")).to_have_count(3)
    for summary in requests.locator("summary").all():
        summary.click()
    text = " ".join(requests.locator("pre").all_inner_texts())
    assert f"user-agent: {MARKUP}" in text
    assert text.count("<script>alert(2)</script>") >= 7
    # The only script is that of the dashboard, in the head.
    assert dashboard.locator("img, svg, iframe, body script").count() == 0
    assert dashboard.locator("script").count() == 1
    assert dashboard.locator("[onerror], [onload]").count() == 0
    assert dialogs == []


def test_markup_is_escaped_in_live_updates(open_page: OpenPage, sandbox: Sandbox) -> None:
    page = open_page()
    dialogs = record_dialogs(page)
    page.goto(sandbox.url)
    wait_until_live(page)
    start_session(sandbox, relay_state=MARKUP, locale=MARKUP)
    expect(page.locator("#session-list td.long")).to_have_text(MARKUP)
    assert page.locator("img, svg, iframe, body script").count() == 0
    assert dialogs == []


def test_dashboard_is_accessible(open_page: OpenPage, sandbox: Sandbox, listener: Listener) -> None:
    page = open_page()
    page.goto(sandbox.url)
    wait_until_live(page)

    check_appearance(page, "dashboard-empty")
    hook = listener.url + "/hook"
    for action in ("accept", "fail", "cancel", "wrong-code", "abandon"):
        session = start_session(sandbox, relay_state=f"the user will {action}", webhook=hook)
        sandbox.user(session.id, action)
    start_session(sandbox, webhook="https://webhook.site/zignsec", relay_state="Tulasi_V5_SMS")
    sandbox.arm("http-503", times=2)
    sandbox.arm("drip-body")
    expect(page.locator("#armed-list li")).to_have_count(2)
    expect(page.locator("#webhook-list tbody tr")).to_have_count(9)
    page.locator("#request-list summary").first.click()
    check_appearance(page, "dashboard-busy")
    page.get_by_label("Fault", exact=True).fill("no-such-fault")
    page.get_by_role("button", name="Arm", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    check_appearance(page, "dashboard-problem")
