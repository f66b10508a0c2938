import math
from dataclasses import replace

import pytest
from prometheus_client.core import Metric

from pin_exporter.api.model import Collector
from pin_exporter.toolkit.exposition.family import Family, Type, cumulative, single
from tests.support.oracle import metric as metric_of
from tests.support.samples import FULL

FILES = Family("x_files", Type.GAUGE, "Files.", values=single(lambda s: s.totals.files if s.totals else None))


def samples(metric: Metric) -> list[tuple[str, dict[str, str], float]]:
    return [(sample.name, sample.labels, sample.value) for sample in metric.samples]


def test_a_gauge_carries_the_account_as_its_only_label_unless_it_has_others() -> None:
    assert samples(metric_of(FILES, FULL)) == [("x_files", {"account": "archive"}, 10.0)]


def test_a_value_that_is_none_leaves_the_family_without_samples() -> None:
    assert samples(metric_of(FILES, replace(FULL, totals=None))) == []


def test_zero_is_a_value_and_not_an_absence() -> None:
    zero = replace(FILES, values=single(lambda _: 0))

    assert samples(metric_of(zero, FULL)) == [("x_files", {"account": "archive"}, 0.0)]


def test_a_counter_keeps_its_name_in_its_sample() -> None:
    family = Family("x_total", Type.COUNTER, "Calls.", ("code",), lambda _: [(("200",), 3), (("500",), 0)])

    metric = metric_of(family, FULL)

    assert (metric.type, metric.name) == ("counter", "x")
    assert samples(metric) == [
        ("x_total", {"account": "archive", "code": "200"}, 3.0),
        ("x_total", {"account": "archive", "code": "500"}, 0.0),
    ]


@pytest.mark.parametrize(
    ("kind", "count", "total"),
    [
        (Type.HISTOGRAM, "x_seconds_count", "x_seconds_sum"),
        (Type.GAUGE_HISTOGRAM, "x_seconds_gcount", "x_seconds_gsum"),
    ],
)
def test_buckets_of_either_histogram_end_with_everything_counted(kind: Type, count: str, total: str) -> None:
    family = Family(
        "x_seconds", kind, "Ages.", buckets=lambda _: [((), cumulative((1, 60), (2, 0, 5)), 400.5)]
    )

    assert [(name, labels.get("le"), value) for name, labels, value in samples(metric_of(family, FULL))] == [
        ("x_seconds_bucket", "1.0", 2.0),
        ("x_seconds_bucket", "60.0", 2.0),
        ("x_seconds_bucket", "+Inf", 7.0),
        (count, None, 7.0),
        (total, None, 400.5),
    ]


def test_cumulative_refuses_counts_that_do_not_fit_the_bounds() -> None:
    with pytest.raises(ValueError, match="zip"):
        cumulative((1, 60), (2, 5))


def test_bounds_that_are_huge_still_read_as_numbers() -> None:
    ((edge, _), _) = cumulative((256 * 2**30,), (1, 0))

    assert math.isclose(float(edge), 274_877_906_944)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("x_size_bytes", "bytes"),
        ("x_wait_seconds_total", "seconds"),
        ("x_bytes_total", "bytes"),
        ("x_files", ""),
    ],
)
def test_the_unit_is_taken_from_the_end_of_the_name(name: str, unit: str) -> None:
    kind = Type.COUNTER if name.endswith("_total") else Type.GAUGE

    assert metric_of(Family(name, kind, "Text.", values=lambda _: ()), FULL).unit == unit


def test_help_of_cached_data_names_the_metric_that_tells_their_age() -> None:
    cached = replace(FILES, cached=Collector.TOTALS)

    assert FILES.documentation == "Files."
    assert cached.documentation.startswith("Files. ")
    assert 'aiozpin_last_success_timestamp_seconds{collector="totals"}' in cached.documentation
