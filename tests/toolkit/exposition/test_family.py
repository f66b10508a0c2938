import pytest

from pin_exporter.toolkit.exposition.family import Family, Type, cumulative, single


@pytest.mark.parametrize(("number", "samples"), [(7, [((), 7)]), (0, [((), 0)]), (None, [])])
def test_a_single_number_has_one_sample_unless_it_is_none(number: int | None, samples: list[object]) -> None:
    assert list(single(lambda _: number)(None)) == samples


def test_buckets_are_cumulative_and_end_with_everything() -> None:
    assert cumulative((1, 60, 2**38), (2, 0, 5, 1)) == [
        ("1.0", 2),
        ("60.0", 2),
        ("2.74877906944e+11", 7),
        ("+Inf", 8),
    ]


def test_the_number_of_counts_must_match_that_of_the_bounds() -> None:
    with pytest.raises(ValueError, match="zip"):
        cumulative((1, 60), (2, 5))


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("x_size_bytes", "bytes"),
        ("x_wait_seconds_total", "seconds"),
        ("x_bytes_total", "bytes"),
        ("x_files", ""),
    ],
)
def test_the_unit_is_the_end_of_the_name(name: str, unit: str) -> None:
    kind = Type.COUNTER if name.endswith("_total") else Type.GAUGE
    assert Family[None](name, kind, "Text.").unit == unit
