"""What the modules of the package import, in Rust and in Python.

No two modules import each other. What Rust imports by name, a statement in Python imports too:
PyInstaller and the like copy what a program imports, and read only statements.
"""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from modulefinder import ModuleFinder
from pathlib import Path

import pytest
import zignsec
from steps import ROOT

Graph = dict[str, set[str]]


def rust_modules(folder: Path) -> Graph:
    """The modules of a crate without subfolders, and what each one uses."""
    return {
        path.stem: set(re.findall(r"\bcrate::([a-z_]+)", path.read_text()))
        for path in folder.glob("*.rs")
    }


def python_modules(folder: Path) -> Graph:
    """The modules of the package, and what each one imports when it is imported itself."""
    graph: Graph = {}
    for path in folder.glob("*.py"):
        name = "zignsec" if path.stem == "__init__" else f"zignsec.{path.stem}"
        graph[name] = set()
        # Not imports in functions or under TYPE_CHECKING: they do not run at import time.
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                graph[name] |= {each.name for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                graph[name].add(node.module)
    # The extension imports these when it is first used.
    sources = [path.read_text() for path in (ROOT / "py" / "src").glob("*.rs")]
    extension = "zignsec._zignsec"
    graph[extension] = set(re.findall(r"\bzignsec\._[a-z]+", "".join(sources))) - {extension}
    return {name: imports & graph.keys() for name, imports in graph.items()}


def assert_no_circle(graph: Graph) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_rust_modules_have_no_import_circle() -> None:
    graph = rust_modules(ROOT / "py" / "src")
    assert "options" in graph["client"]
    assert_no_circle(graph)


def test_python_modules_have_no_import_circle() -> None:
    graph = python_modules(Path(zignsec.__file__).parent)
    assert "zignsec._default" in graph["zignsec"]
    assert "zignsec._errors" in graph["zignsec._zignsec"]
    assert_no_circle(graph)


def imported_by_rust() -> set[str]:
    """The modules that the extension imports by name."""
    calls = r"""
        import_exception!\( \s* ([\w.]+) \s* ,
        | \bimport\( \s* (?: py | \w+\.py\(\) ) \s* , \s* &\w+ \s* , \s* "([\w.]+)"
        | \bpy(?:\(\))?\.import\( \s* (?: intern!\( \w+, \s* )? "([\w.]+)"
    """
    names: set[str] = set()
    for path in (ROOT / "py" / "src").glob("*.rs"):
        source = path.read_text()
        found = re.findall(calls, source, re.VERBOSE)
        names |= {name for groups in found for name in groups if name}
        # A new way to import must be added above.
        assert len(found) == len(re.findall(r"import(?:_exception!)?\(", source)), path
    return names


def statements(source: str) -> set[str]:
    """The modules that import statements name, wherever they are."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return names


def test_what_rust_imports_is_imported_by_a_statement() -> None:
    names = imported_by_rust()
    expected = {"json", "zignsec._errors", "zignsec._logger", "zignsec._status"}
    assert names >= expected
    missing = names - statements(Path(zignsec.__file__).read_text())
    assert not missing, "add it to _imported_by_rust in zignsec/__init__.py"


def test_every_module_is_found_by_reading_bytecode(tmp_path: Path) -> None:
    # Only the package is on the path: other modules are listed as missing.
    folder = tmp_path / "path"
    folder.mkdir()
    (folder / "zignsec").symlink_to(Path(zignsec.__file__).parent)

    def found_from(statement: str) -> set[str]:
        program = tmp_path / "program.py"
        program.write_text(statement)
        finder = ModuleFinder([str(folder)])
        finder.run_script(str(program))
        return {*finder.modules, *finder.badmodules}

    modules = {f"zignsec.{path.stem}" for path in (folder / "zignsec").glob("*.py")}
    of_the_api = found_from("import zignsec")
    assert of_the_api >= imported_by_rust()
    assert {"zignsec._async", "zignsec._default"} <= of_the_api
    of_the_command_line = found_from("import zignsec.__main__")
    assert {"zignsec._commands", "zignsec.testing"} <= of_the_command_line
    # Programs that use them import them.
    of_other_modules = found_from("import zignsec.eventlet, zignsec.gevent")
    assert {"eventlet", "gevent"} <= of_other_modules
    # pytest imports it by its entry point.
    found = of_the_api | of_the_command_line | of_other_modules
    missing = modules - found - {"zignsec.__init__"}
    assert missing == {"zignsec._pytest_plugin"}
