"""Write the result where it was asked for: to a file, whole or not at all, or to standard output."""

import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path

from pin_exporter.toolkit.errors import OutputError


def check_output(path: Path) -> None:
    """Raise OutputError if a file cannot be written, as far as that can be seen beforehand."""
    try:
        if _is_something(path) and not path.is_file():
            raise OutputError(f"--output: {path}: is not a file: name one, or redirect standard output")
        temporary = _temporary(path)
        try:
            os.close(_create(temporary))
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None


def write_file(path: Path, text: bytes) -> None:
    """Put a file in place of the one before; who reads at any moment sees either of them.

    All may read it whom the umask does not keep from it. Raises OutputError. Only SIGKILL or a crash of the
    machine can leave something behind, which is not called `*.prom`.
    """
    try:
        temporary = _temporary(path)
        try:
            with os.fdopen(_create(temporary), "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(os.path.realpath(path))
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None


def check_standard_output() -> None:
    """Raise OutputError if there is no standard output."""
    if sys.stdout is None:
        raise OutputError("standard output is closed: open it, or name a file with --output")


def write_standard_output(text: bytes) -> None:
    """Write to standard output, as much as its reader wants. Raises OutputError."""
    try:
        descriptor = sys.stdout.fileno()
        rest = memoryview(text)
        # Not by way of a buffer, which would be written once more at the end when something was wrong.
        with suppress(BrokenPipeError):
            while rest:
                rest = rest[os.write(descriptor, rest) :]
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror}") from None


def _is_something(path: Path) -> bool:
    """Return whether anything stands at a path. Unlike `exists`, raises OSError where that cannot be told."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def _temporary(path: Path) -> Path:
    """Return a name that nobody else has in the directory of a file, or of what a link leads to."""
    # Not `resolve`, which fails in ways of its own where links lead in a circle.
    return Path(os.path.realpath(path)).parent / f".pin-exporter-{secrets.token_hex(8)}.tmp"


def _create(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644)


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"--output: {path}: cannot be written: {error.strerror}: name a file in a directory that this user "
        "may write to, and that has room"
    )
