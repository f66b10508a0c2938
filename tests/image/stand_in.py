"""A root file system that replaces the official Python image, which is only available from a registry.

It is a minimal Debian with CPython and pip under /usr/local, too. Debian's release and CPython are those of
this machine, and binutils is installed.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PYENV_VERSIONS: Final = Path.home() / ".pyenv/versions"
_IGNORED: Final = shutil.ignore_patterns(
    "__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "_tkinter*", "config-*", "*.a"
)
_SYSTEM: Final = Path("/usr")


def local_python() -> Path:
    """Return the prefix of a CPython 3.13, the version in the image, or of the running Python."""
    shipped = sorted(_PYENV_VERSIONS.glob("3.13.*"), key=lambda path: int(path.name.rpartition(".")[2]))
    return shipped[-1] if shipped else Path(sys.base_prefix)


def python_version(prefix: Path) -> str:
    """Return the version as `3.13.0`."""
    ran = subprocess.run([prefix / "bin/python3", "-V"], capture_output=True, text=True, check=True)
    return ran.stdout.split()[1]


def make_stand_in(root: Path, prefix: Path) -> None:
    """Install Debian and the CPython of a prefix in `root`; needs root privileges."""
    release = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    if release is None:
        raise OSError("/etc/os-release has no VERSION_CODENAME: this needs Debian")
    packages = ["binutils", *(["python3", "python3-pip", "python3-venv"] if prefix == _SYSTEM else [])]
    command = ["mmdebstrap", "--quiet", "--variant=essential", f"--include={','.join(packages)}"]
    subprocess.run([*command, release[1], root], check=True)
    shutil.rmtree(root / "usr/share/doc")
    if prefix == _SYSTEM:
        # The official image allows pip to install into its Python.
        for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
            marker.unlink()
        (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    else:
        _copy_python(prefix, root)
    subprocess.run(["chroot", root, "ldconfig"], check=True)


def _copy_python(prefix: Path, root: Path) -> None:
    minor = "python" + ".".join(python_version(prefix).split(".")[:2])
    local = root / "usr/local"
    library = local / "lib" / minor
    shutil.copytree(prefix / "lib" / minor, library, symlinks=True, ignore=_only_pip)
    shutil.copy(prefix / "bin" / minor, local / "bin" / minor)
    for name in ("python3", "python"):
        (local / "bin" / name).symlink_to(minor)
    for shared in prefix.glob("lib/libpython3*.so*"):
        shutil.copy(shared, local / "lib")
    for needed in _libraries([local / "bin" / minor, *library.glob("lib-dynload/*.so")], prefix):
        if not (root / needed.relative_to("/")).exists():
            shutil.copy(needed, local / "lib")


def _only_pip(folder: str, names: list[str]) -> set[str]:
    """Ignore what is not needed, and every installed package except pip."""
    packages = (
        {name for name in names if not name.startswith("pip")} if folder.endswith("site-packages") else set()
    )
    return packages | _IGNORED(folder, names)


def _libraries(binaries: list[Path], prefix: Path) -> Iterator[Path]:
    """Yield the shared libraries of this machine that binaries need."""
    ran = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=True)
    for path in sorted(set(re.findall(r"=> (/\S+)", ran.stdout))):
        if not Path(path).is_relative_to(prefix):
            yield Path(path)
