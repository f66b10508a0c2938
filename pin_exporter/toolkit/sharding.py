"""Divide the accounts among shards: each account belongs to exactly one, by a stable hash of its name."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ORDINAL_PATTERN: Final = r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?-)?(0|[1-9][0-9]{0,8})"
_ORDINAL: Final = re.compile(ORDINAL_PATTERN)
_MULTIPLIER: Final = 2_862_933_555_777_941_757
_UINT64: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `total` shards; `number` counts from 0."""

    number: int = 0
    total: int = 1

    def owns(self, account_name: str) -> bool:
        """Return whether an account belongs to this shard.

        By the name alone: keys change at different moments for different processes, which would then
        disagree on who polls an account.
        """
        digest = hashlib.sha256(account_name.encode()).digest()
        return jump_hash(int.from_bytes(digest[:8], "big"), self.total) == self.number


ALONE: Final = Shard()
"""The only shard there is, which owns every account."""


def jump_hash(key: int, buckets: int) -> int:
    """Return the bucket of a 64-bit key, from 0 on.

    With one bucket more, only keys of the new bucket move, and all buckets give it equally much. Lamping and
    Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", https://arxiv.org/abs/1406.2294
    """
    bucket, jump = 0, 0
    while jump < buckets:
        bucket = jump
        key = (key * _MULTIPLIER + 1) & _UINT64
        jump = int((bucket + 1) * (2**31 / ((key >> 33) + 1)))
    return bucket


def ordinal(text: str) -> int:
    """Return a shard's number, given as such or as the name of a StatefulSet's pod, which ends in it.

    Raises ValueError, with what to do, for anything else.
    """
    match = _ORDINAL.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            "must be a number from 0 on, or the name of a StatefulSet's pod, such as pin-exporter-3"
        )
    return int(match[1])


def shard_of_values(values: Mapping[str, object]) -> Shard:
    """Return the shard that unchecked settings name, and where they make no sense, the only one."""
    try:
        return Shard(ordinal(str(values["shard"])), int(str(values["total_shards"])))
    except (KeyError, ValueError):
        return ALONE
