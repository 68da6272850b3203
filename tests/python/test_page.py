"""The two requests documented by the gateway, sent with curl as in its documentation."""

from __future__ import annotations

import json
import subprocess
from typing import Any, cast

from sandbox import Sandbox

EXAMPLE = {
    "locale": "En",
    "metadata": {"phone_number": "+46703339954"},
    "redirect_failure": "https://my_failure_url.com",
    "redirect_success": "https://my_success_url.com",
    "relay_state": "Tulasi_V5_SMS",
    "webhook": "https://webhook.site/zignsec",
}


def curl(*arguments: str) -> dict[str, Any]:
    command = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", *arguments]
    completed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return cast("dict[str, Any]", json.loads(completed.stdout))


def test_documented_requests_return_the_documented_fields(sandbox: Sandbox) -> None:
    key = ("--header", f"Authorization: {sandbox.api_key}")
    started = curl(
        "--location",
        f"{sandbox.url}/core/api/sessions/two_factor_auth/phone",
        *("--header", "accept: application/json"),
        *("--header", "Content-Type: application/json"),
        *("--header", "x-csrf-token: XAoXAwglHykhAEkcUGp0T0A_BAgnUgMvoSUgkouQSjzof3Y87HcYu8lb"),
        *key,
        *("--data", json.dumps(EXAMPLE)),
    )
    assert started.keys() == {"data"}
    assert started["data"].keys() == {"id", "redirect_url", "status"}
    session_id = started["data"]["id"]
    assert started["data"]["redirect_url"] == f"{sandbox.url}/2fa-ui/2fa/phone/{session_id}"
    assert started["data"]["status"] == "pending"

    sandbox.user(session_id, "accept")
    found = curl("--location", f"{sandbox.url}/core/api/sessions/{session_id}", *key)
    assert found == {
        "data": {
            "request_data": EXAMPLE,
            "id": session_id,
            "phone_number": "+46703339954",
            "status": "accepted",
        }
    }
