"""The data the exporter works on: pins, totals, pages, and what a status word means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

MAX_INTEGER: Final = 2**63 - 1
"""The largest count or size taken as true: the API is written in Go, whose integers end here."""


class Phase(StrEnum):
    """What a status word comes down to, whichever generation of the API it is from."""

    PINNED = "pinned"
    IN_PROGRESS = "in_progress"
    FAILED = "failed"
    REMOVED = "removed"
    UNKNOWN = "unknown"


VOCABULARIES: Final[tuple[Mapping[str, Phase], ...]] = (
    {  # the documentation of 2023
        "DONE": Phase.PINNED,
        "PENDING": Phase.IN_PROGRESS,
        "PROCESSING": Phase.IN_PROGRESS,
        "RETRIEVAL": Phase.IN_PROGRESS,
        "PROCESSING_RETRIEVAL": Phase.IN_PROGRESS,
        "FAILED": Phase.FAILED,
        "FAILED_RETRIEVE": Phase.FAILED,
    },
    {  # the service's own dashboard of 2024
        "pinned": Phase.PINNED,
        "doneRetrieval": Phase.PINNED,
        "queued": Phase.IN_PROGRESS,
        "pinning": Phase.IN_PROGRESS,
        "retrieval": Phase.IN_PROGRESS,
        "processingRetrieval": Phase.IN_PROGRESS,
        "failed": Phase.FAILED,
        "retrieveFailed": Phase.FAILED,
        "unpinNormally": Phase.REMOVED,
        "unpinOutOfMoney": Phase.REMOVED,
        "gcDone": Phase.REMOVED,
    },
)
"""The two generations of status words. Which one production sends is not documented, so both are known."""

_OUT_OF_MONEY: Final = "unpinOutOfMoney"
"""The status of a pin that the service dropped because the balance ran out."""

_PHASES: Final = {word.lower(): phase for words in VOCABULARIES for word, phase in words.items()}


def phase_of(status: str, *, pinned: bool | None) -> Phase:
    """Classify a status word, compared case-insensitively.

    A finished status on a row that says `pinned: false` is a pin that was taken away again. An absent
    `pinned` leaves the word its meaning.
    """
    phase = _PHASES.get(status.lower(), Phase.UNKNOWN)
    return Phase.REMOVED if phase is Phase.PINNED and pinned is False else phase


def is_out_of_money(status: str) -> bool:
    """Return whether a status word says that the service dropped a pin because the balance ran out."""
    return status.lower() == _OUT_OF_MONEY.lower()


class Verdict(StrEnum):
    """What a finished walk proved about its own completeness."""

    CONSISTENT = "consistent"
    REPAIRED = "repaired"
    INCONSISTENT = "inconsistent"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the owner of a pin, or the API, noted about it; the rest of it is not of interest here."""

    name: Any = None


@dataclass(frozen=True, slots=True)
class Pin:
    """One row of the list, with the API's own field names (API documentation, "pins list").

    `size` is in bytes and absent while a pin is unfinished. `date_pinned` always has a time zone. `metadata`
    has no part in the comparison of pins.
    """

    id: str
    cid: str | None = None
    size: int | None = None
    date_pinned: datetime | None = None
    pinned: bool | None = None
    is_pin_by_hash: bool | None = None
    is_dir: bool | None = None
    status: str | None = None
    sub_hash_status: str | None = None
    metadata: Metadata | None = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str | None:
        """Return the name that the owner gave, None if there is none."""
        name = self.metadata and self.metadata.name
        return name if isinstance(name, str) else None

    def __post_init__(self) -> None:
        """Refuse what no real pin can have; raises ValueError."""
        if not self.id:
            raise ValueError("id is empty")
        if self.size is not None and not 0 <= self.size <= MAX_INTEGER:
            raise ValueError("size is out of range")
        if self.date_pinned is not None and self.date_pinned.tzinfo is None:
            raise ValueError("date_pinned has no time zone")


@dataclass(frozen=True, slots=True)
class Totals:
    """What the API says the account holds: `files` as a count, `size` in bytes."""

    files: int
    size: int

    def __post_init__(self) -> None:
        """Refuse what no real account can have; raises ValueError."""
        if not 0 <= self.files <= MAX_INTEGER or not 0 <= self.size <= MAX_INTEGER:
            raise ValueError("totals are out of range")


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the list endpoint: its totals, and its rows in the API's order.

    A row that could not be read is None: it still takes up its place in the list.
    """

    totals: Totals
    rows: Sequence[Pin | None]
