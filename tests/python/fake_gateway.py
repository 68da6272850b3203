"""A gateway that returns prepared sessions, for responses that the sandbox never sends."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def session_json(session_id: str, status: str, **more: Any) -> dict[str, Any]:
    url = f"https://gateway.example/{session_id}"
    return {"id": session_id, "status": status, "redirect_url": url, **more}


@dataclass
class FakeGateway:
    """A gateway that returns prepared sessions."""

    started: dict[str, Any] = field(default_factory=dict[str, Any])
    """The session that the next start returns."""
    looked_up: dict[str, Any] = field(default_factory=dict[str, Any])
    """The session that every lookup returns, without its ID."""
    lookups: int = 0
    url: str = ""
    api_key: str = "a-key"

    @contextmanager
    def running(self) -> Generator[None]:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.respond(gateway.started)

            def do_GET(self) -> None:
                gateway.lookups += 1
                self.respond({**gateway.looked_up, "id": self.path.rpartition("/")[2]})

            def respond(self, session: dict[str, Any]) -> None:
                body = json.dumps({"data": session}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Log nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            self.url = f"http://127.0.0.1:{server.server_port}"
            try:
                yield
            finally:
                server.shutdown()
                thread.join()
