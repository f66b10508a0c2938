"""The query of a list request."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

_DEFAULT_LIMIT = 10
_PINNED = {"all": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Query:
    """The requested part of the list.

    `pinned` None means all; `metadata` are the key-values that a pin must have.
    """

    offset: int = 0
    limit: int = _DEFAULT_LIMIT
    pinned: bool | None = None
    descending: bool = True
    sort_by: str = "created_at"
    metadata: frozenset[tuple[str, str]] = frozenset()


def parse_query(parameters: Mapping[str, str]) -> Query:
    """Return the query; absent or empty parameters have their defaults, unknown ones are ignored.

    Raises ValueError, in one line, for a bad value.
    """
    return Query(
        offset=_number(parameters, "offset", 0, minimum=0),
        limit=_number(parameters, "limit", _DEFAULT_LIMIT, minimum=1),
        pinned=_PINNED[_choice(parameters, "pinned", *_PINNED)],
        descending=_choice(parameters, "sortOrder", "DESC", "ASC") == "DESC",
        sort_by=_choice(parameters, "sortBy", "created_at", "size", "name"),
        metadata=_key_values(parameters.get("metadata") or "null"),
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


def _key_values(text: str) -> frozenset[tuple[str, str]]:
    """Return the pairs of a JSON object of strings; none for `null`, which the official client sends."""
    try:
        pairs = json.loads(text)
    except (ValueError, RecursionError):
        pairs = text
    if pairs is None:
        return frozenset()
    if not isinstance(pairs, dict) or not all(isinstance(value, str) for value in pairs.values()):
        raise ValueError("metadata must be a JSON object of strings")
    return frozenset(pairs.items())
