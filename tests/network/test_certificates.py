"""What TLS refuses, and what the errors say about it, with certificates and servers of OpenSSL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import zignsec
from error_table import ErrorTable
from pki import CA, LEAF, Certificate, Pki, TlsServer, error_of, openssl

PEER = "https://127.0.0.1"


@pytest.fixture(autouse=True)
def _system_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@dataclass
class Refused:
    """A server whose certificate is refused, and what the error says."""

    certificate: Certificate
    trusted: Certificate | None
    """The certificate in ``ca_file``."""
    text: str
    remedy: str
    chain: list[Certificate] | None = None
    alert: str | None = "certificate unknown"
    """What the server's log says about the alert that it received."""


Case = Callable[[Pki], Refused]
CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    def add(make: Case) -> Case:
        CASES[name] = make
        return make

    return add


@case("self-signed CA:TRUE, in ca_file")
def _self_signed_ca(pki: Pki) -> Refused:
    own = pki.issue("own", extensions=(*CA, LEAF[1]))
    return Refused(own, own, "is a CA certificate (CA:TRUE)", "CA:FALSE`, or sign one with this CA")


@case("CA:TRUE, signed by a CA")
def _signed_ca(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    own = pki.issue("own", root, extensions=(*CA, LEAF[1]))
    return Refused(own, root, "is a CA certificate (CA:TRUE)", "openssl req -x509 -addext")


@case("self-signed, not in ca_file")
def _self_signed(pki: Pki) -> Refused:
    own, other = pki.issue("own", extensions=LEAF), pki.issue("Other CA")
    text = 'certificate "own" is self-signed and not in ca_file'
    return Refused(own, other, text, "add it, if you trust it", alert="unknown ca")


@case("self-signed, no ca_file")
def _self_signed_no_file(pki: Pki) -> Refused:
    own = pki.issue("own", extensions=LEAF)
    text = 'certificate "own" is self-signed and not trusted'
    return Refused(own, None, text, "if you trust it, set ca_file to it", alert="unknown ca")


@case("unknown CA, sent, ca_file")
def _unknown_ca(pki: Pki) -> Refused:
    root, other = pki.issue("Root CA"), pki.issue("Other CA")
    own = pki.issue("own", root)
    text = 'ca_file does not contain the CA "Root CA"'
    return Refused(own, other, text, "add its certificate there", [root], "unknown ca")


@case("unknown CA, sent, no ca_file")
def _unknown_ca_no_file(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    own = pki.issue("own", root)
    text = 'the CA "Root CA" is not trusted; if a proxy inspects TLS or the CA is private'
    return Refused(own, None, text, "set ca_file to its certificate", [root], "unknown ca")


@case("issuer neither sent nor in ca_file")
def _missing_intermediate(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    own = pki.issue("own", pki.issue("Intermediate CA", root, extensions=CA))
    text = 'no intermediate certificate for the issuer "Intermediate CA", and ca_file does not'
    return Refused(own, root, text, "install the full chain on the server", [], "unknown ca")


@case("issuer neither sent nor trusted, no ca_file")
def _missing_intermediate_no_file(pki: Pki) -> Refused:
    own = pki.issue("own", pki.issue("Intermediate CA", pki.issue("Root CA"), extensions=CA))
    text = 'the server sent no certificate of its issuer "Intermediate CA", which is not trusted'
    return Refused(own, None, text, "install the full chain on the server", [], "unknown ca")


@case("another intermediate sent")
def _wrong_intermediate(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    own = pki.issue("own", pki.issue("Intermediate CA", root, extensions=CA))
    other = pki.issue("Other intermediate CA", root, extensions=CA)
    text = 'no intermediate certificate for the issuer "Intermediate CA"'
    return Refused(own, root, text, "install the full chain", [other], "unknown ca")


@case("only the server's certificate in ca_file")
def _leaf_trusted(pki: Pki) -> Refused:
    own = pki.issue("own", pki.issue("Root CA"))
    text = 'ca_file contains the server\'s certificate, but not that of its issuer "Root CA"'
    return Refused(own, own, text, "add the issuer's certificate", alert="unknown ca")


@case("CA of the same name with another key")
def _same_name(pki: Pki) -> Refused:
    new, old = pki.issue("Root CA"), pki.issue("Root CA", key_name="old")
    text = 'the CA "Root CA" in ca_file has another key'
    return Refused(pki.issue("own", new), old, text, "replace it there", alert="decrypt error")


def _of_root_with_key(kind: str, text: str, remedy: str) -> Case:
    def make(pki: Pki) -> Refused:
        root = pki.issue("Root CA", key=kind)
        return Refused(pki.issue("own", root), root, text, remedy, alert="decrypt error")

    return make


for _kind, _text, _remedy in (
    ("RSA 1024", 'the CA "Root CA" in ca_file has an RSA key of 1024 bits', "use another CA"),
    ("P-521", "signed by ECDSA with SHA-256 and a P-521 key", "sign it with RSA"),
    ("secp256k1", "and a secp256k1 key", "sign it with RSA"),
    ("brainpool", "and a key on a Brainpool curve", "sign it with RSA"),
    ("explicit", "and a key with explicit curve parameters", "sign it with RSA"),
    ("Ed448", "signed by Ed448, which is not supported", "sign it with RSA"),
):
    case(f"root with a key {_kind}")(_of_root_with_key(_kind, _text, _remedy))


def _signed_with(kind: str, digest: tuple[str, ...], algorithm: str) -> Case:
    def make(pki: Pki) -> Refused:
        root = pki.issue("Root CA", key=kind)
        own = pki.issue("own", root, digest=digest)
        text = f"signed by {algorithm}, which is not supported"
        return Refused(own, root, text, "sign it with RSA or ECDSA", alert="decrypt error")

    return make


for _kind, _digest, _algorithm in (
    ("P-256", ("-sha512",), "ECDSA with SHA-512"),
    ("P-256", ("-sha1",), "ECDSA with SHA-1"),
    ("RSA", ("-sha1",), "RSA with SHA-1"),
    ("RSA", ("-md5",), "RSA with MD5"),
    ("RSA", ("-sha224",), "RSA with SHA-224"),
    ("RSA", ("-sha3-256",), "RSA with SHA-3"),
    ("RSA-PSS", ("-sha224",), "RSA-PSS with an unusual hash"),
):
    case(f"signed with {_algorithm}")(_signed_with(_kind, _digest, _algorithm))


@case("server's RSA key of 1024 bits")
def _short_key(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    own = pki.issue("own", root, key="RSA 1024")
    text = 'certificate "own" has an RSA key of 1024 bits, but 2048'
    return Refused(own, root, text, "issue one with another key", alert="decrypt error")


@case("server's key P-521")
def _p521(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    own = pki.issue("own", root, key="P-521")
    text = "no common cipher, key type or curve (RSA-PSS and P-521 are not supported)"
    return Refused(own, root, text, "check its TLS settings", alert=None)


@case("server's key RSA-PSS")
def _pss(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    own = pki.issue("own", root, key="RSA-PSS")
    return Refused(own, root, "no common cipher, key type", "check its TLS settings", alert=None)


@case("900 names")
def _names(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    names = ",".join(f"DNS:host{number}.example" for number in range(900))
    own = pki.issue("own", root, extensions=(f"subjectAltName={names}",))
    text = "not for this host name, but for host0.example, host1.example, host2.example and 897"
    return Refused(own, root, text, "check the host name", alert="bad certificate")


@case("long names")
def _long_names(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    names = ",".join(f"DNS:{letter * 60}.{letter * 60}.example" for letter in "abcd")
    own = pki.issue("own", root, extensions=(f"subjectAltName={names}",))
    text = f"{'a' * 40}..., {'b' * 40}..., {'c' * 40}... and 1 more"
    return Refused(own, root, text, "check the host name", alert="bad certificate")


@case("another IP address")
def _address(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    own = pki.issue("own", root, extensions=("subjectAltName=IP:10.0.0.1",))
    return Refused(own, root, "but for 10.0.0.1;", "check the host name", alert="bad certificate")


@case("no name")
def _no_name(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    own = pki.issue("own", root, extensions=LEAF[:1])
    text = "no host name in its subjectAltName"
    return Refused(own, root, text, "-addext subjectAltName", alert="bad certificate")


@case("expired")
def _expired(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    own = pki.issue("own", root, dates=("20200101000000Z", "20210605000000Z"))
    text = "the server's certificate expired on 5 Jun 2021, and this machine's clock says "
    return Refused(own, root, text, "check this machine's clock", alert="certificate expired")


@case("expired intermediate")
def _expired_intermediate(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    dates = ("20200101000000Z", "20210605000000Z")
    issuer = pki.issue("Intermediate CA", root, extensions=CA, dates=dates)
    text = 'issuer "Intermediate CA" of the server\'s certificate expired on 5 Jun 2021'
    own = pki.issue("own", issuer)
    return Refused(own, root, text, "check this machine's clock", alert="certificate expired")


@case("not yet valid")
def _not_yet_valid(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    own = pki.issue("own", root, dates=("20980930000000Z", "20990101000000Z"))
    text = "not valid before 30 Sep 2098, and this machine's clock says "
    return Refused(own, root, text, "check this machine's clock", alert="certificate expired")


@case("root with constraints of directory names")
def _directory_names(pki: Pki) -> Refused:
    constraint = "nameConstraints=critical,permitted;dirName:constraint"
    root = pki.issue("Root CA", extensions=(*CA, constraint, "[constraint]", "CN=own"))
    text = "or are directory names, which are not supported"
    return Refused(pki.issue("own", root), root, text, "use a CA without them")


@case("root with constraints of another domain")
def _other_domain(pki: Pki) -> Refused:
    constraint = "nameConstraints=critical,permitted;DNS:other.example"
    root = pki.issue("Root CA", extensions=(*CA, constraint))
    text = "the name constraints of a CA exclude the server's certificate"
    return Refused(pki.issue("own", root), root, text, "use a CA without them")


@case("8 intermediate certificates")
def _deep(pki: Pki) -> Refused:
    root = last = pki.issue("Root CA")
    for number in range(8):
        last = pki.issue(f"CA {number}", last, extensions=CA)
    text = "at most 6 intermediate certificates are supported"
    return Refused(pki.issue("own", last), root, text, "use a shorter chain")


@case("longer than pathlen allows")
def _path_length(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    short = ("basicConstraints=critical,CA:TRUE,pathlen:0",)
    first = pki.issue("First intermediate CA", root, extensions=short)
    own = pki.issue("own", pki.issue("Second intermediate CA", first, extensions=CA))
    return Refused(own, root, "longer than a CA in it allows (pathlen)", "use a shorter chain")


@case("issued by a certificate that is no CA")
def _no_ca(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    own = pki.issue("own", pki.issue("no CA", root))
    return Refused(own, root, "issued by a certificate that is not a CA", "set CA:TRUE in")


@case("for clients only")
def _for_clients(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    own = pki.issue("own", root, extensions=(*LEAF, "extendedKeyUsage=clientAuth"))
    text = "not meant for servers"
    return Refused(own, root, text, "contains serverAuth", alert="unsupported certificate")


@case("unknown critical extension")
def _critical(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    own = pki.issue("own", root, extensions=(*LEAF, "1.2.3.4=critical,ASN1:NULL"))
    text = "a critical extension that is not supported"
    return Refused(own, root, text, "issue one without it", alert="certificate")


@case("version 1")
def _version_1(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    own = pki.issue("own", root, extensions=())
    return Refused(own, root, "not of X.509 version 3", "openssl x509 -req -extfile")


@case("more than 64 KiB of certificates")
def _large(pki: Pki) -> Refused:
    root = pki.issue("Root CA")
    names = ",".join(f"DNS:{'n' * 50}{number}.example" for number in range(1200))
    large = pki.issue("Large CA", root, extensions=(*CA, f"subjectAltName={names}"))
    own = pki.issue("own", root)
    return Refused(own, root, "larger than 64 KiB", "install only its own", [large], None)


@pytest.mark.parametrize("name", CASES)
def test_refused_certificate(pki: Pki, errors: ErrorTable, tmp_path: Path, name: str) -> None:
    refused = CASES[name](pki)
    ca_file = refused.trusted.file if refused.trusted else None
    with TlsServer(tmp_path / "server", refused.certificate, refused.chain) as server:
        error = error_of(server.url, ca_file)
        assert isinstance(error, zignsec.TLSError)
        text = errors.add(f"certificate: {name}", error, peer=PEER, remedy=refused.remedy)
        assert refused.text in text
        if refused.alert:
            server.wait_for(f"alert {refused.alert}")


def test_command_that_an_error_names_makes_an_accepted_certificate(
    pki: Pki, tmp_path: Path
) -> None:
    own = pki.issue("own", extensions=(*CA, LEAF[1]))
    with TlsServer(tmp_path / "server", own) as server:
        command = str(error_of(server.url, own.file)).split("`")[1].split()
    certificate = Certificate(tmp_path / "made.pem", own.key)
    names = ("-subj", "/CN=own", "-addext", LEAF[1])
    openssl(*command[1:], "-new", "-key", own.key, *names, "-out", certificate.file)
    with TlsServer(tmp_path / "other", certificate, [], "-WWW") as server:
        # The server has no such file, and sends no HTTP status.
        assert not isinstance(error_of(server.url, certificate.file), zignsec.TLSError)


@pytest.mark.parametrize(
    "variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
)
def test_variable_that_names_the_roots_is_named(
    pki: Pki, errors: ErrorTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    root, other = pki.issue("Root CA"), pki.issue("Other CA")
    value = other.file
    if variable == "SSL_CERT_DIR":
        value = tmp_path / "trusted"
        value.mkdir()
        (value / "01234567.0").write_bytes(other.file.read_bytes())
    monkeypatch.setenv(variable, str(value))
    with TlsServer(tmp_path / "server", pki.issue("own", root), [root]) as server:
        remedy = "add its certificate there"
        text = errors.add(f"roots of {variable}", error_of(server.url), peer=PEER, remedy=remedy)
        assert f'{variable} does not contain the CA "Root CA"' in text
