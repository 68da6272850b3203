"""The CA certificates that a client trusts, tested with a proxy that inspects TLS."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
import zignsec
from network import GATEWAY, Completed, Squid, call, program, squid_that_inspects
from sandbox import Sandbox

CONFIGURATION, TLS = 2, 11
FILES = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
VARIABLES = ["SSL_CERT_DIR", *FILES]


@dataclass
class Inspected:
    """A gateway behind a proxy that inspects TLS, and files of CA certificates."""

    gateway: Sandbox
    proxy: Squid
    right: Path
    """The certificate of the CA of the proxy."""
    wrong: Path
    """The certificate of another CA."""

    def call(self, **how: Any) -> Completed:
        url = f"https://{GATEWAY}:{self.gateway.port}"
        return call("POST", base_url=url, proxy=f"http://{self.proxy.address}", **how)


@pytest.fixture(scope="module")
def gateway() -> Iterator[Sandbox]:
    with Sandbox("--tls", "--allow-host", GATEWAY) as box:
        yield box


@pytest.fixture(scope="module")
def inspected(gateway: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inspected]:
    folder = tmp_path_factory.mktemp("roots")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "right.pem")
    trustme.CA().cert_pem.write_to_path(folder / "wrong.pem")
    assert gateway.ca_file
    proxy = squid_that_inspects(authority, Path(gateway.ca_file).read_bytes())
    yield Inspected(gateway, proxy, folder / "right.pem", folder / "wrong.pem")
    proxy.stop()


def rehashed(folder: Path, *certificates: Path) -> Path:
    """A folder of certificates in the format of OpenSSL."""
    folder.mkdir()
    for certificate in certificates:
        shutil.copy(certificate, folder)
    subprocess.run([program("openssl"), "rehash", folder], check=True)
    return folder


def as_value_of(variable: str, certificate: Path, folder: Path) -> str:
    if variable == "SSL_CERT_DIR":
        return str(rehashed(folder / certificate.stem, certificate))
    return str(certificate)


def assert_trusted(completed: Completed, inspected: Inspected) -> None:
    assert completed.result.session_id, completed.printed
    # The proxy adds this header when it reads a request.
    assert "x-forwarded-for" in inspected.gateway.requests()[0]["headers"]


def assert_not_trusted(completed: Completed) -> None:
    result = completed.result
    assert (result.code, result.attempts, result.in_doubt) == (TLS, 1, False)
    # Without a setting, the message says which one to use.
    assert "does not contain" in result.message or "set ca_file to" in result.message


def test_inspecting_proxy_is_not_trusted_by_default(inspected: Inspected) -> None:
    before = len(inspected.gateway.requests())
    assert_not_trusted(inspected.call())
    assert_not_trusted(inspected.call(ca_file=str(inspected.wrong)))
    assert_not_trusted(inspected.call(ca_file=inspected.gateway.ca_file))
    assert len(inspected.gateway.requests()) == before


def test_ca_file_option_is_trusted(inspected: Inspected) -> None:
    assert_trusted(inspected.call(ca_file=str(inspected.right)), inspected)


@pytest.mark.parametrize("variable", VARIABLES)
def test_ca_variable_is_trusted(inspected: Inspected, tmp_path: Path, variable: str) -> None:
    right, wrong = (
        as_value_of(variable, certificate, tmp_path)
        for certificate in (inspected.right, inspected.wrong)
    )
    assert_trusted(inspected.call(environment={variable: right}), inspected)
    assert_not_trusted(inspected.call(environment={variable: wrong}))
    assert_not_trusted(inspected.call(environment={variable: ""}))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ca_file", "SSL_CERT_FILE"),
        ("ca_file", "SSL_CERT_DIR"),
        ("ca_file", "REQUESTS_CA_BUNDLE"),
        ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
        ("SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
        ("SSL_CERT_FILE", "CURL_CA_BUNDLE"),
        ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    ],
)
def test_only_the_first_setting_counts(
    inspected: Inspected, tmp_path: Path, first: str, second: str
) -> None:
    def named(of_first: Path, of_second: Path, folder: Path) -> dict[str, Any]:
        folder.mkdir()
        environment = {
            first: as_value_of(first, of_first, folder),
            second: as_value_of(second, of_second, folder),
        }
        ca_file = environment.pop("ca_file", None)
        return {"environment": environment, "ca_file": ca_file}

    right, wrong = inspected.right, inspected.wrong
    assert_trusted(inspected.call(**named(right, wrong, tmp_path / "a")), inspected)
    assert_not_trusted(inspected.call(**named(wrong, right, tmp_path / "b")))


def test_ssl_cert_file_and_ssl_cert_dir_are_combined(inspected: Inspected, tmp_path: Path) -> None:
    right, wrong = inspected.right, inspected.wrong
    for of_file, of_folder in ((right, wrong), (wrong, right)):
        folder = rehashed(tmp_path / of_folder.stem, of_folder)
        environment = {"SSL_CERT_FILE": str(of_file), "SSL_CERT_DIR": str(folder)}
        assert_trusted(inspected.call(environment=environment), inspected)


def test_several_folders_and_bundles_are_accepted(inspected: Inspected, tmp_path: Path) -> None:
    folders = [
        str(rehashed(tmp_path / certificate.stem, certificate))
        for certificate in (inspected.wrong, inspected.right)
    ]
    environment = {"SSL_CERT_DIR": ":".join(folders)}
    assert_trusted(inspected.call(environment=environment), inspected)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(inspected.wrong.read_bytes() + b"# Ours\n" + inspected.right.read_bytes())
    for variable in FILES:
        assert_trusted(inspected.call(environment={variable: str(bundle)}), inspected)
    # requests and curl take a folder too.
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        assert_trusted(inspected.call(environment={variable: folders[1]}), inspected)


@pytest.mark.parametrize("named", ["ca_file", *VARIABLES])
@pytest.mark.parametrize("fault", ["missing", "empty", "not PEM", "no certificate", "not DER"])
def test_unusable_ca_setting_is_an_error(
    inspected: Inspected, tmp_path: Path, named: str, fault: str
) -> None:
    path = tmp_path / "named"
    if named == "SSL_CERT_DIR" and fault != "missing":
        path.mkdir()
        content = path / "01234567.0"
    else:
        content = path
    if fault == "not PEM":
        content.write_bytes(os.urandom(4096))
    elif fault == "no certificate":
        content.write_bytes(trustme.CA().private_key_pem.bytes())
    elif fault == "not DER":
        content.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    elif fault == "empty":
        content.write_bytes(b"")
    assert_named_in_an_error(inspected, named, path)


def test_usable_ca_setting_does_not_hide_an_unusable_one(
    inspected: Inspected, tmp_path: Path
) -> None:
    folder = str(rehashed(tmp_path / "good", inspected.right))
    missing = str(tmp_path / "missing")
    for of_file, of_folder, reported in (
        (missing, folder, "SSL_CERT_FILE"),
        (str(inspected.wrong.with_name("missing.pem")), missing, "SSL_CERT_FILE"),
    ):
        environment = {"SSL_CERT_FILE": of_file, "SSL_CERT_DIR": of_folder}
        result = inspected.call(environment=environment).result
        assert result.code == CONFIGURATION
        assert reported in result.message


def test_a_missing_folder_beside_a_usable_file_is_a_warning(
    inspected: Inspected,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(inspected.right))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "missing"))
    with caplog.at_level(logging.WARNING, "zignsec"):
        zignsec.Client("a-key").close()
    [record] = caplog.records
    assert record.getMessage().startswith("cannot read SSL_CERT_DIR (")


@pytest.mark.parametrize("named", ["ca_file", "SSL_CERT_FILE"])
def test_folder_is_not_accepted_as_file(inspected: Inspected, tmp_path: Path, named: str) -> None:
    assert_named_in_an_error(inspected, named, tmp_path)


def assert_named_in_an_error(inspected: Inspected, named: str, path: Path) -> None:
    # The next setting is never used instead.
    environment = {"CURL_CA_BUNDLE": str(inspected.right)}
    if named == "ca_file":
        completed = inspected.call(ca_file=str(path), environment=environment)
    else:
        completed = inspected.call(environment={**environment, named: str(path)})
    assert (completed.result.code, completed.result.attempts) == (CONFIGURATION, 0)
    assert named in completed.result.message
