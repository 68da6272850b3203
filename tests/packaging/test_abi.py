"""The ABI is compatible with the committed description."""

from __future__ import annotations

from pathlib import Path

import pytest
from abi import DESCRIPTION, HEADER, described, differences
from tools import SONAME


def test_the_description_is_that_of_this_version() -> None:
    assert f"soname='{SONAME}'" in DESCRIPTION.read_text(), "run `make abi`"


def test_the_abi_is_compatible(tmp_path: Path) -> None:
    assert differences(described(tmp_path, HEADER)) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            "uint32_t ZS_CALL zs_version_number(void);",
            "uint32_t ZS_CALL zs_version_number(void);\nint32_t zs_new(void);",
            id="a new function",
        ),
        pytest.param(
            "    const char *user_agent;",
            "    const char *user_agent; void *more;",
            id="a new option",
        ),
        pytest.param(
            "    const char *user_agent;",
            "    const char *user_agent; int32_t more; zs_log_callback log;",
            id="new options of other types",
        ),
        pytest.param("ZS_OK = 0,", "ZS_OK = 0, ZS_ERROR_NEW = 41,", id="a new result"),
        pytest.param(" * A client: ", " * The client: ", id="another comment"),
    ],
)
def test_a_compatible_change_is_accepted(tmp_path: Path, old: str, new: str) -> None:
    assert HEADER.count(old) == 1
    assert differences(described(tmp_path, HEADER.replace(old, new))) == ""


@pytest.mark.parametrize(
    ("old", "new", "reported"),
    [
        pytest.param(
            "uint32_t ZS_CALL zs_version_number(void);",
            "",
            "Removed function",
            id="a removed function",
        ),
        pytest.param(
            "int64_t ZS_CALL zs_error_retry_after_ms(",
            "int32_t ZS_CALL zs_error_retry_after_ms(",
            "return type changed",
            id="another return type",
        ),
        pytest.param(
            "const char *ZS_CALL zs_status_name(int32_t status);",
            "const char *ZS_CALL zs_status_name(int64_t status);",
            "parameter 1 of type",
            id="another parameter type",
        ),
        pytest.param(
            "    const char *api_key;",
            "    void *more; const char *api_key;",
            "data member insertion",
            id="an option inserted before others",
        ),
        pytest.param(
            "    uint32_t timeout_ms;\n    /**\n     * How many",
            "    uint64_t timeout_ms;\n    /**\n     * How many",
            "offset changed",
            id="a wider option",
        ),
        pytest.param(
            "    uint32_t timeout_ms;\n    /**\n     * How many",
            "    uint64_t timeout_ms; uint64_t more;\n    /**\n     * How many",
            "offset changed",
            id="a wider option and a new one",
        ),
        pytest.param("    const char *user_agent;", "", "deletion", id="a removed option"),
        pytest.param(
            "ZS_ERROR_TLS = 11,", "ZS_ERROR_TLS = 15,", "from value '11'", id="another number"
        ),
        pytest.param(
            "ZS_STATUS_FINISHED = 4,",
            "ZS_STATUS_FINISHED = 9,",
            "from value '4'",
            id="another status number",
        ),
        pytest.param(
            "(int32_t level, const char *message,",
            "(int32_t level, size_t length, const char *message,",
            "zs_log_callback",
            id="another callback",
        ),
    ],
)
def test_an_incompatible_change_is_reported(
    tmp_path: Path, old: str, new: str, reported: str
) -> None:
    assert HEADER.count(old) == 1
    assert reported in differences(described(tmp_path, HEADER.replace(old, new)))


def test_another_name_is_another_abi(tmp_path: Path) -> None:
    assert "SONAME changed" in differences(described(tmp_path, HEADER, "libzignsec.so.999"))
