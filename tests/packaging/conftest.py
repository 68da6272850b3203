"""What the tests share: the library as `make install` leaves it and as a release archive has it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tools import RELEASE, make


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prefix that holds nothing but the library."""
    prefix = tmp_path_factory.mktemp("installed")
    make("install", f"PREFIX={prefix}")
    return prefix


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release archive, elsewhere than where it was made."""
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["tar", "-xf", RELEASE, "-C", folder, "--strip-components", "1"], check=True)
    return folder


@pytest.fixture(params=["installed", "unpacked"])
def tree(request: pytest.FixtureRequest) -> Path:
    """Each of them."""
    path = request.getfixturevalue(request.param)
    assert isinstance(path, Path)
    return path
