"""The sandbox gateway for tests in Python: a child process and its admin routes."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from pathlib import Path
from typing import Any, cast

# Loopback is direct, whatever proxy the environment names.
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Sandbox:
    """A running sandbox; stopped by ``stop``."""

    def __init__(self, *options: str) -> None:
        program = os.environ["ZIGNSEC_TEST_SANDBOX"]
        self._process = subprocess.Popen(
            [program, "--port", "0", "--json", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.url: str = ready["url"]
        self.api_key: str = ready["api_key"]
        self.ca_file: str | None = ready["ca_file"]
        if self.ca_file is not None:
            folder = Path(self.ca_file).parent
            self.client_cert = (str(folder / "client.pem"), str(folder / "client-key.pem"))
        # Under TLS the admin routes answer plain HTTP too.
        self._admin = "http" + self.url[self.url.index(":") :]

    def call(self, path: str, body: object = None) -> Any:
        """Calls an admin route: a POST where there is a body."""
        request = urllib.request.Request(f"{self._admin}/_sandbox/{path}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("content-type", "application/json")
        with direct.open(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def requests(self) -> list[dict[str, Any]]:
        """What arrived, newest first."""
        return cast("list[dict[str, Any]]", self.call("requests"))

    def arm(self, fault: str, **details: object) -> None:
        """Arms a fault for the next call."""
        self.call("faults", {"fault": fault, **details})

    def disarm(self) -> None:
        """Disarms every fault."""
        request = urllib.request.Request(f"{self._admin}/_sandbox/faults", method="DELETE")
        direct.open(request, timeout=30).close()

    def user(self, session_id: str, action: str) -> None:
        """Lets the scripted user act."""
        self.call(f"sessions/{session_id}/user", {"action": action})

    def reset(self) -> None:
        """Forgets everything."""
        self.call("reset", {})

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def stop(self) -> None:
        """Ends the process: it stops when its standard input does."""
        self._process.communicate(timeout=30)
