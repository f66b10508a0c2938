"""The data the exporter works on: pins, totals, pages, and the meaning of each status word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

MAX_INTEGER: Final = 2**63 - 1
"""The largest count or size accepted: the API is written in Go, where int64 ends here."""

PinnedFilter = Literal["all", "false"]
"""Which rows to list: all, or those that are not pinned."""


class Collector(StrEnum):
    """What is polled of each account, and so what a request to the API is for."""

    TOTALS = "totals"
    INVENTORY = "inventory"

    @property
    def operation(self) -> str:
        """Return the value of the `operation` label: an inventory is read through the list endpoint."""
        return "list" if self is Collector.INVENTORY else "totals"


class Phase(StrEnum):
    """What a status word means, in either generation of the API."""

    PINNED = "pinned"
    IN_PROGRESS = "in_progress"
    FAILED = "failed"
    REMOVED = "removed"
    UNKNOWN = "unknown"


VOCABULARIES: Final[tuple[Mapping[str, Phase], ...]] = (
    {  # the API documentation of 2023
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

_BALANCE_EXHAUSTED: Final = "unpinOutOfMoney"
"""The status of a pin that the service removed because the account's balance was exhausted."""

_PHASES: Final = {word.lower(): phase for words in VOCABULARIES for word, phase in words.items()}


def phase_of(status: str, *, pinned: bool | None) -> Phase:
    """Return the phase of a status word, compared case-insensitively.

    A finished status on a row with `pinned: false` is a pin that was removed again. Without `pinned`, the
    word alone decides.
    """
    phase = _PHASES.get(status.lower(), Phase.UNKNOWN)
    return Phase.REMOVED if phase is Phase.PINNED and pinned is False else phase


def is_balance_exhausted(status: str) -> bool:
    """Return whether a status word says that the service removed a pin because the balance was exhausted."""
    return status.lower() == _BALANCE_EXHAUSTED.lower()


class Verdict(StrEnum):
    """What is proven about the completeness of an inventory."""

    CONSISTENT = "consistent"
    REPAIRED = "repaired"
    INCONSISTENT = "inconsistent"


@dataclass(frozen=True, slots=True)
class Metadata:
    """The one field of a pin's metadata that is used."""

    name: Any = None


@dataclass(frozen=True, slots=True)
class Pin:
    """One row of the list, with the API's own field names (API documentation, "pins list").

    `size` is in bytes and absent while a pin is unfinished. `date_pinned` always has a time zone. `metadata`
    is not compared.
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

    @property
    def phase(self) -> Phase:
        """Return what its status means; a pin without one is in an unknown phase."""
        return phase_of(self.status or "", pinned=self.pinned)

    def __post_init__(self) -> None:
        """Reject what no real pin can have; raises ValueError."""
        if not self.id:
            raise ValueError("id is empty")
        if self.size is not None and not 0 <= self.size <= MAX_INTEGER:
            raise ValueError("size is out of range")
        if self.date_pinned is not None and self.date_pinned.tzinfo is None:
            raise ValueError("date_pinned has no time zone")


@dataclass(frozen=True, slots=True)
class Totals:
    """What the API reports for the whole account: `files` as a count, `size` in bytes."""

    files: int
    size: int

    def __post_init__(self) -> None:
        """Reject what no real account can have; raises ValueError."""
        if not 0 <= self.files <= MAX_INTEGER or not 0 <= self.size <= MAX_INTEGER:
            raise ValueError("totals are out of range")


@dataclass(frozen=True, slots=True)
class Page:
    """One response of the list endpoint: its totals, and its rows in the API's order.

    A row that cannot be read is None: it still occupies a position in the list.
    """

    totals: Totals
    rows: Sequence[Pin | None]
