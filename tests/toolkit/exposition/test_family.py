import pytest

from pin_exporter.toolkit.exposition.family import Family, Type, cumulative


def test_buckets_are_cumulative_and_end_with_everything() -> None:
    edges = ("1.0", "60.0", "2.74877906944e+11", "+Inf")
    assert cumulative((1, 60, 2**38), (2, 0, 5, 1)) == list(zip(edges, (2, 2, 7, 8), strict=True))
    with pytest.raises(ValueError, match="zip"):
        cumulative((1, 60), (2, 5))


@pytest.mark.parametrize(
    ("name", "unit"), [("x_size_bytes", "bytes"), ("x_wait_seconds_total", "seconds"), ("x_files", "")]
)
def test_the_unit_is_the_end_of_the_name(name: str, unit: str) -> None:
    assert Family[None](name, Type.GAUGE, "Text.").unit == unit
