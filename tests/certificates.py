"""Certificates for tests, made by openssl: a CA, and what it signs."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.tools import require_tool


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, each in a file and together in a third."""

    certificate: Path
    key: Path
    both: Path


class Authority:
    """A CA that signs certificates into a directory."""

    def __init__(self, folder: Path, name: str = "test-ca") -> None:
        self.folder = folder
        self.own = self._made(name, "keyUsage=critical,keyCertSign", signed=False)

    def sign(self, name: str, subject: str = "IP:127.0.0.1") -> Pair:
        """Return a new certificate for `IP:…` or `DNS:…`."""
        return self._made(name, f"subjectAltName={subject}", signed=True)

    def sign_expired(self, name: str) -> Pair:
        """Return a certificate for 127.0.0.1 that was good until the year 2020."""
        pair = self.sign(name)
        config = self.folder / "ca.cnf"
        config.write_text(
            f"[ca]\ndefault_ca=here\n[here]\ndatabase={self.folder}/index.txt\nnew_certs_dir={self.folder}\n"
            "rand_serial=yes\ndefault_md=sha256\npolicy=any\nx509_extensions=of\n[any]\ncommonName=supplied\n"
            "[of]\nsubjectAltName=IP:127.0.0.1\n"
        )
        (self.folder / "index.txt").touch()
        request = self.folder / f"{name}.csr"
        _openssl("req", "-new", "-key", pair.key, "-subj", f"/CN={name}", "-out", request)
        own = ("-cert", self.own.certificate, "-keyfile", self.own.key, "-config", config)
        dates = ("-startdate", "20190101000000Z", "-enddate", "20200101000000Z")
        _openssl("ca", "-batch", "-notext", *own, *dates, "-in", request, "-out", pair.certificate)
        pair.both.write_bytes(pair.key.read_bytes() + pair.certificate.read_bytes())
        return pair

    def _made(self, name: str, extension: str, *, signed: bool) -> Pair:
        certificate, key, both = (self.folder / f"{name}.{end}" for end in ("pem", "key", "both.pem"))
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
        signer: tuple[str | Path, ...] = ()
        if signed:
            signer = (
                "-CA",
                self.own.certificate,
                "-CAkey",
                self.own.key,
                "-addext",
                "basicConstraints=CA:FALSE",
            )
        told = ("-subj", f"/CN={name}", "-addext", extension, "-keyout", key, "-out", certificate)
        _openssl("req", "-x509", *new, *signer, *told)
        both.write_bytes(key.read_bytes() + certificate.read_bytes())
        return Pair(certificate, key, both)


def _openssl(*arguments: str | Path) -> None:
    ran = subprocess.run([require_tool("openssl", "openssl"), *arguments], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
