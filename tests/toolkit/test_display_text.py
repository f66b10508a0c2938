import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.toolkit.display_text import Piece, escaped, one_line, pieces, shortened

DIRECTING = {"\u061c", "\u200e", "\u200f", *"\u202a\u202b\u202c\u202d\u202e", *"\u2066\u2067\u2068\u2069"}


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
def test_ordinary_text_of_any_script_stays(text: str) -> None:
    assert all(not piece.is_escape for piece in pieces(text))
    assert escaped(text) == text


INVISIBLE = (
    "\x00\n\t\x1b\x85\xa0\xad\u200b\u200d\u2028\u3164\u2800\ufe00\ufeff\ud800\ue000\uffff\U000e0001\U0010ffff"
)


@pytest.mark.parametrize("char", [*INVISIBLE, *sorted(DIRECTING)], ids=lambda char: f"{ord(char):x}")
def test_invisible_characters_become_escapes(char: str) -> None:
    escape = f"\\u{ord(char):04x}" if char <= "\uffff" else f"\\U{ord(char):08x}"
    assert list(pieces(f"a{char}b")) == [Piece("a", False), Piece(escape, True), Piece("b", False)]


def test_a_text_of_spaces_becomes_escapes() -> None:
    assert list(pieces("  ")) == [Piece("\\u0020\\u0020", True)]


@given(st.text(st.characters(exclude_categories=())))
def test_no_piece_hides_or_reorders_the_text_around_it(text: str) -> None:
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
def test_pieces_contain_the_whole_text(text: str) -> None:
    joined = ""
    for piece in pieces(text):
        joined += piece.text.encode().decode("unicode_escape") if piece.is_escape else piece.text
    assert joined.encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")


def test_at_most_four_marks_stay_on_a_letter() -> None:
    marked = "Z" + "\u0301" * 30
    shown = "".join(piece.text for piece in pieces(marked) if not piece.is_escape)
    assert sum(unicodedata.category(char) == "Mn" for char in shown) == 4


def test_a_joiner_stays_between_pictures_only() -> None:
    assert escaped("👩\u200d👧") == "👩\u200d👧"
    assert escaped("👩\u200dx") == "👩\\u200dx"
    assert escaped("pay\u200dpal") == "pay\\u200dpal"


@given(st.text(st.characters(), max_size=1_000))
def test_one_line_is_printable_and_short(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= 200
    assert line == line.strip()


def test_a_shortened_text_ends_in_an_ellipsis() -> None:
    assert one_line("a" * 201) == shortened("a" * 201, 200) == "a" * 199 + "…"
    assert one_line("a" * 200) == shortened("a" * 200, 200) == "a" * 200
