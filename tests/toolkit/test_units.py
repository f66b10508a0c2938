from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.toolkit.units import (
    counted,
    format_date,
    format_duration,
    format_number,
    format_percent,
    format_size,
    parse_duration,
    parse_size,
)

UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


PARSED_DURATIONS: dict[str | float, float] = {
    90: 90,
    0.25: 0.25,
    "90": 90,
    "1.5": 1.5,
    "0": 0,
    "60s": 60,
    "1h30m": 5_400,
    "1.5h": 5_400,
    "250ms": 0.25,
    "1m250ms": 60.25,
    " 5m\n": 300,
}


@pytest.mark.parametrize("text", PARSED_DURATIONS)
def test_a_duration_is_parsed(text: str | float) -> None:
    assert parse_duration(text) == pytest.approx(PARSED_DURATIONS[text])


@given(st.integers(0, 10**9))
def test_a_duration_written_in_parts_adds_up(seconds: int) -> None:
    left, text = seconds, ""
    for unit, length in UNITS.items():
        text += f"{left // length}{unit}"
        left %= length
    assert parse_duration(text) == seconds


PARSED_SIZES: dict[str | float, int] = {
    7: 7,
    7.5: 8,
    "7": 7,
    "7B": 7,
    "10K": 10_000,
    "1Mib": 2**20,
    "1.5TiB": 1_536 * 2**30,
    "1.5 TiB": 1_536 * 2**30,
    "0": 0,
}


@pytest.mark.parametrize("text", PARSED_SIZES)
def test_a_size_is_parsed(text: str | float) -> None:
    assert parse_size(text) == PARSED_SIZES[text]


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


NEITHER = ("", "-5", "+5", "1e3", "1,000", "nan", "inf", "9" * 41, True, -1, float("nan"))


@pytest.mark.parametrize("text", [*NEITHER, "s", "5 m", "5x", "5M", "1h30", ".5s", "5.s", "5s,", "1:00:00"])
def test_anything_else_is_no_duration(text: str | float) -> None:
    with pytest.raises(ValueError, match="write 60s, 5m, 1h30m, or a number of seconds"):
        parse_duration(text)


@pytest.mark.parametrize("text", [*NEITHER, "B", "GB", "5i", "5iB", "5XB", "5 G B", ".5G", "1_000"])
def test_anything_else_is_no_size(text: str | float) -> None:
    with pytest.raises(ValueError, match=r"write 500GiB, 1\.5TiB, or a number of bytes"):
        parse_size(text)


@given(st.text(st.characters(), max_size=50))
def test_any_text_gives_a_quantity_or_a_value_error(text: str) -> None:
    for parse in (parse_duration, parse_size):
        try:
            parsed = parse(text)
        except ValueError:
            continue
        assert 0 <= parsed < float("inf")


FORMATTED: dict[Callable[[Any], str], dict[float, str]] = {
    format_size: {  # in IEC units with three digits
        0: "0 B",
        1_023: "1023 B",
        1_024: "1.00 KiB",
        10_234: "9.99 KiB",
        10_236: "10.0 KiB",
        102_350: "100 KiB",
        2**20 - 1_000: "1023 KiB",
        2**20 - 1: "1.00 MiB",
        10_499_764_604_348: "9.55 TiB",
        2**63 - 1: "8.00 EiB",
    },
    format_duration: {  # in at most two units
        0: "0 s",
        0.0004: "< 1 ms",
        0.25: "250 ms",
        0.9999: "1 s",
        1: "1 s",
        9.81: "9.8 s",
        9.96: "10 s",
        59.6: "1 min",
        90: "1 min 30 s",
        3_600: "1 h",
        3_661: "1 h 1 min",
        86_400 * 3 + 3_599: "3 d",
        86_400 * 400.5: "400 d 12 h",
    },
    format_percent: {  # 0 or 100 only if it is exactly that
        0: "0 %",
        1e-9: "< 0.1 %",
        0.001: "0.1 %",
        0.5: "50.0 %",
        0.9989: "99.9 %",
        1 - 1e-9: "> 99.9 %",
        1: "100 %",
        1.25: "125.0 %",
        1_249.75: "124,975.0 %",
    },
    format_date: {  # in UTC, and beyond the calendar
        0: "1970-01-01 00:00:00 UTC",
        1_750_000_000.9: "2025-06-15 15:06:40 UTC",
        253_402_300_800: "253402300800 s since 1970",
        1e300: f"{1e300:.0f} s since 1970",
    },
}


@pytest.mark.parametrize(
    ("formatted", "value", "text"),
    [(formatted, *pair) for formatted, pairs in FORMATTED.items() for pair in pairs.items()],
)
def test_a_value_is_formatted_for_people(formatted: Callable[[Any], str], value: float, text: str) -> None:
    assert formatted(value) == text


def test_numbers_have_thousands_separators_and_nouns_agree_with_them() -> None:
    assert format_number(-1_234_567) == "-1,234,567"
    assert [counted(number, "row") for number in (0, 1, 2, 1_000)] == [
        "0 rows",
        "1 row",
        "2 rows",
        "1,000 rows",
    ]
