"""The hosted pages, walked by a person in a real browser."""

from __future__ import annotations

import pytest
from listener import Listener
from playwright.sync_api import Page, expect
from sandbox import Sandbox
from zignsec.testing import Action

from gateway.conftest import OpenPage, StartSandbox
from gateway.web import (
    THEMES,
    Session,
    User,
    dialogs_of,
    newest_code,
    other_than,
    put_on_show,
    start_session,
    status_of,
)


def start_with_redirects_to(listener: Listener, sandbox: Sandbox) -> Session:
    return start_session(
        sandbox,
        redirect_success=listener.url + "/well/done?order=7&name=%C3%85sa#thanks",
        redirect_failure=listener.url + "/not/done?again=1",
    )


def assert_sent_to(page: Page, listener: Listener, path: str, fragment: str = "") -> None:
    """The redirect led the browser to exactly this URL, which got nothing else along."""
    page.wait_for_url(listener.url + path + fragment)
    arrived = listener.next()
    assert (arrived.method, arrived.path, arrived.body) == ("GET", path, b"")
    assert "referer" not in arrived.headers


def test_the_right_code_leads_to_redirect_success(
    page: Page, sandbox: Sandbox, listener: Listener
) -> None:
    session = start_with_redirects_to(listener, sandbox)
    user = User(page, sandbox)
    page.goto(session.page_url)
    user.sees("Confirm your phone number")
    assert sandbox.call("sms") == []
    user.enters(user.has_a_code_sent())
    assert_sent_to(page, listener, "/well/done?order=7&name=%C3%85sa", "#thanks")
    assert status_of(sandbox, session) == "accepted"


def test_after_a_wrong_code_a_new_one_is_right(
    page: Page, sandbox: Sandbox, listener: Listener
) -> None:
    session = start_with_redirects_to(listener, sandbox)
    user = User(page, sandbox)
    page.goto(session.page_url)
    first = user.has_a_code_sent()
    user.enters(other_than(first))
    user.sees("That code was wrong")
    expect(page.get_by_text("Attempts left: 2")).to_be_visible()
    assert status_of(sandbox, session) == "pending"
    second = user.has_a_code_sent()
    assert second != first
    user.enters(second)
    assert_sent_to(page, listener, "/well/done?order=7&name=%C3%85sa", "#thanks")
    assert status_of(sandbox, session) == "accepted"


def test_too_many_wrong_codes_lead_to_redirect_failure(
    page: Page, sandbox: Sandbox, listener: Listener
) -> None:
    session = start_with_redirects_to(listener, sandbox)
    user = User(page, sandbox)
    page.goto(session.page_url)
    for left in (2, 1):
        user.enters(other_than(user.has_a_code_sent()))
        expect(page.get_by_text(f"Attempts left: {left}")).to_be_visible()
    user.enters(other_than(user.has_a_code_sent()))
    assert_sent_to(page, listener, "/not/done?again=1")
    assert status_of(sandbox, session) == "failed"


def test_a_code_with_a_typing_error_may_be_mended(
    page: Page, sandbox: Sandbox, listener: Listener
) -> None:
    session = start_with_redirects_to(listener, sandbox)
    user = User(page, sandbox)
    page.goto(session.page_url)
    code = user.has_a_code_sent()
    user.enters(code[:4])
    expect(page.get_by_role("alert")).to_have_text(
        "A code has five digits. Please check what you typed."
    )
    user.enters(code)
    assert_sent_to(page, listener, "/well/done?order=7&name=%C3%85sa", "#thanks")


def test_cancelling_ends_on_a_screen_with_a_way_back(
    page: Page, sandbox: Sandbox, listener: Listener
) -> None:
    session = start_with_redirects_to(listener, sandbox)
    user = User(page, sandbox)
    page.goto(session.page_url)
    user.has_a_code_sent()
    user.presses("Cancel")
    user.sees("You have cancelled")
    assert page.url == session.page_url
    assert status_of(sandbox, session) == "cancelled"
    page.get_by_role("link", name="Go back").click()
    assert_sent_to(page, listener, "/not/done?again=1")


def test_cancelling_leads_to_redirect_failure_where_told_so(
    page: Page, start_sandbox: StartSandbox, listener: Listener
) -> None:
    sandbox = start_sandbox("--cancel", "redirect")
    session = start_with_redirects_to(listener, sandbox)
    page.goto(session.page_url)
    User(page, sandbox).presses("Cancel")
    assert_sent_to(page, listener, "/not/done?again=1")
    assert status_of(sandbox, session) == "cancelled"


def test_an_old_code_can_be_replaced_and_an_old_session_cannot(
    page: Page, sandbox: Sandbox, listener: Listener
) -> None:
    session = start_with_redirects_to(listener, sandbox)
    user = User(page, sandbox)
    page.goto(session.page_url)
    code = user.has_a_code_sent()
    sandbox.call("clock", {"advance_s": 5 * 60})
    user.enters(code)
    expect(page.get_by_role("alert")).to_have_text("That code is too old. Have a new one sent.")
    code = user.has_a_code_sent()
    sandbox.call("clock", {"advance_s": 30 * 60})
    user.enters(code)
    user.sees("Time is up")
    assert status_of(sandbox, session) == "timeout"
    page.get_by_role("link", name="Go back").click()
    assert_sent_to(page, listener, "/not/done?again=1")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_the_keyboard_alone_is_enough(
    script: bool, open_page: OpenPage, sandbox: Sandbox, listener: Listener
) -> None:
    page = open_page(java_script_enabled=script)
    user = User(page, sandbox)
    session = start_with_redirects_to(listener, sandbox)
    page.goto(session.page_url)
    expect(user.button("Send code")).to_be_focused()
    page.keyboard.press("Enter")
    code = page.get_by_label("Code", exact=True)
    expect(code).to_be_focused()
    page.keyboard.type(other_than(newest_code(sandbox)))
    page.keyboard.press("Enter")
    user.sees("That code was wrong")
    expect(user.button("Send a new code")).to_be_focused()
    page.keyboard.press("Enter")
    expect(code).to_be_focused()
    page.keyboard.type(newest_code(sandbox))
    page.keyboard.press("Enter")
    assert_sent_to(page, listener, "/well/done?order=7&name=%C3%85sa", "#thanks")

    page.goto(start_with_redirects_to(listener, sandbox).page_url)
    expect(user.button("Send code")).to_be_focused()
    page.keyboard.press("Tab")
    expect(user.button("Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    user.sees("You have cancelled")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Go back")).to_be_focused()
    page.keyboard.press("Enter")
    assert_sent_to(page, listener, "/not/done?again=1")


TITLES_OF_THE_FIRST_PAGE = {
    "en": "Confirm your phone number",
    "sv": "Bekräfta ditt telefonnummer",
    "de": "Telefonnummer bestätigen",
    "da": "Bekræft dit telefonnummer",
}


@pytest.mark.parametrize("locale", ["en", "sv", "de", "da"])
def test_every_page_is_fit_for_everybody(
    locale: str, open_page: OpenPage, sandbox: Sandbox
) -> None:
    page = open_page()

    def show(name: str) -> None:
        assert page.locator("html").get_attribute("lang") == locale
        put_on_show(page, f"page-{name}-{locale}")

    page.goto(start_session(sandbox, locale=locale).page_url)
    expect(page.get_by_role("heading", level=1)).to_have_text(TITLES_OF_THE_FIRST_PAGE[locale])
    show("send")
    actions: dict[str, Action] = {
        "code": "abandon",
        "wrong": "wrong-code",
        "accepted": "accept",
        "failed": "fail",
        "cancelled": "cancel",
    }
    for name, action in actions.items():
        session = start_session(sandbox, locale=locale)
        sandbox.user(session.id, action)
        page.goto(session.page_url)
        show(name)

    session = start_session(sandbox, locale=locale)
    sandbox.user(session.id, "abandon")
    page.goto(session.page_url)
    for name, age, code in (("malformed", 0, "12"), ("too-late", 5 * 60, newest_code(sandbox))):
        sandbox.call("clock", {"advance_s": age})
        page.locator("input").fill(code)
        page.locator("button.main").first.click()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.locator("input")).to_have_attribute("aria-invalid", "true")
        show(name)
    sandbox.call("clock", {"advance_s": 30 * 60})
    page.goto(session.page_url)
    show("expired")


def test_the_page_of_no_session_is_fit_for_everybody(open_page: OpenPage, sandbox: Sandbox) -> None:
    page = open_page()
    page.goto(sandbox.url + "/2fa-ui/2fa/phone/nobody")
    User(page, sandbox).sees("There is no such session")
    put_on_show(page, "page-not-found-en")


def test_light_and_dark_differ(open_page: OpenPage, sandbox: Sandbox) -> None:
    session = start_session(sandbox)
    grounds: list[str] = []
    for theme in THEMES:
        page = open_page(color_scheme=theme)
        page.goto(session.page_url)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    light, dark = grounds
    assert light != dark


def test_markup_in_a_session_is_shown_as_text(open_page: OpenPage, sandbox: Sandbox) -> None:
    page = open_page()
    dialogs = dialogs_of(page)
    url = 'https://a.example/"onmouseover="alert(1)"\'><script>alert(2)</script>'
    session = start_session(sandbox, locale='"><script>alert(3)</script>', redirect_failure=url)
    sandbox.user(session.id, "cancel")
    page.goto(session.page_url)
    link = page.get_by_role("link", name="Go back")
    assert link.get_attribute("href") == url
    assert link.get_attribute("onmouseover") is None
    link.hover()
    assert page.locator("script").count() == 0
    assert dialogs == []
