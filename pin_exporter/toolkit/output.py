"""Write results to standard output or to a file, and errors to standard error."""

import os
import re
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from pin_exporter.toolkit.display_text import escaped
from pin_exporter.toolkit.errors import OutputError


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal that understands escape sequences."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def check_standard_output() -> None:
    """Raise OutputError if standard output is closed."""
    if sys.stdout is None:
        raise OutputError("standard output is closed: redirect it to a file or a terminal")


def write_standard_output(content: str | bytes) -> None:
    """Write text in the encoding of standard output, or bytes. Raises OutputError, or BrokenPipeError."""
    check_standard_output()
    if isinstance(content, str):
        content = content.encode(sys.stdout.encoding or "utf-8", "backslashreplace")
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        _discard_rest(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputError(f"standard output cannot be written: {error.strerror}") from None


def print_error(program: str, message: str) -> None:
    """Print `PROGRAM: message` to standard error, whether or not anybody reads it.

    Everything invisible is escaped: the message may quote what a server sent.
    """
    try:
        sys.stderr.write(f"{program}: {escaped(message)}\n")
        sys.stderr.flush()
    except OSError:
        _discard_rest(sys.stderr)


class ProgressLine:
    """A line on standard error that is overwritten, and erased at the end; only on a terminal."""

    def __init__(self) -> None:
        self.is_shown = is_terminal(sys.stderr)

    def show(self, text: str) -> None:
        """Replace the line."""
        self._write(f"\r{text} \x1b[K")

    def erase(self) -> None:
        """Erase the line."""
        self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        if self.is_shown:
            with suppress(OSError):
                sys.stderr.write(text)
                sys.stderr.flush()


def check_file(path: Path) -> None:
    """Raise OutputError if a file cannot be written, as far as that can be seen beforehand."""
    try:
        if _exists(path) and not path.is_file():
            raise OutputError(f"{path}: is not a file: choose a file, or standard output")
        if _is_mounted(path):
            hint = "mount its directory instead, or redirect standard output to it"
            raise OutputError(f"{path}: is mounted as a single file, which cannot be replaced: {hint}")
        temporary = _temporary_path(path)
        try:
            os.close(_create(temporary))
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _write_error(path, error) from None


def write_file(path: Path, content: bytes) -> None:
    """Replace a file at once: readers see the previous content or all of the new one. Raises OutputError.

    The umask decides who may read it. If the process is killed or the machine crashes, a hidden file whose
    name ends in `.tmp` may stay in the directory.
    """
    try:
        temporary = _temporary_path(path)
        try:
            with os.fdopen(_create(temporary), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(os.path.realpath(path))
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _write_error(path, error) from None


def _discard_rest(stream: TextIO) -> None:
    """Discard what is buffered: writing it would fail again at exit, and change the exit status."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _exists(path: Path) -> bool:
    """Return whether a path exists. Unlike `Path.exists`, raises OSError if that cannot be determined."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def _is_mounted(path: Path) -> bool:
    """Return whether a file is a mount point, as containers mount single files. Known on Linux only."""
    target = os.fsencode(os.path.realpath(path))
    escaped = re.sub(rb"[ \t\n\\]", lambda char: b"\\%03o" % char[0][0], target)
    try:
        mounts = Path("/proc/self/mountinfo").read_bytes()
    except OSError:
        return False
    return any(line.split(b" ")[4] == escaped for line in mounts.splitlines())


def _temporary_path(path: Path) -> Path:
    """Return an unused path in the directory of the file that a path, or symbolic link, points to."""
    # `Path.resolve` raises RuntimeError for links that lead in a circle.
    return Path(os.path.realpath(path)).parent / f".{secrets.token_hex(8)}.tmp"


def _create(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644)


def _write_error(path: Path, error: OSError) -> OutputError:
    hint = "choose a file in a directory with free space that this user may write to"
    return OutputError(f"{path}: cannot be written: {error.strerror}: {hint}")
