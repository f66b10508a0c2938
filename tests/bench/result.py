"""One row of the table."""

from typing import NamedTuple


class Result(NamedTuple):
    """A measured value and its target, if it has one."""

    what: str
    measured: str
    target: str = ""
