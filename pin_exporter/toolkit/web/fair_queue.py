"""A queue for slow work, one piece at a time, in which no client can keep others from their turn."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pin_exporter.toolkit.errors import ExporterError


class QueueFullError(ExporterError):
    """So many are waiting that another one would wait too long."""


@dataclass(eq=False, slots=True)
class _Place:
    """A place in the queue; `attempts` is how often its client came before, even if it was refused."""

    client: str
    attempts: int
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class FairQueue:
    """Gives turns to the clients that came least often, until they are forgotten.

    What is in progress counts as waiting. If the queue is full, the client that would be last is refused, so
    a client that comes for the first time always gets a place.
    """

    def __init__(
        self, *, max_waiting: int = 64, max_waiting_per_client: int = 8, max_clients: int = 1_024
    ) -> None:
        self._max_waiting = max_waiting
        self._max_waiting_per_client = max_waiting_per_client
        self._max_clients = max_clients
        self._places: list[_Place] = []
        self._attempts: dict[str, int] = {}

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it. Raises QueueFullError."""
        place = self._take_place(client)
        self._begin_next()
        try:
            await place.turn
            yield
        finally:
            if place in self._places:
                self._places.remove(place)
            self._begin_next()

    def forget(self, client: str) -> None:
        """Forget how often a client came."""
        self._attempts.pop(client, None)

    def _take_place(self, client: str) -> _Place:
        attempts = self._attempts.pop(client, 0)
        self._attempts[client] = attempts + 1
        if len(self._attempts) > self._max_clients:
            self.forget(next(iter(self._attempts)))  # the one that has not come for longest
        own = sum(each.client == client for each in self._places)
        if own >= self._max_waiting_per_client:
            raise QueueFullError
        place = _Place(client, attempts)
        if len(self._places) >= self._max_waiting:
            waiting = (each for each in reversed(self._places) if not each.turn.done())
            last = max((*waiting, place), key=lambda each: each.attempts)
            if last is place:
                raise QueueFullError
            self._places.remove(last)
            last.turn.set_exception(QueueFullError())
        self._places.append(place)
        return place

    def _begin_next(self) -> None:
        if self._places and not any(each.turn.done() for each in self._places):
            min(self._places, key=lambda each: each.attempts).turn.set_result(None)
