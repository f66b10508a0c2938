"""Open files that are read again and again: none may have its reader wait for ever, as a pipe does."""

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

Signature = tuple[object, ...]


def open_plain(path: Path) -> BinaryIO:
    """Open a file for reading, at once. Raises OSError, also for a pipe, socket or device."""
    return open(path, "rb", opener=_opened)


def signature(paths: Iterable[Path]) -> Signature:
    """Return what differs as soon as one of the files is changed or replaced, also behind a symbolic link."""
    return tuple(map(_signature_of, paths))


def _signature_of(path: Path) -> object:
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        return str(error)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _opened(path: str, flags: int) -> int:
    opened = os.open(path, flags | os.O_NONBLOCK)
    mode = os.fstat(opened).st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):  # the latter is refused as everywhere
        return opened
    os.close(opened)
    raise OSError(errno.EINVAL, "it is a pipe or a device, which cannot be read again")
