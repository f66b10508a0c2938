"""Limits on connections and requests, and the state that all connections share."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from pin_exporter.toolkit.files import max_connection_files
from pin_exporter.toolkit.web.config_watcher import WebConfigWatcher

_MAX_CONNECTIONS: Final = 192


class Refusal(StrEnum):
    """Why a connection was closed, or a request answered with an error, before the application saw it."""

    PASSWORD = "password"  # noqa: S105 - no secret
    """No password, or a wrong one."""
    BUSY = "busy"
    """Too many requests at the same time, or too many passwords to check."""
    ORIGIN = "origin"
    """A browser's request for another site, or for an unknown host name."""
    HANDSHAKE = "handshake"
    """No TLS, no common version, or no valid client certificate."""
    CERTIFICATE = "certificate"
    """A valid client certificate whose names are not allowed."""
    SLOW = "slow"
    """The client took too long to send a request or to read a response."""
    CROWDED = "crowded"
    """The client kept the server waiting while other connections needed the room."""


Refusals = Counter[Refusal]
"""How often each happened."""


def max_connections() -> int:
    """Return how many connections may be open, given the limit on open files.

    A connection takes two file descriptors during its TLS handshake.
    """
    return max_connection_files(2 * _MAX_CONNECTIONS) // 2


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a client may take, and how many are served at the same time."""

    head_seconds: float = 10.0
    """For a TLS handshake, and for the request line and headers of each request."""
    body_seconds: float = 30.0
    """For the body of a request, and for reading the response."""
    requests: int = 256
    """A request beyond these is answered with 503."""
    connections: int = field(default_factory=max_connections)
    """A connection beyond these replaces the one that has kept the server waiting longest."""


class Connection(Protocol):
    """An open connection."""

    def cut_off(self, reason: Refusal | None) -> None:
        """Close it at once; no reason means that the server stops."""


class Connections:
    """All open connections, and what they share.

    `waiting` holds those that wait for their client, the longest first.
    """

    def __init__(self, web_config: WebConfigWatcher, limits: Limits | None = None) -> None:
        self.web_config = web_config
        self.limits = limits or Limits()
        self.refusals = Refusals()
        self.handshakes: set[Connection] = set()
        self.open: set[Connection] = set()
        self.waiting: dict[Connection, None] = {}

    def make_room(self) -> None:
        """Cut off the connections that have waited longest, until there is room for one more.

        So the limit on connections never interrupts a request that is being answered.
        """
        excess = len(self.handshakes) + len(self.open) + 1 - self.limits.connections
        for _ in range(excess):
            self.cut_off_longest_waiting()

    def cut_off_longest_waiting(self) -> None:
        """Cut off the connection that has waited longest for its client, if there is one."""
        longest = next(iter(self.waiting), None)
        if longest is not None:
            longest.cut_off(Refusal.CROWDED)
