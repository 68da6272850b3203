"""The first programs of the READMEs, as they stand there, against the sandbox."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sandbox import Sandbox

ROOT = Path(__file__).parent.parent.parent
TARGET = ROOT / "target"
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{ROOT / 'include'}"]
LIBRARY = [f"-L{TARGET / 'debug'}", "-lzignsec", f"-Wl,-rpath,{TARGET / 'debug'}"]


def program(readme: str, language: str) -> str:
    """The one block of code in a language."""
    text = (ROOT / readme).read_text()
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return str(code)


def compiled(folder: Path, language: str, *compiler: str) -> list[str]:
    source, built = folder / f"first.{language}", str(folder / "first")
    source.write_text(program("README.md", language))
    subprocess.run([*compiler, *STRICT, source, "-o", built, *LIBRARY], check=True)
    return [built]


def build_c(folder: Path) -> list[str]:
    return compiled(folder, "c", os.environ.get("CC", "cc"), "-std=c99")


def build_cpp(folder: Path) -> list[str]:
    return compiled(folder, "cpp", os.environ.get("CXX", "c++"), "-std=c++17")


def build_rust(folder: Path) -> list[str]:
    (folder / "src").mkdir()
    (folder / "src/main.rs").write_text(program("README.md", "rust"))
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "readme-first"\nedition = "2024"\n[workspace]\n'
        f'[dependencies]\nzignsec = {{ path = "{ROOT / "core"}" }}\n'
    )
    # The versions that the project is built with.
    (folder / "Cargo.lock").write_bytes((ROOT / "Cargo.lock").read_bytes())
    where = {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}
    subprocess.run(["cargo", "build", "--quiet"], cwd=folder, env=where, check=True)
    return [str(TARGET / "debug/readme-first")]


def build_python(folder: Path, readme: str = "README.md") -> list[str]:
    (folder / "first.py").write_text(program(readme, "python"))
    return [sys.executable, str(folder / "first.py")]


def build_python_of_the_package(folder: Path) -> list[str]:
    return build_python(folder, "py/README.md")


@pytest.mark.parametrize(
    "build", [build_c, build_cpp, build_python, build_python_of_the_package, build_rust]
)
def test_a_first_program_opens_a_session(
    build: Callable[[Path], list[str]], sandbox: Sandbox, tmp_path: Path
) -> None:
    command = build(tmp_path)
    where = {
        **os.environ,
        "ZIGNSEC_BASE_URL": sandbox.url,
        "ZIGNSEC_API_KEY": sandbox.api_key,
    }
    ran = subprocess.run(command, env=where, capture_output=True, text=True, check=True, timeout=60)
    (session,) = sandbox.call("sessions")
    assert session["redirect_url"] in ran.stdout
    assert "verified" in ran.stdout
    assert "pending" in ran.stdout

    where["ZIGNSEC_API_KEY"] = "wrong-key"
    ran = subprocess.run(command, env=where, capture_output=True, text=True, timeout=60)
    assert ran.returncode != 0
    assert "401" in ran.stderr


def test_the_library_is_linked_as_the_readme_says(sandbox: Sandbox, tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    (commands,) = re.findall(
        r"^```sh\n(cargo build --release -p zignsec-c\n.*?)^```$", text, re.S | re.M
    )
    # The tests have built it already, for debugging.
    commands = commands.replace("cargo build --release -p zignsec-c", "").replace(
        "release", "debug"
    )
    (tmp_path / "first.c").write_text(program("README.md", "c"))
    for folder in ("include", "target"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    subprocess.run(["sh", "-euc", commands], cwd=tmp_path, check=True, timeout=60)
    where = {"ZIGNSEC_BASE_URL": sandbox.url, "ZIGNSEC_API_KEY": sandbox.api_key}
    subprocess.run([tmp_path / "first"], env=where, check=True, timeout=60)
