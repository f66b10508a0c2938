"""Hold every switch of a simulated account, with its default, its meaning and its limits."""

from dataclasses import dataclass
from typing import Literal

from pin_exporter.simulator.option import check, choice, option, per_minute, share


@dataclass(frozen=True, slots=True)
class Population:
    """What an account's pins are like; fixed when the account is created."""

    in_progress_share: float = share("pins still being fetched or stored")
    failed_share: float = share("pins that failed")
    removed_share: float = share("pins unpinned, collected or dropped for lack of money")
    unknown_share: float = share("pins whose status is a word never seen before")
    by_cid_share: float = share("pins added by CID; the others are uploads")
    directory_share: float = share("pins that are directories")
    duplicate_share: float = share("pins with the content, so CID and size, of an earlier pin")
    tie_share: float = share("pins created at the very moment of the pin before them, in groups of up to 16")

    def __post_init__(self) -> None:
        check(self)
        total = self.in_progress_share + self.failed_share + self.removed_share + self.unknown_share
        if total > 1 + 1e-9:
            raise ValueError(
                "in_progress_share, failed_share, removed_share and unknown_share must not exceed 1 together"
            )


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the API presents the pins; may change at run time."""

    vocabulary: Literal["2023", "2024", "mixed"] = choice(
        "2024", "the words used for a pin's status", ("2023", "2024", "mixed")
    )
    unknown_word: str = option("quantumEntangled", "the status word of the pins of unknown_share")
    names: Literal["plain", "hostile"] = choice(
        "plain",
        "names of pins; hostile ones try to break whatever shows them: markup, marks of direction, 10 kB",
        ("plain", "hostile"),
    )
    unpinned_rows: Literal["keep", "drop"] = choice(
        "keep", "whether removed pins stay in the list; drop forgets them for good", ("keep", "drop")
    )
    empty_as_null: bool = option(default=False, text="send an empty list as null, not []")
    default_limit: int = option(10, "rows a page when the request names no limit", minimum=1)
    max_limit: int = option(0, "rows a page at most, applied without saying so; 0 is no maximum", minimum=0)
    totals_follow_filter: bool = option(default=True, text="let totals follow the pinned filter")
    files_offset: int = option(0, "add this to totals.files, so that it disagrees with the rows")
    size_offset: int = option(0, "add this to totals.size, in bytes, so that it disagrees with the rows")
    ties_swap: bool = option(default=False, text="reverse the order of ties from one request to the next")
    ignore_offset: bool = option(default=False, text="answer every request from the first row")
    size_as_string: bool = option(default=False, text="send a pin's size as a string of digits")
    null_share: float = share("rows followed by a null element in pins, beyond the limit")
    include_created_at: bool = option(default=False, text="send created_at and updated_at")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Churn:
    """How an account changes by itself; may change at run time."""

    insert_rate: float = per_minute("new pins, which start in progress,")
    complete_rate: float = per_minute("pins in progress that finish, newest first,")
    fail_rate: float = per_minute("pins in progress that fail, newest first,")
    unpin_rate: float = per_minute("finished pins unpinned")
    bulk_unpin_rate: float = per_minute("bulk unpins of the oldest finished pins")
    bulk_unpin_size: int = option(20, "pins that go in one bulk unpin", minimum=1, maximum=1_000_000)
    out_of_money_rate: float = per_minute("finished pins dropped because the balance ran out, oldest first,")
    max_pins: int = option(0, "listed pins at which inserts stop; 0 is no maximum", minimum=0)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong on the way; may change at run time. A rate is a probability per request."""

    latency_seconds: float = option(0.0, "seconds before each answer", minimum=0, maximum=3600)
    latency_jitter_seconds: float = option(0.0, "up to so many seconds more", minimum=0, maximum=3600)
    requests_per_minute: int = option(
        0, "requests a key may make in any 60 seconds; 0 is no limit", minimum=0
    )
    retry_after: Literal["seconds", "date", "none"] = choice(
        "seconds", "form of the Retry-After header of a 429", ("seconds", "date", "none")
    )
    retry_after_seconds: int = option(5, "what Retry-After says on an injected 429", minimum=0, maximum=86400)
    redirect_location: str = option("http://elsewhere.invalid/api/pinning/pins/", "where a redirect points")
    too_many_requests_rate: float = share("429")
    server_error_rate: float = share("500 with an error envelope")
    bad_gateway_rate: float = share("502 with HTML")
    unauthorized_rate: float = share("401")
    forbidden_rate: float = share("403")
    not_found_rate: float = share("404")
    conflict_rate: float = share("409")
    redirect_rate: float = share("301 to redirect_location")
    error_envelope_rate: float = share("200 with an error envelope")
    truncated_json_rate: float = share("200 with the first half of the JSON")
    empty_body_rate: float = share("200 without a body")
    not_json_rate: float = share("200 with HTML")
    slow_body_rate: float = share("200 with one byte of the body a second, until the client leaves")
    black_hole_rate: float = share("no answer, ever")
    dropped_connection_rate: float = share("200 with the connection dropped in mid-body")
    duplicate_page_rate: float = share("200 with the rows of the page before")

    def __post_init__(self) -> None:
        check(self)
        if sum(self.rates().values()) > 1 + 1e-9:
            raise ValueError("the fault rates must not exceed 1 together")

    def rates(self) -> dict[str, float]:
        """Return the probability of each fault, by the fault's name."""
        return {
            name.removesuffix("_rate"): getattr(self, name)
            for name in self.__slots__
            if name.endswith("_rate")
        }
