"""Certificates for tests, made by openssl."""

import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.support.tools import require_tool


@dataclass(frozen=True)
class Pair:
    """The files of a certificate, its key, and both."""

    certificate: Path
    key: Path
    both: Path


@dataclass(frozen=True)
class Authority:
    """A CA that keeps its certificates in a directory. Python 3.13 is by default strict about a key usage."""

    directory: Path
    name: str = "authority"
    has_key_usage: bool = True

    @cached_property
    def pair(self) -> Pair:
        usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign") if self.has_key_usage else ()
        return self._make(self.name, "-addext", "basicConstraints=critical,CA:TRUE", *usage)

    @property
    def path(self) -> Path:
        return self.pair.certificate

    def issue(self, name: str, *sans: str, usage: str = "serverAuth", days: int = 30) -> Pair:
        """Return a certificate for loopback, or for names such as `DNS:…`, `IP:…`, `URI:…` or `email:…`."""
        names = ",".join(sans or ("DNS:localhost", "IP:127.0.0.1", "IP:::1"))
        signer = ("-CA", str(self.pair.certificate), "-CAkey", str(self.pair.key))
        extensions = (f"subjectAltName={names}", f"extendedKeyUsage={usage}", "basicConstraints=CA:FALSE")
        added = [word for extension in extensions for word in ("-addext", extension)]
        return self._make(name, *signer, *added, days=days)

    def issue_expired(self, name: str) -> Pair:
        """Return a certificate for 127.0.0.1 that expired in 2020."""
        pair = self.issue(name)
        config = self.directory / "ca.cnf"
        config.write_text(
            f"[ca]\ndefault_ca=here\n[here]\ndatabase={self.directory}/index.txt\n"
            f"new_certs_dir={self.directory}\nrand_serial=yes\ndefault_md=sha256\npolicy=any\n"
            "x509_extensions=of\n[any]\ncommonName=supplied\n[of]\nsubjectAltName=IP:127.0.0.1\n"
        )
        (self.directory / "index.txt").touch()
        request = self.directory / f"{name}.csr"
        _openssl("req", "-new", "-key", pair.key, "-subj", f"/CN={name}", "-out", request)
        own = ("-cert", self.pair.certificate, "-keyfile", self.pair.key, "-config", config)
        dates = ("-startdate", "20190101000000Z", "-enddate", "20200101000000Z")
        _openssl("ca", "-batch", "-notext", *own, *dates, "-in", request, "-out", pair.certificate)
        return _joined(pair)

    def _make(self, name: str, *options: str, days: int = 30) -> Pair:
        made = Pair(*(self.directory / f"{name}.{end}" for end in ("crt", "key", "pem")))
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days))
        files = ("-subj", f"/CN={name}", "-out", made.certificate, "-keyout", made.key)
        _openssl("req", "-x509", *curve, *files, *options)
        return _joined(made)


def self_signed(directory: Path, san: str) -> Path:
    """Return a file with a self-signed certificate and its key."""
    made = Pair(*(directory / name for name in ("certificate.pem", "key.pem", "both.pem")))
    wanted = (
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=test",
        "-addext",
        f"subjectAltName={san}",
    )
    _openssl("req", "-x509", *wanted, "-keyout", made.key, "-out", made.certificate)
    return _joined(made).both


def _joined(pair: Pair) -> Pair:
    pair.both.write_bytes(pair.key.read_bytes() + pair.certificate.read_bytes())
    return pair


def _openssl(*arguments: str | Path) -> None:
    ran = subprocess.run([require_tool("openssl", "openssl"), *arguments], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
