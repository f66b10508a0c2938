"""The part of an account that changes: each pin's state and times, the order of the list, running totals."""

import random
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from pin_exporter.simulator.options import Population
from pin_exporter.simulator.pins import Pins

Where = Literal["oldest", "newest", "random"]

_FEW = 64
"""Up to this many deletions, moving the tail of the array each time is cheaper than rebuilding it."""


class State(IntEnum):
    """A pin's state as one byte; a `GONE` pin is no longer listed."""

    IN_PROGRESS = 0
    DONE = 1
    FAILED = 2
    UNPINNED = 3
    BALANCE_EXHAUSTED = 4
    COLLECTED = 5
    UNKNOWN = 6
    GONE = 255


REMOVED = (State.BALANCE_EXHAUSTED, State.UNPINNED, State.COLLECTED)
PINNED = frozenset((State.DONE, State.UNKNOWN))
"""States in which the row has `pinned: true`."""

SIZED = PINNED.union(REMOVED)
"""States in which the row has a `size`; an unfinished pin has none."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Number of rows and the sum of their sizes."""

    files: int = 0
    size_bytes: int = 0


class PinStates:
    """States, times and list order of an account's pins, in compact arrays indexed by serial number.

    `order` holds the serial numbers of the listed pins by creation time; every change increments `version`.
    """

    def __init__(self, pins: Pins, population: Population, rng: random.Random) -> None:
        number = len(pins)
        self._pins = pins
        self.states = _initial_states(number, population, rng)
        self.order = array("I", range(number))
        self.pinned_ns = array("q", bytes(8 * number))
        self.unpinned_ns = array("q", bytes(8 * number))
        self.version = 0
        self._files = {True: number, False: 0}
        self._size = {True: sum(map(pins.size_bytes, range(number))), False: 0}
        # Most pins are done, so all are counted as done first and the others corrected one by one.
        for state in State:
            for serial in self._in_state(state) if state is not State.DONE else ():
                self._count(serial, State.DONE, -1)
                self._count(serial, state, 1)

    def append(self, serial: int) -> None:
        """List a new pin, in progress."""
        self.states.append(State.IN_PROGRESS)
        self.order.append(serial)
        self.pinned_ns.append(0)
        self.unpinned_ns.append(0)
        self._count(serial, State.IN_PROGRESS, 1)
        self.version += 1

    def change(self, serial: int, state: State) -> None:
        """Change the state of a listed pin."""
        self._count(serial, State(self.states[serial]), -1)
        self.states[serial] = state
        self._count(serial, state, 1)
        self.version += 1

    def drop(self, serials: Iterable[int]) -> None:
        """Remove pins from the list for good."""
        dropped = list(serials)
        for serial in dropped:
            self._count(serial, State(self.states[serial]), -1)
            self.states[serial] = State.GONE
        if len(dropped) > _FEW:
            self.order = array("I", (serial for serial in self.order if self.states[serial] != State.GONE))
        else:
            for serial in dropped:
                del self.order[bisect_left(self.order, serial)]
        self.version += 1

    def find(self, state: State, where: Where, rng: random.Random) -> int | None:
        """Return the serial number of a pin in `state`, or None."""
        if where == "newest":
            found = self.states.rfind(state)
        elif where == "oldest":
            found = self.states.find(state)
        else:
            start = rng.randrange(len(self.states) + 1)
            found = self.states.find(state, start)
            found = self.states.find(state, 0, start) if found < 0 else found
        return found if found >= 0 else None

    def removed(self) -> Iterator[int]:
        """Yield the serial numbers of the listed pins that have been removed."""
        for state in REMOVED:
            yield from self._in_state(state)

    def totals(self, pinned: bool | None = None) -> Totals:
        """Return the running totals of all rows, or of those with the given `pinned`."""
        if pinned is None:
            return Totals(sum(self._files.values()), sum(self._size.values()))
        return Totals(self._files[pinned], self._size[pinned])

    def _in_state(self, state: State) -> Iterator[int]:
        found = self.states.find(state)
        while found >= 0:
            yield found
            found = self.states.find(state, found + 1)

    def _count(self, serial: int, state: State, by: int) -> None:
        pinned = state in PINNED
        self._files[pinned] += by
        if state in SIZED:
            self._size[pinned] += by * self._pins.size_bytes(serial)


def _initial_states(pins: int, population: Population, rng: random.Random) -> bytearray:
    states = bytearray([State.DONE]) * pins
    in_progress = round(population.in_progress_share * pins)
    failed = round(population.failed_share * pins)
    removed = round(population.removed_share * pins)
    unknown = round(population.unknown_share * pins)
    chosen = iter(rng.sample(range(pins), min(pins, in_progress + failed + removed + unknown)))
    others = [State.IN_PROGRESS] * in_progress + [State.FAILED] * failed + [State.UNKNOWN] * unknown
    others += [REMOVED[number % len(REMOVED)] for number in range(removed)]
    for state, serial in zip(others, chosen, strict=False):
        states[serial] = state
    return states
