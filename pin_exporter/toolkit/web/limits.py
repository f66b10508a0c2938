"""What all connections to our own port share: how they are guarded, and the line of those that wait."""

import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from pin_exporter.toolkit.web.config import WebConfig

LIMIT_CONCURRENCY: Final = 256
"""From this many connections on, a request is answered with 503."""
_ROOM: Final = 64
_FILES_FOR_OTHERS: Final = 64
_FEWEST: Final = 8
HEAD_SECONDS: Final = 10.0
"""For a handshake, and for the head of each request."""
TAKE_SECONDS: Final = 30.0
"""For the rest of a request, and for taking the answer."""


def _most_connections() -> int:
    """Return how many may be open, so that all find room below the limit, and in the files that may be open.

    A connection is two files while it shakes hands.
    """
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    by_files = LIMIT_CONCURRENCY if files == resource.RLIM_INFINITY else (files - _FILES_FOR_OTHERS) // 2
    return max(_FEWEST, min(LIMIT_CONCURRENCY - _ROOM, by_files))


class Connection(Protocol):
    """A connection, as far as others are concerned."""

    def cut_off(self, reason: str) -> None:
        """End at once."""


@dataclass(frozen=True, slots=True, eq=False)
class ConnectionLimits:
    """`config` returns what is in force now; `refused` is told why a connection or request was refused."""

    config: Callable[[], WebConfig] = WebConfig
    refused: Callable[[str], None] = lambda _: None
    handshakes: set[Connection] = field(default_factory=set)
    open: set[Connection] = field(default_factory=set)
    most: int = field(default_factory=_most_connections)
    waiting: dict[Connection, None] = field(default_factory=dict)
    """Those of both that wait for their client, the longest first."""

    def make_room(self) -> None:
        """Cut off those that have waited longest, until there is room for one more.

        A limit on connections thereby is one on requests that are really being answered.
        """
        connections = len(self.handshakes) + len(self.open)
        for _ in range(connections - self.most + 1):
            self.cut_off_oldest()

    def cut_off_oldest(self) -> None:
        """Cut off the one that has waited longest, if any waits."""
        oldest = next(iter(self.waiting), None)
        if oldest is not None:
            oldest.cut_off("crowded")
