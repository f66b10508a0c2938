"""The metrics with an account's data: what was counted, and how far the count is proven.

The names are the public interface. `docs/metrics.md` describes them; a test holds both against each other.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from pin_exporter.api.model import Collector, Verdict
from pin_exporter.inventory.counter import AGE_BOUNDS, SIZE_BOUNDS, Counted, Inventory
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.exposition.family import (
    PREFIX,
    Buckets,
    Family,
    Numbers,
    Type,
    Value,
    cumulative,
    single,
)


def _of_counted(number: Callable[[Counted], float | None]) -> Numbers:
    return single(lambda snapshot: number(snapshot.counted) if snapshot.counted else None)


def _of_inventory(values: Callable[[Inventory], Iterable[Value]]) -> Numbers:
    return lambda snapshot: values(snapshot.counted.inventory) if snapshot.counted else ()


def _pin_sizes(snapshot: AccountSnapshot) -> Iterator[Buckets]:
    if snapshot.counted:
        inventory = snapshot.counted.inventory
        yield (), cumulative(SIZE_BOUNDS, inventory.size_counts), inventory.size


def _unfinished_ages(snapshot: AccountSnapshot) -> Iterator[Buckets]:
    if snapshot.counted:
        inventory = snapshot.counted.inventory
        yield (), cumulative(AGE_BOUNDS, inventory.age_counts), inventory.age_sum_seconds


def _data(name: str, text: str, collector: Collector, values: Numbers, *labels: str) -> Family:
    """Describe a gauge with data of the account, cached from a collector's last success."""
    return Family(name, Type.GAUGE, text, labels, values, cached=collector)


DATA_FAMILIES: Final[Sequence[Family]] = (
    _data(
        PREFIX + "files",
        "Files that the API reports for the account (totals.files), whatever their status.",
        Collector.TOTALS,
        single(lambda snapshot: snapshot.totals.files if snapshot.totals else None),
    ),
    _data(
        PREFIX + "size_bytes",
        "Bytes that the API reports for the account (totals.size).",
        Collector.TOTALS,
        single(lambda snapshot: snapshot.totals.size if snapshot.totals else None),
    ),
    Family(
        PREFIX + "size_limit_bytes",
        Type.GAUGE,
        "Bytes that the account may hold, as configured; absent when not configured.",
        (),
        single(lambda snapshot: snapshot.size_limit_bytes),
    ),
    _data(
        PREFIX + "pins",
        "Distinct pins counted, by the API's own status word and by what it comes down to.",
        Collector.INVENTORY,
        _of_inventory(lambda i: (((word, phase), held.pins) for (word, phase), held in i.by_status.items())),
        "status",
        "phase",
    ),
    _data(
        PREFIX + "stored_bytes",
        "Sum of the sizes of the distinct pins counted; a pin without a size counts as 0.",
        Collector.INVENTORY,
        _of_inventory(lambda i: (((word, phase), held.size) for (word, phase), held in i.by_status.items())),
        "status",
        "phase",
    ),
    _data(
        PREFIX + "sub_hash_pins",
        "Distinct pins counted, by sub_hash_status; none where the API gives none.",
        Collector.INVENTORY,
        _of_inventory(lambda i: (((word,), pins) for word, pins in i.by_sub_hash_status.items())),
        "sub_hash_status",
    ),
    _data(
        PREFIX + "pins_by_kind",
        "Distinct pins counted, by whether the API calls them pinned, how they came, and what they are.",
        Collector.INVENTORY,
        _of_inventory(
            lambda i: (
                (
                    (
                        "true" if kind.pinned else "false",
                        "cid" if kind.by_cid else "upload",
                        "directory" if kind.directory else "file",
                    ),
                    pins,
                )
                for kind, pins in i.by_kind.items()
            )
        ),
        "pinned",
        "source",
        "kind",
    ),
    _data(
        PREFIX + "unique_cids",
        "Distinct CIDs among the pins counted.",
        Collector.INVENTORY,
        _of_counted(lambda counted: counted.inventory.unique_cids),
    ),
    _data(
        PREFIX + "duplicate_cid_size_bytes",
        "Bytes held by the second and later pins of a CID.",
        Collector.INVENTORY,
        _of_counted(lambda counted: counted.inventory.duplicate_size_bytes),
    ),
    Family(
        PREFIX + "pin_size_bytes",
        Type.GAUGE_HISTOGRAM,
        "Sizes of the distinct pins counted; a pin without a size counts as 0.",
        buckets=_pin_sizes,
        cached=Collector.INVENTORY,
    ),
    Family(
        PREFIX + "unfinished_pin_age_seconds",
        Type.GAUGE_HISTOGRAM,
        "Ages of the pins in progress at the end of the walk, since date_pinned.",
        buckets=_unfinished_ages,
        cached=Collector.INVENTORY,
    ),
    _data(
        PREFIX + "oldest_unfinished_pin_timestamp_seconds",
        "date_pinned of the oldest pin in progress; absent when there is none.",
        Collector.INVENTORY,
        _of_counted(lambda counted: counted.inventory.oldest_unfinished_at),
    ),
    _data(
        PREFIX + "newest_pin_timestamp_seconds",
        "Newest date_pinned of all pins; absent when there is none.",
        Collector.INVENTORY,
        _of_counted(lambda counted: counted.inventory.newest_at),
    ),
    _data(
        PREFIX + "inventory_consistent",
        "1 if nothing moved while the last inventory was taken; 0 if something did, see docs/metrics.md.",
        Collector.INVENTORY,
        _of_counted(lambda counted: counted.verdict is Verdict.CONSISTENT),
    ),
    _data(
        PREFIX + "inventory_requests",
        "API requests that the last inventory took.",
        Collector.INVENTORY,
        _of_counted(lambda counted: counted.requests),
    ),
    _data(
        PREFIX + "inventory_unaccounted_files",
        "Files that the API reported at the end of the last inventory, minus the pins counted.",
        Collector.INVENTORY,
        _of_counted(lambda counted: counted.unaccounted_files),
    ),
    _data(
        PREFIX + "inventory_malformed_pins",
        "Rows left out of the last inventory because they could not be read.",
        Collector.INVENTORY,
        _of_counted(lambda counted: counted.inventory.malformed),
    ),
)
