"""The sandbox for these tests: runs the program in ZIGNSEC_TEST_SANDBOX."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

from zignsec import testing

# The sandbox listens on loopback, so proxy variables must not apply.
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Sandbox(testing.Sandbox):
    """A running sandbox, with some additions for these tests."""

    def __init__(self, *options: str) -> None:
        super().__init__(*options, program=os.environ["ZIGNSEC_TEST_SANDBOX"])

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rpartition(":")[2])

    @property
    def client_cert(self) -> tuple[str, str]:
        """The files of a client certificate that it accepts, and of its key."""
        assert self.ca_file is not None
        folder = Path(self.ca_file).parent
        return str(folder / "client.pem"), str(folder / "client-key.pem")

    def disarm(self) -> None:
        """Remove all faults."""
        self.call("faults", method="DELETE")
