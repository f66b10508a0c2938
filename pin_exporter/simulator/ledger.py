"""Keep what changes about an account's pins: order, states, times and running totals, in compact arrays."""

import random
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pin_exporter.simulator.behaviour import Population
from pin_exporter.simulator.catalogue import Catalogue
from pin_exporter.simulator.vocabulary import PINNED, REMOVED, SIZED, State

Where = Literal["oldest", "newest", "random"]

_FEW = 64
"""Up to so many deletions, moving the tail of the array for each is cheaper than building it anew."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Rows and bytes of a list."""

    files: int
    size_bytes: int


class Ledger:
    """The mutable half of an account.

    `order` holds the serial numbers of the listed pins by creation time; `version` changes with every change.
    """

    def __init__(self, catalogue: Catalogue, population: Population, rng: random.Random) -> None:
        pins = len(catalogue)
        self._catalogue = catalogue
        self.states = _initial_states(pins, population, rng)
        self.order = array("I", range(pins))
        self.pinned_ns = array("q", bytes(8 * pins))
        self.unpinned_ns = array("q", bytes(8 * pins))
        self.version = 0
        self._files = {True: 0, False: pins}
        self._size = {True: 0, False: 0}
        self._count_initial()

    def append(self, serial: int) -> None:
        """List a new pin, in progress."""
        self.states.append(State.IN_PROGRESS)
        self.order.append(serial)
        self.pinned_ns.append(0)
        self.unpinned_ns.append(0)
        self._count(serial, State.IN_PROGRESS, 1)
        self.version += 1

    def change(self, serial: int, state: State) -> None:
        """Put a listed pin into another state."""
        self._count(serial, State(self.states[serial]), -1)
        self.states[serial] = state
        self._count(serial, state, 1)
        self.version += 1

    def drop(self, serials: Iterable[int]) -> None:
        """Take pins off the list for good."""
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
            found = self.states.find(state)
            while found >= 0:
                yield found
                found = self.states.find(state, found + 1)

    def totals(self, pinned: bool | None = None) -> Totals:
        """Return the running totals of all rows, or of those whose `pinned` is as given."""
        if pinned is None:
            return Totals(sum(self._files.values()), sum(self._size.values()))
        return Totals(self._files[pinned], self._size[pinned])

    def stored_bytes(self) -> int:
        """Return the bytes held for this account's pins."""
        arrays = (self.order, self.pinned_ns, self.unpinned_ns)
        return (
            len(self.states)
            + sum(len(values) * values.itemsize for values in arrays)
            + 8 * len(self._catalogue)
        )

    def _count(self, serial: int, state: State, by: int) -> None:
        pinned = state in PINNED
        self._files[pinned] += by
        if state in SIZED:
            self._size[pinned] += by * self._catalogue.size_bytes(serial)

    def _count_initial(self) -> None:
        # Most pins are done: add them all up in one tight loop, then correct the others one by one.
        pins = len(self.states)
        self._files = {True: pins, False: 0}
        self._size[True] = sum(map(self._catalogue.size_bytes, range(pins)))
        for state in State:
            found = -1 if state is State.DONE else self.states.find(state)
            while found >= 0:
                self._count(found, State.DONE, -1)
                self._count(found, state, 1)
                found = self.states.find(state, found + 1)


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
