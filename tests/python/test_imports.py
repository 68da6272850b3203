"""No two modules of the package import each other, in Rust or in Python."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
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
