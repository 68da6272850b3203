"""A web server that records the requests of the sandbox or a browser."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EMPTY_PAGE = (
    '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Elsewhere</title>'
)


@dataclass(frozen=True)
class Arrived:
    """A request exactly as received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Listener:
    """A web server on loopback that returns the same page to every request and records it."""

    def __init__(self, page: str = EMPTY_PAGE) -> None:
        arrived: queue.Queue[Arrived] = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def respond(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                arrived.put(Arrived(self.command, self.path, headers, body))
                content = page.encode()
                self.send_response(200)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = respond  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Log nothing."""

        self._arrived = arrived
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def next(self) -> Arrived:
        """Wait for the next request and return it."""
        return self._arrived.get(timeout=20)

    def stop(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
