"""Numbers, dates and text from outside as a person reads them; pure."""

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Final, NamedTuple

_SIZES: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_AGES: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_SMALLEST_SHARE: Final = 0.001
_NARROWEST: Final = 1.0
_MOST_MARKS: Final = 4
"""Marks on one letter that are shown as such: more than any script needs, too few to reach the next line."""
_JOINER: Final = "\u200d"
_PICTURES: Final = frozenset({"So", "Sk"})
_EMOJI_STYLE: Final = "\ufe0f"
_BLANK: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE0F), *range(0xE0100, 0xE01F0))))
)
"""Characters that count as printable, and print nothing."""


class Piece(NamedTuple):
    """A part of a text; an escape stands for characters that cannot be seen, or do something else."""

    text: str
    is_escape: bool


def pieces(text: str) -> Iterator[Piece]:
    """Yield a text from outside in parts that are safe to look at, escapes apart.

    Whatever is not printable becomes an escape: controls, marks of direction, lone surrogates, code points
    without a character, and spaces with nothing beside them. Letters of all scripts stay, and emoji, also
    those joined to one picture.
    """
    marks = 0
    shown = []
    is_blank = not text.strip(" ")
    for place, char in enumerate(text):
        marks = marks + 1 if unicodedata.category(char).startswith("M") else 0
        plain = not is_blank and char.isprintable() and char not in _BLANK and marks <= _MOST_MARKS
        shown.append((char, plain or (char == _JOINER and _joins(text, place))))
    for plain, run in groupby(shown, key=lambda pair: pair[1]):
        chars = "".join(char for char, _ in run)
        yield Piece(chars, is_escape=False) if plain else Piece("".join(map(_escape, chars)), is_escape=True)


def bar_widths(shares: Iterable[float]) -> list[float]:
    """Return the widths, 100 in all, of the parts of a bar; what is not nothing is wide enough to be seen."""
    shares = list(shares)
    narrow = [0 < share < _NARROWEST / 100 for share in shares]
    wide = sum(share for share, small in zip(shares, narrow, strict=True) if not small)
    scale = (100 - _NARROWEST * sum(narrow)) / wide if wide else 0.0
    return [_NARROWEST if small else share * scale for share, small in zip(shares, narrow, strict=True)]


def number_text(number: int) -> str:
    """Return a whole number with its thousands set apart."""
    return f"{number:,}"


def count_text(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number_text(number)} {noun}{'' if number == 1 else 's'}"


def size_text(size_bytes: int) -> str:
    """Return bytes in the unit that leaves three digits or four."""
    size, power = float(size_bytes), 0
    while size >= 999.5 and power < len(_SIZES) - 1:
        size, power = size / 1_000, power + 1
    digits = 0 if power == 0 or size >= 99.95 else 1 if size >= 9.995 else 2
    return f"{size:.{digits}f} {_SIZES[power]}"


def duration_text(seconds: float) -> str:
    """Return a duration in its two largest units; below 10 s with its fraction."""
    if 0 < seconds < 0.001:
        return "< 1 ms"
    if seconds < 0.9995:
        return f"{seconds * 1_000:.0f} ms" if seconds > 0 else "0 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    rest = round(seconds)
    largest = next(n for n, (unit, _) in enumerate(_AGES) if rest >= unit)
    parts = []
    for unit, name in _AGES[largest : largest + 2]:
        parts.append(f"{rest // unit} {name}")
        rest %= unit
    return " ".join(part for part in parts if not part.startswith("0 "))


def share_text(share: float) -> str:
    """Return a share in percent that is 0 or 100 only when nothing or all is meant."""
    if 0 < share < _SMALLEST_SHARE:
        return "< 0.1 %"
    if 1 - _SMALLEST_SHARE < share < 1:
        return "> 99.9 %"
    return f"{100 * share:,.1f} %" if share not in (0, 1) else f"{100 * share:.0f} %"


def date_text(at: float) -> str:
    """Return Unix seconds as a date and time in UTC, also those beyond any calendar."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{at:.0f} s since 1970"


def _joins(text: str, place: int) -> bool:
    """Return whether what joins two characters joins two pictures."""
    before, after = text[:place].removesuffix(_EMOJI_STYLE)[-1:], text[place + 1 : place + 2]
    return all(char and unicodedata.category(char) in _PICTURES for char in (before, after))


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code < 2**16 else f"\\U{code:08x}"
