"""Row 1: whether the numbers are current and complete."""

from typing import Final

from dev.grafana.colors import BAD, GOOD, WARNING
from dev.grafana.panels import WARNING_ABOVE_ZERO, Panel, stat_panel, state_panel, time_panel
from dev.grafana.promql import EXPORTER, data_age, on, per_account, selected, time_since_success, while_up

TITLE: Final = "Can I trust these numbers?"

_UP: Final = per_account("max", selected("up"))
_LAST_SUCCESS: Final = selected("last_success_timestamp_seconds")
_SINCE_SUCCESS: Final = per_account("min", time_since_success(_LAST_SUCCESS), "collector")
_AGE: Final = per_account("min", data_age(_LAST_SUCCESS), "collector")
_INTERVAL: Final = per_account("max", selected("poll_interval_seconds"), "collector")
_STALE: Final = f"({_SINCE_SUCCESS} > bool 3 * {_INTERVAL})"
_SEEN: Final = per_account("max", f"max_over_time({selected('up')}[$__range])")
_MISSING: Final = f"(({_SEEN} unless {_UP}) * 0 + 2 and on () {selected('up')})"
_EXPORTERS: Final = (
    f'up{{job=~"$job",instance=~"$instance"}} and {on(EXPORTER)} '
    f"max_over_time({selected('exporter_build_info')}[$__range])"
)
_FAILURES: Final = per_account(
    "max", while_up(f"increase({selected('poll_failures_total')}[1h])"), "collector", "reason"
)
_POLLS: Final = per_account("max", while_up(f"increase({selected('polls_total')}[1h])"), "collector")
_REPAIRED: Final = f"(1 - {per_account('min', selected('inventory_consistent'))})"
_INCONSISTENT_POLLS: Final = 'collector="inventory"', 'reason="inconsistent"'
_INCONSISTENT: Final = per_account(
    "max", while_up(f"increase({selected('poll_failures_total', *_INCONSISTENT_POLLS)}[1h])")
)


def panels() -> list[Panel]:
    """Return the row's panels from left to right, line by line."""
    return [
        stat_panel(
            "Data",
            "CURRENT: every collector of every account succeeded within its last three poll intervals. "
            "STALE: at least one did not. INCOMPLETE: an account that was seen in the selected time range "
            "has no exporter now. NO DATA: no exporter is scraped. Unless the data is CURRENT, the totals "
            "below may be too low.",
            f"max({_STALE} or {_MISSING})",
            thresholds=((None, GOOD), (1, BAD)),
            texts={0: ("CURRENT", GOOD), 1: ("STALE", BAD), 2: ("INCOMPLETE", BAD)},
        ),
        stat_panel(
            "Data age",
            "Time since the last successful poll, for the collector whose data is oldest.",
            f"max({_AGE})",
            unit="s",
            decimals=0,
            width=3,
        ),
        stat_panel(
            "Exporters up",
            "Share of the exporters seen in the selected time range that Prometheus can scrape now. "
            "Exporters that are no longer targets are not included.",
            f"avg({_EXPORTERS}) > 0",
            unit="percentunit",
            thresholds=((None, BAD), (1, GOOD)),
            width=3,
        ),
        stat_panel(
            "Failed polls",
            "Share of the polls in the last hour that failed. See Failed polls by reason below.",
            f"clamp_max(sum({_FAILURES}) / sum({_POLLS}), 1)",
            unit="percentunit",
            decimals=1,
            thresholds=((None, GOOD), (0.05, WARNING), (0.25, BAD)),
            width=3,
        ),
        stat_panel(
            "Inventory",
            "The worst result of all accounts. CONSISTENT: the list did not change while it was read. "
            "REPAIRED: it changed, and each pin is still counted exactly once. INCONSISTENT: in the last "
            "hour the list changed too fast to be counted reliably.",
            f"max({_REPAIRED} * (1 + ({_INCONSISTENT} > bool 0)) or {_REPAIRED})",
            thresholds=((None, GOOD), (2, BAD)),
            texts={0: ("CONSISTENT", GOOD), 1: ("REPAIRED", GOOD), 2: ("INCONSISTENT", BAD)},
        ),
        stat_panel(
            "Count mismatch",
            "Difference between the number of files that the API reports and the number of pins in its "
            "list. If it stays above 0, the API contradicts itself.",
            "sum(" + per_account("max", f"abs({selected('inventory_unaccounted_files')})") + ")",
            thresholds=WARNING_ABOVE_ZERO,
        ),
        stat_panel(
            "Malformed pins",
            "Pins in the list that could not be read. They are not counted anywhere else.",
            f"sum({per_account('max', selected('inventory_malformed_pins'))})",
            thresholds=WARNING_ABOVE_ZERO,
            width=3,
        ),
        time_panel(
            "Data age by collector",
            "Time since the last successful poll. It climbs while polls fail; data that is too old "
            "disappears from the other panels. A line ends when its exporter is no longer scraped.",
            {"{{account}} {{collector}}": _AGE},
            unit="s",
        ),
        state_panel(
            "Totals polls",
            "Whether the last poll of the totals succeeded.",
            {"{{account}}": _UP},
            texts={1: ("OK", GOOD), 0: ("FAILED", BAD)},
        ),
    ]
