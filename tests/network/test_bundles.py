"""Files of certificates and keys as people have them, made by OpenSSL."""

from __future__ import annotations

import logging
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import zignsec
from error_table import ErrorTable
from pki import Pki, TlsServer, error_of, openssl

Make = Callable[[Path, Path], bytes]
RULE = "it must contain a certificate in PEM or DER form"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


def _converted(*arguments: object) -> Make:
    def make(certificate: Path, key: Path) -> bytes:
        out = certificate.with_suffix(".converted")
        given = {"CERT": certificate, "KEY": key}
        openssl(*(given.get(str(one), one) for one in arguments), "-out", out)
        return out.read_bytes()

    return make


PKCS12 = _converted("pkcs12", "-export", "-in", "CERT", "-inkey", "KEY", "-passout", "pass:a")
PKCS7 = _converted("crl2pkcs7", "-nocrl", "-certfile", "CERT")
PKCS7_DER = _converted("crl2pkcs7", "-nocrl", "-certfile", "CERT", "-outform", "DER")
DER = _converted("x509", "-in", "CERT", "-outform", "DER")
TRUSTED = _converted("x509", "-in", "CERT", "-trustout", "-addtrust", "serverAuth")

USABLE: dict[str, Make] = {
    "BOM": lambda cert, _: b"\xef\xbb\xbf" + cert.read_bytes(),
    "CRLF": lambda cert, _: cert.read_bytes().replace(b"\n", b"\r\n"),
    "text": lambda cert, _: b"# Ours\nRoot: A\n" + cert.read_bytes() + b"end\n",
    "DER": DER,
    "TRUSTED CERTIFICATE": TRUSTED,
}
REJECTED = _converted("x509", "-in", "CERT", "-trustout", "-addreject", "serverAuth")
OTHER_USE = _converted("x509", "-in", "CERT", "-trustout", "-addtrust", "emailProtection")
UNUSABLE: dict[str, tuple[Make, str]] = {
    "PKCS#12": (PKCS12, "`openssl pkcs12 -in FILE -nodes -out NEW.pem`"),
    "PKCS#7": (PKCS7, "`openssl pkcs7 -in FILE -print_certs"),
    "PKCS#7 in DER": (PKCS7_DER, "`openssl pkcs7 -inform DER"),
    "UTF-16": (lambda cert, _: cert.read_text().encode("utf-16"), "is UTF-16 text"),
    "key": (lambda _, key: key.read_bytes(), "is a private key, not a certificate"),
    "empty": (lambda cert, key: b"", "is empty"),  # noqa: ARG005
    "rejected": (REJECTED, "is rejected for a use"),
    "other use": (OTHER_USE, "is not trusted for servers"),
    "trailing bytes": (lambda cert, key: DER(cert, key) + b"\0", "contains no certificate"),
    "trailing bytes in PEM": (
        lambda cert, key: ssl.DER_cert_to_PEM_cert(DER(cert, key) + b"\0").encode(),
        "has bytes after its end",
    ),
    "one line": (lambda cert, _: cert.read_bytes().replace(b"\n", b""), "not valid PEM"),
}


@pytest.mark.parametrize("name", USABLE)
def test_usable_bundle(pki: Pki, tmp_path: Path, name: str) -> None:
    root = pki.issue("root")
    file = tmp_path / "bundle"
    file.write_bytes(USABLE[name](root.file, root.key))
    with TlsServer(tmp_path / "server", pki.issue("own", root), [], "-WWW") as server:
        # The server sends no HTTP status.
        assert not isinstance(error_of(server.url, file), zignsec.TLSError)


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_bundle(pki: Pki, tmp_path: Path, errors: ErrorTable, name: str) -> None:
    root = pki.issue("root")
    make, text = UNUSABLE[name]
    file = tmp_path / "bundle"
    file.write_bytes(make(root.file, root.key))
    with pytest.raises(zignsec.ConfigurationError) as raised:
        zignsec.Client("a-key", ca_file=file)
    errors.add(f"ca_file: {name}", raised.value, peer="ca_file", remedy=RULE)
    assert text in str(raised.value)


def test_an_unusable_certificate_is_left_out_and_named(
    pki: Pki, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "bundle"
    good = pki.issue("root")
    bad = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
    file.write_text(good.file.read_text() + bad)
    with caplog.at_level(logging.WARNING, "zignsec"):
        zignsec.Client("a-key", ca_file=file).close()
    (warning,) = (record.getMessage() for record in caplog.records)
    assert warning.startswith(f"certificate 2 of ca_file ({file})"), warning
    assert warning.endswith(" is not a certificate; it is left out"), warning
    with TlsServer(tmp_path / "server", pki.issue("own", good), [], "-WWW") as server:
        assert not isinstance(error_of(server.url, file), zignsec.TLSError)


def test_a_folder_trusts_plain_pem_only(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errors: ErrorTable
) -> None:
    root = pki.issue("root")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    for name, make in (("a.crt", DER), ("b.crt", TRUSTED), ("c.crt", REJECTED)):
        (tmp_path / name).write_bytes(make(root.file, root.key))
    with pytest.raises(zignsec.ConfigurationError) as raised:
        zignsec.Client("a-key")
    errors.add(
        "SSL_CERT_DIR: other than PEM", raised.value, peer="SSL_CERT_DIR", remedy="-inform DER"
    )
    (tmp_path / "any name").write_bytes(b"\xef\xbb\xbf" + root.file.read_bytes())
    zignsec.Client("a-key").close()


def test_links_of_a_folder(
    pki: Pki,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    shutil.copy(pki.issue("root").file, tmp_path / "root.pem")
    (tmp_path / "01234567.0").symlink_to("root.pem")
    (tmp_path / "dangling.pem").symlink_to("missing.pem")
    (tmp_path / "loop.pem").symlink_to("loop.pem")
    (tmp_path / "folder.pem").mkdir()
    (tmp_path / "dangling").symlink_to("missing.pem")
    with caplog.at_level(logging.WARNING, "zignsec"):
        zignsec.Client("a-key").close()
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == 2, warnings
    for warning, name in zip(warnings, ("dangling.pem", "loop.pem"), strict=True):
        assert warning.startswith("cannot read SSL_CERT_DIR"), warning
        assert name in warning, warning


def test_long_names_are_cut(pki: Pki, tmp_path: Path, errors: ErrorTable) -> None:
    folder = tmp_path.joinpath(*["a" * 200] * 4)
    folder.mkdir(parents=True)
    file = folder / ("b" * 200)
    file.write_bytes(PKCS7_DER(pki.issue("root").file, tmp_path))
    with pytest.raises(zignsec.ConfigurationError) as raised:
        zignsec.Client("a-key", ca_file=file)
    errors.add("ca_file: a long name", raised.value, peer="ca_file", remedy="openssl pkcs7")


def _converted_key(*arguments: str) -> Make:
    return _converted(*arguments, "-in", "KEY")


PASSWORD = ("-aes256", "-passout", "pass:a")
USABLE_KEYS: dict[str, Make] = {
    "PKCS#8 in DER": _converted_key("pkey", "-outform", "DER"),
    "SEC1": _converted_key("ec"),
    "SEC1 in DER": _converted_key("ec", "-outform", "DER"),
    "CRLF": lambda _, key: key.read_bytes().replace(b"\n", b"\r\n"),
    "BOM": lambda _, key: b"\xef\xbb\xbf" + key.read_bytes(),
}
UNUSABLE_KEYS: dict[str, tuple[Make, str]] = {
    "encrypted PKCS#8": (_converted_key("pkey", *PASSWORD), "`openssl pkey -in FILE"),
    "encrypted SEC1": (_converted_key("ec", *PASSWORD), "`openssl pkey -in FILE"),
    "PKCS#12": (PKCS12, "`openssl pkcs12"),
    "certificate": (lambda cert, _: cert.read_bytes(), "is a certificate, not a private key"),
    "public key": (_converted_key("pkey", "-pubout"), "is a public key"),
    "empty": (lambda cert, key: b"", "is empty"),  # noqa: ARG005
    "one line": (lambda _, key: key.read_bytes().replace(b"\n", b""), "not valid PEM"),
}


@pytest.mark.parametrize("name", USABLE_KEYS)
def test_usable_client_key(pki: Pki, tmp_path: Path, name: str) -> None:
    root = pki.issue("root")
    own = pki.issue("client", root)
    key = tmp_path / "key"
    key.write_bytes(USABLE_KEYS[name](own.file, own.key))
    in_der = tmp_path / "certificate"
    in_der.write_bytes(DER(own.file, own.key))
    verify = ("-Verify", "1", "-verify_return_error", "-CAfile", root.file, "-WWW")
    with TlsServer(tmp_path / "server", pki.issue("own", root), [], *verify) as server:
        for certificate in (own.file, in_der):
            error = error_of(server.url, root.file, client_cert=(certificate, key))
            assert not isinstance(error, zignsec.TLSError)
        assert isinstance(error_of(server.url, root.file), zignsec.TLSError)


@pytest.mark.parametrize("name", UNUSABLE_KEYS)
def test_unusable_client_key(pki: Pki, tmp_path: Path, errors: ErrorTable, name: str) -> None:
    own = pki.issue("client")
    make, text = UNUSABLE_KEYS[name]
    key = tmp_path / "key"
    key.write_bytes(make(own.file, own.key))
    with pytest.raises(zignsec.ConfigurationError) as raised:
        zignsec.Client("a-key", client_cert=(own.file, key))
    error = raised.value
    errors.add(
        f"client_key_file: {name}",
        error,
        peer="client_key_file",
        remedy="it must contain a private key",
    )
    assert text in str(error)
    # Neither the message nor a source quotes the key.
    secret = own.key.read_text().splitlines()[1][:20]
    assert secret not in repr((error, error.__cause__, error.__context__))


KEYS = ("P-521", "RSA-PSS", "RSA 8192")


@pytest.mark.parametrize("kind", KEYS)
def test_client_key_that_is_not_supported(pki: Pki, errors: ErrorTable, kind: str) -> None:
    own = pki.issue("client", key=kind)
    with pytest.raises(zignsec.ConfigurationError) as raised:
        zignsec.Client("a-key", client_cert=(own.file, own.key))
    remedy = "use P-256, P-384, Ed25519 or RSA"
    errors.add(f"client_key_file: {kind}", raised.value, peer="client_key_file", remedy=remedy)


def test_client_files_are_swapped_or_in_the_wrong_order(pki: Pki, errors: ErrorTable) -> None:
    root = pki.issue("root")
    own = pki.issue("client", root)
    for files, text in (
        ((own.key, own.file), "are swapped; exchange them"),
        ((pki.bundle(root, own), own.key), "must be the client's own, then those of its issuers"),
        ((own.file, root.key), "use the key that the certificate was requested with"),
    ):
        with pytest.raises(zignsec.ConfigurationError) as raised:
            zignsec.Client("a-key", client_cert=files)
        errors.add(f"client_cert: {text}", raised.value, peer="client_cert_file", remedy=text)
