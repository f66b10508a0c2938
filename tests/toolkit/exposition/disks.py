"""Targets to test the toolkit with, of an exporter that monitors disks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pin_exporter.toolkit.exposition.family import Family, Target, Type, cumulative, single

HOSTILE_WORD: Final = 'a"b\\c\n# HELP up\u2028'
"""A label value with everything that could end a line or a string."""


@dataclass(frozen=True)
class Disk:
    """What is known of a disk."""

    files: int | None = 3
    reads: Mapping[str, int] = field(default_factory=lambda: {"ok": 12, HOSTILE_WORD: 1})


LABEL: Final = "disk"
FAMILIES: Final = (
    Family[Disk]("x_files", Type.GAUGE, "Files.", values=single(lambda disk: disk.files), source="files"),
    Family[Disk](
        "x_reads_total",
        Type.COUNTER,
        'Reads, "ok" or not.',
        ("outcome",),
        lambda disk: (((outcome,), reads) for outcome, reads in disk.reads.items()),
    ),
    Family[Disk](
        "x_size_bytes",
        Type.GAUGE_HISTOGRAM,
        "Sizes.",
        buckets=lambda disk: [((), cumulative((1_024, 2**38), (2, 0, 1)), 5_000_000)],
        source="sizes",
    ),
    Family[Disk](
        "x_wait_seconds",
        Type.HISTOGRAM,
        "Waits.",
        ("operation",),
        buckets=lambda disk: [(("read",), cumulative((0.5,), (1, 1)), 2.25)],
    ),
)


def target(
    name: str, disk: Disk | None = None, fresh: frozenset[str] = frozenset({"files", "sizes"})
) -> Target[Disk]:
    return Target(name, disk or Disk(), fresh)
