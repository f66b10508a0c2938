"""Make text from outside safe to show: visible, on one line, and not too long; pure."""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

_MAX_MARKS: Final = 4
"""Combining marks kept on one letter: more than any script needs, too few to reach the next line."""
_JOINER: Final = "\u200d"
_PICTURES: Final = frozenset({"So", "Sk"})
_EMOJI_STYLE: Final = "\ufe0f"
_BLANK: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE0F), *range(0xE0100, 0xE01F0))))
)
"""Characters that Python calls printable although they show nothing."""
_MAX_LINE_LENGTH: Final = 200


class Piece(NamedTuple):
    """A part of a text. An escape stands for characters that are invisible or change the text around them."""

    text: str
    is_escape: bool


def pieces(text: str) -> Iterator[Piece]:
    r"""Yield a text in pieces that are safe to show: plain text, and escapes such as `\u202e`.

    Everything invisible becomes an escape: control and direction characters, lone surrogates, unassigned code
    points, and a text of nothing but spaces. Letters of all scripts stay, as do emoji, joined ones included.
    """
    marks = 0
    shown = []
    is_blank = not text.strip(" ")
    for index, char in enumerate(text):
        marks = marks + 1 if unicodedata.category(char).startswith("M") else 0
        plain = not is_blank and char.isprintable() and char not in _BLANK and marks <= _MAX_MARKS
        shown.append((char, plain or (char == _JOINER and _joins_pictures(text, index))))
    for plain, run in groupby(shown, key=lambda pair: pair[1]):
        chars = "".join(char for char, _ in run)
        yield Piece(chars, is_escape=False) if plain else Piece("".join(map(_escape, chars)), is_escape=True)


def escaped(text: str) -> str:
    """Return a text with everything invisible as escapes, as `pieces` yields it."""
    return "".join(piece.text for piece in pieces(text))


def shortened(text: str, max_length: int) -> str:
    """Return at most so many characters of a text; the last one is `…` if something is missing."""
    return text if len(text) <= max_length else text[: max_length - 1] + "…"


def first_lines(lines: Sequence[str], max_lines: int) -> list[str]:
    """Return the first lines, and one that says how many are left out if any are."""
    left_out = len(lines) - max_lines
    return [*lines[:max_lines], *([f"and {left_out} more"] if left_out > 0 else [])]


def one_line(text: str) -> str:
    """Return a text as at most 200 printable characters on one line."""
    printable = "".join(char if char.isprintable() else " " for char in text[: 4 * _MAX_LINE_LENGTH])
    return shortened(" ".join(printable.split()), _MAX_LINE_LENGTH)


def _joins_pictures(text: str, index: int) -> bool:
    """Return whether the joiner at an index stands between two pictures."""
    before, after = text[:index].removesuffix(_EMOJI_STYLE)[-1:], text[index + 1 : index + 2]
    return all(char and unicodedata.category(char) in _PICTURES for char in (before, after))


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code < 2**16 else f"\\U{code:08x}"
