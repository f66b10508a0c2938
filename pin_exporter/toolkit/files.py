"""Read configuration files repeatedly: without blocking, and only after they have changed."""

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

Signature = tuple[object, ...]
"""The state of some files: identity, size and times of each, or why it cannot be determined."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading. Raises OSError, also for pipes and devices, which could block."""
    return open(path, "rb", opener=_open_without_blocking)


def signature(paths: Iterable[Path]) -> Signature:
    """Return a value that changes when one of the files, or what a link points to, is changed or replaced."""
    return tuple(map(_signature_of, paths))


def _signature_of(path: Path) -> object:
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        return str(error)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _open_without_blocking(path: str, flags: int) -> int:
    opened = os.open(path, flags | os.O_NONBLOCK)
    mode = os.fstat(opened).st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):  # open() itself refuses directories
        return opened
    os.close(opened)
    raise OSError(errno.EINVAL, "it is a pipe or a device: use a regular file")
