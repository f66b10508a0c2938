"""A pseudo-terminal, and a pipe that nobody reads."""

import os
import pty
import subprocess
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

_LINES = 24


def seen_on_a_terminal(
    command: Sequence[str], env: Mapping[str, str], *, columns: int = 120, stdout: int | None = None
) -> str:
    """Run a command and return what its terminal shows; `stdout` can go elsewhere."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (_LINES, columns))
    started = subprocess.Popen(command, env=env, stdout=theirs if stdout is None else stdout, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while chunk := _read(ours):
            seen += chunk
    finally:
        started.kill()
        started.wait()
        os.close(ours)
    return seen.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # how Linux reports that the other side is closed
        return b""


@dataclass
class Pipe:
    """Two descriptors, and the number of bytes in the pipe."""

    reading: int
    writing: int
    pending: int = 0

    def fill(self) -> None:
        """Write until the next write would block."""
        os.set_blocking(self.writing, False)
        try:
            while True:
                self.pending += os.write(self.writing, b"." * 4_096)
        except BlockingIOError:
            os.set_blocking(self.writing, True)

    def empty(self) -> None:
        """Read what `fill` wrote."""
        while self.pending:
            self.pending -= len(os.read(self.reading, self.pending))


@contextmanager
def full_pipe() -> Iterator[Pipe]:
    """Open a pipe and fill it."""
    pipe = Pipe(*os.pipe())
    pipe.fill()
    try:
        yield pipe
    finally:
        os.close(pipe.reading)
        os.close(pipe.writing)
