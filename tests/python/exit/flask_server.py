"""Flask's own server, which Ctrl-C ends while it serves requests. Prints its port."""

import logging
import socket
import sys
from socketserver import BaseServer
from unittest import mock

import flask
import zignsec

client = zignsec.Client()
session = client.start_phone_2fa(
    "+46703339954", redirect_success="https://a.example", redirect_failure="https://b.example"
)
app = flask.Flask(__name__)


@app.get("/")
def status() -> str:
    return client.get_session(session.id).status.name


def handle_error(*_arguments: object) -> None:
    # Ctrl-C can close the socket of a request that a thread has just begun to serve.
    assert isinstance(sys.exc_info()[1], OSError)


logging.getLogger("werkzeug").setLevel(logging.ERROR)
with socket.create_server(("127.0.0.1", 0)) as listener:
    port = listener.getsockname()[1]
print(port, flush=True)
with (
    mock.patch.object(BaseServer, "handle_error", handle_error),
    mock.patch("flask.cli.show_server_banner"),
):
    app.run(port=port)
