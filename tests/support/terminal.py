"""Runs a program on a terminal of its own."""

import os
import pty
import subprocess
import termios
from collections.abc import Mapping, Sequence

_LINES = 24


def seen_on_a_terminal(
    command: Sequence[str], env: Mapping[str, str], *, columns: int = 120, stdout: int | None = None
) -> str:
    """Return what a person sees until it ends; `stdout` is where that goes if not to the terminal."""
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
    except OSError:  # Linux says so when the other side has closed
        return b""
