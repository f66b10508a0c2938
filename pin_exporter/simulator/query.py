"""The query of a list request."""

from collections.abc import Mapping
from dataclasses import dataclass

_DEFAULT_LIMIT = 10
_PINNED = {"all": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Query:
    """The requested part of the list, by creation time; `pinned` None means all."""

    offset: int = 0
    limit: int = _DEFAULT_LIMIT
    pinned: bool | None = None
    descending: bool = True


def parse_query(parameters: Mapping[str, str]) -> Query:
    """Return the query; absent or empty parameters have their defaults, others are ignored.

    The only order is by `created_at`. What a filter by `metadata` does is undocumented, so it is ignored.
    Raises ValueError, in one line, for a bad value.
    """
    _choice(parameters, "sortBy", "created_at")
    return Query(
        offset=_number(parameters, "offset", 0, minimum=0),
        limit=_number(parameters, "limit", _DEFAULT_LIMIT, minimum=1),
        pinned=_PINNED[_choice(parameters, "pinned", *_PINNED)],
        descending=_choice(parameters, "sortOrder", "DESC", "ASC") == "DESC",
    )


def _number(parameters: Mapping[str, str], name: str, default: int, *, minimum: int) -> int:
    text = parameters.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text) >= minimum):
        raise ValueError(f"{name} must be a whole number of at least {minimum}")
    return int(text)


def _choice(parameters: Mapping[str, str], name: str, *words: str) -> str:
    given = parameters.get(name) or words[0]
    if given not in words:
        raise ValueError(f"{name} must be one of {', '.join(words)}")
    return given
