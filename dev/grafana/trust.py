"""Row 1: can I trust this page?"""

from typing import Final

from dev.grafana.colours import BAD, GOOD, WARNING
from dev.grafana.panels import ZERO_IS_BETTER, Panel, stat_panel, state_panel, time_panel
from dev.grafana.series import EXPORTER, data_age, per_account, shown, since_success, while_up

TITLE: Final = "Can I trust these numbers?"

_UP: Final = per_account("max", shown("up"))
_LAST_SUCCESS: Final = shown("last_success_timestamp_seconds")
_SINCE_SUCCESS: Final = per_account("min", since_success(_LAST_SUCCESS), "collector")
_AGE: Final = per_account("min", data_age(_LAST_SUCCESS), "collector")
_INTERVAL: Final = per_account("max", shown("poll_interval_seconds"), "collector")
_STALE: Final = f"({_SINCE_SUCCESS} > bool 3 * {_INTERVAL})"
_SEEN: Final = per_account("max", f"max_over_time({shown('up')}[$__range])")
_MISSING: Final = f"(({_SEEN} unless {_UP}) * 0 + 2 and on () {shown('up')})"
_EXPORTERS: Final = (
    f'up{{job=~"$job",instance=~"$instance"}} and on ({", ".join(EXPORTER)}) '
    f"max_over_time({shown('exporter_build_info')}[$__range])"
)
_FAILURES: Final = per_account(
    "max", while_up(f"increase({shown('poll_failures_total')}[1h])"), "collector", "reason"
)
_POLLS: Final = per_account("max", while_up(f"increase({shown('polls_total')}[1h])"), "collector")
_MOVED: Final = f"(1 - {per_account('min', shown('inventory_consistent'))})"
_INCONSISTENT: Final = 'collector="inventory"', 'reason="inconsistent"'
_UNPROVEN: Final = per_account(
    "max", while_up(f"increase({shown('poll_failures_total', *_INCONSISTENT)}[1h])")
)


def panels() -> list[Panel]:
    """Return the row's panels from left to right, line by line."""
    return [
        stat_panel(
            "Data",
            "CURRENT: every collector of every account succeeded within three of its intervals. STALE: one "
            "did not, or never did. PART MISSING: an account of the chosen time range has no exporter now. "
            "NO DATA: no exporter is scraped. In all but the first case, the totals below leave something "
            "out.",
            f"max({_STALE} or {_MISSING})",
            steps=((None, GOOD), (1, BAD)),
            words={0: ("CURRENT", GOOD), 1: ("STALE", BAD), 2: ("PART MISSING", BAD)},
        ),
        stat_panel(
            "Oldest data",
            "Time since the last success of the collector that is furthest behind.",
            f"max({_AGE})",
            unit="s",
            decimals=0,
            span=3,
        ),
        stat_panel(
            "Exporters up",
            "Share of the targets that Prometheus can scrape now, of those that were exporters in this time "
            "range. One that is no target any more is not among them.",
            f"avg({_EXPORTERS}) > 0",
            unit="percentunit",
            steps=((None, BAD), (1, GOOD)),
            span=3,
        ),
        stat_panel(
            "Failed polls",
            "Share of the polls of the last hour that failed. The panel 'Failed polls by reason' below says "
            "why.",
            f"sum({_FAILURES}) / sum({_POLLS})",
            unit="percentunit",
            decimals=1,
            steps=((None, GOOD), (0.05, WARNING), (0.25, BAD)),
            span=3,
        ),
        stat_panel(
            "Inventory",
            "What is proven about the last count, of the account where least is. STOOD STILL: nothing moved "
            "while the list was read. REPAIRED: something did, and each pin is counted once all the same. "
            "UNPROVEN: within the last hour the list moved too fast to be counted.",
            f"max({_MOVED} * (1 + ({_UNPROVEN} > bool 0)) or {_MOVED})",
            steps=((None, GOOD), (2, BAD)),
            words={0: ("STOOD STILL", GOOD), 1: ("REPAIRED", GOOD), 2: ("UNPROVEN", BAD)},
        ),
        stat_panel(
            "Reported − counted",
            "Files that the API reports and the list does not hold, or the other way round. Not 0 for long: "
            "the API's two answers contradict each other.",
            "sum(" + per_account("max", f"abs({shown('inventory_unaccounted_files')})") + ")",
            steps=ZERO_IS_BETTER,
        ),
        stat_panel(
            "Unread rows",
            "Rows of the list that made no sense and are in no other number.",
            f"sum({per_account('max', shown('inventory_malformed_pins'))})",
            steps=ZERO_IS_BETTER,
            span=3,
        ),
        time_panel(
            "Age of the data",
            "Time since the last success. A line that climbs is a collector that fails; it is dropped from "
            "the other panels when it is too old. A line that ends is an exporter that is not scraped.",
            {"{{account}} {{collector}}": _AGE},
            unit="s",
            legend=("lastNotNull", "max"),
        ),
        state_panel(
            "Polls of the totals",
            "Whether the newest poll of the totals succeeded.",
            {"{{account}}": _UP},
            words={1: ("OK", GOOD), 0: ("FAILED", BAD)},
        ),
    ]
