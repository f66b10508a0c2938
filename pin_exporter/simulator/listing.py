"""The list as the API sends it: order, filter, pages, and rows with their status words."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import groupby
from typing import Any, Literal

from pin_exporter.simulator.options import Behaviour
from pin_exporter.simulator.pins import NANOSECONDS, TIE_GROUP, Pins
from pin_exporter.simulator.query import Query
from pin_exporter.simulator.state import PINNED, REMOVED, SIZED, PinStates, State, Totals

NEVER = "0001-01-01T00:00:00Z"
NIL_UUID = "00000000-0000-0000-0000-000000000000"
HOSTILE_NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &amp;amp; </td></table></html>",
    "invoice\u202egnp.exe",
    "\u2067right to left\u2069 and \u200fback",
    "zero\u200bwidth\u200d\ufeff\u2060",
    "nul\x00bell\x07escape\x1b[31m",
    "half a pair \ud800 alone",
    "two\nlines\r\n\u2028and\ttabs",
    "Z" + "\u0300\u0301\u0302\u0303\u0304\u0305\u0306" * 20 + "algo",
    "x" * 10_000,
    "קובץ גיבוי 12.zip",
    "نسخة احتياطية.tar",
    "family 👩‍👩‍👧 flag 🇨🇭 heart ❤️",
    "   ",
    "",
)
"""Pin names that try to break whatever displays them."""

_MAX_ORDERS = 8
Vocabulary = Literal["2023", "2024"]

_STATES = {state.value: state for state in State}
_UPLOAD_IN_PROGRESS = {"2023": ("PENDING", "PROCESSING"), "2024": ("queued", "pinning")}
_BY_CID_IN_PROGRESS = {
    "2023": ("RETRIEVAL", "PROCESSING_RETRIEVAL"),
    "2024": ("retrieval", "processingRetrieval"),
}
# For each state the word of an upload and of a pin by CID. The 2023 documentation has no word for a removed
# pin: its status stays DONE and `pinned` turns false.
_FINAL: dict[Vocabulary, dict[State, tuple[str, str]]] = {
    "2023": {
        State.DONE: ("DONE", "DONE"),
        State.FAILED: ("FAILED", "FAILED_RETRIEVE"),
        State.UNPINNED: ("DONE", "DONE"),
        State.BALANCE_EXHAUSTED: ("DONE", "DONE"),
        State.COLLECTED: ("DONE", "DONE"),
    },
    "2024": {
        State.DONE: ("pinned", "doneRetrieval"),
        State.FAILED: ("failed", "retrieveFailed"),
        State.UNPINNED: ("unpinNormally", "unpinNormally"),
        State.BALANCE_EXHAUSTED: ("unpinOutOfMoney", "unpinOutOfMoney"),
        State.COLLECTED: ("gcDone", "gcDone"),
    },
}


class Listing:
    """The list of one account, in any order and direction.

    The states maintain the order of all rows by creation time, so that it costs nothing. Other orders, and
    what a filter leaves, are made on demand and kept until the states change.
    """

    def __init__(self, pins: Pins, states: PinStates) -> None:
        self._pins = pins
        self._states = states
        self._version = states.version
        self._orders: dict[tuple[object, ...], array[int]] = {}

    def page(self, query: Query, behaviour: Behaviour, *, swap_ties: bool) -> Sequence[int]:
        """Return the serial numbers of the requested rows.

        `swap_ties` reverses every run of rows with the same creation time.
        """
        order = self._order(query, behaviour)
        first, last = query.offset, min(query.offset + query.limit, len(order))
        if query.descending:
            first, last = max(0, len(order) - last), len(order) - first
        if first >= last:
            return ()
        page = self._swapped(order, first, last) if swap_ties else order[first:last]
        return page[::-1] if query.descending else page

    def totals(self, query: Query) -> Totals:
        """Return the totals of all rows that the filters leave."""
        if not query.metadata:
            return self._states.totals(query.pinned)
        rows = self._order(replace(query, sort_by="created_at"), Behaviour())
        return Totals(len(rows), sum(map(self._size, rows)))

    def row(self, serial: int, behaviour: Behaviour) -> dict[str, Any]:
        """Return one row, its fields in the documented order."""
        pins = self._pins
        state = _STATES[self._states.states[serial]]
        has_size = state in SIZED
        by_cid = pins.is_by_cid(serial)
        vocabulary = behaviour.vocabulary
        if vocabulary == "mixed":
            vocabulary = "2023" if pins.trait(serial, 1) & 1 else "2024"
        directory = pins.is_directory(serial)
        metadata = pins.metadata(serial, directory=directory)
        if behaviour.names == "hostile":
            metadata["name"] = HOSTILE_NAMES[serial % len(HOSTILE_NAMES)]
        row: dict[str, Any] = {
            "id": pins.row_id(serial),
            "file_record_id": pins.record_id(serial) if has_size else NIL_UUID,
            "root_hash": pins.root_hash(serial),
            "cid": pins.cid(serial),
            "size": pins.size_bytes(serial),
            "user_id": pins.user_id,
            "date_pinned": self._date_pinned(serial, has_size),
            "date_unpinned": self._date_unpinned(serial, state),
            "pinned": state in PINNED,
            "is_pin_by_hash": by_cid,
            "sub_hash_status": "",
            "is_dir": directory,
            "metadata": metadata,
            "status": behaviour.unknown_word,
        }
        if not has_size:
            del row["size"]
        if by_cid:
            del row["sub_hash_status"]
        else:
            row["sub_hash_status"] = _sub_hash_word(state, vocabulary)
        if state is not State.UNKNOWN:
            started = bool(pins.trait(serial, 2) & 1)
            row["status"] = _status_word(state, vocabulary, by_cid=by_cid, started=started)
        return row

    def find(self, row_id: str) -> int | None:
        """Return the serial number of a listed row; None if there is none. Slow: looks at every row."""
        return next((serial for serial in self._states.order if self._pins.row_id(serial) == row_id), None)

    def _order(self, query: Query, behaviour: Behaviour) -> "array[int]":
        wanted = (query.pinned, query.sort_by, query.metadata)
        if wanted == (None, "created_at", frozenset()):
            return self._states.order
        if self._version != self._states.version or len(self._orders) > _MAX_ORDERS:
            self._orders.clear()
            self._version = self._states.version
        kept = (*wanted, behaviour.names)
        if kept not in self._orders:
            rows: Iterable[int] = filter(partial(self._is_wanted, query), self._states.order)
            if query.sort_by == "size":
                rows = sorted(rows, key=self._size)
            elif query.sort_by == "name":
                rows = sorted(rows, key=lambda serial: str(self.row(serial, behaviour)["metadata"]["name"]))
            self._orders[kept] = array("I", rows)
        return self._orders[kept]

    def _is_wanted(self, query: Query, serial: int) -> bool:
        if query.pinned is not None and (self._states.states[serial] in PINNED) is not query.pinned:
            return False
        return (
            not query.metadata or query.metadata <= self._pins.metadata(serial).get("keyvalues", {}).items()
        )

    def _size(self, serial: int) -> int:
        return self._pins.size_bytes(serial) if self._states.states[serial] in SIZED else 0

    def _swapped(self, order: "array[int]", first: int, last: int) -> list[int]:
        # A run of ties can cross the page's edge: include as many rows around the page as a run can have.
        start = max(0, first - TIE_GROUP)
        rows: list[int] = []
        for _, ties in groupby(order[start : last + TIE_GROUP], key=self._pins.created_ns):
            rows.extend(reversed(list(ties)))
        return rows[first - start : last - start]

    def _date_pinned(self, serial: int, has_size: bool) -> str:
        if not has_size:
            return _rfc3339(self._pins.created_ns(serial), digits=9)
        return _rfc3339(self._states.pinned_ns[serial] or self._pins.stored_ns(serial), digits=6)

    def _date_unpinned(self, serial: int, state: State) -> str:
        if state not in REMOVED:
            return NEVER
        return _rfc3339(self._states.unpinned_ns[serial] or self._pins.removed_ns(serial), digits=6)


def _status_word(state: State, vocabulary: Vocabulary, *, by_cid: bool, started: bool) -> str:
    """Return the `status`; `started` picks the second of the two words for a pin in progress."""
    if state is State.IN_PROGRESS:
        return (_BY_CID_IN_PROGRESS if by_cid else _UPLOAD_IN_PROGRESS)[vocabulary][started]
    return _FINAL[vocabulary][state][by_cid]


def _sub_hash_word(state: State, vocabulary: Vocabulary) -> str:
    """Return the `sub_hash_status` of an upload: its blocks are in progress, failed or done."""
    if state is State.IN_PROGRESS:
        return _UPLOAD_IN_PROGRESS[vocabulary][0]
    return _FINAL[vocabulary][State.FAILED if state is State.FAILED else State.DONE][0]


def _rfc3339(time_ns: int, *, digits: Literal[6, 9]) -> str:
    seconds, fraction = divmod(time_ns, NANOSECONDS)
    days, second = divmod(seconds, 86400)
    if digits == 6:
        fraction //= 1000
    return f"{_day(days)}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{fraction:0{digits}}Z"


@lru_cache(maxsize=1024)
def _day(days: int) -> str:
    return datetime.fromtimestamp(days * 86400, UTC).date().isoformat()
