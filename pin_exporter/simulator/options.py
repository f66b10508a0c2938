"""The options of a simulated account: defaults, help texts, limits, and how to read and check them.

Each option is one field of a dataclass; command line, `--account` and control API are derived from it.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_type_hints

T = TypeVar("T")
_HELP, _MINIMUM, _MAXIMUM = "help", "minimum", "maximum"
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def option(default: T, text: str, *, minimum: float = -math.inf, maximum: float = math.inf) -> T:
    """Return a dataclass field for an option whose help is `text`; a `Literal` type lists its choices."""
    return dataclasses.field(default=default, metadata={_HELP: text, _MINIMUM: minimum, _MAXIMUM: maximum})


def share(text: str) -> float:
    """Return a dataclass field for a share of the pins or rows, 0 by default."""
    return option(0.0, f"share of {text}, 0 to 1", minimum=0, maximum=1)


def probability(text: str) -> float:
    """Return a dataclass field for the probability of a fault, 0 by default."""
    return option(0.0, f"probability of {text}, 0 to 1", minimum=0, maximum=1)


def per_minute(text: str) -> float:
    """Return a dataclass field for the rate of an event, 0 by default."""
    return option(0.0, f"{text} per minute, on average", minimum=0, maximum=1e6)


@dataclass(frozen=True, slots=True)
class Population:
    """What an account's pins are like; fixed when the account is created."""

    in_progress_share: float = share("pins in progress")
    failed_share: float = share("failed pins")
    removed_share: float = share("pins unpinned, collected or removed because the balance was exhausted")
    unknown_share: float = share("pins with the unknown status `unknown_word`")
    by_cid_share: float = share("pins added by CID; the others are uploads")
    directory_share: float = share("pins that are directories")
    duplicate_share: float = share("pins with the same CID and size as an earlier pin")
    tie_share: float = share("pins with the same creation time as the pin before, in groups of up to 16")

    def __post_init__(self) -> None:
        check(self)
        total = self.in_progress_share + self.failed_share + self.removed_share + self.unknown_share
        if total > 1 + 1e-9:
            raise ValueError(
                "in_progress_share, failed_share, removed_share and unknown_share must not exceed 1 in total"
            )


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the API presents the pins; can change at run time."""

    vocabulary: Literal["2023", "2024", "mixed"] = option("2024", "year of the API's status words")
    unknown_word: str = option("quantumEntangled", "status of the pins counted by unknown_share")
    names: Literal["plain", "hostile"] = option(
        "plain", "pin names; hostile ones contain markup, bidirectional marks, control characters or 10 kB"
    )
    unpinned_rows: Literal["keep", "drop"] = option("keep", "whether removed pins stay in the list")
    empty_as_null: bool = option(default=False, text="send an empty list as null instead of []")
    default_limit: int = option(10, "rows per page when the request sets no limit", minimum=1)
    max_limit: int = option(0, "maximum rows per page, applied silently; 0 means no maximum", minimum=0)
    totals_follow_filter: bool = option(default=True, text="apply the pinned filter to the totals")
    files_offset: int = option(0, "added to totals.files, to make it disagree with the rows")
    size_offset: int = option(0, "bytes added to totals.size, to make it disagree with the rows")
    ties_swap: bool = option(default=False, text="reverse the order of ties at every other request")
    ignore_offset: bool = option(default=False, text="start every page at the first row")
    size_as_string: bool = option(default=False, text="send a pin's size as a string of digits")
    null_share: float = share("rows followed by a null element, in addition to the limit")
    include_created_at: bool = option(default=False, text="send created_at and updated_at")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Churn:
    """How an account changes by itself; can change at run time."""

    insert_rate: float = per_minute("new pins, which start in progress,")
    complete_rate: float = per_minute("pins in progress that finish, newest first,")
    fail_rate: float = per_minute("pins in progress that fail, newest first,")
    unpin_rate: float = per_minute("finished pins unpinned")
    bulk_unpin_rate: float = per_minute("bulk unpins of the oldest finished pins")
    bulk_unpin_size: int = option(20, "pins removed by one bulk unpin", minimum=1, maximum=1_000_000)
    balance_exhausted_rate: float = per_minute(
        "finished pins removed because the balance is exhausted, oldest first,"
    )
    max_pins: int = option(0, "number of listed pins at which inserts stop; 0 means no maximum", minimum=0)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong with requests; can change at run time. A rate is a probability per request."""

    latency_seconds: float = option(0.0, "delay of each response, in seconds", minimum=0, maximum=3600)
    latency_jitter_seconds: float = option(
        0.0, "maximum random delay added to latency_seconds", minimum=0, maximum=3600
    )
    requests_per_minute: int = option(
        0, "requests allowed per key in any 60 seconds; 0 means no limit", minimum=0
    )
    retry_after: Literal["seconds", "date", "none"] = option(
        "seconds", "format of the Retry-After header of a 429"
    )
    retry_after_seconds: int = option(5, "Retry-After of an injected 429", minimum=0, maximum=86400)
    redirect_location: str = option("http://elsewhere.invalid/api/pinning/pins/", "target of a redirect")
    too_many_requests_rate: float = probability("429")
    server_error_rate: float = probability("500 with an error envelope")
    bad_gateway_rate: float = probability("502 with HTML")
    unauthorized_rate: float = probability("401")
    forbidden_rate: float = probability("403")
    not_found_rate: float = probability("404")
    conflict_rate: float = probability("409")
    redirect_rate: float = probability("301 to redirect_location")
    error_envelope_rate: float = probability("200 with an error envelope")
    truncated_json_rate: float = probability("200 with the first half of the JSON")
    empty_body_rate: float = probability("200 without a body")
    not_json_rate: float = probability("200 with HTML")
    slow_body_rate: float = probability(
        "200 with one byte of the body per second, until the client disconnects"
    )
    black_hole_rate: float = probability("no response until the client disconnects")
    dropped_connection_rate: float = probability("200, then the connection drops in the middle of the body")
    duplicate_page_rate: float = probability("200 with the rows of the previous page")

    def __post_init__(self) -> None:
        check(self)
        if sum(self.rates().values()) > 1 + 1e-9:
            raise ValueError("the fault rates must not exceed 1 in total")

    def rates(self) -> dict[str, float]:
        """Return the probability of each fault, by the fault's name."""
        return {
            name.removesuffix("_rate"): getattr(self, name)
            for name in self.__slots__
            if name.endswith("_rate")
        }


@dataclass(frozen=True, slots=True)
class Option:
    """An option's default, help text and accepted values."""

    default: Any
    text: str
    minimum: float
    maximum: float
    choices: tuple[str, ...]

    def accepts(self, value: object) -> bool:
        """Return whether `value` has the right type and lies within the limits."""
        if isinstance(self.default, bool) or isinstance(value, bool):
            return type(value) is type(self.default)
        if isinstance(self.default, str):
            return isinstance(value, str) and (not self.choices or value in self.choices)
        wanted = int if isinstance(self.default, int) else (int, float)
        return isinstance(value, wanted) and self.minimum <= value <= self.maximum and math.isfinite(value)

    def expected(self) -> str:
        """Return in words which values are accepted."""
        if isinstance(self.default, bool):
            return "true or false"
        if isinstance(self.default, str):
            return f"one of {', '.join(self.choices)}" if self.choices else "text"
        kind = "a whole number" if isinstance(self.default, int) else "a number"
        if math.isinf(self.minimum):
            return kind
        if math.isinf(self.maximum):
            return f"{kind} of at least {self.minimum:g}"
        return f"{kind} from {self.minimum:g} to {self.maximum:g}"


def options_of(record: type) -> dict[str, Option]:
    """Return the options of a dataclass, by field name."""
    return _read_options(record)


@cache
def _read_options(record: type) -> dict[str, Option]:
    hints = get_type_hints(record)
    return {
        field.name: Option(
            field.default,
            field.metadata[_HELP],
            field.metadata[_MINIMUM],
            field.metadata[_MAXIMUM],
            get_args(hints[field.name]),
        )
        for field in dataclasses.fields(record)
    }


def check(record: object) -> None:
    """Raise ValueError, in one line, for the first field of `record` whose value is not accepted."""
    for name, known in options_of(type(record)).items():
        value = getattr(record, name)
        if not known.accepts(value):
            raise ValueError(f"{name} must be {known.expected()}, not {value!r}")


def parse(record: type, name: str, text: str) -> Any:
    """Return the value of an option from its text; ValueError, in one line, if it has the wrong type.

    The limits are checked when the record is built.
    """
    known = options_of(record)[name]
    if isinstance(known.default, str):
        return text
    try:
        if isinstance(known.default, bool):
            return _BOOLEANS[text.lower()]
        return int(text) if isinstance(known.default, int) else float(text)
    except (ValueError, KeyError):
        raise ValueError(f"{name} must be {known.expected()}, not {text!r}") from None


def changed(record: T, changes: Mapping[str, Any]) -> T:
    """Return `record` with `changes`; ValueError, in one line, for an unknown name or a bad value."""
    known = options_of(type(record))
    for name in changes:
        if name not in known:
            raise ValueError(f"unknown option {name!r}; known options: {', '.join(known)}")
    return dataclasses.replace(record, **changes)  # type: ignore[type-var]  # T is one of our dataclasses
