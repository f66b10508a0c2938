"""Keep garbage collections short, however many objects the process holds."""

import gc
from collections.abc import Awaitable, Callable
from typing import Final

_INTERVAL_SECONDS: Final = 10.0
_GROWTH_BEFORE_FULL_COLLECTION: Final = 1.5


async def keep_collections_short(sleep: Callable[[float], Awaitable[None]]) -> None:
    """Freeze long-lived objects until cancelled, so that collections do not look at them again.

    With some 100 MB of objects a full collection blocks the event loop for 0.1 s, every few seconds. Frozen
    objects are still freed when their last reference goes; only cycles of them are not. Those are collected
    once the frozen objects have grown by half since the last full collection.
    """
    frozen = 0
    try:
        while True:
            if gc.get_freeze_count() >= _GROWTH_BEFORE_FULL_COLLECTION * frozen:
                gc.unfreeze()
                gc.collect()
                gc.freeze()
                frozen = gc.get_freeze_count()
            else:
                gc.collect(1)
                gc.freeze()
            await sleep(_INTERVAL_SECONDS)
    finally:
        gc.unfreeze()
