"""Read the headers by which services tell of their rate limits, in the forms that are in use; pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

_PREFIXES: Final = ("x-ratelimit-", "x-rate-limit-", "ratelimit")
_LIMIT: Final = re.compile(r"(?:x-)?rate-?limit-limit(?:-(second|minute|hour|day))?")
_WINDOWS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_POLICY: Final = re.compile(r"(?:q=|^|,\s*)(\d{1,9})\s*;(?:[^,]*;)?\s*w=(\d{1,9})", re.ASCII)
_NUMBER: Final = re.compile(r"\s*(\d{1,9})\b", re.ASCII)


def is_rate_header(name: str) -> bool:
    """Return whether a header, by its lower-case name, is about a rate limit."""
    return name.startswith(_PREFIXES)


def requests_per_minute(headers: Mapping[str, str]) -> int | None:
    """Return the smallest rate that the headers allow; None where they tell none.

    `X-RateLimit-Limit: 180` is taken for a minute unless a window is told: by the name, as in
    `X-RateLimit-Limit-Hour`, or as `w=` in seconds, as in `RateLimit-Policy: "default";q=100;w=60`.
    """
    return min((rate for name, value in headers.items() for rate in _rates(name, value)), default=None)


def _rates(name: str, value: str) -> Iterator[int]:
    if not is_rate_header(name):
        return
    policies = [(int(limit), int(window)) for limit, window in _POLICY.findall(value)]
    named, number = _LIMIT.fullmatch(name), _NUMBER.match(value)
    if not policies and named and number:
        policies = [(int(number[1]), _WINDOWS[named[1] or "minute"])]
    for limit, window in policies:
        if limit and window:
            yield max(1, limit * 60 // window)
