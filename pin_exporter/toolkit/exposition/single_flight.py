"""Let simultaneous callers share one result."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Shares one result among callers with the same key that call before the work on it begins.

    Later callers wait for the next result, so that none is older than its call. Only one piece of work runs
    at a time, whatever its key, so that few results are held in memory however many callers there are.
    """

    def __init__(self) -> None:
        self._waiting: dict[K, asyncio.Task[V]] = {}
        self._lock = asyncio.Lock()

    async def do(self, key: K, work: Callable[[], Awaitable[V]]) -> V:
        """Return the result of the work, done for this call or shared with another call."""
        task = self._waiting.get(key)
        if task is None:
            task = self._waiting[key] = asyncio.create_task(self._do(key, work))
        return await asyncio.shield(task)  # a caller that is cancelled must not cancel the others' work

    async def _do(self, key: K, work: Callable[[], Awaitable[V]]) -> V:
        async with self._lock:
            del self._waiting[key]
            return await work()
