"""Be one account: its pins, how they change, and the pages of its list."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from pin_exporter.simulator.behaviour import Behaviour, Churn, Faults, Population
from pin_exporter.simulator.catalogue import NANOSECONDS, Catalogue
from pin_exporter.simulator.churn import Event, Schedule
from pin_exporter.simulator.keys import fake_key
from pin_exporter.simulator.ledger import Ledger, Totals, Where
from pin_exporter.simulator.listing import Listing
from pin_exporter.simulator.option import changed
from pin_exporter.simulator.query import Query
from pin_exporter.simulator.row import build_row
from pin_exporter.simulator.truth import Truth, count
from pin_exporter.simulator.vocabulary import State


class SimulatedAccount:
    """An account of `pins` pins that looks the same for the same name, seed, population and clock.

    Keys default to ones derived from name and seed. `clock` returns Unix seconds. With the default `churn` an
    account changes only by its methods: `where` says which rows to take, and they return how many they took.
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
        self.api_key = api_key or fake_key(name, seed, "key", 24)
        self.secret_key = secret_key or fake_key(name, seed, "secret", 44)
        self.revoked = False
        self.behaviour = behaviour or Behaviour()
        self.churn = churn or Churn()
        self.faults = faults or Faults()
        self._clock = clock
        self._now = clock()
        identity, population = f"{seed}/{name}", population or Population()
        self._catalogue = Catalogue(identity, pins, population, self._now_ns)
        self._ledger = Ledger(self._catalogue, population, random.Random(f"{identity}/states"))
        self._listing = Listing(self._catalogue, self._ledger)
        self._churn_rng = random.Random(f"{identity}/churn")
        self._rng = random.Random(f"{identity}/changes")
        self._schedule = Schedule(self.churn, self._churn_rng, self._now)
        self._paused = False
        self._pages = 0
        self._forget_removed()

    def __len__(self) -> int:
        return len(self._ledger.order)

    def advance(self, now: float | None = None) -> None:
        """Let happen what is due up to `now`, by default the clock's time; never goes back."""
        now = self._clock() if now is None else now
        if now <= self._now:
            return
        if self._paused:
            self._schedule.postpone(now - self._now)
        else:
            for moment, event in self._schedule.due(now):
                self._now = moment
                self._happen(event)
        self._now = now

    def pause(self) -> None:
        """Stop churn at the clock's time."""
        self.advance()
        self._paused = True

    def resume(self) -> None:
        """Go on with churn from the clock's time."""
        self.advance()
        self._paused = False

    @property
    def paused(self) -> bool:
        """Return whether churn is paused."""
        return self._paused

    def insert(self, n: int = 1) -> int:
        """Add new pins, in progress, at the end of the list by creation time."""
        for _ in range(n):
            self._ledger.append(self._catalogue.append(self._now_ns))
        return n

    def complete(self, n: int = 1, where: Where = "newest") -> int:
        """Finish pins in progress."""
        return self._change(n, where, State.IN_PROGRESS, State.DONE, self._rng)

    def fail(self, n: int = 1, where: Where = "newest") -> int:
        """Let pins in progress fail."""
        return self._change(n, where, State.IN_PROGRESS, State.FAILED, self._rng)

    def unpin(self, n: int = 1, where: Where = "random") -> int:
        """Unpin finished pins; they leave the list if the behaviour says so."""
        return self._change(n, where, State.DONE, State.UNPINNED, self._rng)

    def run_out_of_money(self, n: int = 1, where: Where = "oldest") -> int:
        """Drop finished pins because the balance ran out."""
        return self._change(n, where, State.DONE, State.OUT_OF_MONEY, self._rng)

    def set_behaviour(self, **changes: Any) -> None:
        """Change fields of `behaviour`; ValueError for an unknown name or a bad value."""
        self.behaviour = changed(self.behaviour, changes)
        self._forget_removed()

    def set_churn(self, **changes: Any) -> None:
        """Change fields of `churn` from the clock's time on; ValueError as above."""
        churn = changed(self.churn, changes)
        self.advance()
        self.churn = churn
        self._schedule.set_rates(churn, self._now)

    def set_faults(self, **changes: Any) -> None:
        """Change fields of `faults`; ValueError as above."""
        self.faults = changed(self.faults, changes)

    def rotate_keys(self, api_key: str, secret_key: str) -> None:
        """Replace the keys; the old ones stop to work."""
        self.api_key, self.secret_key, self.revoked = api_key, secret_key, False

    def totals(self, pinned: bool | None = None) -> Totals:
        """Return the running totals, without the behaviour's falsifications."""
        return self._ledger.totals(pinned)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield every listed row, oldest first, as the API would send it."""
        return (build_row(row, self._catalogue, self._ledger, self.behaviour) for row in self._ledger.order)

    def truth(self, *, with_ids: bool = False) -> Truth:
        """Return what an exact count of the list must give, counted row by row."""
        return count(self.rows(), with_ids=with_ids)

    def page(self, query: Query) -> dict[str, Any]:
        """Return the `data` of the answer to `query`, from the account as it is now."""
        behaviour = self.behaviour
        self._pages += 1
        limit = query.limit or behaviour.default_limit
        offset = 0 if behaviour.ignore_offset else query.offset
        query = replace(query, offset=offset, limit=min(limit, behaviour.max_limit or limit))
        nulls = round(behaviour.null_share * 256)
        pins: list[dict[str, Any] | None] = []
        for serial in self._listing.page(query, swap_ties=behaviour.ties_swap and self._pages % 2 == 0):
            pins.append(build_row(serial, self._catalogue, self._ledger, behaviour))
            if nulls and self._catalogue.trait(serial, 3) < nulls:
                pins.append(None)
        totals = self._ledger.totals(query.pinned if behaviour.totals_follow_filter else None)
        return {
            "totals": {
                "files": totals.files + behaviour.files_offset,
                "size": totals.size_bytes + behaviour.size_offset,
            },
            "pins": pins or (None if behaviour.empty_as_null else []),
        }

    def stored_bytes(self) -> int:
        """Return the bytes held for the pins: some 29 for each pin that the account ever had."""
        return self._ledger.stored_bytes()

    @property
    def _now_ns(self) -> int:
        return round(self._now * NANOSECONDS)

    def _happen(self, event: Event) -> None:
        rng = self._churn_rng
        if event == "insert":
            self.insert(int(not 0 < self.churn.max_pins <= len(self)))
        elif event == "complete":
            self._change(1, "newest", State.IN_PROGRESS, State.DONE, rng)
        elif event == "fail":
            self._change(1, "newest", State.IN_PROGRESS, State.FAILED, rng)
        elif event == "unpin":
            self._change(1, "random", State.DONE, State.UNPINNED, rng)
        elif event == "bulk_unpin":
            self._change(self.churn.bulk_unpin_size, "oldest", State.DONE, State.UNPINNED, rng)
        else:
            self._change(1, "oldest", State.DONE, State.OUT_OF_MONEY, rng)

    def _change(self, n: int, where: Where, old: State, new: State, rng: random.Random) -> int:
        serials = []
        times = self._ledger.pinned_ns if new is State.DONE else self._ledger.unpinned_ns
        for _ in range(n):
            serial = self._ledger.find(old, where, rng)
            if serial is None:
                break
            self._ledger.change(serial, new)
            times[serial] = self._now_ns
            serials.append(serial)
        if new in (State.UNPINNED, State.OUT_OF_MONEY) and self.behaviour.unpinned_rows == "drop":
            self._ledger.drop(serials)
        return len(serials)

    def _forget_removed(self) -> None:
        if self.behaviour.unpinned_rows == "drop":
            self._ledger.drop(list(self._ledger.removed()))
