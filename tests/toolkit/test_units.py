from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.toolkit.units import parse_duration, parse_size

UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        (90, 90),
        (0.25, 0.25),
        ("1.5", 1.5),
        ("60s", 60),
        ("5m", 300),
        ("1h30m", 5_400),
        ("1.5h", 5_400),
        ("250ms", 0.25),
        ("1m250ms", 60.25),
        ("2d", 172_800),
        ("1w", 604_800),
        (" 5m\n", 300),
        ("0", 0),
    ],
)
def test_a_duration_is_read_as_people_write_it(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@given(st.integers(0, 10**9))
def test_a_duration_written_in_parts_adds_up(seconds: int) -> None:
    left, text = seconds, ""
    for unit, length in UNITS.items():
        text += f"{left // length}{unit}"
        left %= length
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "s",
            "5 m",
            "-5s",
            "+5",
            "1e3",
            "5x",
            "5M",
            "1h30",
            ".5s",
            "5.s",
            "nan",
            "inf",
            "5s,",
            "9" * 41,
        ),
        *(True, float("inf"), float("nan"), -1, "0x10", str(timedelta(hours=1))),
    ],
)
def test_what_is_no_duration_is_refused_with_what_would_be_right(text: str | float) -> None:
    with pytest.raises(ValueError, match="write 60s, 5m, 1h30m, or a number of seconds"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500GB", 500 * 1_000**3),
        ("1.5TiB", 1_536 * 1_024**3),
        ("1.5 TiB", 1_536 * 1_024**3),
        ("10k", 10_000),
        ("10K", 10_000),
        ("10Ki", 10_240),
        ("10KiB", 10_240),
        ("1M", 1_000_000),
        ("1Mib", 1_048_576),
        ("2PB", 2 * 1_000**5),
        ("2PiB", 2 * 1_024**5),
        ("7", 7),
        ("7B", 7),
        (7, 7),
        (7.0, 7),
        ("0", 0),
    ],
)
def test_a_size_is_read_as_people_write_it(text: str | float, size: int) -> None:
    assert parse_size(text) == size


@given(
    st.integers(0, 10**18),
    st.sampled_from(["", "k", "M", "G", "T", "P"]),
    st.sampled_from([("", 1_000), ("B", 1_000), ("i", 1_024), ("iB", 1_024)]),
)
def test_a_size_is_exact_to_the_byte(number: int, prefix: str, suffix: tuple[str, int]) -> None:
    if prefix == "" and suffix[0].startswith("i"):
        return
    assert parse_size(f"{number}{prefix}{suffix[0]}") == number * suffix[1] ** ["", *"kMGTP"].index(prefix)


@given(st.decimals(0, 10**6, places=6))
def test_a_fraction_of_a_size_is_rounded_to_the_byte(number: object) -> None:
    assert abs(parse_size(f"{number}TiB") - Fraction(str(number)) * 1_024**4) <= Fraction(1, 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "B",
        "GB",
        "-5GB",
        "1e9",
        "5i",
        "5iB",
        "5XB",
        "5 G B",
        ".5G",
        "1,000",
        "1_000",
        "nan",
        "9" * 41,
        True,
        -1,
    ],
)
def test_what_is_no_size_is_refused_with_what_would_be_right(text: str | float) -> None:
    with pytest.raises(ValueError, match=r"write 500GB, 1\.5TiB, or a number of bytes"):
        parse_size(text)


@given(st.text(st.characters(), max_size=50))
def test_any_text_is_a_quantity_or_a_value_error(text: str) -> None:
    for parse in (parse_duration, parse_size):
        try:
            parsed = parse(text)
        except ValueError:
            continue
        assert 0 <= parsed < float("inf")
