"""Durations and sizes as people write them: `90`, `60s`, `5m`, `1h30m`; `500GB`, `1.5TiB`."""

import re
from fractions import Fraction
from typing import Final

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+", re.ASCII)
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])", re.ASCII)
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kKMGTP]?)((?:(?<=[kKMGTP])i)?)[bB]?", re.ASCII)
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_LONGEST: Final = 40


def parse_duration(text: str | float) -> float:
    """Return seconds. Raises ValueError, with what would be right, for anything that is no duration."""
    cleaned = str(text).strip()
    if len(cleaned) <= _LONGEST and not isinstance(text, bool):
        if _NUMBER.fullmatch(cleaned):
            return float(cleaned)
        if _DURATION.fullmatch(cleaned):
            return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(cleaned))
    raise ValueError("is not a duration: write 60s, 5m, 1h30m, or a number of seconds")


def parse_size(text: str | float) -> int:
    """Return bytes. Raises ValueError, with what would be right, for anything that is no size."""
    cleaned = str(text).strip()
    match = _SIZE.fullmatch(cleaned) if len(cleaned) <= _LONGEST and not isinstance(text, bool) else None
    if match is None:
        raise ValueError("is not a size: write 500GB, 1.5TiB, or a number of bytes")
    number, prefix, binary = match.groups()
    factor: int = (1024 if binary else 1000) ** _POWERS[prefix.lower()]
    return round(Fraction(number) * factor)
