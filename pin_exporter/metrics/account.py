"""The metrics of an account: what it holds, as of the last successful poll, and how polling goes.

To add a metric, add a family here, in `extras` or in `polling`, then run `make metrics`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry

from pin_exporter.api.model import Collector, Totals, Verdict
from pin_exporter.inventory.counter import AGE_BOUNDS, SIZE_BOUNDS, Counted, Inventory
from pin_exporter.metrics import PREFIX, cached
from pin_exporter.metrics.extras import EXTRA_FAMILIES
from pin_exporter.metrics.polling import POLLING_FAMILIES
from pin_exporter.polling.snapshot import AccountSnapshot, Source
from pin_exporter.toolkit.exposition.family import (
    Buckets,
    Family,
    Target,
    Type,
    Value,
    Values,
    cumulative,
    single,
)
from pin_exporter.toolkit.exposition.renderer import Renderer, render_textfile

ACCOUNT_LABEL: Final = "account"

_Family = Family[AccountSnapshot]


def _gauge(
    name: str, text: str, collector: Collector, values: Values[AccountSnapshot], *labels: str
) -> _Family:
    return Family(PREFIX + name, Type.GAUGE, _cached(text, collector), labels, values, source=collector)


def _cached(text: str, collector: Collector) -> str:
    return cached(text, f'last_success_timestamp_seconds{{collector="{collector}"}}')


def _totals(name: str, text: str, number: Callable[[Totals], int]) -> _Family:
    return _gauge(name, text, Collector.TOTALS, single(lambda s: number(s.totals) if s.totals else None))


def _inventory(name: str, text: str, number: Callable[[Counted], float | None]) -> _Family:
    return _gauge(name, text, Collector.INVENTORY, single(lambda s: number(s.counted) if s.counted else None))


def _pins(name: str, text: str, values: Callable[[Inventory], Iterable[Value]], *labels: str) -> _Family:
    def shown(snapshot: AccountSnapshot) -> Iterable[Value]:
        return values(snapshot.counted.inventory) if snapshot.counted else ()

    return _gauge(name, text, Collector.INVENTORY, shown, *labels)


def _histogram(name: str, text: str, buckets: Callable[[Inventory], Buckets]) -> _Family:
    def shown(snapshot: AccountSnapshot) -> Iterator[Buckets]:
        if snapshot.counted:
            yield buckets(snapshot.counted.inventory)

    text = _cached(text, Collector.INVENTORY)
    return Family(PREFIX + name, Type.GAUGE_HISTOGRAM, text, buckets=shown, source=Collector.INVENTORY)


def _pins_by_kind(inventory: Inventory) -> Iterator[Value]:
    for kind, pins in inventory.by_kind.items():
        pinned = "true" if kind.pinned else "false"
        source = "cid" if kind.by_cid else "upload"
        yield (pinned, source, "directory" if kind.directory else "file"), pins


def _modes(snapshot: AccountSnapshot) -> Iterator[Value]:
    if snapshot.counted:
        for mode in ("full", "followed"):
            yield (mode,), snapshot.following.mode == mode


TOTALS_FAMILIES: Final[Sequence[_Family]] = (
    _totals("files", "Number of files in the account as reported by the API.", lambda totals: totals.files),
    _totals("size_bytes", "Size of the account in bytes as reported by the API.", lambda totals: totals.size),
    Family(
        PREFIX + "size_limit_bytes",
        Type.GAUGE,
        "Configured size limit of the account in bytes; absent if not configured.",
        values=single(lambda snapshot: snapshot.size_limit_bytes),
    ),
)

INVENTORY_FAMILIES: Final[Sequence[_Family]] = (
    _pins(
        "pins",
        "Number of pins by API status and normalized phase.",
        lambda i: ((status, held.pins) for status, held in i.by_status.items()),
        "status",
        "phase",
    ),
    _pins(
        "stored_bytes",
        "Total size of pins in bytes by API status and normalized phase; a pin without a size counts as 0.",
        lambda i: ((status, held.size) for status, held in i.by_status.items()),
        "status",
        "phase",
    ),
    _pins(
        "sub_hash_pins",
        "Number of pins by sub_hash_status; none if the API sends no such status.",
        lambda i: (((word,), pins) for word, pins in i.by_sub_hash_status.items()),
        "sub_hash_status",
    ),
    _pins(
        "pins_by_kind",
        "Number of pins by whether the API reports them as pinned, by source and by kind.",
        _pins_by_kind,
        "pinned",
        "source",
        "kind",
    ),
    _inventory(
        "unique_cids",
        "Number of distinct CIDs among the pins.",
        lambda counted: counted.inventory.unique_cids,
    ),
    _inventory(
        "duplicate_cid_size_bytes",
        "Total size in bytes of all pins of a CID except its first.",
        lambda counted: counted.inventory.duplicate_size_bytes,
    ),
    _histogram(
        "pin_size_bytes",
        "Size of pins in bytes; a pin without a size counts as 0.",
        lambda i: ((), cumulative(SIZE_BOUNDS, i.size_counts), i.size),
    ),
    _histogram(
        "unfinished_pin_age_seconds",
        "Age of pins in progress in seconds, from date_pinned to the end of the inventory.",
        lambda i: ((), cumulative(AGE_BOUNDS, i.age_counts), i.age_sum_seconds),
    ),
    _inventory(
        "oldest_unfinished_pin_timestamp_seconds",
        "Oldest date_pinned of the pins in progress, as Unix time; absent if none is in progress.",
        lambda counted: counted.inventory.oldest_unfinished_at,
    ),
    _inventory(
        "newest_pin_timestamp_seconds",
        "Newest date_pinned of all pins, as Unix time; absent if there are no pins.",
        lambda counted: counted.inventory.newest_at,
    ),
    _inventory(
        "inventory_consistent",
        "1 if the last inventory is the list of pins at one moment, 0 if the list changed meanwhile.",
        lambda counted: counted.verdict is Verdict.CONSISTENT,
    ),
    _inventory(
        "inventory_requests",
        "Number of API requests that the last inventory took.",
        lambda counted: counted.requests,
    ),
    _gauge(
        "inventory_mode",
        "1 for how the last inventory was made, 0 for the other way: all pins read, or the changes followed.",
        Collector.INVENTORY,
        _modes,
        "mode",
    ),
    _gauge(
        "inventory_full_timestamp_seconds",
        "End of the last inventory that read all pins, as Unix time.",
        Collector.INVENTORY,
        single(lambda snapshot: snapshot.following.full_at),
    ),
    _inventory(
        "inventory_unaccounted_files",
        "Number of files reported by the API at the end of the last inventory, minus the number of pins.",
        lambda counted: counted.unaccounted_files,
    ),
    _inventory(
        "inventory_malformed_pins",
        "Number of rows that the last inventory did not count because they could not be parsed.",
        lambda counted: counted.inventory.malformed,
    ),
)

ACCOUNT_FAMILIES: Final = (*TOTALS_FAMILIES, *INVENTORY_FAMILIES, *EXTRA_FAMILIES, *POLLING_FAMILIES)


def account_renderer(
    snapshots: Callable[[], Iterable[AccountSnapshot]],
    registry: CollectorRegistry,
    elapsed: Callable[[], float],
) -> Renderer[AccountSnapshot]:
    """Return the renderer of all metrics: those of accounts, and those of the exporter in `registry`.

    `snapshots` returns the newest snapshot of each account. `elapsed` reads the clock that data age by.
    """

    def targets() -> Iterator[Target[AccountSnapshot]]:
        now = elapsed()
        return (_target(snapshot, snapshot.fresh(now)) for snapshot in snapshots())

    return Renderer(ACCOUNT_FAMILIES, ACCOUNT_LABEL, targets, registry, elapsed)


def account_textfile(
    accounts: Iterable[tuple[AccountSnapshot, frozenset[Source]]], registry: CollectorRegistry
) -> bytes:
    """Return the metrics for node_exporter's textfile collector.

    Each account comes with the collectors whose data are fresh.
    """
    return render_textfile(
        ACCOUNT_FAMILIES, ACCOUNT_LABEL, (_target(*account) for account in accounts), registry
    )


def _target(snapshot: AccountSnapshot, fresh: frozenset[Source]) -> Target[AccountSnapshot]:
    return Target(snapshot.account, snapshot, fresh)
