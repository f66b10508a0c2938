"""Row 2: pins by phase and status, and the tables of accounts."""

from typing import Final

from dev.grafana.colors import BAD, GOOD, WARNING
from dev.grafana.panels import (
    BAD_ABOVE_ZERO,
    LINK_TO_ACCOUNT,
    WARNING_ABOVE_ZERO,
    Panel,
    buckets_panel,
    cell_texts,
    cell_thresholds,
    colored_by_phase,
    column_unit,
    column_width,
    phase_texts,
    stat_panel,
    table_panel,
    time_panel,
)
from dev.grafana.promql import (
    ACCOUNT,
    aggregate,
    cumulative_buckets,
    data_age,
    on,
    per_account,
    selected,
)
from pin_exporter.api.model import Phase
from pin_exporter.inventory.counter import AGE_BOUNDS

TITLE: Final = "Is my data safely pinned?"

_DAY: Final = 86_400
_AGES: Final = ("10 minutes", "1 hour", "6 hours", "1 day", "7 days", "30 days")


def _pins(*matchers: str) -> str:
    return per_account("max", selected("pins", *matchers), "status", "phase")


def _age(collector: str) -> str:
    matcher = f'collector="{collector}"'
    return per_account("min", data_age(selected("last_success_timestamp_seconds", matcher)))


_INVENTORIED: Final = per_account("max", selected("unique_cids"))
_OLDEST: Final = f"time() - {per_account('min', selected('oldest_unfinished_pin_timestamp_seconds'))}"


def _pins_or_zero(*matchers: str) -> str:
    """Return the pins, and 0 for an account whose inventory has no such pins and so no such series."""
    return f"{_pins(*matchers)} or {_INVENTORIED} * 0"


def _pins_in(phase: Phase) -> str:
    return _pins_or_zero(f'phase="{phase}"')


def panels() -> list[Panel]:
    """Return the row's panels from left to right, line by line."""
    return [
        stat_panel(
            "Failed",
            "Pins that AIOZ Pin gave up on. Their content is not stored; pin it again.",
            f"sum({_pins_in(Phase.FAILED)})",
            unit="locale",
            thresholds=BAD_ABOVE_ZERO,
        ),
        stat_panel(
            "Removed",
            "Pins whose content was stored and no longer is. The table Accounts by status shows why.",
            f"sum({_pins_in(Phase.REMOVED)})",
            unit="locale",
            thresholds=WARNING_ABOVE_ZERO,
        ),
        stat_panel(
            "In progress",
            "Pins that are queued, uploading or being retrieved.",
            f"sum({_pins_in(Phase.IN_PROGRESS)})",
            unit="locale",
        ),
        stat_panel(
            "Oldest pin in progress",
            "Age of the oldest pin in progress. Large uploads may take a very long time.",
            f"max({_OLDEST} or {_INVENTORIED} * 0)",
            unit="s",
            decimals=0,
            texts={0: ("NONE", GOOD)},
            thresholds=((None, GOOD), (7 * _DAY, WARNING)),
        ),
        stat_panel(
            "Pinned",
            "Share of all pins whose content is stored.",
            f"sum({_pins_in(Phase.PINNED)}) / (sum({_pins_or_zero()}) > 0) "
            f"or on () group({_INVENTORIED}) * -1",
            unit="percentunit",
            decimals=2,
            texts={-1: ("NO PINS", GOOD)},
            thresholds=((None, BAD), (0.95, WARNING), (1, GOOD)),
        ),
        stat_panel(
            "Files",
            "Number of files that the API reports, in any status.",
            f"sum({per_account('max', selected('files'))})",
            unit="locale",
        ),
        colored_by_phase(
            time_panel(
                "Pins by phase",
                "Pins by normalized phase: pinned, in_progress, failed, removed or unknown.",
                {"{{phase}}": aggregate("sum", ["phase"], _pins())},
                unit="locale",
                stacked=True,
            )
        ),
        colored_by_phase(
            time_panel(
                "Pins by status",
                "Pins by API status, each with its phase. A status that no pin has is not shown.",
                {"{{status}} ({{phase}})": f"{aggregate('sum', ['status', 'phase'], _pins())} > 0"},
                unit="locale",
            ),
            ending="\\({phase}\\)",
        ),
        time_panel(
            "Pins by sub-hash status",
            "Pins by the sub_hash_status of the API; none where the API gives none, as for pins by CID.",
            {
                "{{sub_hash_status}}": aggregate(
                    "sum",
                    ["sub_hash_status"],
                    per_account("max", selected("sub_hash_pins"), "sub_hash_status"),
                )
            },
            unit="locale",
            width=9,
        ),
        buckets_panel(
            "Age of pins in progress",
            "Number of pins in progress by age. Each bar counts the pins older than the bar before it.",
            cumulative_buckets("unfinished_pin_age_seconds_bucket"),
            dict(zip(AGE_BOUNDS, _AGES, strict=True)),
            width=6,
        ),
        time_panel(
            "Pins by kind",
            "Pins by source (upload or CID) and kind (file or directory).",
            {
                "{{source}} {{kind}}": aggregate(
                    "sum",
                    ["source", "kind"],
                    per_account("max", selected("pins_by_kind"), "pinned", "source", "kind"),
                )
            },
            unit="locale",
            width=9,
        ),
        _accounts(),
        _statuses(),
    ]


def _accounts() -> Panel:
    """Return the table with a row for each account: its pins, its size and the age of its data."""

    def pins_in(phase: Phase) -> str:
        return aggregate("sum", ACCOUNT, _pins_in(phase))

    columns = {
        "Failed": pins_in(Phase.FAILED),
        "Removed": pins_in(Phase.REMOVED),
        "In progress": pins_in(Phase.IN_PROGRESS),
        "Unknown": pins_in(Phase.UNKNOWN),
        "Pinned": pins_in(Phase.PINNED),
        "Files": per_account("max", selected("files")),
        "Size": per_account("max", selected("size_bytes")),
        "Newest pin": f"1000 * {per_account('max', selected('newest_pin_timestamp_seconds'))}",
        "Totals age": _age("totals"),
        "Inventory age": _age("inventory"),
        "Last poll": per_account("max", selected("up")),
    }
    return (
        table_panel(
            "Accounts",
            "One row per account, most failed pins first. Click an account to show only this account.",
            columns,
            names={"account": "Account", "job": "Job", "namespace": "Namespace", "cluster": "Cluster"},
            sort_by="Failed",
        )
        .override_by_name("Account", [LINK_TO_ACCOUNT, column_width(140)])
        .override_by_name("Failed", cell_thresholds(BAD_ABOVE_ZERO))
        .override_by_name("Removed", cell_thresholds(WARNING_ABOVE_ZERO))
        .override_by_name("Unknown", cell_thresholds(WARNING_ABOVE_ZERO))
        .override_by_name("Size", [column_unit("bytes")])
        .override_by_name("Newest pin", [column_unit("dateTimeFromNow"), column_width(140)])
        .override_by_regexp("/ age$/", [column_unit("s"), column_width(112)])
        .override_by_name("Last poll", cell_texts({"1": ("OK", GOOD), "0": ("FAILED", BAD)}))
    )


def _statuses() -> Panel:
    """Return the table with a row for each account and status."""
    pins = f"{_pins()} > 0"
    stored = per_account("max", selected("stored_bytes"), "status", "phase")
    return (
        table_panel(
            "Accounts by status",
            "Number and size of the pins of each account by API status. A pin has no size until it is "
            "finished.",
            {"Pins": pins, "Size": f"{stored} and {on((*ACCOUNT, 'status', 'phase'))} {pins}"},
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
        .override_by_name("Phase", phase_texts())
        .override_by_name("Size", [column_unit("bytes")])
    )
