"""Files: read them without blocking and only after they have changed, and share out how many may be open."""

import errno
import os
import resource
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

_RESERVED_FILES: Final = 64
"""Open files for everything that is not a connection."""

Signature = tuple[object, ...]
"""The state of some files: identity, size and times of each, or why it cannot be determined."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading. Raises OSError, also for pipes and devices, which could block."""
    return open(path, "rb", opener=_open_without_blocking)


def signature(paths: Iterable[Path]) -> Signature:
    """Return a value that changes when one of the files, or what a link points to, is changed or replaced."""
    return tuple(map(_signature_of, paths))


def raise_limit_of_open_files() -> None:
    """Raise the soft limit on open files to the hard limit, as Go programs do: each connection is a file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def max_connection_files(most: int = 500) -> int:
    """Return how many files connections in one direction, incoming or outgoing, may take: half of those left.

    So neither direction can take the files of the other. At least 16, however low the limit on open files is.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    half = most if soft == resource.RLIM_INFINITY else (soft - _RESERVED_FILES) // 2
    return max(16, min(most, half))


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
