"""The sandbox of the tests: the program that the environment names, with what no user needs."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

from zignsec import testing

# Loopback is direct, whatever proxy the environment names.
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Sandbox(testing.Sandbox):
    """A running sandbox; stopped by ``stop``."""

    def __init__(self, *options: str) -> None:
        super().__init__(*options, program=os.environ["ZIGNSEC_TEST_SANDBOX"])

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    @property
    def client_cert(self) -> tuple[str, str]:
        """A client's certificate that it accepts, and the key."""
        assert self.ca_file is not None
        folder = Path(self.ca_file).parent
        return str(folder / "client.pem"), str(folder / "client-key.pem")

    def disarm(self) -> None:
        """Disarms every fault."""
        self.call("faults", method="DELETE")
