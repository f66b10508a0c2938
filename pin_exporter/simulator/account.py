"""One simulated account: its pins, how they change, and the pages of its list."""

import base64
import hashlib
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, Literal, get_args

from pin_exporter.simulator.billing import bill
from pin_exporter.simulator.gateway import Block, Blocks
from pin_exporter.simulator.listing import Listing
from pin_exporter.simulator.options import Behaviour, Churn, Faults, Population, changed
from pin_exporter.simulator.pins import NANOSECONDS, Pins
from pin_exporter.simulator.query import Query
from pin_exporter.simulator.state import PinStates, State, Totals, Where
from pin_exporter.simulator.truth import Truth, count

Event = Literal["insert", "complete", "fail", "unpin", "bulk_unpin", "exhaust_balance"]
"""How an account changes; each has a field `<name>_rate` in `Churn`."""

EVENTS: Final[tuple[Event, ...]] = get_args(Event)
_CHANGES: dict[Event, tuple[State, State, Where]] = {
    "complete": (State.IN_PROGRESS, State.DONE, "newest"),
    "fail": (State.IN_PROGRESS, State.FAILED, "newest"),
    "unpin": (State.DONE, State.UNPINNED, "random"),
    "bulk_unpin": (State.DONE, State.UNPINNED, "oldest"),
    "exhaust_balance": (State.DONE, State.BALANCE_EXHAUSTED, "oldest"),
}
_UNCHANGED: Final[Mapping[str, Any]] = {}


class SimulatedAccount:
    """An account with `pins` pins, determined by its name, seed, population and clock.

    The default keys are derived from name and seed. `clock` returns Unix seconds. With the default `churn` an
    account changes only by its methods.
    """

    def __init__(  # noqa: PLR0913  # every one is a keyword with a default
        self,
        name: str,
        api_key: str = "",
        secret_key: str = "",
        pins: int = 1000,
        seed: int = 1,
        behaviour: Behaviour | None = None,
        *,
        population: Population | None = None,
        churn: Churn | None = None,
        faults: Faults | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.seed = seed
        self.api_key = api_key or _fake_key(name, seed, "key", 24)
        self.secret_key = secret_key or _fake_key(name, seed, "secret", 44)
        self.revoked = False
        self.behaviour = behaviour or Behaviour()
        self.churn = churn or Churn()
        self.faults = faults or Faults()
        self._clock = clock
        self._now = clock()
        identity, population = f"{seed}/{name}", population or Population()
        self._pins = Pins(identity, pins, population, self._now_ns)
        self._states = PinStates(self._pins, population, random.Random(f"{identity}/states"))
        self._listing = Listing(self._pins, self._states)
        self._blocks = Blocks(self._pins, self._states)
        self._rng = random.Random(f"{identity}/churn")
        self._schedule = _Schedule(self.churn, self._rng, self._now)
        self._pages = 0
        self._forget_removed()

    def __len__(self) -> int:
        return len(self._states.order)

    def advance(self, now: float | None = None) -> None:
        """Apply the churn due up to `now`, by default the clock's time; an earlier time has no effect."""
        now = self._clock() if now is None else now
        if now <= self._now:
            return
        for moment, event in self._schedule.due(now):
            self._now = moment
            if event == "insert":
                self.apply(event, int(not 0 < self.churn.max_pins <= len(self)))
            else:
                self.apply(event, self.churn.bulk_unpin_size if event == "bulk_unpin" else 1)
        self._now = now

    def apply(self, event: Event, n: int = 1) -> int:
        """Let an event happen to `n` pins, or to as many as there are; return their number."""
        if event == "insert":
            for _ in range(n):
                self._states.append(self._pins.append(self._now_ns))
            return n
        old, new, where = _CHANGES[event]
        serials = []
        times = self._states.pinned_ns if new is State.DONE else self._states.unpinned_ns
        for _ in range(n):
            serial = self._states.find(old, where, self._rng)
            if serial is None:
                break
            self._states.change(serial, new)
            times[serial] = self._now_ns
            serials.append(serial)
        if new in (State.UNPINNED, State.BALANCE_EXHAUSTED) and self.behaviour.unpinned_rows == "drop":
            self._states.drop(serials)
        return len(serials)

    def configure(
        self,
        *,
        behaviour: Mapping[str, Any] = _UNCHANGED,
        churn: Mapping[str, Any] = _UNCHANGED,
        faults: Mapping[str, Any] = _UNCHANGED,
    ) -> None:
        """Change options, from the clock's time on; ValueError, before any change, for a bad one."""
        options = changed(self.behaviour, behaviour), changed(self.churn, churn), changed(self.faults, faults)
        self.advance()
        self.behaviour, self.churn, self.faults = options
        self._schedule.set_rates(self.churn, self._now)
        self._forget_removed()

    def totals(self, pinned: bool | None = None) -> Totals:
        """Return the running totals, without `files_offset` and `size_offset`."""
        return self._states.totals(pinned)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield every listed row, oldest first, as the API would send it."""
        return (self._listing.row(serial, self.behaviour) for serial in self._states.order)

    def row(self, row_id: str) -> dict[str, Any] | None:
        """Return a listed row by its id, None if there is none."""
        serial = self._listing.find(row_id)
        return None if serial is None else self._listing.row(serial, self.behaviour)

    def block(self, cid: str) -> Block | None:
        """Return the root block of a CID that is pinned, else None."""
        return self._blocks.find(cid)

    def bill(self) -> dict[str, Any]:
        """Return the `data` of this month's bill."""
        return bill(self.totals().size_bytes, self.behaviour.bill)

    def truth(self) -> Truth:
        """Return the exact totals of the list, counted row by row."""
        return count(self.rows())

    def page(self, query: Query) -> dict[str, Any]:
        """Return the `data` of the response to `query`, from the current state."""
        behaviour = self.behaviour
        self._pages += 1
        totals = self._listing.totals(query) if behaviour.totals_follow_filter else self.totals()
        query = replace(
            query,
            offset=0 if behaviour.ignore_offset else query.offset,
            limit=min(query.limit, behaviour.max_limit or query.limit),
            pinned=None if behaviour.ignore_filter else query.pinned,
        )
        nulls = round(behaviour.null_share * 256)
        pins: list[dict[str, Any] | None] = []
        swap_ties = behaviour.ties_swap and self._pages % 2 == 0
        for serial in self._listing.page(query, behaviour, swap_ties=swap_ties):
            pins.append(self._listing.row(serial, behaviour))
            if nulls and self._pins.trait(serial, 3) < nulls:
                pins.append(None)
        return {
            "totals": {
                "files": totals.files + behaviour.files_offset,
                "size": totals.size_bytes + behaviour.size_offset,
            },
            "pins": pins or (None if behaviour.empty_as_null else []),
        }

    @property
    def _now_ns(self) -> int:
        return round(self._now * NANOSECONDS)

    def _forget_removed(self) -> None:
        if self.behaviour.unpinned_rows == "drop":
            self._states.drop(list(self._states.removed()))


class _Schedule:
    """Random times of each kind of event at its rate; the same for a seed however often `due` is called."""

    def __init__(self, churn: Churn, rng: random.Random, now: float) -> None:
        self._rng = rng
        self._per_second: dict[Event, float] = {}
        self._next: dict[Event, float] = {}
        self.set_rates(churn, now)

    def set_rates(self, churn: Churn, now: float) -> None:
        """Use these rates from `now`."""
        for event in EVENTS:
            rate = getattr(churn, f"{event}_rate") / 60
            if rate != self._per_second.get(event):
                self._per_second[event] = rate
                self._next[event] = now + self._gap(rate)

    def due(self, now: float) -> Iterator[tuple[float, Event]]:
        """Yield the events up to `now`, in order."""
        while True:
            event = min(self._next, key=self._next.__getitem__)
            moment = self._next[event]
            if moment > now:
                return
            self._next[event] = moment + self._gap(self._per_second[event])
            yield moment, event

    def _gap(self, per_second: float) -> float:
        return self._rng.expovariate(per_second) if per_second else math.inf


def _fake_key(name: str, seed: int, kind: str, length: int) -> str:
    """Return a recognizably fake key: `sim`, then letters and digits, 86 characters at most."""
    digest = hashlib.sha512(f"{seed}/{name}/{kind}".encode()).digest()
    return f"sim{base64.b64encode(digest, altchars=b'xy').decode()}"[:length]
