"""Two network namespaces: the caller's, and behind a slow link the gateway's, with a name server.

The namespaces have no names and exist while a process in them runs. Those processes end with this
one, even if it is killed, so nothing is left on the machine. The network of the machine and its
files in /etc are not changed: in the namespace of the caller, other files are mounted over them.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from network import needs, program
from zignsec import testing

HERE = Path(__file__).parent
TESTS = HERE.parent / "python"

# The networks of the gateway, in which every address is its own, and those that lead nowhere.
# All of them are reserved for documentation.
LIVE = ("203.0.113.0/24", "2001:db8:1::/64")
DEAD = ("198.51.100.0/24", "2001:db8:2::/64")
CALLER = ("192.0.2.1/32", "2001:db8:3::1/128 nodad")

CURL_LIMIT = 10
"""How long curl may take, in seconds."""
CURL_TIMED_OUT = 28

# The body of a request that starts a session.
START = json.dumps(
    {
        "metadata": {"phone_number": "+46703339954"},
        "redirect_success": "https://a.example",
        "redirect_failure": "https://b.example",
    }
)

NAME_SERVER = "203.0.113.53"
DEAD_NAME_SERVER = "198.51.100.53"


def live(number: int) -> str:
    """An IPv4 address of the gateway."""
    return f"203.0.113.{number}"


def dead(number: int) -> str:
    """An IPv4 address that does not answer."""
    return f"198.51.100.{number}"


def dead_ipv6(number: int) -> str:
    """An IPv6 address that does not answer."""
    return f"2001:db8:2::{number}"


@dataclass(frozen=True)
class Host:
    """A host name of the gateway."""

    addresses: Sequence[str]
    """In the order in which callers should try them."""
    ipv6: str = "answered"
    """How the name server treats questions for IPv6 addresses; see ``name_server.py``."""


@dataclass(frozen=True)
class TimedCall:
    """The result of a call, and how long it took, in seconds."""

    seconds: float
    session_id: str | None = None
    error: str | None = None
    message: str = ""
    status_code: int | None = None
    code: int | None = None
    attempts: int = 0
    in_doubt: bool = False
    repr: str = ""


def _probe(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


def need_namespaces() -> None:
    """Skip the test if this machine does not allow namespaces, or lacks the tools."""
    needs("root", found=os.geteuid() == 0)
    tools = [program(name) for name in ("ip", "mount", "nsenter", "unshare")]
    may_create = _probe(tools[-1], "--net", "--mount", "true")
    needs("the permission to create network namespaces", found=may_create)
    opens = _probe(sys.executable, "-c", "open('/dev/net/tun', 'r+b', buffering=0)")
    needs("/dev/net/tun", found=opens)
    needs("/etc/resolv.conf", found=Path("/etc/resolv.conf").exists())
    needs("IPv6", found=Path("/proc/net/if_inet6").exists())


class Helper:
    """A process that reads lines, answers each with a line, and ends with its input."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C must reach the tests only.
            start_new_session=True,
        )
        self.pid = self._process.pid

    def wait_until_ready(self) -> None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line == "ready\n", f"{self._process.args!r} did not start: {line!r}"

    def write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        self.wait_until_ready()

    def stop(self) -> None:
        self._process.kill()
        # Closes the pipes and waits.
        self._process.communicate()


class Namespace:
    """A network namespace with its own mounts."""

    def __init__(self, stack: ExitStack) -> None:
        script = f"{program('ip')} link set lo up && echo ready && exec cat"
        self._holder = Helper([program("unshare"), "--net", "--mount", "sh", "-c", script])
        stack.callback(self._holder.stop)
        self._holder.wait_until_ready()
        self.pid = self._holder.pid

    @property
    def name(self) -> str:
        """What the system calls the network namespace."""
        return os.readlink(f"/proc/{self.pid}/ns/net")  # noqa: PTH115 - it is not a path

    def command(self, *command: str) -> list[str]:
        """A command that runs ``command`` in this namespace."""
        return [program("nsenter"), f"--target={self.pid}", "--net", "--mount", "--", *command]

    def run(self, *command: str) -> None:
        subprocess.run(self.command(*command), check=True)

    def ip(self, arguments: str) -> None:
        self.run(program("ip"), *arguments.split())

    def start(self, stack: ExitStack, *command: str) -> Helper:
        helper = Helper(self.command(*command))
        stack.callback(helper.stop)
        return helper


class Network:
    """A caller, a slow link, and a gateway with a name server."""

    def __init__(self, folder: Path, hosts: Mapping[str, Host], stack: ExitStack) -> None:
        self._folder = folder
        self._gateway = Namespace(stack)
        self._caller = Namespace(stack)
        self._link = self._start_link(stack)
        self._start_name_server(hosts, stack)
        self._mount_files()
        self.sandbox = self._start_sandbox(hosts, stack)

    def _start_link(self, stack: ExitStack) -> Helper:
        script = str(HERE / "delay.py")
        link = self._gateway.start(stack, sys.executable, script, "to-caller", "to-gateway", *DEAD)
        link.wait_until_ready()
        self._gateway.ip(f"link set to-gateway netns {self._caller.pid}")
        for address in CALLER:
            self._caller.ip(f"address add {address} dev to-gateway")
        self._caller.ip("link set to-gateway up")
        self._gateway.ip("link set to-caller up")
        for version, network in zip(("-4", "-6"), LIVE, strict=True):
            self._caller.ip(f"{version} route add default dev to-gateway")
            self._gateway.ip(f"{version} route add default dev to-caller")
            self._gateway.ip(f"{version} route add local {network} dev lo")
        return link

    def _start_name_server(self, hosts: Mapping[str, Host], stack: ExitStack) -> None:
        script = str(HERE / "name_server.py")
        server = self._gateway.start(stack, sys.executable, script, NAME_SERVER)
        server.write(json.dumps({name: asdict(host) for name, host in hosts.items()}))

    def _mount_files(self) -> None:
        """Name resolution of the caller must not depend on the settings of this machine."""
        files = {
            "resolv.conf": "",
            "hosts": f"{live(1)} in-hosts.example\n",
            "nsswitch.conf": "hosts: files dns\n",
            "gai.conf": "",
        }
        for name, content in files.items():
            file = self._folder / name
            file.write_text(content)
            target = Path("/etc", name)
            if target.exists():
                self._caller.run(program("mount"), "--bind", str(file), str(target))
        # A cache of names would answer in place of the name server.
        if Path("/run/nscd").exists():
            self._caller.run(program("mount"), "-t", "tmpfs", "none", "/run/nscd")

    def _start_sandbox(self, hosts: Mapping[str, Host], stack: ExitStack) -> testing.Sandbox:
        # A sandbox is started by the path of one program.
        script = self._folder / "sandbox"
        command = self._gateway.command(os.environ["ZIGNSEC_TEST_SANDBOX"])
        script.write_text(f"""#!/bin/sh\nexec {shlex.join(command)} "$@"\n""")
        script.chmod(0o755)
        names = [f"--allow-host={name}" for name in ("in-hosts.example", *hosts)]
        # This address accepts IPv4 too.
        options = ("--tls", "--host=::", *names)
        return stack.enter_context(testing.Sandbox(*options, program=script))

    def namespaces(self) -> set[str]:
        return {self._gateway.name, self._caller.name}

    def url(self, host: str) -> str:
        return f"https://{host}:{self.sandbox.url.rpartition(':')[2]}"

    def set_round_trip(self, seconds: float) -> None:
        self._link.write(str(seconds / 2))

    def use_name_servers(self, *addresses: str, options: str = "") -> None:
        lines = [f"nameserver {address}" for address in addresses]
        if options:
            lines.append(f"options {options}")
        # The file that is mounted stays the same.
        (self._folder / "resolv.conf").write_text("".join(f"{line}\n" for line in lines))

    def addresses(self, host: str) -> list[str]:
        """The addresses of a host, in the order in which the system says to try them."""
        script = (
            "import socket, sys; "
            "found = socket.getaddrinfo(sys.argv[1], 443, type=socket.SOCK_STREAM); "
            "print(*[address[4][0] for address in found])"
        )
        return self._run([sys.executable, "-c", script, host]).split()

    def curl(self, host: str) -> float:
        """How long curl takes to start a session, in seconds; infinite if it takes too long."""
        key = f"authorization: {self.sandbox.api_key}"
        command = [
            *(program("curl"), "--silent", "--show-error", "--noproxy", "*"),
            *("--cacert", str(self.sandbox.ca_file), "--output", "/dev/null", "--fail"),
            *("--header", key, "--header", "content-type: application/json"),
            *("--data", START, "--write-out", "%{time_total}", "--max-time", str(CURL_LIMIT)),
            f"{self.url(host)}/core/api/sessions/two_factor_auth/phone",
        ]
        completed = self._complete(command)
        if completed.returncode == CURL_TIMED_OUT:
            return math.inf
        assert completed.returncode == 0, completed.stderr
        return float(completed.stdout)

    def call(self, host: str, *calls: tuple[float, str]) -> list[TimedCall]:
        """Make calls with one client and default limits, each after a pause in seconds. A call is
        one of ``call.py``."""
        results = self._run_task("timed_calls.py", host, {"calls": calls}, {})
        return [TimedCall(**result) for result in results]

    def count_lookup_threads(self, host: str, *, shared: bool, **options: Any) -> int:
        """How many threads look up a host at the same time while calls are made; see
        ``lookup_threads.py``."""
        result = self._run_task("lookup_threads.py", host, {"shared": shared}, options)
        return int(result)

    def _run_task(
        self, script: str, host: str, task: Mapping[str, Any], options: Mapping[str, Any]
    ) -> Any:
        own = {
            "api_key": self.sandbox.api_key,
            "base_url": self.url(host),
            "ca_file": self.sandbox.ca_file,
        }
        task = {**task, "options": {**own, **options}}
        return json.loads(self._run([sys.executable, str(HERE / script)], json.dumps(task)))

    def _run(self, command: Sequence[str], text: str = "") -> str:
        completed = self._complete(command, text)
        assert completed.returncode == 0, completed.stderr
        return completed.stdout

    def _complete(self, command: Sequence[str], text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in the caller's namespace."""
        paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.run(
            self._caller.command(*command),
            input=text,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
            timeout=100,
        )


@contextmanager
def network(folder: Path, hosts: Mapping[str, Host]) -> Generator[Network, None, None]:
    """A caller and a gateway that has these host names."""
    need_namespaces()
    with ExitStack() as stack:
        yield Network(folder, hosts, stack)
