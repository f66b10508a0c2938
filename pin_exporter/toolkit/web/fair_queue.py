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
    """A place in the queue; `rank` is how many of the same client were in the queue before it."""

    client: str
    rank: int
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class FairQueue:
    """Lets clients take turns, those that are not suspects first.

    What is in progress counts as waiting. A client with nothing in the queue gets a place even if it is full:
    the one that would have the last turn is refused instead.
    """

    def __init__(
        self, *, max_waiting: int = 64, max_waiting_per_client: int = 8, max_suspects: int = 1_024
    ) -> None:
        self._max_waiting = max_waiting
        self._max_waiting_per_client = max_waiting_per_client
        self._max_suspects = max_suspects
        self._places: list[_Place] = []
        self._suspects: dict[str, None] = {}

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

    def judge(self, client: str, *, is_suspect: bool) -> None:
        """Remember whether a client is a suspect; of too many, the oldest is forgotten."""
        self._suspects.pop(client, None)
        if is_suspect:
            self._suspects[client] = None
        if len(self._suspects) > self._max_suspects:
            del self._suspects[next(iter(self._suspects))]

    def _take_place(self, client: str) -> _Place:
        own = sum(each.client == client for each in self._places)
        if own >= self._max_waiting_per_client:
            raise QueueFullError
        if len(self._places) >= self._max_waiting:
            waiting = [each for each in reversed(self._places) if not each.turn.done()]
            if own or not waiting:
                raise QueueFullError
            last = max(waiting, key=self._order)
            self._places.remove(last)
            last.turn.set_exception(QueueFullError())
        place = _Place(client, own)
        self._places.append(place)
        return place

    def _begin_next(self) -> None:
        if self._places and not any(each.turn.done() for each in self._places):
            min(self._places, key=self._order).turn.set_result(None)

    def _order(self, place: _Place) -> tuple[bool, int]:
        return place.client in self._suspects, place.rank
