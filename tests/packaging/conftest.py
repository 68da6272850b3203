"""Fixtures: the library as `make install` installs it, and as the release archive contains it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tools import RELEASE, make


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prefix that contains only the library. Its path contains a space."""
    prefix = tmp_path_factory.mktemp("the prefix")
    make("install", f"PREFIX={prefix}")
    return prefix


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release archive, unpacked into another folder than it was built in."""
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["tar", "-xf", RELEASE, "-C", folder, "--strip-components", "1"], check=True)
    return folder


@pytest.fixture(params=["installed", "unpacked"])
def tree(request: pytest.FixtureRequest) -> Path:
    """The installed library, then the unpacked archive."""
    path = request.getfixturevalue(request.param)
    assert isinstance(path, Path)
    return path
