"""Row 2: is my data safely pinned?"""

from typing import Final

from dev.grafana.colours import BAD, GOOD, WARNING
from dev.grafana.panels import (
    LINK_TO_ACCOUNT,
    ZERO_IS_BETTER,
    ZERO_IS_GOOD,
    Panel,
    buckets_panel,
    by_phase,
    coloured,
    stat_panel,
    table_panel,
    time_panel,
    unit_of,
    width_of,
    words_of,
    words_of_phases,
)
from dev.grafana.series import ACCOUNT, bars, data_age, per_account, shown
from pin_exporter.api.model import Phase
from pin_exporter.inventory.counter import AGE_BOUNDS

TITLE: Final = "Is my data safely pinned?"

_DAY: Final = 86_400
_AGES: Final = ("10 minutes", "an hour", "6 hours", "a day", "7 days", "30 days")


def _pins(*matchers: str) -> str:
    return per_account("max", shown("pins", *matchers), "status", "phase")


def _age(collector: str) -> str:
    matcher = f'collector="{collector}"'
    return per_account("min", data_age(shown("last_success_timestamp_seconds", matcher)))


_COUNTED: Final = per_account("max", shown("unique_cids"))
_OLDEST: Final = f"time() - {per_account('min', shown('oldest_unfinished_pin_timestamp_seconds'))}"


def _held(*matchers: str) -> str:
    """Return pins, and 0 for an account whose inventory has no such word: it has none of these pins."""
    return f"({_pins(*matchers)} or {_COUNTED} * 0)"


def _of_phase(phase: Phase) -> str:
    return _held(f'phase="{phase}"')


def panels() -> list[Panel]:
    """Return the row's panels from left to right, line by line."""
    return [
        stat_panel(
            "Failed",
            "Pins that the service gave up: their content is not held. Pin them again.",
            f"sum{_of_phase(Phase.FAILED)}",
            unit="locale",
            steps=ZERO_IS_GOOD,
        ),
        stat_panel(
            "Removed",
            "Pins that were held and are no longer, for whatever reason: the table below names it.",
            f"sum{_of_phase(Phase.REMOVED)}",
            unit="locale",
            steps=ZERO_IS_BETTER,
        ),
        stat_panel(
            "In progress",
            "Pins being uploaded, fetched or queued.",
            f"sum{_of_phase(Phase.IN_PROGRESS)}",
            unit="locale",
        ),
        stat_panel(
            "Longest in progress",
            "Age of the pin that has been in progress longest. Large uploads may take very long.",
            f"max({_OLDEST} or {_COUNTED} * 0)",
            unit="s",
            decimals=0,
            words={0: ("NONE", GOOD)},
            steps=((None, GOOD), (7 * _DAY, WARNING)),
        ),
        stat_panel(
            "Pinned",
            "Share of all pins whose content is held.",
            f"sum{_of_phase(Phase.PINNED)} / (sum{_held()} > 0) or on () group({_COUNTED}) * -1",
            unit="percentunit",
            decimals=2,
            words={-1: ("NO PINS", GOOD)},
            steps=((None, BAD), (0.95, WARNING), (1, GOOD)),
        ),
        stat_panel(
            "Files",
            "Files according to the API, whatever their status.",
            f"sum({per_account('max', shown('files'))})",
            unit="locale",
        ),
        by_phase(
            time_panel(
                "Pins by phase",
                "What each status comes down to: pinned, in_progress, failed, removed or unknown.",
                {"{{phase}}": f"sum by (phase) ({_pins()})"},
                unit="locale",
                stacked=True,
            )
        ),
        by_phase(
            time_panel(
                "Pins by status",
                "The API's own words, each with its phase. Words that no pin has now are left out.",
                {"{{status}} ({{phase}})": f"sum by (status, phase) ({_pins()}) > 0"},
                unit="locale",
            ),
            ending="\\({phase}\\)",
        ),
        time_panel(
            "Pins by sub-hash status",
            "The API's sub_hash_status; 'none' where it gives none, as for pins by CID.",
            {
                "{{sub_hash_status}}": "sum by (sub_hash_status) "
                f"({per_account('max', shown('sub_hash_pins'), 'sub_hash_status')})"
            },
            unit="locale",
            span=9,
        ),
        buckets_panel(
            "Age of the pins in progress",
            "How many pins have been in progress for how long: above the bar before, up to what the "
            "bar says.",
            bars("unfinished_pin_age_seconds_bucket"),
            dict(zip(AGE_BOUNDS, _AGES, strict=True)),
            span=6,
        ),
        time_panel(
            "Pins by kind",
            "How the pins came, and what they are.",
            {
                "{{source}} {{kind}}": "sum by (source, kind) "
                f"({per_account('max', shown('pins_by_kind'), 'pinned', 'source', 'kind')})"
            },
            unit="locale",
            span=9,
        ),
        _accounts(),
        _statuses(),
    ]


def _accounts() -> Panel:
    """Return a line for each account: what it holds, and how far that can be believed."""

    def sum_of(phase: Phase) -> str:
        return f"sum by ({', '.join(ACCOUNT)}) {_of_phase(phase)}"

    columns = {
        "Failed": sum_of(Phase.FAILED),
        "Removed": sum_of(Phase.REMOVED),
        "In progress": sum_of(Phase.IN_PROGRESS),
        "Unknown": sum_of(Phase.UNKNOWN),
        "Pinned": sum_of(Phase.PINNED),
        "Files": per_account("max", shown("files")),
        "Size": per_account("max", shown("size_bytes")),
        "Newest pin": f"1000 * {per_account('max', shown('newest_pin_timestamp_seconds'))}",
        "Totals, age": _age("totals"),
        "Inventory, age": _age("inventory"),
        "Last poll": per_account("max", shown("up")),
    }
    return (
        table_panel(
            "Accounts",
            "One line for each account, most failed pins first. Choose an account to see it alone.",
            columns,
            names={"account": "Account", "job": "Job", "namespace": "Namespace", "cluster": "Cluster"},
            sort_by="Failed",
        )
        .override_by_name("Account", [LINK_TO_ACCOUNT, width_of(140)])
        .override_by_name("Failed", coloured(ZERO_IS_GOOD))
        .override_by_name("Removed", coloured(ZERO_IS_BETTER))
        .override_by_name("Unknown", coloured(ZERO_IS_BETTER))
        .override_by_name("Size", [unit_of("bytes")])
        .override_by_name("Newest pin", [unit_of("dateTimeFromNow"), width_of(140)])
        .override_by_regexp("/, age$/", [unit_of("s"), width_of(112)])
        .override_by_name("Last poll", words_of({"1": ("OK", GOOD), "0": ("FAILED", BAD)}))
    )


def _statuses() -> Panel:
    """Return a line for each account and status."""
    pins = f"{_pins()} > 0"
    stored = per_account("max", shown("stored_bytes"), "status", "phase")
    on = ", ".join((*ACCOUNT, "status", "phase"))
    return (
        table_panel(
            "Accounts by status",
            "Pins and bytes of each account by the API's own status word. A pin that is not finished "
            "has no "
            "size yet.",
            {"Pins": pins, "Size": f"{stored} and on ({on}) {pins}"},
            names={
                "account": "Account",
                "status": "Status",
                "phase": "Phase",
                "job": "Job",
                "namespace": "Namespace",
                "cluster": "Cluster",
            },
            sort_by="Pins",
        )
        .override_by_name("Account", [LINK_TO_ACCOUNT])
        .override_by_name("Phase", words_of_phases())
        .override_by_name("Size", [unit_of("bytes")])
    )
