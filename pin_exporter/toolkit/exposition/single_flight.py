"""Do a piece of work once for all who want it at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Answers of the same key are shared by those who ask before the work on them begins.

    Whoever asks later waits for the next, so that no answer is older than its question. One piece of work is
    done at a time, whatever its key, so that however many ask, few answers are held in memory.
    """

    def __init__(self) -> None:
        self._waiting: dict[K, asyncio.Task[V]] = {}
        self._turn = asyncio.Lock()

    async def do(self, key: K, work: Callable[[], Awaitable[V]]) -> V:
        """Return what the work comes to, be it done by this call or by another with the same key."""
        task = self._waiting.get(key)
        if task is None:
            task = self._waiting[key] = asyncio.create_task(self._do(key, work))
        return await asyncio.shield(task)  # one who goes away must not take the others' answer along

    async def _do(self, key: K, work: Callable[[], Awaitable[V]]) -> V:
        async with self._turn:
            del self._waiting[key]
            return await work()
