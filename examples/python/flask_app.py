"""A sign-in page that uses ZignSec's phone verification as its second factor, in Flask.

Environment variables:

- PUBLIC_URL: the URL at which browsers and ZignSec reach this service.
- ZIGNSEC_WEBHOOK_SECRET: the secret that you share with ZignSec for webhooks.
- ZIGNSEC_API_KEY, and ZIGNSEC_BASE_URL or ZIGNSEC_ENVIRONMENT: read by the library.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field

import zignsec
from flask import Flask, redirect, render_template_string, request
from flask.typing import ResponseReturnValue

PUBLIC_URL = os.environ["PUBLIC_URL"].rstrip("/")
WEBHOOK_SECRET = os.environ["ZIGNSEC_WEBHOOK_SECRET"]
COOKIE = "login"

app = Flask(__name__)
# A webhook is much smaller. A larger body is rejected (413) before the rest of it is read.
app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
client = zignsec.Client()  # shared by all threads


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


def current_login() -> Login | None:
    return login_by_cookie.get(request.cookies.get(COOKIE, ""))


def forget_login() -> None:
    login = login_by_cookie.pop(request.cookies.get(COOKIE, ""), None)
    if login is not None:
        login_by_session_id.pop(login.session_id, None)


def refresh(login: Login) -> None:
    """Gets the session from ZignSec, unless its result is already stored."""
    if login.result is None:
        session = client.get_session(login.session_id)
        if session.is_final:
            login.result = session


@app.get("/")
def home() -> ResponseReturnValue:
    return render_template_string(PAGE, login=current_login())


@app.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    user, phone_number = first_factor()
    session = client.start_phone_2fa(
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
    forget_login()
    cookie = secrets.token_urlsafe()
    login_by_cookie[cookie] = login
    response = redirect(session.redirect_url, 303)
    # Not "Strict": the browser must send the cookie when the user returns from ZignSec's site.
    secure = PUBLIC_URL.startswith("https:")
    response.set_cookie(COOKIE, cookie, httponly=True, samesite="Lax", secure=secure)
    return response


@app.get("/verdict")
def verdict() -> ResponseReturnValue:
    """The page that ZignSec sends the user back to.

    Anyone can open it, so its URL is not evaluated: the cookie identifies the login, and ZignSec
    reports the result.
    """
    login = current_login()
    if login is not None:
        refresh(login)
    return render_template_string(PAGE, login=login)


@app.post("/webhook")
def webhook() -> ResponseReturnValue:
    """Receives notifications from ZignSec, also for users who never return to this site."""
    signature = request.headers.get("X-ZignSec-Hmac-SHA256")
    try:
        event = zignsec.verify_webhook(request.get_data(), signature, WEBHOOK_SECRET)
    except (zignsec.WebhookSignatureError, zignsec.ProtocolError) as error:
        # ProtocolError: the signature is valid, but the body cannot be read.
        app.logger.warning("rejected a webhook: %s", error)
        return "refused", 400
    login = login_by_session_id.get(event.session_id)
    if login is None:
        # A session of another service, or one that is not stored yet: then ZignSec sends it again.
        return "unknown", 404
    if event in login.events:
        # Sent twice by ZignSec, or replayed by an attacker.
        return "duplicate", 200
    refresh(login)
    login.events.add(event)
    return "processed", 200


@app.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    forget_login()
    return redirect("/", 303)


@app.errorhandler(zignsec.ZignSecError)
def on_error(error: zignsec.ZignSecError) -> ResponseReturnValue:
    # The message is for the operator of the service. It is safe to log.
    app.logger.error("%s: %s", type(error).__name__, error)
    return render_template_string(ERROR_PAGE, in_doubt=error.in_doubt), 502


HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>Phone verification</title>
<main>
"""

PAGE = (
    HEAD
    + """
{% if login is none %}
<h1>Sign in</h1>
<form method="post" action="/sign-in"><button>Sign in</button></form>
{% elif login.is_verified %}
<h1>Signed in</h1>
<p>You are {{ login.user }}, and your phone number is verified.</p>
<form method="post" action="/sign-out"><button>Sign out</button></form>
{% elif login.result is not none %}
<h1>Not signed in</h1>
<p>Your phone number is not verified. Verification ended: {{ login.result.status }}.</p>
<form method="post" action="/sign-in"><button>Try again</button></form>
{% else %}
<h1>Not signed in yet</h1>
<p>Phone verification in progress.</p>
<p><a href="{{ login.redirect_url }}">Continue verification</a></p>
<p><a href="/verdict">Check status</a></p>
{% endif %}
</main>
"""
)

ERROR_PAGE = (
    HEAD
    + """
<h1>Something went wrong</h1>
<p>We could not verify your phone number.
{% if in_doubt %}A verification may have started; it expires by itself.{% endif %}</p>
<p><a href="/">Try again</a></p>
</main>
"""
)
