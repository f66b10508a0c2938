"""Certificates for tests, made by openssl: an authority, and what it signs for loopback."""

import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.tools import require_tool


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """Signs certificates, and keeps them in a directory."""

    directory: Path
    name: str = "authority"

    @cached_property
    def pair(self) -> Pair:
        usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")  # Python 3.13 insists
        return self._make(self.name, "-addext", "basicConstraints=critical,CA:TRUE", *usage)

    @property
    def path(self) -> Path:
        return self.pair.certificate

    def issue(self, name: str, *sans: str, usage: str = "serverAuth", days: int = 30) -> Pair:
        """Return a certificate for loopback, or for names given as `DNS:…`, `IP:…`, `URI:…`, `email:…`."""
        names = ",".join(sans or ("DNS:localhost", "IP:127.0.0.1", "IP:::1"))
        signer = ("-CA", str(self.pair.certificate), "-CAkey", str(self.pair.key))
        extensions = (f"subjectAltName={names}", f"extendedKeyUsage={usage}", "basicConstraints=CA:FALSE")
        added = [word for extension in extensions for word in ("-addext", extension)]
        return self._make(name, *signer, *added, days=days)

    def _make(self, name: str, *options: str, days: int = 30) -> Pair:
        made = Pair(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        command = [require_tool("openssl", "openssl"), "req", "-x509", *curve, "-days", str(days)]
        command += ["-subj", f"/CN={name}", "-out", str(made.certificate), "-keyout", str(made.key), *options]
        subprocess.run(command, check=True, capture_output=True)
        return made
