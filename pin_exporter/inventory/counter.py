"""Count pins: fold rows into an immutable inventory, in bounded memory whatever words they contain."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise, product
from typing import Final, NamedTuple

from pin_exporter.api.model import Phase, Pin, Totals, Verdict, phase_of
from pin_exporter.inventory.expected import ExpectedResult
from pin_exporter.inventory.hash_set import HashSet
from pin_exporter.inventory.label_limit import KNOWN_WORDS, NO_WORD, LabelLimiter, Status, status_labels
from pin_exporter.inventory.problem_pins import (
    NO_PROBLEM_PINS,
    ProblemKind,
    ProblemPins,
    Shortlists,
    problem_kind,
)

SIZE_BOUNDS: Final = tuple(4**exponent for exponent in range(5, 20))
"""Upper bounds of the size histogram in bytes: powers of 4 from 1 KiB to 256 GiB."""
AGE_BOUNDS: Final = (600, 3_600, 21_600, 86_400, 604_800, 2_592_000)
"""Upper bounds of the age histogram in seconds: 10 minutes, 1 and 6 hours, 1, 7 and 30 days."""

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_REMEMBERED_KEYS: Final = 1_024

_Key = tuple[str | None, bool | None, str | None, bool | None, bool | None]


class Kind(NamedTuple):
    """One combination of the `pinned`, `source` and `kind` labels."""

    pinned: bool
    by_cid: bool
    directory: bool


class PinTotals(NamedTuple):
    """A number of pins and the sum of their sizes in bytes."""

    pins: int
    size: int


class ShownLabels(NamedTuple):
    """The label values shown so far. Later inventories keep showing them, at 0 if necessary."""

    statuses: tuple[Status, ...] = ()
    sub_hash_statuses: tuple[str, ...] = ()


NOTHING_SHOWN: Final = ShownLabels()


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was counted in one complete walk over the list. Sizes in bytes, dates in Unix seconds.

    `size_counts` and `age_counts` hold one number per bound and one above the last.
    """

    pins: int
    size: int
    by_status: Mapping[Status, PinTotals]
    by_sub_hash_status: Mapping[str, int]
    by_kind: Mapping[Kind, int]
    unique_cids: int
    duplicate_size_bytes: int
    size_counts: tuple[int, ...]
    age_counts: tuple[int, ...]
    age_sum_seconds: float
    oldest_unfinished_at: float | None
    newest_at: float | None
    malformed: int
    problem_pins: ProblemPins = NO_PROBLEM_PINS

    @property
    def shown(self) -> ShownLabels:
        """Return the label values of this inventory, in order of appearance."""
        return ShownLabels(tuple(self.by_status), tuple(self.by_sub_hash_status))


@dataclass(frozen=True, slots=True)
class Counted:
    """A complete inventory: the counts, what is proven, the requests it took, what the API reported.

    `expected` is what it says about the expected CIDs, None without a list of them.
    """

    inventory: Inventory
    verdict: Verdict
    requests: int
    reported: Totals
    expected: ExpectedResult | None = None

    @property
    def unaccounted_files(self) -> int:
        """Return files reported by the API minus pins counted."""
        return self.reported.files - self.inventory.pins


@dataclass(slots=True)
class Group:
    """Rows with the same labels. `number` is its place among the groups of its table."""

    number: int
    status: Status
    sub_hash_status: str
    kind: Kind
    problem: ProblemKind | None
    pins: int = 0
    size: int = 0


class Attention:
    """The pins that need attention: some of each kind by name, and the dates of all in progress."""

    def __init__(self) -> None:
        self.unfinished = array("d")
        self._shortlists = Shortlists()

    def add(self, group: Group, pin: Pin) -> None:
        """Add a pin of a group with a problem."""
        if group.problem is None:
            return
        self._shortlists.add(group.problem, pin)
        if group.problem is ProblemKind.IN_PROGRESS and (date := dated(pin)):
            self.unfinished.append(date)

    def problem_pins(self) -> ProblemPins:
        """Return those that are shown by name."""
        return self._shortlists.problem_pins()


class GroupTable:
    """Groups pins by their labels, a bounded number however many words the API sends.

    `shown` holds the labels of the previous inventory. After 32 words of a kind, and above 64 characters, a
    word counts as `other`.
    """

    def __init__(self, shown: ShownLabels = NOTHING_SHOWN) -> None:
        self._shown = shown
        self._statuses = LabelLimiter((word for word, _ in shown.statuses), unlimited=KNOWN_WORDS)
        self._sub_hash_statuses = LabelLimiter(shown.sub_hash_statuses)
        self._by_labels: dict[tuple[Status, str, Kind], Group] = {}
        self._by_key: dict[_Key, Group] = {}
        self.groups: list[Group] = []

    def of(self, pin: Pin) -> Group:
        """Return the group of a pin."""
        key = (pin.status, pin.pinned, pin.sub_hash_status, pin.is_pin_by_hash, pin.is_dir)
        return self._by_key.get(key) or self._of_key(key)

    def inventory(
        self,
        now: float,
        *,
        attention: Attention,
        unique_cids: int,
        duplicate_size_bytes: int,
        size_bits: list[int],
        newest: float,
        malformed: int,
    ) -> Inventory:
        """Return an inventory of the groups, together with what the labels do not show.

        `size_bits` holds the number of pins by the bit length of their size minus 1. `newest` is 0 if there
        is no date.
        """
        ages = [max(0.0, now - date) for date in attention.unfinished]
        groups = [group for group in self.groups if group.pins]
        inventory = Inventory(
            pins=sum(group.pins for group in groups),
            size=sum(group.size for group in groups),
            by_status=self._by_status(groups),
            by_sub_hash_status=self._by_sub_hash_status(groups),
            by_kind=_by_kind(groups),
            unique_cids=unique_cids,
            duplicate_size_bytes=duplicate_size_bytes,
            size_counts=_size_counts(size_bits),
            age_counts=_age_counts(ages),
            age_sum_seconds=sum(ages),
            oldest_unfinished_at=min(attention.unfinished, default=None),
            newest_at=newest or None,
            malformed=malformed,
            problem_pins=attention.problem_pins(),
        )
        self._shown = inventory.shown
        return inventory

    def _of_key(self, key: _Key) -> Group:
        status, pinned, sub_hash_status, by_cid, directory = key
        word = self._statuses.label(status)
        phase = phase_of(status or NO_WORD, pinned=pinned)
        kind = Kind(phase is Phase.PINNED if pinned is None else pinned, bool(by_cid), bool(directory))
        labels = ((word, phase), self._sub_hash_statuses.label(sub_hash_status), kind)
        group = self._by_labels.get(labels)
        if group is None:
            group = Group(len(self.groups), *labels, problem_kind(status or NO_WORD, phase))
            self._by_labels[labels] = group
            self.groups.append(group)
        short = len(status or "") + len(sub_hash_status or "") < 256
        if short and len(self._by_key) < _REMEMBERED_KEYS:
            self._by_key[key] = group
        return group

    def _by_status(self, groups: Iterable[Group]) -> dict[Status, PinTotals]:
        folded = status_labels([*self._shown.statuses, *(group.status for group in groups)])
        totals = dict.fromkeys(folded.values(), PinTotals(0, 0))
        for group in groups:
            label = folded[group.status]
            before = totals[label]
            totals[label] = PinTotals(before.pins + group.pins, before.size + group.size)
        return totals

    def _by_sub_hash_status(self, groups: Iterable[Group]) -> dict[str, int]:
        counts = dict.fromkeys(self._shown.sub_hash_statuses, 0)
        for group in groups:
            counts[group.sub_hash_status] = counts.get(group.sub_hash_status, 0) + group.pins
        return counts


class PinCounter:
    """Counts pins as they are read; `inventory` returns the result.

    `shown` holds the labels of the previous inventory. Memory grows by 17 to 34 bytes per CID and by 8 per
    unfinished pin, but not with the number of words.
    """

    def __init__(self, shown: ShownLabels = NOTHING_SHOWN) -> None:
        self._table = GroupTable(shown)
        self._attention = Attention()
        self._cids = HashSet()
        self._duplicate_size_bytes = 0
        self._size_bits = [0] * 64
        self._newest = _EPOCH
        self._malformed = 0

    def add(self, pins: Iterable[Pin | None]) -> None:
        """Count pins that were not counted before; None is an unreadable row."""
        group_of, cids, size_bits, newest = self._table.of, self._cids, self._size_bits, self._newest
        for pin in pins:
            if pin is None:
                self._malformed += 1
                continue
            group = group_of(pin)
            size = pin.size or 0
            group.pins += 1
            group.size += size
            size_bits[(size - 1).bit_length()] += 1
            if pin.cid and not cids.add(pin.cid):
                self._duplicate_size_bytes += size
            if group.problem:
                self._attention.add(group, pin)
            date = pin.date_pinned
            if date is not None and date > newest:
                newest = date
        self._newest = newest

    def inventory(self, now: float) -> Inventory:
        """Return what was counted; ages are relative to `now`, in Unix seconds."""
        return self._table.inventory(
            now,
            attention=self._attention,
            unique_cids=len(self._cids),
            duplicate_size_bytes=self._duplicate_size_bytes,
            size_bits=self._size_bits,
            newest=self._newest.timestamp(),
            malformed=self._malformed,
        )


def dated(pin: Pin) -> float:
    """Return the date of a pin in Unix seconds; 0 for none, and before 1970, as Go's zero time is."""
    date = pin.date_pinned
    return date.timestamp() if date is not None and date > _EPOCH else 0.0


def _by_kind(groups: Iterable[Group]) -> dict[Kind, int]:
    counts = dict.fromkeys(map(Kind._make, product((False, True), repeat=3)), 0)
    for group in groups:
        counts[group.kind] += group.pins
    return counts


def _size_counts(size_bits: list[int]) -> tuple[int, ...]:
    """Sum counts by bit length into counts by bound: 4**n has 2n + 1 bits and belongs to its own bucket."""
    edges = [0, *(bound.bit_length() for bound in SIZE_BOUNDS), len(size_bits)]
    return tuple(sum(size_bits[low:high]) for low, high in pairwise(edges))


def _age_counts(ages: Iterable[float]) -> tuple[int, ...]:
    counts = [0] * (len(AGE_BOUNDS) + 1)
    for age in ages:
        counts[bisect_left(AGE_BOUNDS, age)] += 1
    return tuple(counts)
