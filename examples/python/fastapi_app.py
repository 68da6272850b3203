"""A sign-in page that uses ZignSec's phone verification as its second factor, in FastAPI.

Environment variables:

- PUBLIC_URL: the URL at which browsers and ZignSec reach this service.
- ZIGNSEC_WEBHOOK_SECRET: the secret that you share with ZignSec for webhooks.
- ZIGNSEC_API_KEY, and ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT: read by the library.
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
from starlette.requests import ClientDisconnect

PUBLIC_URL = os.environ["PUBLIC_URL"].rstrip("/")
WEBHOOK_SECRET = os.environ["ZIGNSEC_WEBHOOK_SECRET"]
MAX_WEBHOOK_BYTES = 64 * 1024  # a webhook is much smaller
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
    """A user who passed the first factor, in one browser."""

    user: str
    phone_number: str
    """The number of the user in the records of this service. Only this number can be verified."""
    session_id: str
    redirect_url: str
    result: zignsec.Session | None = None
    """The final state of the session, as a lookup returned it."""
    events: set[zignsec.WebhookEvent] = field(default_factory=set[zignsec.WebhookEvent])
    """The webhook events that were processed, to detect duplicates."""

    @property
    def is_verified(self) -> bool:
        return self.result is not None and self.result.is_verified_for(self.phone_number)


# A real service stores logins in a database table and deletes old rows. These dictionaries are lost
# when the process ends, and are not shared with other processes.
login_by_cookie: dict[str, Login] = {}
login_by_session_id: dict[str, Login] = {}


def first_factor() -> tuple[str, str]:
    """Returns the user's name and phone number.

    THIS ACCEPTS EVERYONE. Replace it with the first factor of your service: for example a password
    form with a CSRF token, and the phone number in your database. Here the number is DEMO_PHONE, or
    by default a number that is reserved for fiction.
    """
    return "demo", os.environ.get("DEMO_PHONE", "+46701740605")


async def current_login(request: Request) -> Login | None:
    return login_by_cookie.get(request.cookies.get(COOKIE, ""))


CurrentLogin = Annotated[Login | None, Depends(current_login)]


def forget_login(request: Request) -> None:
    login = login_by_cookie.pop(request.cookies.get(COOKIE, ""), None)
    if login is not None:
        login_by_session_id.pop(login.session_id, None)


async def refresh(login: Login) -> None:
    """Gets the session from ZignSec, unless its result is already stored."""
    if login.result is None:
        session = await client.get_session(login.session_id)
        if session.is_final:
            login.result = session


@app.get("/")
async def home(login: CurrentLogin) -> HTMLResponse:
    return login_page(login)


@app.post("/sign-in")
async def sign_in(request: Request) -> Response:
    user, phone_number = first_factor()
    session = await client.start_phone_2fa(
        phone_number,
        # Both lead to the same page: the URL that the user reaches proves nothing.
        redirect_success=f"{PUBLIC_URL}/verdict",
        redirect_failure=f"{PUBLIC_URL}/verdict",
        webhook=f"{PUBLIC_URL}/webhook",
        # The library rejects a response that contains another relay_state or phone number.
        relay_state=secrets.token_urlsafe(),
    )
    if session.redirect_url is None:
        raise zignsec.ProtocolError("the response contains no redirect_url")
    login = Login(user, phone_number, session.id, session.redirect_url)
    # In a database: a unique key.
    if login_by_session_id.setdefault(session.id, login) is not login:
        raise zignsec.ProtocolError("the response contains the session of another login")
    forget_login(request)
    cookie = secrets.token_urlsafe()
    login_by_cookie[cookie] = login
    response = RedirectResponse(session.redirect_url, 303)
    # Not "strict": the browser must send the cookie when the user returns from ZignSec's site.
    secure = PUBLIC_URL.startswith("https:")
    response.set_cookie(COOKIE, cookie, httponly=True, samesite="lax", secure=secure)
    return response


@app.get("/verdict")
async def verdict(login: CurrentLogin) -> HTMLResponse:
    """The page that ZignSec sends the user back to.

    Anyone can open it, so its URL is not evaluated: the cookie identifies the login, and ZignSec
    reports the result.
    """
    if login is not None:
        await refresh(login)
    return login_page(login)


@app.post("/webhook")
async def webhook(request: Request) -> PlainTextResponse:
    """Receives notifications from ZignSec, also for users who never return to this site."""
    body = b""
    try:
        # Counted while it arrives: its declared length may be missing or wrong.
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_WEBHOOK_BYTES:
                return PlainTextResponse("too large", 413)
    except ClientDisconnect:
        # Also if a chunk is malformed.
        return PlainTextResponse("incomplete", 400)
    signature = request.headers.get("X-ZignSec-Hmac-SHA256")
    try:
        event = zignsec.verify_webhook(body, signature, WEBHOOK_SECRET)
    except (zignsec.WebhookSignatureError, zignsec.ProtocolError) as error:
        # ProtocolError: the signature is valid, but the body cannot be read.
        log.warning("rejected a webhook: %s", error)
        return PlainTextResponse("refused", 400)
    login = login_by_session_id.get(event.session_id)
    if login is None:
        # A session of another service, or one that is not stored yet: then ZignSec sends it again.
        return PlainTextResponse("unknown", 404)
    if event in login.events:
        # Sent twice by ZignSec, or replayed by an attacker.
        return PlainTextResponse("duplicate", 200)
    await refresh(login)
    login.events.add(event)
    return PlainTextResponse("processed", 200)


@app.post("/sign-out")
async def sign_out(request: Request) -> Response:
    forget_login(request)
    return RedirectResponse("/", 303)


@app.exception_handler(zignsec.ZignSecError)
async def on_error(_request: Request, error: zignsec.ZignSecError) -> HTMLResponse:
    # The message is for the operator of the service. It is safe to log.
    log.error("%s: %s", type(error).__name__, error)
    note = "A verification may have started; it expires by itself." if error.in_doubt else ""
    return page(
        "Something went wrong",
        f'<p>We could not verify your phone number. {note}</p><p><a href="/">Try again</a></p>',
        502,
    )


def login_page(login: Login | None) -> HTMLResponse:
    """The page that shows the state of a login and the possible actions."""
    if login is None:
        return page("Sign in", form("/sign-in", "Sign in"))
    if login.is_verified:
        return page(
            "Signed in",
            f"<p>You are {escape(login.user)}, and your phone number is verified.</p>"
            + form("/sign-out", "Sign out"),
        )
    if login.result is not None:
        return page(
            "Not signed in",
            f"<p>Your phone number is not verified. Verification ended: {login.result.status}.</p>"
            + form("/sign-in", "Try again"),
        )
    return page(
        "Not signed in yet",
        "<p>Phone verification in progress.</p>"
        f'<p><a href="{escape(login.redirect_url)}">Continue verification</a></p>'
        '<p><a href="/verdict">Check status</a></p>',
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
<title>Phone verification</title>
<main>
<h1>{heading}</h1>
{content}
</main>
""",
        status,
    )
