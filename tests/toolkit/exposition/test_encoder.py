import math
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pin_exporter.toolkit.exposition.encoder import Encoder, Format
from pin_exporter.toolkit.exposition.family import Family, Target, Type, cumulative
from tests.support.oracle import encoded
from tests.toolkit.exposition.disks import FAMILIES, HOSTILE_WORD, LABEL, Disk, target

NUMBERS = st.one_of(
    st.integers(-(10**18), 10**18),
    st.floats(),
    st.booleans(),
    st.sampled_from([999_999, 1_000_000, -999_999, -1_000_000, 0, -0.0, 10**15, 10**16, 1e300, -(10**17)]),
)
WORDS = st.one_of(st.text(st.characters(codec="utf-8")), st.text('\\"\n{}%=, \r\u2028'))
FORMATS = pytest.mark.parametrize("fmt", Format)


def assert_encoded_as_by_the_client_library(
    families: Sequence[Family[Disk]], one: Target[Disk], fmt: Format
) -> None:
    encoder = Encoder(families, LABEL, fmt)
    blocks = zip(encoder.headers, encoder.row(one), strict=True)
    text = b"".join(header + block for header, block in blocks if block).decode()
    assert text == encoded(families, one, openmetrics=fmt is Format.OPENMETRICS, label=LABEL)


@FORMATS
@pytest.mark.parametrize("fresh", [{"files", "sizes"}, {"sizes"}, set()])
@pytest.mark.parametrize("disk", [Disk(), Disk(files=None, reads={})])
def test_a_target_is_encoded_with_the_data_that_are_fresh(fmt: Format, fresh: set[str], disk: Disk) -> None:
    assert_encoded_as_by_the_client_library(FAMILIES, target("a", disk, frozenset(fresh)), fmt)


@FORMATS
@given(
    name=WORDS,
    kind=st.sampled_from([Type.GAUGE, Type.COUNTER]),
    samples=st.lists(st.tuples(st.tuples(WORDS, WORDS), NUMBERS), min_size=1, max_size=3),
)
@example(name=HOSTILE_WORD, kind=Type.GAUGE, samples=[((HOSTILE_WORD, "{0}%s"), math.nan)])
def test_any_words_and_numbers_are_encoded(
    fmt: Format, name: str, kind: Type, samples: list[tuple[tuple[str, str], float]]
) -> None:
    family_name = "x_bytes_total" if kind is Type.COUNTER else "x_bytes"
    # One label sorts before that of the target and one after it; everything in the HELP text needs escaping.
    family = Family[Disk](family_name, kind, 'A "b" \\ c\nd.', ("z", "a"), lambda _: samples)
    assert_encoded_as_by_the_client_library([family], target(name), fmt)


@FORMATS
@given(
    kind=st.sampled_from([Type.HISTOGRAM, Type.GAUGE_HISTOGRAM]),
    bounds=st.lists(st.floats(1e-6, 1e18), min_size=1, max_size=5, unique=True).map(sorted),
    series=st.lists(st.tuples(WORDS, st.integers(0, 10**9), NUMBERS), min_size=1, max_size=3),
)
def test_any_histograms_are_encoded(
    fmt: Format, kind: Type, bounds: list[float], series: list[tuple[str, int, float]]
) -> None:
    buckets = [
        ((word,), cumulative(bounds, [count] * (len(bounds) + 1)), total) for word, count, total in series
    ]
    family = Family[Disk]("x_seconds", kind, "X.", ("operation",), buckets=lambda _: buckets)
    assert_encoded_as_by_the_client_library([family], target("a"), fmt)
