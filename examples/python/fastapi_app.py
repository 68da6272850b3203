"""A sign-in whose second factor is ZignSec's phone check, in FastAPI.

PUBLIC_URL is where browsers and ZignSec reach this service, WEBHOOK_SECRET what you share with
ZignSec for webhooks. The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or
ZIGNSEC_ENVIRONMENT.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Annotated

import zignsec
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse

PUBLIC_URL = os.environ["PUBLIC_URL"].rstrip("/")
WEBHOOK_SECRET = os.environ["WEBHOOK_SECRET"]
LONGEST_WEBHOOK = 64 * 1024
COOKIE = "login"

log = logging.getLogger(__name__)
client = zignsec.AsyncClient()


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
    async with client:
        yield


app = FastAPI(lifespan=lifespan)


@dataclass
class Login:
    """One user who passed the first factor, in one browser."""

    user: str
    check: zignsec.Session
    """The second factor: as it was opened and, once it has ended, as it ended."""
    webhooks: set[zignsec.WebhookEvent] = field(default_factory=set[zignsec.WebhookEvent])
    """What ZignSec has reported of it."""


# In a service, a table of its database, whose rows grow old: these are lost with the process, and
# another process does not see them.
login_of_cookie: dict[str, Login] = {}
login_of_check: dict[str, Login] = {}


def first_factor() -> tuple[str, str]:
    """A user's name and phone number.

    IT LETS EVERYBODY IN. It stands where the service's own first factor goes: a form for a password
    and its CSRF token, say, and the number that the service has on record. Here that is DEMO_PHONE,
    else a number that reaches nobody.
    """
    return "demo", os.environ.get("DEMO_PHONE", "+46701740605")


async def current_login(request: Request) -> Login | None:
    return login_of_cookie.get(request.cookies.get(COOKIE, ""))


CurrentLogin = Annotated[Login | None, Depends(current_login)]


def forget_login(request: Request) -> None:
    login = login_of_cookie.pop(request.cookies.get(COOKIE, ""), None)
    if login is not None:
        login_of_check.pop(login.check.id, None)


async def ask(login: Login) -> None:
    """Asks how the check stands, for as long as it has not ended."""
    if not login.check.is_final:
        session = await client.get_session(login.check.id)
        if session.is_final:
            login.check = session


@app.get("/")
async def home(login: CurrentLogin) -> HTMLResponse:
    return page_of(login)


@app.post("/sign-in")
async def sign_in(request: Request) -> Response:
    user, phone_number = first_factor()
    check = await client.start_phone_2fa(
        phone_number,
        # One address for both: who arrives where says nothing, the verdict comes from asking.
        redirect_success=f"{PUBLIC_URL}/verdict",
        redirect_failure=f"{PUBLIC_URL}/verdict",
        webhook=f"{PUBLIC_URL}/webhook",
    )
    if check.redirect_url is None:
        raise zignsec.ProtocolError("the gateway does not tell where to send the user")
    forget_login(request)
    cookie = secrets.token_urlsafe()
    login_of_cookie[cookie] = login_of_check[check.id] = Login(user, check)
    answer = RedirectResponse(check.redirect_url, 303)
    # Not "strict": the user comes back by a link of another site's.
    secure = PUBLIC_URL.startswith("https:")
    answer.set_cookie(COOKIE, cookie, httponly=True, samesite="lax", secure=secure)
    return answer


@app.get("/verdict")
async def verdict(login: CurrentLogin) -> HTMLResponse:
    """Where ZignSec sends the user back to, and where anybody can go.

    So nothing of the address counts: whose check it is, the login says, and how it ended, ZignSec.
    """
    if login is not None:
        await ask(login)
    return page_of(login)


@app.post("/webhook")
async def webhook(request: Request) -> PlainTextResponse:
    """Where ZignSec reports to: a hint to ask, also where the user never comes back."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_WEBHOOK:
            return PlainTextResponse("too long", 413)
    signature = request.headers.get("X-ZignSec-Hmac-SHA256")
    try:
        event = zignsec.verify_webhook(body, signature, WEBHOOK_SECRET)
    except zignsec.WebhookSignatureError as error:
        log.warning("a webhook is refused: %s", error)
        return PlainTextResponse("refused", 400)
    login = login_of_check.get(event.session_id)
    if login is None:
        # Not a check of ours. Or not yet, and then ZignSec tries again.
        return PlainTextResponse("unknown", 404)
    if event in login.webhooks:
        # Sent again, by ZignSec to be sure or by somebody who saw it.
        return PlainTextResponse("had before", 200)
    await ask(login)
    login.webhooks.add(event)
    return PlainTextResponse("taken", 200)


@app.post("/sign-out")
async def sign_out(request: Request) -> Response:
    forget_login(request)
    return RedirectResponse("/", 303)


@app.exception_handler(zignsec.ZignSecError)
async def on_error(_request: Request, error: zignsec.ZignSecError) -> HTMLResponse:
    # The text is for those who run the service; it can be logged.
    log.error("%s: %s", type(error).__name__, error)
    doubt = "A check may have been begun; leave it, it ends by itself." if error.in_doubt else ""
    return page(
        "Something went wrong",
        f'<p>We could not check your phone. {doubt}</p><p><a href="/">Try again</a></p>',
        502,
    )


def page_of(login: Login | None) -> HTMLResponse:
    """What a user sees: where they stand, and what they can do."""
    if login is None:
        return page("Sign in", form("/sign-in", "Sign in"))
    if login.check.is_verified:
        return page(
            "Signed in",
            f"<p>You are {escape(login.user)}, and your phone is confirmed.</p>"
            + form("/sign-out", "Sign out"),
        )
    if login.check.is_final:
        return page(
            "Not signed in",
            f"<p>Your phone is not confirmed. The check ended: {login.check.status}.</p>"
            + form("/sign-in", "Try again"),
        )
    return page(
        "Not signed in yet",
        "<p>The check of your phone goes on.</p>"
        f'<p><a href="{escape(login.check.redirect_url or "/")}">Back to the check</a></p>'
        '<p><a href="/verdict">See how it stands</a></p>',
    )


def form(action: str, button: str) -> str:
    return f'<form method="post" action="{action}"><button>{button}</button></form>'


def page(heading: str, content: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(
        f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>Phone check</title>
<main>
<h1>{heading}</h1>
{content}
</main>
""",
        status,
    )
