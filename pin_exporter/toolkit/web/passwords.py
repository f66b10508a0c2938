"""Check names and passwords against bcrypt hashes: aside from the event loop, few at a time, once if right.

Every refusal takes the same work, whether a name is known or not, so that time tells nothing about names.
"""

import asyncio
import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import bcrypt

from pin_exporter.toolkit.errors import TooManyChecksError
from pin_exporter.toolkit.web.config import cost_of

_LONGEST_BYTES: Final = 72
_MOST_WAITING: Final = 64
_MOST_WAITING_OF_ONE: Final = 8
_MOST_REMEMBERED: Final = 1_000
_DIGEST_CHARACTERS: Final = 31


class Passwords:
    """Remembers what was right, by a keyed hash of name, password and bcrypt hash; a new hash is a new check.

    One check runs at a time, and an address of a client has one in that line at a time: whoever tries many
    does not keep others waiting for long.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right: set[bytes] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")
        self._waiting: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Lock] = {}

    async def are_right(
        self, users: Mapping[bytes, bytes], name: bytes, password: bytes, client: str
    ) -> bool:
        """Return whether the user has this password. Raises TooManyChecksError."""
        known = users.get(name)
        # What bcrypt cannot tell apart is wrong: all that follows 72 bytes, or a NUL.
        usable = len(password) <= _LONGEST_BYTES and b"\0" not in password
        remembered = self._digest(name, password, known or b"")
        if known and usable and remembered in self._right:
            return True
        dearest = max(map(cost_of, users.values()))
        right = await self._in_turn(client, known, password if usable else b"", dearest)
        if not (right and usable):
            return False
        if len(self._right) >= _MOST_REMEMBERED:  # after many changes of the file
            self._right.clear()
        self._right.add(remembered)
        return True

    async def _in_turn(self, client: str, known: bytes | None, password: bytes, dearest: int) -> bool:
        if self._waiting.total() >= _MOST_WAITING or self._waiting[client] >= _MOST_WAITING_OF_ONE:
            raise TooManyChecksError
        self._waiting[client] += 1
        turn = self._turns.setdefault(client, asyncio.Lock())
        try:
            async with turn:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._thread, _is_right, known, password, dearest)
        finally:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client], self._turns[client]

    def _digest(self, *parts: bytes) -> bytes:
        digest = hashlib.blake2b(key=self._key)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()


def _is_right(known: bytes | None, password: bytes, dearest: int) -> bool:
    """Check a password, with as much work for a wrong one as the dearest hash takes."""
    if known is None:
        _waste(password, dearest)
        return False
    if bcrypt.checkpw(password, known):
        return True
    # Twice the work for each step of cost: c and c, c + 1, … add up to that of the dearest.
    for cost in range(cost_of(known), dearest):
        _waste(password, cost)
    return False


def _waste(password: bytes, cost: int) -> None:
    bcrypt.checkpw(password, bcrypt.gensalt(cost) + b"." * _DIGEST_CHARACTERS)
