"""Certificates made by ``openssl``, and its TLS server."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import zignsec
from network import Daemon, program

CA = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
LEAF = (
    "basicConstraints=critical,CA:FALSE",
    "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:gateway.example",
)
KEYS = {
    "P-256": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "P-384": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
    "P-521": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"),
    "secp256k1": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"),
    "brainpool": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"),
    "explicit": (
        *("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-pkeyopt", "ec_param_enc:explicit"),
    ),
    "Ed25519": ("-algorithm", "ED25519"),
    "Ed448": ("-algorithm", "ED448"),
    "RSA": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    "RSA 1024": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"),
    "RSA 8192": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:8192"),
    "RSA-PSS": ("-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"),
}


@dataclass(frozen=True)
class Certificate:
    file: Path
    key: Path
    issuer: Certificate | None = None

    @property
    def chain(self) -> list[Certificate]:
        """The certificates between this one and the root."""
        issuer = self.issuer
        return [] if issuer is None or issuer.issuer is None else [issuer, *issuer.chain]


def openssl(*arguments: object) -> str:
    command = [program("openssl"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def error_of(
    url: str, ca_file: Path | None = None, **options: object
) -> zignsec.APIConnectionError:
    """The error of a call."""
    client = zignsec.Client(
        "a-key",
        base_url=url,
        ca_file=ca_file,
        max_retries=0,
        **options,  # type: ignore[arg-type]
    )
    with client, pytest.raises(zignsec.APIConnectionError) as raised:
        client.get_session("a")
    return raised.value


class Pki:
    """Issues certificates into a folder. Keys are made once for each kind and name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def key(self, kind: str, name: str) -> Path:
        file = self._folder / f"{kind} {name.replace('/', ' ')}.key"
        if not file.exists():
            openssl("genpkey", *KEYS[kind], "-out", file)
        return file

    def issue(
        self,
        name: str,
        issuer: Certificate | None = None,
        *,
        key: str = "P-256",
        key_name: str | None = None,
        extensions: tuple[str, ...] | None = None,
        digest: tuple[str, ...] = (),
        dates: tuple[str, str] | None = None,
    ) -> Certificate:
        """A certificate of the issuer, else a self-signed one. Without other ``extensions``, a
        certificate without an issuer is a CA's, and one with an issuer is a server's."""
        self._count += 1
        stem = self._folder / f"{self._count}"
        key_file = self.key(key, key_name or name)
        if extensions is None:
            extensions = LEAF if issuer else CA
        lines = stem.with_suffix(".extensions")
        lines.write_text("\n".join(extensions) + "\n")
        request, file = stem.with_suffix(".csr"), stem.with_suffix(".pem")
        openssl("req", "-new", "-key", key_file, "-subj", f"/CN={name}", "-out", request)
        if dates:
            # Only this command knows dates.
            self._issue_with_dates(request, file, lines, issuer, key_file, dates)
        else:
            signer = (
                ("-CA", issuer.file, "-CAkey", issuer.key) if issuer else ("-signkey", key_file)
            )
            given = ("-extfile", lines) if extensions else ()
            serial = ("-set_serial", 1000 + self._count)
            arguments = (*signer, *given, *serial, *digest, "-days", 30, "-out", file)
            openssl("x509", "-req", "-in", request, *arguments)
        return Certificate(file, key_file, issuer)

    def _issue_with_dates(
        self,
        request: Path,
        file: Path,
        extensions: Path,
        issuer: Certificate | None,
        key: Path,
        dates: tuple[str, str],
    ) -> None:
        folder = request.with_suffix(".ca")
        folder.mkdir()
        (folder / "index").touch()
        configuration = folder / "configuration"
        configuration.write_text(f"""
            [ca]
            default_ca = ca_default
            [ca_default]
            database = {folder}/index
            new_certs_dir = {folder}
            rand_serial = yes
            policy = policy
            default_md = sha256
            [policy]
            commonName = supplied
        """)
        signer: tuple[object, ...] = ("-selfsign", "-keyfile", key)
        if issuer:
            signer = ("-cert", issuer.file, "-keyfile", issuer.key)
        arguments = ("-batch", "-notext", "-in", request, "-extfile", extensions, "-out", file)
        period = ("-startdate", dates[0], "-enddate", dates[1])
        openssl("ca", "-config", configuration, *signer, *arguments, *period)

    def bundle(self, *certificates: Certificate) -> Path:
        self._count += 1
        file = self._folder / f"{self._count}.bundle.pem"
        file.write_text("".join(one.file.read_text() for one in certificates))
        return file


class TlsServer:
    """``openssl s_server``. Its log has the alerts that it received."""

    def __init__(
        self,
        folder: Path,
        certificate: Certificate,
        chain: list[Certificate] | None = None,
        *arguments: object,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self._log = folder / "log"
        self._forgotten = 0
        sent = certificate.chain if chain is None else chain
        chain_file = folder / "chain.pem"
        chain_file.write_text("".join(one.file.read_text() for one in sent))
        chain_arguments = ("-cert_chain", chain_file) if sent else ()
        command = [
            *("-cert", certificate.file, "-key", certificate.key),
            *chain_arguments,
            *("-cipher", "ALL:@SECLEVEL=0", "-no_dhe"),
            *arguments,
        ]

        def start(port: int) -> list[str]:
            accept = ("s_server", "-accept", f"127.0.0.1:{port}")
            return [program("openssl"), *accept, *map(str, command)]

        # It ends when its input does.
        self._daemon = Daemon(folder, "ACCEPT", start, stdin=subprocess.PIPE)
        self.port = self._daemon.port
        self.url = f"https://127.0.0.1:{self.port}"

    def __enter__(self) -> TlsServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._daemon.stop()

    def log(self) -> str:
        """What it wrote since the last :meth:`forget`."""
        return self._log.read_bytes()[self._forgotten :].decode(errors="replace")

    def forget(self) -> None:
        self._forgotten = self._log.stat().st_size

    def wait_for(self, text: str) -> None:
        """Wait until its log contains the text."""
        end = time.monotonic() + 5
        while text not in self.log():
            assert time.monotonic() < end, f"{text!r} is not in: {self.log()}"
            time.sleep(0.01)

    def write(self, text: str) -> None:
        """Write to the server: a command such as ``R`` in a line, or text for the client."""
        self._daemon.write(text)
