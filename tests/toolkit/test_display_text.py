import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.toolkit.display_text import (
    Piece,
    bar_widths,
    date_text,
    duration_text,
    number_text,
    pieces,
    share_text,
    size_text,
)

DIRECTING = {"\u061c", "\u200e", "\u200f", *"\u202a\u202b\u202c\u202d\u202e", *"\u2066\u2067\u2068\u2069"}


def visible(text: str) -> str:
    return "".join(piece.text for piece in pieces(text))


@pytest.mark.parametrize(
    "text",
    [
        "photo-0001.jpg",
        "<b> & \"quotes' {{ 7 }}",
        "קובץ גיבוי 12.zip",
        "نسخة احتياطية",
        "हिन्दी ไทย Tiếng Việt",
        "日本語 한국어",
        "family 👩‍👩‍👧 flag 🇨🇭 heart ❤️ thumb 👍🏽 rainbow 🏳️‍🌈 key 1️⃣",
        " spaces  stay ",
        "é as e\u0301",
        "",
    ],
)
def test_ordinary_text_of_any_script_stays_as_it_is(text: str) -> None:
    assert all(not piece.is_escape for piece in pieces(text))
    assert visible(text) == text


@pytest.mark.parametrize(
    ("char", "escape"),
    [
        ("\x00", "\\u0000"),
        ("\n", "\\u000a"),
        ("\t", "\\u0009"),
        ("\x1b", "\\u001b"),
        ("\x85", "\\u0085"),
        ("\xa0", "\\u00a0"),
        ("\xad", "\\u00ad"),
        ("\u200b", "\\u200b"),
        ("\u200d", "\\u200d"),
        ("\u2028", "\\u2028"),
        ("\u3164", "\\u3164"),
        ("\u2800", "\\u2800"),
        ("\ufe00", "\\ufe00"),
        ("\ufeff", "\\ufeff"),
        ("\ud800", "\\ud800"),
        ("\ue000", "\\ue000"),
        ("\uffff", "\\uffff"),
        ("\U000e0001", "\\U000e0001"),
        ("\U0010ffff", "\\U0010ffff"),
        *((char, f"\\u{ord(char):04x}") for char in sorted(DIRECTING)),
    ],
)
def test_what_cannot_be_seen_is_shown_as_an_escape(char: str, escape: str) -> None:
    assert list(pieces(f"a{char}b")) == [Piece("a", False), Piece(escape, True), Piece("b", False)]


def test_spaces_with_nothing_beside_them_are_shown_as_escapes() -> None:
    assert list(pieces("  ")) == [Piece("\\u0020\\u0020", True)]


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_shown_can_hide_or_turn_what_stands_beside_it(text: str) -> None:
    for piece in pieces(text):
        if piece.is_escape:
            assert piece.text.isascii()
            assert piece.text.isprintable()
        else:
            kept = piece.text.replace("\u200d", "")
            assert kept.isprintable()
            assert not DIRECTING & set(kept)
            kept.encode()


@given(st.text(st.characters(exclude_categories=())))
def test_pieces_tell_the_whole_text(text: str) -> None:
    told = ""
    for piece in pieces(text):
        told += piece.text.encode().decode("unicode_escape") if piece.is_escape else piece.text
    assert told.encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")


def test_marks_that_are_heaped_on_a_letter_do_not_reach_the_lines_around() -> None:
    heaped = "Z" + "\u0301" * 30
    shown = "".join(piece.text for piece in pieces(heaped) if not piece.is_escape)
    assert sum(unicodedata.category(char) == "Mn" for char in shown) == 4


def test_what_joins_pictures_joins_nothing_else() -> None:
    assert visible("👩\u200d👧") == "👩\u200d👧"
    assert visible("👩\u200dx") == "👩\\u200dx"
    assert visible("pay\u200dpal") == "pay\\u200dpal"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.00 kB"),
        (9_994, "9.99 kB"),
        (9_996, "10.0 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (10_499_764_604_348, "10.5 TB"),
        (2**63 - 1, "9.22 EB"),
    ],
)
def test_sizes_have_three_digits_and_a_unit(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.0004, "< 1 ms"),
        (0.25, "250 ms"),
        (0.9999, "1 s"),
        (1, "1 s"),
        (9.81, "9.8 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (90, "1 min 30 s"),
        (3_600, "1 h"),
        (3_661, "1 h 1 min"),
        (86_400 * 3 + 3_599, "3 d"),
        (86_400 * 400.5, "400 d 12 h"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1e-9, "< 0.1 %"),
        (0.001, "0.1 %"),
        (0.5, "50.0 %"),
        (0.9989, "99.9 %"),
        (1 - 1e-9, "> 99.9 %"),
        (1, "100 %"),
        (1.25, "125.0 %"),
        (1_249.75, "124,975.0 %"),
    ],
)
def test_a_share_is_0_or_100_percent_only_when_it_is_none_or_all(share: float, text: str) -> None:
    assert share_text(share) == text


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01 00:00:00 UTC"),
        (1_750_000_000.9, "2025-06-15 15:06:40 UTC"),
        (253_402_300_800, "253402300800 s since 1970"),
        (1e300, f"{1e300:.0f} s since 1970"),
    ],
)
def test_dates_are_told_in_utc_also_those_that_no_calendar_has(at: float, text: str) -> None:
    assert date_text(at) == text


def test_thousands_are_set_apart() -> None:
    assert number_text(-1_234_567) == "-1,234,567"


@given(st.lists(st.integers(0, 10**6), min_size=5, max_size=5))
def test_a_bar_is_full_and_each_of_its_parts_can_be_seen(pins: list[int]) -> None:
    total = sum(pins)
    widths = bar_widths(number / total if total else 0.0 for number in pins)
    for number, width in zip(pins, widths, strict=True):
        assert (width == 0) == (number == 0)
        assert not number or width > 0.9
    assert sum(widths) == pytest.approx(100 if total else 0)
