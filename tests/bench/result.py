"""One line of the table."""

from typing import NamedTuple


class Result(NamedTuple):
    """What was measured, what came out, and what it is meant to be."""

    what: str
    measured: str
    aim: str = ""
