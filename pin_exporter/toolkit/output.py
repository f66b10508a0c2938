"""Standard output, which may be closed, full, a pipe that nobody reads any more, or a terminal."""

import os
import sys
from contextlib import suppress
from typing import TextIO

from pin_exporter.toolkit.errors import OutputError


def is_watched(stream: TextIO | None) -> bool:
    """Return whether a person may be watching, at a terminal that knows escape sequences."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def check_standard_output() -> None:
    """Raise OutputError if there is no standard output."""
    if sys.stdout is None:
        raise OutputError("standard output is closed: open it")


def write_text(text: str) -> None:
    """Write text, whatever the encoding of standard output. Raises OutputError, or BrokenPipeError."""
    check_standard_output()
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer would be written, and fail, once more when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputError(f"standard output cannot be written: {error.strerror}") from None


def print_error(message: str) -> None:
    """Print one line to standard error as the command line does. Nobody reading it is not an error."""
    try:
        sys.stderr.write(f"pin-exporter: {message}\n")
        sys.stderr.flush()
    except OSError:
        # What is left in the buffer would fail once more when the process ends, and change its status.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


class ProgressLine:
    """One line on standard error that is overwritten, and erased at the end; shown on a terminal only."""

    def __init__(self) -> None:
        self.is_shown = is_watched(sys.stderr)

    def show(self, text: str) -> None:
        """Replace the line."""
        self._write(f"\r{text} \x1b[K")

    def __enter__(self) -> None:
        """Do nothing yet."""

    def __exit__(self, *_: object) -> None:
        """Erase the line."""
        self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        if self.is_shown:
            with suppress(OSError):
                sys.stderr.write(text)
                sys.stderr.flush()
