"""What a metric family is: a description and the pure step from an account's snapshot to its samples."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import accumulate
from typing import Final

from prometheus_client.utils import floatToGoString

from pin_exporter.api.model import Collector
from pin_exporter.polling.snapshot import AccountSnapshot

PREFIX: Final = "aiozpin_"
EXPORTER_PREFIX: Final = PREFIX + "exporter_"
_UNITS: Final = ("bytes", "seconds")

Value = tuple[Sequence[str], float]
"""Label values, and a number."""
Buckets = tuple[Sequence[str], Sequence[tuple[str, float]], float]
"""Label values, cumulative buckets as pairs of `le` and count, and the sum of what was observed."""


Numbers = Callable[[AccountSnapshot], Iterable[Value]]


class Type(StrEnum):
    """The metric types in use, by their OpenMetrics names."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE_HISTOGRAM = "gaugehistogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family with a series or more for each account. `labels` are those beside `account`.

    `cached` names the collector whose data it shows: such a family is left out before that collector's first
    success, and once its last success is too old.
    """

    name: str
    type: Type
    help: str
    labels: tuple[str, ...] = ()
    values: Numbers | None = None
    buckets: Callable[[AccountSnapshot], Iterable[Buckets]] | None = None
    cached: Collector | None = None

    @property
    def documentation(self) -> str:
        """Return the HELP text, which for cached data says so and where to see their age."""
        if self.cached is None:
            return self.help
        age = f'{PREFIX}last_success_timestamp_seconds{{collector="{self.cached}"}}'
        return f"{self.help} Cached from the poll at {age}."

    @property
    def unit(self) -> str:
        """Return the unit that the name ends with, or nothing."""
        name = self.name.removesuffix("_total")
        return next((unit for unit in _UNITS if name.endswith(f"_{unit}")), "")


def single(number: Callable[[AccountSnapshot], float | None]) -> Numbers:
    """Turn a function to one number into values without labels; None leaves the family out."""

    def values(snapshot: AccountSnapshot) -> Iterator[Value]:
        value = number(snapshot)
        if value is not None:
            yield (), value

    return values


def cumulative(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Return buckets as the exposition wants them from one count a bound and one above the last."""
    return list(zip(_edges(tuple(bounds)), accumulate(counts), strict=True))


@cache
def _edges(bounds: tuple[float, ...]) -> Sequence[str]:
    return [*(floatToGoString(bound) for bound in bounds), "+Inf"]  # type: ignore[no-untyped-call]
