"""Metric families: their names and types, and pure functions from a target's snapshot to samples.

A target is one of the things that the exporter monitors. Its snapshot, `T`, is whatever the exporter knows
about it at one moment.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import accumulate
from typing import Final, Generic, NamedTuple, TypeVar

from prometheus_client.utils import floatToGoString

T = TypeVar("T")

Value = tuple[Sequence[str], float]
"""Label values, and a number."""
Buckets = tuple[Sequence[str], Sequence[tuple[str, float]], float]
"""Label values, cumulative buckets as pairs of `le` and count, and the sum of what was observed."""
Values = Callable[[T], Iterable[Value]]

_UNITS: Final = ("bytes", "seconds")


class Type(StrEnum):
    """The metric types in use, by their OpenMetrics names."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE_HISTOGRAM = "gaugehistogram"


@dataclass(frozen=True)  # with slots, `Family[Snapshot](…)` fails in Python 3.11
class Family(Generic[T]):
    """One metric family, with at least one series for each target.

    `labels` are those beside the label that names the target. `source` is where the data come from, if they
    can become stale: a target is left out while that source is not fresh.
    """

    name: str
    type: Type
    help: str
    labels: tuple[str, ...] = ()
    values: Values[T] | None = None
    buckets: Callable[[T], Iterable[Buckets]] | None = None
    source: str | None = None

    @property
    def unit(self) -> str:
        """Return the unit that the name ends with, or an empty string."""
        name = self.name.removesuffix("_total")
        return next((unit for unit in _UNITS if name.endswith(f"_{unit}")), "")


class Target(NamedTuple, Generic[T]):
    """One target at one moment: its name, its snapshot, and the sources whose data are fresh."""

    name: str
    snapshot: T
    fresh: frozenset[str]


def single(number: Callable[[T], float | None]) -> Values[T]:
    """Turn a function that returns one number into one without labels; None means no series."""

    def values(snapshot: T) -> Iterator[Value]:
        value = number(snapshot)
        if value is not None:
            yield (), value

    return values


def cumulative(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Return cumulative buckets from one count for each bound and one for what is above the last."""
    return list(zip(_edges(tuple(bounds)), accumulate(counts), strict=True))


@cache
def _edges(bounds: tuple[float, ...]) -> Sequence[str]:
    return [*(floatToGoString(bound) for bound in bounds), "+Inf"]  # type: ignore[no-untyped-call]
