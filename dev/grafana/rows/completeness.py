"""Row 3: whether the expected CIDs are held, and whether sampled pins can be retrieved."""

from typing import Final

from dev.grafana.colors import BAD, GOOD, NO_DATA
from dev.grafana.panels import (
    BAD_ABOVE_ZERO,
    NOT_CONFIGURED_TEXTS,
    WARNING_ABOVE_ZERO,
    Panel,
    Property,
    colored_by_phase,
    stat_panel,
    time_panel,
)
from dev.grafana.promql import (
    ACCOUNT,
    aggregate,
    data_age,
    never_good_in_part,
    or_not_configured,
    per_account,
    selected,
    while_up,
)

TITLE: Final = "Is it all still there?"

_LIST: Final = "expected_cids_read_timestamp_seconds"
_GATEWAY: Final = "last_retrieval_timestamp_seconds"
_HELD: Final = 'state="pinned"'
_NOT_HELD: Final = 'state=~"failed|missing|removed"'
_UNEXPECTED: Final = per_account("max", selected("unexpected_cids"))
_MALFORMED: Final = per_account("max", selected("expected_cids_malformed_lines"))
_SAMPLED: Final = per_account("max", selected("sampled_pins"))
_UNRETRIEVABLE: Final = per_account("max", selected("unretrievable_cids"))
_LOWER_BOUND: Final = per_account("min", selected("retrievable_ratio_lower_bound"))
_ATTEMPTS: Final = per_account("max", while_up(f"increase({selected('retrievals_total')}[1h])"), "result")
_DURATIONS: Final = aggregate(
    "sum", ["le"], f"rate({selected('retrieval_duration_seconds_bucket')}[$__rate_interval])"
)


def _expected(*matchers: str) -> str:
    return aggregate("sum", ACCOUNT, per_account("max", selected("expected_cids", *matchers), "state"))


def _age(name: str) -> str:
    """Return the age of the oldest, and -3 if there is one that never succeeded."""
    read_at = per_account("max", selected(name))
    age = per_account("min", data_age(selected(name)))
    return or_not_configured(f"group({read_at} == 0) * -3 or on () max({age})", name)


def panels() -> list[Panel]:
    """Return the row's panels from left to right, line by line."""
    return [*_expected_cids(), *_samples(), *_graphs()]


def _expected_cids() -> list[Panel]:
    return [
        stat_panel(
            "Must be pinned again",
            "Expected CIDs that are missing, removed or failed: AIOZ Pin does not store them. The status "
            "page of the account lists them. PARTIAL: none is known, but the inventory of an account is "
            "stale. Requires expected_cids_file.",
            never_good_in_part(_expected(_NOT_HELD), _LIST),
            unit="locale",
            thresholds=BAD_ABOVE_ZERO,
            texts=NOT_CONFIGURED_TEXTS,
        ),
        stat_panel(
            "Expected and pinned",
            "Share of the expected CIDs whose content is stored.",
            or_not_configured(f"sum({_expected(_HELD)}) / (sum({_expected()}) > 0)", _LIST),
            unit="percentunit",
            decimals=2,
            texts=NOT_CONFIGURED_TEXTS,
        ),
        stat_panel(
            "Expected CIDs",
            "Number of CIDs in the lists of expected CIDs.",
            or_not_configured(f"sum({_expected()})", _LIST),
            unit="locale",
            texts=NOT_CONFIGURED_TEXTS,
        ),
        stat_panel(
            "Unexpected CIDs",
            "Number of pinned CIDs that are not in the list of their account.",
            or_not_configured(f"sum({_UNEXPECTED})", _LIST),
            unit="locale",
            texts=NOT_CONFIGURED_TEXTS,
        ),
        stat_panel(
            "Age of the list",
            "Time since expected_cids_file was read or found unchanged, for the account where that is "
            "longest ago.",
            _age(_LIST),
            unit="s",
            decimals=0,
            texts={**NOT_CONFIGURED_TEXTS, -3: ("NEVER READ", BAD)},
        ),
        stat_panel(
            "Malformed lines",
            "Lines of the lists that contain no CID. They are ignored; the log names the first ten.",
            never_good_in_part(_MALFORMED, _LIST),
            unit="locale",
            thresholds=WARNING_ABOVE_ZERO,
            texts=NOT_CONFIGURED_TEXTS,
        ),
    ]


def _samples() -> list[Panel]:
    return [
        stat_panel(
            "Sampled pins",
            "Pins sampled in the last day that were retrieved, or tried three times over an hour. Requires "
            "gateway_url.",
            or_not_configured(f"sum({_SAMPLED})", _GATEWAY),
            unit="locale",
            width=5,
            texts=NOT_CONFIGURED_TEXTS,
        ),
        stat_panel(
            "Retrieved",
            "Sampled pins whose root block the gateway sent, with the hash in the CID.",
            or_not_configured(f"sum({_SAMPLED}) - sum({_UNRETRIEVABLE})", _GATEWAY),
            unit="locale",
            width=5,
            texts=NOT_CONFIGURED_TEXTS,
        ),
        stat_panel(
            "Not retrieved",
            "Sampled CIDs that could not be retrieved three times over an hour. PARTIAL: none is known, but "
            "an account has no samples now.",
            never_good_in_part(_UNRETRIEVABLE, _GATEWAY),
            unit="locale",
            thresholds=BAD_ABOVE_ZERO,
            texts=NOT_CONFIGURED_TEXTS,
        ),
        stat_panel(
            "Retrievable, at least",
            "Share of the pinned files that can be retrieved with 95 % confidence, for the account where it "
            "is lowest. With few samples it is low even if all were retrieved.",
            or_not_configured(f"min({_LOWER_BOUND})", _GATEWAY),
            unit="percentunit",
            decimals=1,
            width=5,
            texts=NOT_CONFIGURED_TEXTS,
        ),
        stat_panel(
            "Last retrieval",
            "Time since a block was last retrieved, for the account where that is longest ago.",
            _age(_GATEWAY),
            unit="s",
            decimals=0,
            width=5,
            texts={**NOT_CONFIGURED_TEXTS, -3: ("NONE YET", NO_DATA)},
        ),
    ]


def _graphs() -> list[Panel]:
    states = aggregate("sum", ["state"], per_account("max", selected("expected_cids"), "state"))
    by_state = time_panel(
        "Expected CIDs by state",
        "What the inventory says about the expected CIDs. missing: no pin of the account has this CID.",
        {"{{state}}": states},
        unit="locale",
        width=8,
        stacked=True,
    )
    return [
        colored_by_phase(by_state).override_by_name("missing", [_color(BAD)]),
        time_panel(
            "Retrieval attempts by result",
            "Attempts to fetch a block in the preceding hour. rate_limited, forbidden and unverifiable say "
            "nothing about the pins.",
            {"{{result}}": aggregate("sum", ["result"], _ATTEMPTS)},
            unit="short",
            width=8,
        )
        .override_by_name("ok", [_color(GOOD)])
        .override_by_name("corrupt", [_color(BAD)]),
        time_panel(
            "Retrieval duration",
            "Median, 90th and 99th percentile of the successful attempts.",
            {
                f"p{share:.0%}".rstrip("%"): f"histogram_quantile({share}, {_DURATIONS})"
                for share in (0.5, 0.9, 0.99)
            },
            unit="s",
            width=8,
        ),
    ]


def _color(color: str) -> Property:
    return Property(id_val="color", value={"mode": "fixed", "fixedColor": color})
