"""Divide named items among shards: each item belongs to exactly one, by a stable hash of its name."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

SHARD_INDEX_PATTERN: Final = r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?-)?(0|[1-9][0-9]{0,8})"
_SHARD_INDEX: Final = re.compile(SHARD_INDEX_PATTERN)
_MULTIPLIER: Final = 2_862_933_555_777_941_757
_UINT64: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `total` shards, by its zero-based index."""

    index: int = 0
    total: int = 1

    def owns(self, name: str) -> bool:
        """Return whether the item of this name belongs to this shard."""
        digest = hashlib.sha256(name.encode()).digest()
        return jump_hash(int.from_bytes(digest[:8], "big"), self.total) == self.index


SINGLE_SHARD: Final = Shard()
"""The shard of a process without sharding: it owns everything."""


def jump_hash(key: int, buckets: int) -> int:
    """Return the zero-based bucket of a 64-bit key.

    When one bucket is added, only the keys that go to it move, as many from each of the others. Lamping and
    Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", https://arxiv.org/abs/1406.2294
    """
    bucket, jump = 0, 0
    while jump < buckets:
        bucket = jump
        key = (key * _MULTIPLIER + 1) & _UINT64
        jump = int((bucket + 1) * (2**31 / ((key >> 33) + 1)))
    return bucket


def parse_shard_index(text: str) -> int:
    """Return a shard's index, given as a number or as a StatefulSet pod's name, which ends in it.

    Raises ValueError, with what to write, for anything else.
    """
    match = _SHARD_INDEX.fullmatch(text.strip())
    if match is None:
        raise ValueError("must be a number of at least 0, or a StatefulSet pod's name, which ends in one")
    return int(match[1])
