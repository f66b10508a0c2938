"""Metric families as the client library's objects, whose encoders say what ours must write."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

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

from pin_exporter.api.model import Collector
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.exposition.family import Family, Type


def metric(family: Family, snapshot: AccountSnapshot) -> Metric:
    """Return the family with one account's samples, none where there is nothing to show."""
    labels = ("account", *family.labels)
    if family.values is not None:
        simple = (CounterMetricFamily if family.type is Type.COUNTER else GaugeMetricFamily)(
            family.name, family.documentation, labels=labels, unit=family.unit
        )
        for values, number in family.values(snapshot):
            simple.add_metric((snapshot.account, *values), number)
        return simple
    histogram = (HistogramMetricFamily if family.type is Type.HISTOGRAM else GaugeHistogramMetricFamily)(
        family.name, family.documentation, labels=labels, unit=family.unit
    )
    for values, buckets, total in family.buckets(snapshot) if family.buckets else ():
        histogram.add_metric((snapshot.account, *values), buckets, total)
    return histogram


@dataclass(frozen=True, slots=True)
class _Source(MetricSource):
    families: Iterable[Family]
    snapshot: AccountSnapshot
    fresh: Collection[Collector]

    def collect(self) -> Iterator[Metric]:
        for family in self.families:
            if family.cached is None or family.cached in self.fresh:
                found = metric(family, self.snapshot)
                if found.samples:
                    yield found


def encoded(
    families: Iterable[Family], snapshot: AccountSnapshot, fresh: Collection[Collector], *, openmetrics: bool
) -> str:
    """Return the exposition of one account as the client library writes it, without an end mark."""
    source = _Source(families, snapshot, fresh)
    if openmetrics:
        text: bytes = openmetrics_format.generate_latest(source)  # type: ignore[no-untyped-call]
        return text.decode().removesuffix("# EOF\n")
    return text_format.generate_latest(source).decode()
