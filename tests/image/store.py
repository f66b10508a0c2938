"""buildah and podman with their own storage, so that the machine's images are not touched."""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dev.project import ROOT
from tests.image.stand_in import local_python, make_stand_in, python_version

_BASE: Final = "docker.io/library/python:3.13-slim"
_LOCKS: Final = (ROOT / "requirements/build.txt", ROOT / "requirements/run.txt")
_ISOLATED_BUILD: Final = ("--runtime=/usr/sbin/runc", "--isolation=oci", "--format=docker", "--network=none")
"""`crun`, buildah's default, fails on hosts with both versions of cgroups."""


@dataclass(frozen=True, slots=True)
class Store:
    """Images and containers in a directory, and their base image and packages."""

    directory: Path

    @property
    def buildah(self) -> Sequence[str]:
        """The buildah command for this storage."""
        return ("buildah", *self._storage())

    @property
    def podman(self) -> Sequence[str]:
        """The podman command for this storage."""
        return ("podman", *self._storage(), "--runtime=/usr/sbin/runc", "--cgroup-manager=cgroupfs")

    def build_arguments(self) -> Sequence[str]:
        """Return arguments for `buildah build` without a network; creates base image and packages first."""
        version = self._ensure_base()
        wheels = self._ensure_wheels(version)
        pip_conf = self.directory / "pip.conf"
        pip_conf.write_text("[global]\nno-index = true\nfind-links = /wheels\n")
        return (
            "--pull=never",
            *_ISOLATED_BUILD,
            f"--volume={wheels}:/wheels:ro",
            f"--secret=id=pip.conf,src={pip_conf}",
        )

    def _storage(self) -> Sequence[str]:
        return (f"--root={self.directory}/storage", f"--runroot={self.directory}/run")

    def _ensure_base(self) -> str:
        """Create the stand-in for the base image if missing, and return the version of its Python."""
        prefix = local_python()
        version = python_version(prefix)
        made_of = [version, *(path.read_text() for path in sorted(Path(__file__).parent.glob("*.py")))]
        mark = hashlib.sha256("\0".join(made_of).encode()).hexdigest()
        known = self._run("images", "--json", "--filter=label=stand-in=" + mark)
        if not json.loads(known or "[]"):
            with tempfile.TemporaryDirectory(dir=self.directory) as folder:
                root = Path(folder) / "root"
                make_stand_in(root, prefix)
                container = self._run("from", "scratch")
                self._run("add", "--quiet", container, str(root), "/")
            self._run("config", "--cmd=python3", f"--label=stand-in={mark}", container)
            self._run("commit", "--quiet", "--rm", container, _BASE)
        return version

    def _ensure_wheels(self, version: str) -> Path:
        """Download the locked packages for a Python version, with this machine's pip settings."""
        locked = hashlib.sha256(b"".join(path.read_bytes() for path in _LOCKS)).hexdigest()
        wheels = self.directory / f"wheels-{version}-{locked[:12]}"
        if not wheels.exists():
            with tempfile.TemporaryDirectory(dir=self.directory) as folder:
                for lock in _LOCKS:
                    _pip(
                        "download", "--quiet", "--require-hashes", "--only-binary=:all:",
                        f"--python-version={version}", f"--dest={folder}/wheels", f"--requirement={lock}",
                    )  # fmt: skip
                shutil.move(Path(folder) / "wheels", wheels)
        return wheels

    def _run(self, *arguments: str) -> str:
        ended = subprocess.run([*self.buildah, *arguments], stdout=subprocess.PIPE, text=True, check=True)
        return ended.stdout.strip()


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True)
