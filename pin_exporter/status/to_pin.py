"""The expected CIDs that must be pinned again, read from their file when somebody asks."""

import asyncio
from typing import Final

from pin_exporter.inventory.expected import ExpectedResult
from pin_exporter.polling.expected_file import cids_to_pin
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.threads import run_in_thread

SHOWN: Final = 50


class CidsToPin:
    """Reads the files of accounts, one at a time. The first CIDs are remembered until the next inventory."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._first: dict[str, tuple[ExpectedResult, tuple[str, ...]]] = {}

    async def first(self, snapshot: AccountSnapshot) -> tuple[str, ...]:
        """Return the first CIDs to show; none if the file cannot be read now."""
        result = snapshot.counted.expected if snapshot.counted else None
        if result is None or not result.not_held:
            return ()
        known, cids = self._first.get(snapshot.account, (None, ()))
        if known is not result:
            try:
                cids = await self._read(snapshot, SHOWN)
            except (OSError, ValueError):
                cids = ()
            self._first[snapshot.account] = result, cids
        return cids

    async def all(self, snapshot: AccountSnapshot) -> tuple[str, ...]:
        """Return all CIDs. Raises OSError or ValueError if the file cannot be read."""
        return await self._read(snapshot, None)

    async def _read(self, snapshot: AccountSnapshot, limit: int | None) -> tuple[str, ...]:
        result = snapshot.counted.expected if snapshot.counted else None
        if result is None or snapshot.expected_file is None:
            return ()
        path = snapshot.expected_file.path
        async with self._lock:
            return await run_in_thread(lambda: cids_to_pin(path, result, limit))
