"""The CIDs that an account must hold, and the state of each: pinned, in progress, failed, removed."""

from __future__ import annotations  # array is generic for the type checker only

import json
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Final, NamedTuple

from pin_exporter.api.model import Phase, Pin
from pin_exporter.inventory.cid import InvalidCidError, cid_value
from pin_exporter.inventory.hash_set import HashSet

MAX_NAMED_LINES: Final = 10
_MASK: Final = (1 << 64) - 1
_SORTED_PARTS: Final = 4_096
_OPENING: Final = re.compile(r"\s*(\[)\s*")
_SEPARATOR: Final = re.compile(r"\s*([,\]])\s*")
_CLOSING: Final = re.compile(r"\]\s*")


class ExpectedState(StrEnum):
    """What has become of an expected CID. Of several pins of the same CID, the best one counts."""

    PINNED = "pinned"
    IN_PROGRESS = "in_progress"
    UNKNOWN = "unknown"
    FAILED = "failed"
    REMOVED = "removed"
    MISSING = "missing"


NOT_HELD: Final = (ExpectedState.FAILED, ExpectedState.REMOVED, ExpectedState.MISSING)
"""The states of the CIDs that must be pinned again."""
_WORST_FIRST: Final = tuple(reversed(ExpectedState))
_RANKS: Final[Mapping[Phase, int]] = {phase: _WORST_FIRST.index(ExpectedState(phase)) for phase in Phase}


class BadLine(NamedTuple):
    """A line, or an element of the array, that is no CID: its number, counted from 1, and what is wrong."""

    number: int
    problem: str


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedCids:
    """A list of CIDs, as sorted 64-bit hashes: 8 bytes each, whatever their spelling.

    `bad_lines` names the first lines without a CID, `bad_line_count` is the number of all.
    """

    hashes: array[int]
    bad_lines: tuple[BadLine, ...] = ()
    bad_line_count: int = 0

    def __len__(self) -> int:
        return len(self.hashes)

    def index(self, hashed: int) -> int | None:
        """Return the index of a CID by its hash, None if it is not expected."""
        index = bisect_left(self.hashes, hashed)
        return index if index < len(self.hashes) and self.hashes[index] == hashed else None


class Comparison:
    """Compares pins with the expected CIDs, one by one. Takes a byte per expected CID."""

    def __init__(self, expected: ExpectedCids) -> None:
        self._expected = expected
        self._ranks = bytearray(len(expected))
        self._unexpected = HashSet()

    def add_pins(self, pins: Iterable[Pin | None]) -> None:
        """Note pins; those without a CID cannot be expected."""
        for pin in pins:
            if pin is not None and pin.cid:
                self.add(pin_hash(pin.cid), pin.phase)

    def add(self, hashed: int, phase: Phase) -> None:
        """Note a pin, by the hash of its CID."""
        index = self._expected.index(hashed)
        if index is not None:
            self._ranks[index] = max(self._ranks[index], _RANKS[phase])
        elif phase is Phase.PINNED:
            self._unexpected.add_hash(hashed)

    def result(self) -> ExpectedResult:
        """Return what has become of the expected CIDs, once all pins were added."""
        by_state = {state: self._ranks.count(rank) for rank, state in enumerate(_WORST_FIRST)}
        return ExpectedResult(by_state, len(self._unexpected), self._expected, bytes(self._ranks))


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedResult:
    """The expected CIDs in one inventory. `unexpected` counts pinned CIDs that are not expected."""

    by_state: Mapping[ExpectedState, int]
    unexpected: int
    expected: ExpectedCids
    ranks: bytes

    @property
    def not_held(self) -> int:
        """Return how many CIDs must be pinned again."""
        return sum(self.by_state[state] for state in NOT_HELD)

    def state_of(self, hashed: int) -> ExpectedState | None:
        """Return the state of a CID by its hash, None if it was not expected."""
        index = self.expected.index(hashed)
        return None if index is None else _WORST_FIRST[self.ranks[index]]

    def to_pin(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the CIDs of a file's lines that must be pinned again, each once, as they are spelled."""
        wanted, seen = frozenset(NOT_HELD), HashSet()
        for _, word in _words(lines):
            try:
                hashed = cid_hash(word)
            except InvalidCidError:
                continue
            if self.state_of(hashed) in wanted and seen.add_hash(hashed):
                yield word


def cid_hash(text: str) -> int:
    """Return 64 bits that stand for a CID, the lowest of them 0, the same for each spelling of it.

    Raises InvalidCidError.
    """
    return hash(cid_value(text)) & _MASK & ~1 or 2


def pin_hash(text: str) -> int:
    """Return the same for a pin's CID, and for what is not a CID 64 bits that stand for its text."""
    try:
        return cid_hash(text)
    except InvalidCidError:
        return hash(text) & _MASK & ~1 or 2


def read_expected(lines: Iterable[str]) -> ExpectedCids:
    """Read a list of CIDs: the first word of each line, or a JSON array of strings. `#` begins a comment.

    A text that is not a CID makes a bad line. Raises ValueError if an array is not valid.
    """
    # Sorted in parts: a single sort of a million would hold up the event loop.
    parts = [array("Q") for _ in range(_SORTED_PARTS)]
    bad_lines, bad_line_count = list[BadLine](), 0
    for number, word in _words(lines):
        try:
            hashed = cid_hash(word)
        except InvalidCidError as error:
            bad_line_count += 1
            if len(bad_lines) < MAX_NAMED_LINES:
                bad_lines.append(BadLine(number, str(error)))
        else:
            parts[hashed >> 52].append(hashed)
    hashes = array("Q")
    for part in parts:
        hashes.extend(sorted(set(part)))
    return ExpectedCids(hashes, tuple(bad_lines), bad_line_count)


def _words(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield the first word of each line that is no comment, or each string of an array, with its number."""
    rest, is_first = iter(lines), True
    for number, line in enumerate(rest, start=1):
        text = line.removeprefix("\ufeff") if number == 1 else line
        words = text.split(maxsplit=1)
        if not words or words[0].startswith("#"):
            continue
        if is_first and words[0].startswith("["):
            yield from enumerate(_array("".join(chain((text,), rest))), start=1)
            return
        is_first = False
        yield number, words[0]


def _array(text: str) -> Iterator[str]:
    """Yield the strings of a JSON array, one by one: decoding all at once would hold up the event loop."""
    decode = json.JSONDecoder().raw_decode
    position, separator = _after(_OPENING, text, 0)
    if (empty := _CLOSING.match(text, position)) and empty.end() == len(text):
        return
    while separator != "]":
        try:
            word, position = decode(text, position)
        except (ValueError, RecursionError):
            raise _not_an_array(position) from None
        if not isinstance(word, str):
            raise _not_an_array(position)
        yield word
        position, separator = _after(_SEPARATOR, text, position)
    if position != len(text):
        raise _not_an_array(position)


def _after(pattern: re.Pattern[str], text: str, position: int) -> tuple[int, str]:
    match = pattern.match(text, position)
    if match is None:
        raise _not_an_array(position)
    return match.end(), match[1]


def _not_an_array(position: int) -> ValueError:
    return ValueError(f"not a JSON array of strings, at character {position + 1}")
