"""Row 4: size, growth and the size limit."""

from typing import Final

from dev.grafana.colors import BAD, GOOD, NEUTRAL, NO_DATA, WARNING
from dev.grafana.panels import (
    Panel,
    buckets_panel,
    colored_by_phase,
    dashed_line,
    stat_panel,
    time_panel,
)
from dev.grafana.promql import ACCOUNT, aggregate, cumulative_buckets, on, per_account, selected
from pin_exporter.inventory.counter import SIZE_BOUNDS

TITLE: Final = "How fast does my data grow?"

_SIZE: Final = per_account("max", selected("size_bytes"))
_FILES: Final = per_account("max", selected("files"))
_LIMIT: Final = per_account("max", selected("size_limit_bytes"))
_DUPLICATES: Final = per_account("max", selected("duplicate_cid_size_bytes"))
_HAS_A_DAY_OF_DATA: Final = f"and {on(ACCOUNT)} count_over_time(({_SIZE})[7d:1h]) >= 24"
_GROWTH: Final = f"(deriv(({_SIZE})[7d:1h]) {_HAS_A_DAY_OF_DATA})"
_FORECAST: Final = f"clamp_min(predict_linear(({_SIZE})[7d:1h], 14 * 86400), 0) {_HAS_A_DAY_OF_DATA}"
_LEFT: Final = f"clamp_min({_LIMIT} - {_SIZE}, 0)"
_DAYS_LEFT: Final = f"{_LEFT} / clamp_min({_GROWTH} * 86400, 1) or {_LEFT} == 0"
_MAX_DAYS: Final = 3650
_SIZES: Final = [f"{4**step} {unit}" for unit in ("KiB", "MiB", "GiB") for step in range(5)]


def _growth_per_day(expression: str) -> str:
    """Return the growth per day of the accounts that have data now and at least an hour of it."""
    has_an_hour = f"count_over_time(({expression})[1d:10m]) >= 6 and {on(ACCOUNT)} {expression}"
    return f"sum(deriv(({expression})[1d:10m]) * 86400 and {on(ACCOUNT)} ({has_an_hour}))"


def panels() -> list[Panel]:
    """Return the row's panels from left to right, line by line."""
    return [
        stat_panel("Size", "Size that the API reports.", f"sum({_SIZE})", unit="bytes", decimals=1, width=5),
        stat_panel(
            "Growth per day",
            "Growth of the size per day, at the rate of the last 24 hours. Requires at least an hour of "
            "data.",
            _growth_per_day(_SIZE),
            unit="bytes",
            decimals=1,
            width=5,
        ),
        stat_panel(
            "Files per day",
            "Growth of the number of files per day, at the rate of the last 24 hours. Requires at least an "
            "hour of data.",
            _growth_per_day(_FILES),
            unit="locale",
            decimals=0,
        ),
        stat_panel(
            "Days until the size limit",
            "When the first account reaches its size limit (the size_limit setting of the exporter), at the "
            "rate of the last 7 days. Requires at least a day of data.",
            f"min(clamp_max({_DAYS_LEFT}, {_MAX_DAYS})) or on () group({_LEFT}) * -2 "
            f"or on () group({_SIZE}) * -1",
            unit="none",
            decimals=1,
            width=5,
            thresholds=((None, BAD), (3, WARNING), (14, GOOD)),
            texts={
                -2: ("TOO LITTLE DATA", NO_DATA),
                -1: ("NO LIMIT SET", NO_DATA),
                0: ("REACHED", BAD),
                _MAX_DAYS: ("OVER 10 YEARS", GOOD),
            },
        ),
        stat_panel(
            "Duplicates",
            "Size of the pins whose CID another pin of the account already has.",
            f"sum({_DUPLICATES})",
            unit="bytes",
            decimals=1,
            width=5,
        ),
        time_panel(
            "Size, limit and forecast",
            "The forecast at each moment is the size 14 days later, at the rate of the 7 days before. "
            "Requires at least a day of data.",
            {
                "{{account}}": _SIZE,
                "{{account}} in 14 days": _FORECAST,
                "{{account}} limit": _LIMIT,
            },
            unit="bytes",
        )
        .override_by_regexp("/ in 14 days$/", dashed_line(NEUTRAL))
        .override_by_regexp("/ limit$/", dashed_line(BAD)),
        time_panel(
            "Files over time",
            "Number of files that the API reports.",
            {"{{account}}": _FILES},
            unit="locale",
        ),
        buckets_panel(
            "Pin sizes",
            "Number of pins by size. Each bar counts the pins larger than the bar before it.",
            cumulative_buckets("pin_size_bytes_bucket"),
            dict(zip(SIZE_BOUNDS, _SIZES, strict=True)),
        ),
        time_panel(
            "Pins and unique CIDs",
            "The difference between the two lines is the number of duplicates.",
            {
                "pins": f"sum({per_account('max', selected('pins'), 'status', 'phase')})",
                "unique CIDs": f"sum({per_account('max', selected('unique_cids'))})",
            },
            unit="locale",
            width=8,
        ),
        colored_by_phase(
            time_panel(
                "Size by phase",
                "Size of the pins in each phase. A pin has no size until it is finished.",
                {
                    "{{phase}}": aggregate(
                        "sum", ["phase"], per_account("max", selected("stored_bytes"), "status", "phase")
                    )
                },
                unit="bytes",
                width=8,
                stacked=True,
            )
        ),
    ]
