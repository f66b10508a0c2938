"""The options of a simulated account: types, limits, defaults and help texts.

Each option is one field of a record; command line, `--account` and control API are derived from it. Values
from outside are checked by `read` and `changed`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

import msgspec
from msgspec import Meta

R = TypeVar("R", bound=msgspec.Struct)

Count = Annotated[int, Meta(ge=0)]
PerMinute = Annotated[float, Meta(ge=0, le=1e6)]
Seconds = Annotated[float, Meta(ge=0, le=3600)]
Share = Annotated[float, Meta(ge=0, le=1)]
BillForm = Literal["strings", "numbers", "null", "odd"]

_TOLERANCE = 1e-9


class Population(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an account's pins are like; fixed when the account is created."""

    in_progress_share: Annotated[Share, "share of pins in progress"] = 0.0
    failed_share: Annotated[Share, "share of failed pins"] = 0.0
    removed_share: Annotated[Share, "share of pins unpinned, collected or removed for lack of balance"] = 0.0
    unknown_share: Annotated[Share, "share of pins with the unknown status `unknown_word`"] = 0.0
    by_cid_share: Annotated[Share, "share of pins added by CID; the others are uploads"] = 0.0
    directory_share: Annotated[Share, "share of pins that are directories"] = 0.0
    duplicate_share: Annotated[Share, "share of pins with the same CID and size as an earlier pin"] = 0.0
    tie_share: Annotated[
        Share, "share of pins with the same creation time as the pin before, in groups of up to 16"
    ] = 0.0

    def __post_init__(self) -> None:
        total = self.in_progress_share + self.failed_share + self.removed_share + self.unknown_share
        if total > 1 + _TOLERANCE:
            raise ValueError(
                "in_progress_share, failed_share, removed_share and unknown_share must not exceed 1 in total"
            )


class Behaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the API presents the pins; can change at run time."""

    vocabulary: Annotated[
        Literal["2023", "2024", "mixed"], "year of the API's status words: 2023, 2024 or mixed"
    ] = "2024"
    unknown_word: Annotated[str, "status of the pins counted by unknown_share"] = "quantumEntangled"
    names: Annotated[
        Literal["plain", "hostile"],
        "pin names: plain, or hostile with markup, bidirectional marks, control characters or 10 kB",
    ] = "plain"
    unpinned_rows: Annotated[
        Literal["keep", "drop"], "keep removed pins in the list, or drop them; unknown of AIOZ Pin"
    ] = "keep"
    empty_as_null: Annotated[bool, "send an empty list as null instead of []"] = False
    max_limit: Annotated[
        Count, "maximum rows per page, applied silently; 0 means none; unknown of AIOZ Pin"
    ] = 0
    totals_follow_filter: Annotated[bool, "apply the pinned filter to the totals"] = True
    files_offset: Annotated[int, "added to totals.files, to make it disagree with the rows"] = 0
    size_offset: Annotated[int, "bytes added to totals.size, to make it disagree with the rows"] = 0
    ignore_filter: Annotated[bool, "list all pins whatever the pinned filter"] = False
    ties_swap: Annotated[bool, "reverse the order of ties at every other request"] = False
    ignore_offset: Annotated[bool, "start every page at the first row"] = False
    null_share: Annotated[Share, "share of rows followed by a null element, in addition to the limit"] = 0.0
    bill: Annotated[
        BillForm, "costs in the bill: strings as documented, numbers, null, or odd decimals in strings"
    ] = "strings"


class Churn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an account changes by itself; can change at run time. Rates are averages per minute."""

    insert_rate: Annotated[PerMinute, "new pins per minute, which start in progress"] = 0.0
    complete_rate: Annotated[PerMinute, "pins in progress that finish per minute, newest first"] = 0.0
    fail_rate: Annotated[PerMinute, "pins in progress that fail per minute, newest first"] = 0.0
    unpin_rate: Annotated[PerMinute, "finished pins unpinned per minute"] = 0.0
    bulk_unpin_rate: Annotated[PerMinute, "bulk unpins of the oldest finished pins per minute"] = 0.0
    bulk_unpin_size: Annotated[int, Meta(ge=1, le=1_000_000), "pins removed by one bulk unpin"] = 20
    exhaust_balance_rate: Annotated[PerMinute, "finished pins removed for lack of balance, oldest first"] = (
        0.0
    )
    max_pins: Annotated[Count, "number of listed pins at which inserts stop; 0 means no maximum"] = 0


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong with requests; can change at run time. A rate is a probability per request."""

    latency_seconds: Annotated[Seconds, "delay of each response, in seconds"] = 0.0
    latency_jitter_seconds: Annotated[Seconds, "maximum random delay added to latency_seconds"] = 0.0
    requests_per_minute: Annotated[Count, "requests allowed per key in any 60 seconds; 0 means no limit"] = 0
    retry_after: Annotated[bool, "send Retry-After with a 429, which AIOZ Pin was never seen to do"] = False
    too_many_requests_rate: Annotated[Share, "429"] = 0.0
    server_error_rate: Annotated[Share, "500 with an error envelope"] = 0.0
    bad_gateway_rate: Annotated[Share, "502 with HTML"] = 0.0
    unauthorized_rate: Annotated[Share, "401"] = 0.0
    forbidden_rate: Annotated[Share, "403"] = 0.0
    not_found_rate: Annotated[Share, "404"] = 0.0
    redirect_rate: Annotated[Share, "301 to another host"] = 0.0
    error_envelope_rate: Annotated[Share, "200 with an error envelope"] = 0.0
    truncated_json_rate: Annotated[Share, "200 with the first half of the JSON"] = 0.0
    empty_body_rate: Annotated[Share, "200 without a body"] = 0.0
    not_json_rate: Annotated[Share, "200 with HTML"] = 0.0
    slow_body_rate: Annotated[Share, "200 with one byte of the body per second"] = 0.0
    black_hole_rate: Annotated[Share, "no response until the client disconnects"] = 0.0
    dropped_connection_rate: Annotated[Share, "200, then the connection drops in mid-body"] = 0.0
    duplicate_page_rate: Annotated[Share, "200 with the rows of the previous page"] = 0.0
    null_page_rate: Annotated[Share, "200 with null instead of the rows"] = 0.0
    short_page_rate: Annotated[Share, "200 with the first half of the rows"] = 0.0
    bill_forbidden: Annotated[bool, "403 for the bill, as if the key had too few scopes"] = False
    gateway_seconds: Annotated[Seconds, "delay of each response of the gateway, in seconds"] = 0.0
    gateway_not_found_share: Annotated[Share, "share of CIDs for which the gateway sends 404"] = 0.0
    gateway_limited_share: Annotated[Share, "share of CIDs for which the gateway sends 429"] = 0.0
    gateway_corrupt_share: Annotated[Share, "share of CIDs whose block has a wrong byte"] = 0.0
    gateway_html: Annotated[bool, "the gateway sends HTML instead of raw blocks"] = False

    def __post_init__(self) -> None:
        if sum(self.rates().values()) > 1 + _TOLERANCE:
            raise ValueError("the fault rates must not exceed 1 in total")
        shares = self.gateway_not_found_share + self.gateway_limited_share + self.gateway_corrupt_share
        if shares > 1 + _TOLERANCE:
            raise ValueError("the gateway's shares must not exceed 1 in total")

    def rates(self) -> dict[str, float]:
        """Return the probability of each fault, by the fault's name."""
        names = (name for name in self.__struct_fields__ if name.endswith("_rate"))
        return {name.removesuffix("_rate"): getattr(self, name) for name in names}


def help_texts(record: type[msgspec.Struct]) -> dict[str, str]:
    """Return the help text of each option, by field name."""
    hints = get_type_hints(record, include_extras=True)
    return {name: hints[name].__metadata__[-1] for name in record.__struct_fields__}


def read(record: type[R], values: Mapping[str, Any]) -> R:
    """Return a record of values, which can be texts; ValueError, in one line, for a bad one."""
    return msgspec.convert(values, record, strict=False)


def changed(record: R, changes: Mapping[str, Any]) -> R:
    """Return `record` with `changes`; ValueError, in one line, for an unknown name or a bad value."""
    return msgspec.convert(msgspec.structs.asdict(record) | dict(changes), type(record))
