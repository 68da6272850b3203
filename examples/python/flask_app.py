"""A sign-in whose second factor is ZignSec's phone check, in Flask.

PUBLIC_URL is where browsers and ZignSec reach this service, WEBHOOK_SECRET what you share with
ZignSec for webhooks. The API key is read from ZIGNSEC_API_KEY, the gateway from ZIGNSEC_BASE_URL or
ZIGNSEC_ENVIRONMENT.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field

import zignsec
from flask import Flask, redirect, render_template_string, request
from flask.typing import ResponseReturnValue

PUBLIC_URL = os.environ["PUBLIC_URL"].rstrip("/")
WEBHOOK_SECRET = os.environ["WEBHOOK_SECRET"]
COOKIE = "login"

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
client = zignsec.Client()  # one for all threads


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


def current_login() -> Login | None:
    return login_of_cookie.get(request.cookies.get(COOKIE, ""))


def forget_login() -> None:
    login = login_of_cookie.pop(request.cookies.get(COOKIE, ""), None)
    if login is not None:
        login_of_check.pop(login.check.id, None)


def ask(login: Login) -> None:
    """Asks how the check stands, for as long as it has not ended."""
    if not login.check.is_final:
        session = client.get_session(login.check.id)
        if session.is_final:
            login.check = session


@app.get("/")
def home() -> ResponseReturnValue:
    return render_template_string(PAGE, login=current_login())


@app.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    user, phone_number = first_factor()
    check = client.start_phone_2fa(
        phone_number,
        # One address for both: who arrives where says nothing, the verdict comes from asking.
        redirect_success=f"{PUBLIC_URL}/verdict",
        redirect_failure=f"{PUBLIC_URL}/verdict",
        webhook=f"{PUBLIC_URL}/webhook",
    )
    if check.redirect_url is None:
        raise zignsec.ProtocolError("the gateway does not tell where to send the user")
    forget_login()
    cookie = secrets.token_urlsafe()
    login_of_cookie[cookie] = login_of_check[check.id] = Login(user, check)
    answer = redirect(check.redirect_url, 303)
    # Not "Strict": the user comes back by a link of another site's.
    secure = PUBLIC_URL.startswith("https:")
    answer.set_cookie(COOKIE, cookie, httponly=True, samesite="Lax", secure=secure)
    return answer


@app.get("/verdict")
def verdict() -> ResponseReturnValue:
    """Where ZignSec sends the user back to, and where anybody can go.

    So nothing of the address counts: whose check it is, the login says, and how it ended, ZignSec.
    """
    login = current_login()
    if login is not None:
        ask(login)
    return render_template_string(PAGE, login=login)


@app.post("/webhook")
def webhook() -> ResponseReturnValue:
    """Where ZignSec reports to: a hint to ask, also where the user never comes back."""
    signature = request.headers.get("X-ZignSec-Hmac-SHA256")
    try:
        event = zignsec.verify_webhook(request.get_data(), signature, WEBHOOK_SECRET)
    except zignsec.WebhookSignatureError as error:
        app.logger.warning("a webhook is refused: %s", error)
        return "refused", 400
    login = login_of_check.get(event.session_id)
    if login is None:
        # Not a check of ours. Or not yet, and then ZignSec tries again.
        return "unknown", 404
    if event in login.webhooks:
        # Sent again, by ZignSec to be sure or by somebody who saw it.
        return "had before", 200
    ask(login)
    login.webhooks.add(event)
    return "taken", 200


@app.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    forget_login()
    return redirect("/", 303)


@app.errorhandler(zignsec.ZignSecError)
def on_error(error: zignsec.ZignSecError) -> ResponseReturnValue:
    # The text is for those who run the service; it can be logged.
    app.logger.error("%s: %s", type(error).__name__, error)
    return render_template_string(ERROR_PAGE, in_doubt=error.in_doubt), 502


HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>Phone check</title>
<main>
"""

PAGE = (
    HEAD
    + """
{% if login is none %}
<h1>Sign in</h1>
<form method="post" action="/sign-in"><button>Sign in</button></form>
{% elif login.check.is_verified %}
<h1>Signed in</h1>
<p>You are {{ login.user }}, and your phone is confirmed.</p>
<form method="post" action="/sign-out"><button>Sign out</button></form>
{% elif login.check.is_final %}
<h1>Not signed in</h1>
<p>Your phone is not confirmed. The check ended: {{ login.check.status }}.</p>
<form method="post" action="/sign-in"><button>Try again</button></form>
{% else %}
<h1>Not signed in yet</h1>
<p>The check of your phone goes on.</p>
<p><a href="{{ login.check.redirect_url }}">Back to the check</a></p>
<p><a href="/verdict">See how it stands</a></p>
{% endif %}
</main>
"""
)

ERROR_PAGE = (
    HEAD
    + """
<h1>Something went wrong</h1>
<p>We could not check your phone.
{% if in_doubt %}A check may have been begun; leave it, it ends by itself.{% endif %}</p>
<p><a href="/">Try again</a></p>
</main>
"""
)
