"""A pipe that nobody reads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Pipe:
    """Two descriptors, and how many bytes are stuck between them."""

    reading: int
    writing: int
    stuck: int = 0

    def fill(self) -> None:
        """Write until the next write would wait."""
        os.set_blocking(self.writing, False)
        try:
            while True:
                self.stuck += os.write(self.writing, b"." * 4_096)
        except BlockingIOError:
            os.set_blocking(self.writing, True)

    def empty(self) -> None:
        """Read what it was filled with."""
        while self.stuck:
            self.stuck -= len(os.read(self.reading, self.stuck))


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
