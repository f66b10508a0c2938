"""The query of a list request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

Word = TypeVar("Word", bound=str)
SortBy = Literal["created_at", "size", "name"]
_SORT_BY: tuple[SortBy, ...] = ("created_at", "size", "name")
_PINNED = {"all": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Query:
    """The requested part of the list; `pinned` None means all, `limit` 0 the API's default."""

    offset: int = 0
    limit: int = 0
    pinned: bool | None = None
    sort_by: SortBy = "created_at"
    descending: bool = True


def parse_query(parameters: Mapping[str, str]) -> Query:
    """Return the query; absent or empty parameters have their defaults, unknown ones are ignored.

    Raises ValueError, in one line, for an undocumented value.
    """
    _check_metadata(parameters.get("metadata", ""))
    return Query(
        offset=_number(parameters, "offset", 0),
        limit=_number(parameters, "limit", 1),
        pinned=_PINNED[_choice(parameters, "pinned", tuple(_PINNED))],
        sort_by=_choice(parameters, "sortBy", _SORT_BY),
        descending=_choice(parameters, "sortOrder", ("DESC", "ASC")) == "DESC",
    )


def _number(parameters: Mapping[str, str], name: str, minimum: int) -> int:
    text = parameters.get(name, "")
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text) >= minimum):
        raise ValueError(f"{name} must be a whole number of at least {minimum}")
    return int(text)


def _choice(parameters: Mapping[str, str], name: str, words: tuple[Word, ...]) -> Word:
    given = parameters.get(name) or words[0]
    for word in words:
        if word == given:
            return word
    raise ValueError(f"{name} must be one of {', '.join(words)}")


def _check_metadata(text: str) -> None:
    # The official client sends metadata=null. What a filter does is undocumented, so it is ignored.
    try:
        value = msgspec.json.decode(text) if text else None
    except msgspec.DecodeError:
        value = text
    if not isinstance(value, dict | None):
        raise ValueError("metadata must be a JSON object")
