"""Say in which words the simulated API reports a pin's state."""

from enum import IntEnum
from typing import Literal

Vocabulary = Literal["2023", "2024"]


class State(IntEnum):
    """A pin's state as one byte; `GONE` rows are no longer listed at all."""

    IN_PROGRESS = 0
    DONE = 1
    FAILED = 2
    UNPINNED = 3
    OUT_OF_MONEY = 4
    COLLECTED = 5
    UNKNOWN = 6
    GONE = 255


REMOVED = (State.OUT_OF_MONEY, State.UNPINNED, State.COLLECTED)
PINNED = frozenset((State.DONE, State.UNKNOWN))
"""States in which the row says `pinned: true`."""

SIZED = PINNED.union(REMOVED)
"""States in which the row has a `size`; an unfinished pin has none."""

_UPLOAD_IN_PROGRESS = {"2023": ("PENDING", "PROCESSING"), "2024": ("queued", "pinning")}
_BY_CID_IN_PROGRESS = {
    "2023": ("RETRIEVAL", "PROCESSING_RETRIEVAL"),
    "2024": ("retrieval", "processingRetrieval"),
}
# The 2023 documentation has no word for a removed pin: it stays DONE and `pinned` turns false.
_FINAL: dict[Vocabulary, dict[State, tuple[str, str]]] = {
    "2023": {
        State.DONE: ("DONE", "DONE"),
        State.FAILED: ("FAILED", "FAILED_RETRIEVE"),
        State.UNPINNED: ("DONE", "DONE"),
        State.OUT_OF_MONEY: ("DONE", "DONE"),
        State.COLLECTED: ("DONE", "DONE"),
    },
    "2024": {
        State.DONE: ("pinned", "doneRetrieval"),
        State.FAILED: ("failed", "retrieveFailed"),
        State.UNPINNED: ("unpinNormally", "unpinNormally"),
        State.OUT_OF_MONEY: ("unpinOutOfMoney", "unpinOutOfMoney"),
        State.COLLECTED: ("gcDone", "gcDone"),
    },
}


def status_word(state: State, vocabulary: Vocabulary, *, by_cid: bool, started: bool) -> str:
    """Return the `status` of a pin whose state has a known word.

    `started` picks the second of the two words for a pin in progress. `UNKNOWN` has no word here, it is
    part of the account's behaviour.
    """
    if state is State.IN_PROGRESS:
        words = (_BY_CID_IN_PROGRESS if by_cid else _UPLOAD_IN_PROGRESS)[vocabulary]
        return words[started]
    return _FINAL[vocabulary][state][by_cid]


def sub_hash_word(state: State, vocabulary: Vocabulary) -> str:
    """Return the `sub_hash_status` of an upload: its blocks are done, failed or on their way."""
    if state is State.IN_PROGRESS:
        return _UPLOAD_IN_PROGRESS[vocabulary][0]
    return _FINAL[vocabulary][State.FAILED if state is State.FAILED else State.DONE][0]
