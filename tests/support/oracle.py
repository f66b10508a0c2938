"""Metric families converted to the client library's, whose encoders are the oracle for ours.

In the text format, gauge histograms become histograms: the library would leave out `_count` and `_sum`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Generic

from prometheus_client import exposition as text_format
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.openmetrics import exposition as openmetrics_format
from prometheus_client.registry import Collector as MetricSource

from pin_exporter.toolkit.exposition.family import Family, T, Target, Type


def metric(family: Family[T], target: Target[T], label: str = "account") -> Metric:
    """Return the family with the samples of one target, none where there is nothing to show."""
    labels = (label, *family.labels)
    if family.values is not None:
        simple = (CounterMetricFamily if family.type is Type.COUNTER else GaugeMetricFamily)(
            family.name, family.help, labels=labels, unit=family.unit
        )
        for values, number in family.values(target.snapshot):
            simple.add_metric((target.name, *values), number)
        return simple
    histogram = (HistogramMetricFamily if family.type is Type.HISTOGRAM else GaugeHistogramMetricFamily)(
        family.name, family.help, labels=labels, unit=family.unit
    )
    for values, buckets, total in family.buckets(target.snapshot) if family.buckets else ():
        histogram.add_metric((target.name, *values), buckets, total)
    return histogram


@dataclass(frozen=True, slots=True)
class _Source(MetricSource, Generic[T]):
    families: Iterable[Family[T]]
    target: Target[T]
    label: str

    def collect(self) -> Iterator[Metric]:
        for family in self.families:
            if family.source is None or family.source in self.target.fresh:
                found = metric(family, self.target, self.label)
                if found.samples:
                    yield found


def encoded(
    families: Iterable[Family[T]], target: Target[T], *, openmetrics: bool, label: str = "account"
) -> str:
    """Return the exposition of one target as the client library writes it, without an end mark."""
    if openmetrics:
        source = _Source(families, target, label)
        text: bytes = openmetrics_format.generate_latest(source)  # type: ignore[no-untyped-call]
        return text.decode().removesuffix("# EOF\n")
    complete = [
        replace(family, type=Type.HISTOGRAM) if family.type is Type.GAUGE_HISTOGRAM else family
        for family in families
    ]
    return text_format.generate_latest(_Source(complete, target, label)).decode()
