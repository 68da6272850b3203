"""Each program of examples/, built and run as its README says, against a sandbox."""

from __future__ import annotations

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
from sandbox import Sandbox
from zignsec.testing import Action

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
LIBRARY = ROOT / "target/debug"
SONAME = "libzignsec.so.0.1"
BUILT = ROOT / "target/examples"

PHONE = "+46703339954"
ACCEPTED_AT_ONCE = "+46701740606"
ANSWERED_500 = "+46701740631"
DOUBT = "a session may have been opened all the same"

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Language:
    """A folder of examples/."""

    folder: str
    probe: str
    """Fails where what the README installs is missing."""
    unknown_key: str = "ZS_ERROR_AUTHENTICATION"
    answered_500: str = "ZS_ERROR_SERVER"
    """How the errors are called."""
    in_place: bool = False
    """Not copied before it is built: the README's commands leave nothing there."""
    eager: dict[str, str] = field(default_factory=dict[str, str])
    """Variables that make the garbage collector run as often as it can."""


LANGUAGES = [
    Language("ada", "gnatmake --version && gnatchop --version"),
    Language("c", "cc --version"),
    Language("cobol", "cobc --version"),
    Language("cpp", "c++ --version"),
    Language(
        "csharp",
        "mcs --version && mono --version",
        eager={"MONO_GC_DEBUG": "collect-before-allocs"},
    ),
    Language("fortran", "gfortran --version"),
    Language(
        "go",
        "go version && cc --version",
        eager={"GOGC": "1", "GODEBUG": "clobberfree=1"},
    ),
    Language("java", "javac --version && test -e /usr/share/java/jna.jar"),
    Language(
        "lua",
        "luajit -v",
        eager={"LUA_INIT": "debug.sethook(function() collectgarbage() end, '', 1)"},
    ),
    Language("nodejs", "node --version && npm --version"),
    Language("pascal", "fpc -iV"),
    Language("perl", "perl -MFFI::Platypus=2.00 -e 1"),
    Language("php", "php -r 'exit(extension_loaded(\"FFI\") ? 0 : 1);'"),
    Language(
        "python",
        "make --version",
        unknown_key="AuthenticationError",
        answered_500="ServerError",
        in_place=True,
    ),
    Language(
        "ruby",
        "ruby -rfiddle -e 1",
        eager={"RUBYOPT": f"-r{Path(__file__).parent / 'eager_gc.rb'}"},
    ),
    Language(
        "rust",
        "cargo --version",
        unknown_key="Authentication",
        answered_500="Server",
        in_place=True,
    ),
]

LOADING = [language for language in LANGUAGES if not language.in_place]
"""Those that load the C library."""


def environment(language: Language, **more: str) -> dict[str, str]:
    """As it is where the library is installed, and the Python of these tests is the only one."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not re.match(r"ZIGNSEC_|MAKE|MFLAGS|LD_", name)
    }
    if language.in_place:
        # Needs no C library; and cargo builds anew what was built with other paths.
        installed = {"PIP_FORCE_REINSTALL": "1", "PIP_NO_INDEX": "1"}
    else:
        installed = {
            "CPATH": str(ROOT / "include"),
            "LIBRARY_PATH": str(LIBRARY),
            "LD_LIBRARY_PATH": str(LIBRARY),
            "PPC_CONFIG_PATH": str(BUILT),
        }
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**inherited, **installed, "PATH": path, **more}


@dataclass(frozen=True)
class Program:
    """An example that was built."""

    language: Language
    folder: Path
    command: list[str]

    def run(
        self,
        sandbox: Sandbox,
        phone: str = PHONE,
        *,
        key: str | None = None,
        user: Action | None = None,
        eager: bool = False,
        more: dict[str, str] | None = None,
    ) -> Ran:
        """Runs it to its end. The user acts when the program has shown that they have not yet."""
        settings = {
            **(self.language.eager if eager else {}),
            "ZIGNSEC_BASE_URL": sandbox.url,
            "ZIGNSEC_API_KEY": key or sandbox.api_key,
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
                        sandbox.user(sandbox.call("sessions")[0]["id"], user)
                        user = None
                errors = process.stderr.read()
            except BaseException:
                process.kill()
                raise
        self.keep(errors)
        return Ran("".join(lines), errors, process.returncode)

    def keep(self, errors: str) -> None:
        """For `captured.py` to search."""
        folder = os.environ.get("ZIGNSEC_TEST_CAPTURE")
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
            with (Path(folder) / f"example-{self.language.folder}.log").open("a") as log:
                log.write(errors)


@dataclass(frozen=True)
class Ran:
    """What a program printed, and how it ended."""

    output: str
    errors: str
    status: int


def commands(language: Language) -> list[str]:
    """The README's: to build, and last to run."""
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

    folder = source if language.in_place else BUILT / language.folder
    if not language.in_place:
        shutil.copytree(source, folder, dirs_exist_ok=True)
    # Free Pascal's linker has no variable for this.
    (BUILT / "fpc.cfg").write_text(f"#INCLUDE /etc/fpc.cfg\n-Fl{LIBRARY}\n")
    *to_build, to_run = commands(language)
    for command in to_build:
        built = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment(language),
            capture_output=True,
            text=True,
        )
        assert built.returncode == 0, f"{command}\n{built.stdout}{built.stderr}"
    *run, _phone = shlex.split(to_run)
    return Program(language, folder, run)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    box = Sandbox()
    yield box
    box.stop()


def in_full(sandbox: Sandbox, status: str, verdict: str) -> re.Pattern[str]:
    """What a program prints of the sandbox's session as the user ends it."""
    session = sandbox.call("sessions")[0]
    return re.compile(
        rf"1\. Session {session['id']} is pending\.\n"
        r"2\. Send the user here:\n"
        rf"  {re.escape(session['redirect_url'])}\n"
        r"(?:  pending after (\d+) ms\n)+"
        rf"  {status} after (\d+) ms\n"
        rf"3\. The session ended {status}: the user {verdict} verified\.\n"
    )


def test_a_user_who_passes(program: Program, sandbox: Sandbox) -> None:
    ran = program.run(sandbox, user="accept", eager=True)
    assert (ran.status, ran.errors) == (0, "")
    printed = in_full(sandbox, "accepted", "is").fullmatch(ran.output)
    assert printed is not None, ran.output
    assert int(printed[1]) < int(printed[2])
    asked = sandbox.call("sessions")[0]
    assert asked["phone_number"] == PHONE
    assert asked["redirect_success"] == "https://my_success_url.com"
    assert asked["redirect_failure"] == "https://my_failure_url.com"
    assert asked["relay_state"] == "Tulasi_V5_SMS"
    assert asked["webhook"] is None


def test_a_user_who_cancels(program: Program, sandbox: Sandbox) -> None:
    ran = program.run(sandbox, user="cancel")
    assert (ran.status, ran.errors) == (1, "")
    assert in_full(sandbox, "cancelled", "is not").fullmatch(ran.output), ran.output


def test_a_wrong_key(program: Program, sandbox: Sandbox) -> None:
    ran = program.run(sandbox, key="a-wrong-key")
    assert (ran.status, ran.output) == (1, "")
    assert re.fullmatch(rf"{program.language.unknown_key}: [^\n]*401[^\n]*\n", ran.errors), (
        ran.errors
    )
    assert "a-wrong-key" not in ran.errors


def test_a_session_in_doubt(program: Program, sandbox: Sandbox) -> None:
    ran = program.run(sandbox, phone=ANSWERED_500)
    assert (ran.status, ran.output) == (1, "")
    said = rf"{program.language.answered_500}: [^\n]*500[^\n]*\n{DOUBT}\n"
    assert re.fullmatch(said, ran.errors), ran.errors


@pytest.fixture(scope="module")
def ledger() -> dict[str, str]:
    """Variables with which a program finds, in place of the library, one that keeps a ledger."""
    folder = BUILT / "ledger"
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / SONAME
    source = Path(__file__).parent / "ledger.c"
    flags = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}"]
    subprocess.run(["cc", *flags, str(source), "-o", str(library)], check=True)
    return {
        "LD_LIBRARY_PATH": str(folder),
        "LEDGER_LIBRARY": str(LIBRARY / SONAME),
        "LEDGER": str(folder / "ledger"),
    }


@pytest.mark.parametrize("program", LOADING, ids=folder_name, indirect=True, scope="module")
@pytest.mark.parametrize(("phone", "objects"), [(ACCEPTED_AT_ONCE, 3), (ANSWERED_500, 2)])
def test_everything_is_freed(
    program: Program, sandbox: Sandbox, ledger: dict[str, str], phone: str, objects: int
) -> None:
    kept = Path(ledger["LEDGER"])
    kept.unlink(missing_ok=True)
    program.run(sandbox, phone, more=ledger)
    signs = kept.read_text()
    assert (signs.count("+"), signs.count("-")) == (objects, objects)


def test_each_folder_is_run_and_stands_in_the_table() -> None:
    folders = {path.parent.name for path in EXAMPLES.glob("*/README.md")}
    assert folders == {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert folders == {language.folder for language in LANGUAGES}
    table = (EXAMPLES / "README.md").read_text()
    assert folders == set(re.findall(r"^\| \[.*?\]\((\w+)\)", table, re.M))
