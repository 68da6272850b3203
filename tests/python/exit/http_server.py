"""A web server with threads, which Ctrl-C ends while it serves requests. Prints its port."""

import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import zignsec

client = zignsec.Client()
session = client.start_phone_2fa(
    "+46703339954", redirect_success="https://a.example", redirect_failure="https://b.example"
)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = client.get_session(session.id).status.name.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(status)))
        self.end_headers()
        self.wfile.write(status)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        # Ctrl-C can close the socket of a request that a thread has just begun to serve.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


with Server(("127.0.0.1", 0), Handler) as server:
    print(server.server_port, flush=True)
    with suppress(KeyboardInterrupt):
        server.serve_forever()
