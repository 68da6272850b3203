"""The hosted pages in a real browser."""

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
    check_appearance,
    newest_code,
    record_dialogs,
    start_session,
    status_of,
    wrong_code,
)


def start_with_redirects_to(listener: Listener, sandbox: Sandbox) -> Session:
    return start_session(
        sandbox,
        redirect_success=listener.url + "/well/done?order=7&name=%C3%85sa#thanks",
        redirect_failure=listener.url + "/not/done?again=1",
    )


def assert_redirected_to(page: Page, listener: Listener, path: str, fragment: str = "") -> None:
    """Asserts that the browser requested exactly this URL, without a body or a Referer header."""
    page.wait_for_url(listener.url + path + fragment)
    request = listener.next()
    assert (request.method, request.path, request.body) == ("GET", path, b"")
    assert "referer" not in request.headers


def test_correct_code_redirects_to_redirect_success(
    page: Page, sandbox: Sandbox, listener: Listener
) -> None:
    session = start_with_redirects_to(listener, sandbox)
    user = User(page, sandbox)
    page.goto(session.page_url)
    user.expect_heading("Confirm your phone number")
    assert sandbox.call("sms") == []
    user.enter_code(user.request_code())
    assert_redirected_to(page, listener, "/well/done?order=7&name=%C3%85sa", "#thanks")
    assert status_of(sandbox, session) == "accepted"


def test_new_code_works_after_a_wrong_one(page: Page, sandbox: Sandbox, listener: Listener) -> None:
    session = start_with_redirects_to(listener, sandbox)
    user = User(page, sandbox)
    page.goto(session.page_url)
    first = user.request_code()
    user.enter_code(wrong_code(first))
    user.expect_heading("Wrong code")
    expect(page.get_by_text("Attempts left: 2")).to_be_visible()
    assert status_of(sandbox, session) == "pending"
    second = user.request_code()
    assert second != first
    user.enter_code(second)
    assert_redirected_to(page, listener, "/well/done?order=7&name=%C3%85sa", "#thanks")
    assert status_of(sandbox, session) == "accepted"


def test_too_many_wrong_codes_redirect_to_redirect_failure(
    page: Page, sandbox: Sandbox, listener: Listener
) -> None:
    session = start_with_redirects_to(listener, sandbox)
    user = User(page, sandbox)
    page.goto(session.page_url)
    for left in (2, 1):
        user.enter_code(wrong_code(user.request_code()))
        expect(page.get_by_text(f"Attempts left: {left}")).to_be_visible()
    user.enter_code(wrong_code(user.request_code()))
    assert_redirected_to(page, listener, "/not/done?again=1")
    assert status_of(sandbox, session) == "failed"


def test_malformed_code_can_be_corrected(page: Page, sandbox: Sandbox, listener: Listener) -> None:
    session = start_with_redirects_to(listener, sandbox)
    user = User(page, sandbox)
    page.goto(session.page_url)
    code = user.request_code()
    user.enter_code(code[:4])
    expect(page.get_by_role("alert")).to_have_text(
        "The code must have 5 digits. Please check your entry."
    )
    user.enter_code(code)
    assert_redirected_to(page, listener, "/well/done?order=7&name=%C3%85sa", "#thanks")


def test_cancel_shows_a_page_with_a_link_back(
    page: Page, sandbox: Sandbox, listener: Listener
) -> None:
    session = start_with_redirects_to(listener, sandbox)
    user = User(page, sandbox)
    page.goto(session.page_url)
    user.request_code()
    user.click_button("Cancel")
    user.expect_heading("You cancelled")
    assert page.url == session.page_url
    assert status_of(sandbox, session) == "cancelled"
    page.get_by_role("link", name="Go back").click()
    assert_redirected_to(page, listener, "/not/done?again=1")


def test_cancel_option_redirects_to_redirect_failure(
    page: Page, start_sandbox: StartSandbox, listener: Listener
) -> None:
    sandbox = start_sandbox("--cancel", "redirect")
    session = start_with_redirects_to(listener, sandbox)
    page.goto(session.page_url)
    User(page, sandbox).click_button("Cancel")
    assert_redirected_to(page, listener, "/not/done?again=1")
    assert status_of(sandbox, session) == "cancelled"


def test_expired_code_can_be_replaced_but_an_expired_session_cannot(
    page: Page, sandbox: Sandbox, listener: Listener
) -> None:
    session = start_with_redirects_to(listener, sandbox)
    user = User(page, sandbox)
    page.goto(session.page_url)
    code = user.request_code()
    sandbox.call("clock", {"advance_s": 5 * 60})
    user.enter_code(code)
    expect(page.get_by_role("alert")).to_have_text("This code has expired. Request a new code.")
    code = user.request_code()
    sandbox.call("clock", {"advance_s": 30 * 60})
    user.enter_code(code)
    user.expect_heading("Session expired")
    assert status_of(sandbox, session) == "timeout"
    page.get_by_role("link", name="Go back").click()
    assert_redirected_to(page, listener, "/not/done?again=1")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_pages_work_with_the_keyboard_only(
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
    page.keyboard.type(wrong_code(newest_code(sandbox)))
    page.keyboard.press("Enter")
    user.expect_heading("Wrong code")
    expect(user.button("Send a new code")).to_be_focused()
    page.keyboard.press("Enter")
    expect(code).to_be_focused()
    page.keyboard.type(newest_code(sandbox))
    page.keyboard.press("Enter")
    assert_redirected_to(page, listener, "/well/done?order=7&name=%C3%85sa", "#thanks")

    page.goto(start_with_redirects_to(listener, sandbox).page_url)
    expect(user.button("Send code")).to_be_focused()
    page.keyboard.press("Tab")
    expect(user.button("Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    user.expect_heading("You cancelled")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Go back")).to_be_focused()
    page.keyboard.press("Enter")
    assert_redirected_to(page, listener, "/not/done?again=1")


FIRST_PAGE_TITLES = {
    "en": "Confirm your phone number",
    "sv": "Bekräfta ditt telefonnummer",
    "de": "Telefonnummer bestätigen",
    "da": "Bekræft dit telefonnummer",
}


@pytest.mark.parametrize("locale", ["en", "sv", "de", "da"])
def test_every_page_is_accessible(locale: str, open_page: OpenPage, sandbox: Sandbox) -> None:
    page = open_page()

    def check(name: str) -> None:
        assert page.locator("html").get_attribute("lang") == locale
        check_appearance(page, f"page-{name}-{locale}")

    page.goto(start_session(sandbox, locale=locale).page_url)
    expect(page.get_by_role("heading", level=1)).to_have_text(FIRST_PAGE_TITLES[locale])
    check("send")
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
        check(name)

    session = start_session(sandbox, locale=locale)
    sandbox.user(session.id, "abandon")
    page.goto(session.page_url)
    for name, age, code in (("malformed", 0, "12"), ("code-expired", 5 * 60, newest_code(sandbox))):
        sandbox.call("clock", {"advance_s": age})
        page.locator("input").fill(code)
        page.locator("button.main").first.click()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.locator("input")).to_have_attribute("aria-invalid", "true")
        check(name)
    sandbox.call("clock", {"advance_s": 30 * 60})
    page.goto(session.page_url)
    check("expired")


def test_error_page_is_accessible(open_page: OpenPage, sandbox: Sandbox) -> None:
    page = open_page()
    page.goto(sandbox.url + "/2fa-ui/2fa/phone/nobody")
    User(page, sandbox).expect_heading("Session not found")
    check_appearance(page, "page-not-found-en")


def test_light_and_dark_themes_differ(open_page: OpenPage, sandbox: Sandbox) -> None:
    session = start_session(sandbox)
    backgrounds: list[str] = []
    for theme in THEMES:
        page = open_page(color_scheme=theme)
        page.goto(session.page_url)
        backgrounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    light, dark = backgrounds
    assert light != dark


def test_markup_in_a_session_is_escaped(open_page: OpenPage, sandbox: Sandbox) -> None:
    page = open_page()
    dialogs = record_dialogs(page)
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
