import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pin_exporter.api.model import Collector
from pin_exporter.metrics.families import ACCOUNT_FAMILIES
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.exposition.encoder import AccountEncoder
from pin_exporter.toolkit.exposition.family import Family, Type, cumulative
from tests.support.oracle import encoded
from tests.support.samples import FULL, HOSTILE_WORD, UNTRIED

NUMBERS = st.one_of(
    st.integers(-(10**18), 10**18),
    st.floats(),
    st.booleans(),
    st.sampled_from([999_999, 1_000_000, -999_999, -1_000_000, 0, -0.0, 10**15, 10**16, 1e300, -(10**17)]),
)
WORDS = st.one_of(st.text(st.characters(codec="utf-8")), st.text('\\"\n{}%=, \r\u2028'))
KINDS = pytest.mark.parametrize("openmetrics", [False, True], ids=["text", "openmetrics"])


def written(
    families: Sequence[Family],
    snapshot: AccountSnapshot,
    fresh: Sequence[Collector] = tuple(Collector),
    *,
    openmetrics: bool,
) -> str:
    lines = AccountEncoder(families, openmetrics=openmetrics)
    blocks = zip(lines.headers, lines.row(snapshot, fresh), strict=True)
    return b"".join(header + block for header, block in blocks if block).decode()


@KINDS
@pytest.mark.parametrize("snapshot", [FULL, UNTRIED], ids=["full", "untried"])
@pytest.mark.parametrize("fresh", [(), (Collector.TOTALS,), (Collector.INVENTORY,), tuple(Collector)])
def test_an_account_is_written_as_the_client_library_would(
    snapshot: AccountSnapshot, fresh: Sequence[Collector], openmetrics: bool
) -> None:
    expected = encoded(ACCOUNT_FAMILIES, snapshot, fresh, openmetrics=openmetrics)

    assert written(ACCOUNT_FAMILIES, snapshot, fresh, openmetrics=openmetrics) == expected


@KINDS
@given(
    account=WORDS,
    kind=st.sampled_from([Type.GAUGE, Type.COUNTER]),
    samples=st.lists(st.tuples(st.tuples(WORDS, WORDS), NUMBERS), min_size=1, max_size=3),
)
@example(account=HOSTILE_WORD, kind=Type.GAUGE, samples=[((HOSTILE_WORD, "{0}%s"), math.nan)])
def test_values_are_written_as_the_client_library_would_whatever_they_are(
    account: str, kind: Type, samples: list[tuple[tuple[str, str], float]], openmetrics: bool
) -> None:
    name = "x_bytes_total" if kind is Type.COUNTER else "x_bytes"
    # The labels stand on either side of `account` in the alphabet, and the HELP text has all to be escaped.
    family = Family(name, kind, 'A "b" \\ c\nd.', ("z", "a"), lambda _: samples)
    snapshot = replace(UNTRIED, account=account)

    expected = encoded([family], snapshot, (), openmetrics=openmetrics)
    assert written([family], snapshot, openmetrics=openmetrics) == expected


@KINDS
@given(
    kind=st.sampled_from([Type.HISTOGRAM, Type.GAUGE_HISTOGRAM]),
    bounds=st.lists(st.floats(1e-6, 1e18), min_size=1, max_size=5, unique=True).map(sorted),
    series=st.lists(st.tuples(WORDS, st.integers(0, 10**9), NUMBERS), min_size=1, max_size=3),
)
def test_histograms_are_written_as_the_client_library_would(
    kind: Type,
    bounds: list[float],
    series: list[tuple[str, int, float]],
    openmetrics: bool,
) -> None:
    buckets = [
        ((word,), cumulative(bounds, [count] * (len(bounds) + 1)), total) for word, count, total in series
    ]
    family = Family("x_seconds", kind, "X.", ("operation",), buckets=lambda _: buckets)

    expected = encoded([family], FULL, (), openmetrics=openmetrics)
    assert written([family], FULL, openmetrics=openmetrics) == expected
