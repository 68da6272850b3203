"""An application for gunicorn (``wsgi``) and uvicorn (``asgi``) that forwards every request to the
gateway, whose port is in GATEWAY_PORT."""

from __future__ import annotations

import asyncio
import http.client
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

Headers = dict[str, str]
Answer = tuple[int, str, str, bytes]
PORT = int(os.environ["GATEWAY_PORT"])


def forward(method: str, path: str, headers: Headers, body: bytes) -> Answer:
    """The status, its reason, the content type and the body of the gateway's response."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    try:
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        content_type = response.getheader("content-type", "text/plain")
        return response.status, response.reason, content_type, response.read()
    finally:
        connection.close()


def wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    headers = {
        name[5:].replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and name != "HTTP_CONNECTION"
    }
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    status, reason, content_type, answer = forward(
        environ["REQUEST_METHOD"], environ["PATH_INFO"], headers, body
    )
    fields = [("content-type", content_type), ("content-length", str(len(answer)))]
    start_response(f"{status} {reason}", fields)
    return [answer]


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {
        name.decode(): value.decode()
        for name, value in scope["headers"]
        if name not in (b"connection", b"content-length")
    }
    status, _, content_type, answer = await asyncio.to_thread(
        forward, scope["method"], scope["path"], headers, body
    )
    fields = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(answer)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": answer})
