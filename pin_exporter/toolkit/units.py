"""Parse and format durations and sizes; format numbers, shares and dates; pure.

People write durations as `90`, `60s`, `5m` or `1h30m`, and sizes as `500GiB` or `1.5TiB`.
"""

import re
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+", re.ASCII)
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])", re.ASCII)
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kKMGTP]?)((?:(?<=[kKMGTP])i)?)[bB]?", re.ASCII)
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_MAX_LENGTH: Final = 40
_SIZE_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_DURATION_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_SMALLEST_SHARE: Final = 0.001


def parse_duration(text: str | float) -> float:
    """Return seconds. Raises ValueError, with examples, for anything that is not a duration."""
    cleaned = str(text).strip()
    if len(cleaned) <= _MAX_LENGTH and not isinstance(text, bool):
        if _NUMBER.fullmatch(cleaned):
            return float(cleaned)
        if _DURATION.fullmatch(cleaned):
            return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(cleaned))
    raise ValueError("is not a duration: write 60s, 5m, 1h30m, or a number of seconds")


def parse_size(text: str | float) -> int:
    """Return bytes. Raises ValueError, with examples, for anything that is not a size."""
    cleaned = str(text).strip()
    match = _SIZE.fullmatch(cleaned) if len(cleaned) <= _MAX_LENGTH and not isinstance(text, bool) else None
    if match is None:
        raise ValueError("is not a size: write 500GiB, 1.5TiB, or a number of bytes")
    number, prefix, binary = match.groups()
    factor: int = (1024 if binary else 1000) ** _POWERS[prefix.lower()]
    return round(Fraction(number) * factor)


def format_size(size_bytes: int) -> str:
    """Return bytes in the largest IEC unit that leaves a whole part, with three digits: `1.46 KiB`."""
    size, power = float(size_bytes), 0
    while size >= 1_023.5 and power < len(_SIZE_UNITS) - 1:
        size, power = size / 1_024, power + 1
    digits = 0 if power == 0 or size >= 99.95 else 1 if size >= 9.995 else 2
    return f"{size:.{digits}f} {_SIZE_UNITS[power]}"


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units: `1 h 5 min`. Below 10 s, with one decimal place."""
    if 0 < seconds < 0.001:
        return "< 1 ms"
    if seconds < 0.9995:
        return f"{seconds * 1_000:.0f} ms" if seconds > 0 else "0 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    rest = round(seconds)
    largest = next(index for index, (unit, _) in enumerate(_DURATION_UNITS) if rest >= unit)
    parts = []
    for unit, name in _DURATION_UNITS[largest : largest + 2]:
        parts.append(f"{rest // unit} {name}")
        rest %= unit
    return " ".join(part for part in parts if not part.startswith("0 "))


def format_number(number: int) -> str:
    """Return a whole number with thousands separators."""
    return f"{number:,}"


def counted(number: int, noun: str) -> str:
    """Return a number and its noun, in the plural unless the number is 1: `1 row`, `1,200 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def format_percent(share: float) -> str:
    """Return a share of 1 in percent. It is shown as 0 or 100 only if it is exactly that."""
    if 0 < share < _SMALLEST_SHARE:
        return "< 0.1 %"
    if 1 - _SMALLEST_SHARE < share < 1:
        return "> 99.9 %"
    return f"{100 * share:,.1f} %" if share not in (0, 1) else f"{100 * share:.0f} %"


def format_date(at: float) -> str:
    """Return Unix seconds as date and time in UTC, or as a number of seconds beyond the year 9999."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{at:.0f} s since 1970"
