"""Builds and runs each program of examples/ with the commands of its README, against a sandbox."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fake_gateway import FakeGateway, session_json
from sandbox import Sandbox
from zignsec.testing import Action

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
LIBRARY = TARGET / "debug"
SONAME = "libzignsec.so.0.1"
BUILD = TARGET / "examples"
"""Contains copies of the examples, and a link to include/, in the layout of the repository."""

PHONE = "+46703339954"
IMMEDIATELY_ACCEPTED = "+46701740606"
SERVER_ERROR = "+46701740631"

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Language:
    """A folder of examples/."""

    folder: str
    probe: str
    """A command that fails if a package that the README installs is missing."""
    unknown_key: str = "ZS_ERROR_AUTHENTICATION"
    server_error: str = "ZS_ERROR_SERVER"
    """The names of the errors for 401 and 500."""
    in_place: bool = False
    """Whether to build without a copy: the README's commands create no file in the folder."""
    frequent_gc: dict[str, str] = field(default_factory=dict[str, str])
    """Environment variables that make the garbage collector run as often as possible."""


LANGUAGES = [
    Language("ada", "gnatmake --version && gnatchop --version"),
    Language("c", "cc --version"),
    Language("cobol", "cobc --version"),
    Language("cpp", "c++ --version"),
    Language(
        "csharp",
        "mcs --version && mono --version",
        frequent_gc={"MONO_GC_DEBUG": "collect-before-allocs"},
    ),
    Language("fortran", "gfortran --version"),
    Language(
        "go",
        "go version && cc --version",
        frequent_gc={"GOGC": "1", "GODEBUG": "clobberfree=1"},
    ),
    Language("java", "javac --version && test -e /usr/share/java/jna.jar"),
    Language(
        "lua",
        "luajit -v",
        frequent_gc={"LUA_INIT": "debug.sethook(function() collectgarbage() end, '', 1)"},
    ),
    Language("nodejs", "node --version && npm --version"),
    Language("pascal", "fpc -iV"),
    Language("perl", "perl -MFFI::Platypus=2.00 -e 1"),
    Language("php", "php -r 'exit(extension_loaded(\"FFI\") ? 0 : 1);'"),
    Language(
        "python",
        "make --version",
        unknown_key="AuthenticationError",
        server_error="ServerError",
        in_place=True,
    ),
    Language(
        "ruby",
        "ruby -rfiddle -e 1",
        frequent_gc={"RUBYOPT": f"-r{Path(__file__).parent / 'frequent_gc.rb'}"},
    ),
    Language(
        "rust",
        "cargo --version",
        unknown_key="Authentication",
        server_error="Server",
        in_place=True,
    ),
]

C_LIBRARY_USERS = [language for language in LANGUAGES if not language.in_place]


def environment(language: Language, **more: str) -> dict[str, str]:
    """An environment with the library installed, and the Python of these tests on the path."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not re.match(r"ZIGNSEC_|MAKE|MFLAGS|LD_", name)
    }
    if language.in_place:
        # Needs no C library. With its paths in the environment, cargo would rebuild everything.
        installed = {"PIP_FORCE_REINSTALL": "1", "PIP_NO_INDEX": "1"}
    else:
        installed = {
            "CPATH": str(ROOT / "include"),
            "LIBRARY_PATH": str(LIBRARY),
            "LD_LIBRARY_PATH": str(LIBRARY),
            "PPC_CONFIG_PATH": str(BUILD),
        }
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**inherited, **installed, "PATH": path, **more}


@dataclass(frozen=True)
class Program:
    """A built example."""

    language: Language
    folder: Path
    command: list[str]

    def run(
        self,
        gateway: Sandbox | FakeGateway,
        phone: str = PHONE,
        *,
        key: str | None = None,
        user: Action | None = None,
        frequent_gc: bool = False,
        more: dict[str, str] | None = None,
    ) -> Ran:
        """Runs the program until it exits. The user acts after the program's first poll."""
        settings = {
            **(self.language.frequent_gc if frequent_gc else {}),
            "ZIGNSEC_BASE_URL": gateway.url,
            "ZIGNSEC_API_KEY": key or gateway.api_key,
            **(more or {}),
        }
        process = subprocess.Popen(
            [*self.command, phone],
            cwd=self.folder,
            env=environment(self.language, **settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                assert process.stdout is not None
                assert process.stderr is not None
                lines: list[str] = []
                for line in process.stdout:
                    lines.append(line)
                    if user is not None and " after " in line:
                        assert isinstance(gateway, Sandbox)
                        gateway.user(gateway.call("sessions")[0]["id"], user)
                        user = None
                errors = process.stderr.read()
            except BaseException:
                process.kill()
                raise
        self.save(errors)
        return Ran("".join(lines), errors, process.returncode)

    def save(self, errors: str) -> None:
        """Saves the errors for the search of `captured.py`."""
        folder = os.environ.get("ZIGNSEC_TEST_CAPTURE")
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
            with (Path(folder) / f"example-{self.language.folder}.log").open("a") as log:
                log.write(errors)


@dataclass(frozen=True)
class Ran:
    """The output and exit status of a program."""

    output: str
    errors: str
    status: int


def commands(language: Language) -> list[str]:
    """The commands of the README: those that build the program, and last the one that runs it."""
    readme = (EXAMPLES / language.folder / "README.md").read_text()
    block = re.search(r"^```sh\n(.*?)^```$", readme, re.M | re.S)
    assert block is not None
    return [line for line in block[1].splitlines() if not line.startswith("sudo apt-get install ")]


def folder_name(language: Language) -> str:
    return language.folder


@pytest.fixture(scope="module", params=LANGUAGES, ids=folder_name)
def program(request: pytest.FixtureRequest) -> Program:
    language: Language = request.param
    source = EXAMPLES / language.folder
    probed = subprocess.run(
        ["sh", "-c", language.probe], capture_output=True, env=environment(language)
    )
    if probed.returncode != 0:
        missing = f"examples/{language.folder}: no {language.probe}"
        if os.environ.get("ZIGNSEC_TEST_ALL"):
            pytest.fail(missing)
        pytest.skip(missing)

    folder = source
    if not language.in_place:
        folder = BUILD / "examples" / language.folder
        shutil.copytree(source, folder, dirs_exist_ok=True)
        with contextlib.suppress(FileExistsError):
            (BUILD / "include").symlink_to(ROOT / "include")
        # Free Pascal has no environment variable for the library's folder.
        (BUILD / "fpc.cfg").write_text(f"#INCLUDE /etc/fpc.cfg\n-Fl{LIBRARY}\n")
    *build_commands, run_command = commands(language)
    for command in build_commands:
        built = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment(language),
            capture_output=True,
            text=True,
        )
        assert built.returncode == 0, f"{command}\n{built.stdout}{built.stderr}"
    *command_line, _phone = shlex.split(run_command)
    return Program(language, folder, command_line)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    box = Sandbox()
    yield box
    box.stop()


def full_output(sandbox: Sandbox, status: str, verdict: str) -> re.Pattern[str]:
    """The output of a program whose session ends with this status."""
    session = sandbox.call("sessions")[0]
    return re.compile(
        rf"1\. Session {session['id']} is pending\.\n"
        r"2\. Send the user here:\n"
        rf"  {re.escape(session['redirect_url'])}\n"
        r"(?:  pending after (\d+) ms\n)+"
        rf"  {status} after (\d+) ms\n"
        rf"3\. The session ended {status}: the user {verdict} verified\.\n"
    )


def test_user_accepts(program: Program, sandbox: Sandbox) -> None:
    ran = program.run(sandbox, user="accept", frequent_gc=True)
    assert (ran.status, ran.errors) == (0, "")
    printed = full_output(sandbox, "accepted", "is").fullmatch(ran.output)
    assert printed is not None, ran.output
    assert int(printed[1]) < int(printed[2])
    session = sandbox.call("sessions")[0]
    assert session["phone_number"] == PHONE
    assert session["redirect_success"] == "https://my_success_url.com"
    assert session["redirect_failure"] == "https://my_failure_url.com"
    assert session["relay_state"] == "Tulasi_V5_SMS"
    assert session["webhook"] is None


def test_user_cancels(program: Program, sandbox: Sandbox) -> None:
    ran = program.run(sandbox, user="cancel")
    assert (ran.status, ran.errors) == (1, "")
    assert full_output(sandbox, "cancelled", "is not").fullmatch(ran.output), ran.output


def test_session_of_another_number_is_not_verified(program: Program) -> None:
    gateway = FakeGateway(
        started=session_json("session-1", "pending"),
        looked_up=session_json("session-1", "accepted", phone_number="+46700000001"),
    )
    with gateway.running():
        ran = program.run(gateway)
    assert (ran.status, ran.errors) == (1, "")
    assert ran.output.endswith("3. The session ended accepted: the user is not verified.\n")


def test_wrong_key(program: Program, sandbox: Sandbox) -> None:
    ran = program.run(sandbox, key="a-wrong-key")
    assert (ran.status, ran.output) == (1, "")
    assert re.fullmatch(rf"{program.language.unknown_key}: [^\n]*401[^\n]*\n", ran.errors), (
        ran.errors
    )
    assert "a-wrong-key" not in ran.errors


def test_server_error(program: Program, sandbox: Sandbox) -> None:
    ran = program.run(sandbox, phone=SERVER_ERROR)
    assert (ran.status, ran.output) == (1, "")
    assert re.fullmatch(rf"{program.language.server_error}: [^\n]*500[^\n]*\n", ran.errors), (
        ran.errors
    )
    # The error is in doubt, and says so once.
    assert ran.errors.count("session") == 1


@pytest.fixture(scope="module")
def ledger() -> dict[str, str]:
    """Environment variables that make a program load the recording library of ledger.c."""
    folder = BUILD / "ledger"
    folder.mkdir(parents=True, exist_ok=True)
    library, real = folder / SONAME, folder / "real.so"
    flags = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}"]
    # An empty library without a SONAME is linked in place of the real one, so that the dependency
    # is recorded by its path. By its SONAME, the loader would take the recording library for it.
    real.unlink(missing_ok=True)
    subprocess.run(["cc", "-shared", "-xc", "/dev/null", "-o", str(real)], check=True)
    source = [f'-DREAL_LIBRARY="{real}"', str(Path(__file__).parent / "ledger.c")]
    link = ["-Wl,--no-as-needed", str(real)]
    subprocess.run(["cc", *flags, *source, "-o", str(library), *link], check=True)
    real.unlink()
    real.symlink_to(LIBRARY / SONAME)
    return {"LD_LIBRARY_PATH": str(folder), "LEDGER": str(folder / "ledger")}


@pytest.mark.parametrize("program", C_LIBRARY_USERS, ids=folder_name, indirect=True, scope="module")
@pytest.mark.parametrize(("phone", "objects"), [(IMMEDIATELY_ACCEPTED, 3), (SERVER_ERROR, 2)])
def test_everything_is_freed(
    program: Program, sandbox: Sandbox, ledger: dict[str, str], phone: str, objects: int
) -> None:
    record = Path(ledger["LEDGER"])
    record.unlink(missing_ok=True)
    program.run(sandbox, phone, more=ledger)
    signs = record.read_text()
    assert (signs.count("+"), signs.count("-")) == (objects, objects)


def test_each_folder_is_tested_and_listed() -> None:
    folders = {path.parent.name for path in EXAMPLES.glob("*/README.md")}
    assert folders == {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert folders == {language.folder for language in LANGUAGES}
    table = (EXAMPLES / "README.md").read_text()
    assert folders == set(re.findall(r"^\| \[.*?\]\((\w+)\)", table, re.M))
