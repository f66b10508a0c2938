"""The pins that need attention: at most 50 of each kind, however long the list is."""

import heapq
import math
from dataclasses import dataclass
from enum import Enum
from itertools import count
from typing import Final

from pin_exporter.api.model import Phase, Pin, is_balance_exhausted
from pin_exporter.toolkit.display_text import shortened

MAX_PINS: Final = 50
MAX_TEXT_LENGTH: Final = 200
"""Characters kept of an id, name or CID, which the owner can choose freely."""


class ProblemKind(Enum):
    """Why a pin needs attention, in the order of `ProblemPins`."""

    FAILED = "failed"
    BALANCE_EXHAUSTED = "balance_exhausted"
    IN_PROGRESS = "in_progress"


@dataclass(frozen=True, slots=True)
class ProblemPin:
    """A pin as it is shown. `date_pinned` in Unix seconds.

    A date before 1970, such as the zero time of Go, counts as no date.
    """

    id: str
    name: str | None
    cid: str | None
    status: str | None
    date_pinned: float | None
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class ProblemPins:
    """At most 50 of each kind: the newest failed and removed pins, the oldest in progress."""

    failed: tuple[ProblemPin, ...] = ()
    balance_exhausted: tuple[ProblemPin, ...] = ()
    in_progress: tuple[ProblemPin, ...] = ()


NO_PROBLEM_PINS: Final = ProblemPins()


class Shortlist:
    """The 50 newest pins of those added, or the 50 oldest; a pin without a date comes after all others."""

    def __init__(self, *, oldest: bool) -> None:
        self._oldest = oldest
        self._heap: list[tuple[float, int, ProblemPin]] = []
        self._order = count(0, -1)

    def add(self, pin: Pin) -> None:
        """Keep a pin if it is one of the 50."""
        date = _dated(pin)
        rank = -math.inf if date is None else -date if self._oldest else date
        if len(self._heap) < MAX_PINS:
            heapq.heappush(self._heap, (rank, next(self._order), _problem_pin(pin)))
        elif rank > self._heap[0][0]:
            heapq.heapreplace(self._heap, (rank, next(self._order), _problem_pin(pin)))

    def pins(self) -> tuple[ProblemPin, ...]:
        """Return the pins: the newest, or the oldest, first."""
        return tuple(pin for _, _, pin in sorted(self._heap, reverse=True))


class Shortlists:
    """One list for each kind of pin that needs attention."""

    def __init__(self) -> None:
        self._lists = {kind: Shortlist(oldest=kind is ProblemKind.IN_PROGRESS) for kind in ProblemKind}

    def add(self, kind: ProblemKind, pin: Pin) -> None:
        """Keep a pin if it belongs to those shown of its kind."""
        self._lists[kind].add(pin)

    def problem_pins(self) -> ProblemPins:
        """Return the pins of all lists."""
        return ProblemPins(*(self._lists[kind].pins() for kind in ProblemKind))


def problem_kind(status: str, phase: Phase) -> ProblemKind | None:
    """Return why a pin of a status and phase needs attention; None if it does not."""
    if is_balance_exhausted(status):
        return ProblemKind.BALANCE_EXHAUSTED
    return {Phase.FAILED: ProblemKind.FAILED, Phase.IN_PROGRESS: ProblemKind.IN_PROGRESS}.get(phase)


def _dated(pin: Pin) -> float | None:
    date = pin.date_pinned.timestamp() if pin.date_pinned else 0.0
    return date if date > 0 else None


def _problem_pin(pin: Pin) -> ProblemPin:
    return ProblemPin(
        id=shortened(pin.id, MAX_TEXT_LENGTH),
        name=pin.name and shortened(pin.name, MAX_TEXT_LENGTH),
        cid=pin.cid and shortened(pin.cid, MAX_TEXT_LENGTH),
        status=pin.status,  # a known word, or the pin would be in no list
        date_pinned=_dated(pin),
        size_bytes=pin.size,
    )
