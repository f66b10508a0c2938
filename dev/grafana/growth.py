"""Row 3: how fast do I grow, and what will it cost?"""

from typing import Final

from dev.grafana.colours import BAD, GOOD, NEUTRAL, NO_DATA, WARNING
from dev.grafana.panels import Panel, buckets_panel, by_phase, dashed, stat_panel, time_panel
from dev.grafana.series import ACCOUNT, bars, per_account, shown
from pin_exporter.inventory.counter import SIZE_BOUNDS

TITLE: Final = "How fast do I grow, and what will it cost?"

_SIZE: Final = per_account("max", shown("size_bytes"))
_FILES: Final = per_account("max", shown("files"))
_LIMIT: Final = per_account("max", shown("size_limit_bytes"))
_DUPLICATES: Final = per_account("max", shown("duplicate_cid_size_bytes"))
_SAME_ACCOUNT: Final = f"on ({', '.join(ACCOUNT)})"
_A_DAY_KNOWN: Final = f"and {_SAME_ACCOUNT} count_over_time(({_SIZE})[7d:1h]) >= 24"
_GROWTH: Final = f"(deriv(({_SIZE})[7d:1h]) {_A_DAY_KNOWN})"
_FORECAST: Final = f"clamp_min(predict_linear(({_SIZE})[7d:1h], 14 * 86400), 0) {_A_DAY_KNOWN}"
_LEFT: Final = f"clamp_min({_LIMIT} - {_SIZE}, 0)"
_DAYS_LEFT: Final = f"{_LEFT} / clamp_min({_GROWTH} * 86400, 1) or {_LEFT} == 0"
_FAR: Final = 3650
# An empty field is a price of 0.
_PRICE: Final = "($price + 0)"
_SIZES: Final = [f"{4**step} {unit}" for unit in ("KiB", "MiB", "GiB") for step in range(5)]


def _a_day(one: str) -> str:
    """Return growth a day, of those accounts that have data now and had them for an hour at least."""
    known = f"count_over_time(({one})[1d:10m]) >= 6 and {_SAME_ACCOUNT} {one}"
    return f"sum(deriv(({one})[1d:10m]) * 86400 and {_SAME_ACCOUNT} ({known}))"


def panels() -> list[Panel]:
    """Return the row's panels from left to right, line by line."""
    return [
        stat_panel("Size", "Bytes according to the API.", f"sum({_SIZE})", unit="bytes", decimals=1),
        stat_panel(
            "Growth a day",
            "Change of the size, at the rate of the last 24 hours. It takes an hour of data at least.",
            _a_day(_SIZE),
            unit="bytes",
            decimals=1,
        ),
        stat_panel(
            "Files a day",
            "Change of the number of files, at the rate of the last 24 hours. It takes an hour of data at "
            "least.",
            _a_day(_FILES),
            unit="locale",
            decimals=0,
        ),
        stat_panel(
            "Days until the limit",
            "When the first account will reach its size limit, at the rate of the last 7 days. It takes a "
            "day of data at least. The limit is the exporter's setting size_limit.",
            f"min(clamp_max({_DAYS_LEFT}, {_FAR})) or on () group({_LEFT}) * -2 or on () group({_SIZE}) * -1",
            unit="none",
            decimals=1,
            steps=((None, BAD), (3, WARNING), (14, GOOD)),
            words={
                -2: ("TOO EARLY TO SAY", NO_DATA),
                -1: ("NO LIMIT SET", NO_DATA),
                0: ("REACHED", BAD),
                _FAR: ("NOT IN SIGHT", GOOD),
            },
        ),
        stat_panel(
            "Held twice",
            "Bytes of pins whose CID another pin holds already.",
            f"sum({_DUPLICATES})",
            unit="bytes",
            decimals=1,
        ),
        stat_panel(
            "Cost a month",
            "The size of now times the price that you enter at the top, for a GB (10⁹ bytes) and a month. "
            "The API does not tell it.",
            f"sum({_SIZE}) / 1e9 * {_PRICE} and on () vector{_PRICE} > 0 or on () group({_SIZE}) * -1",
            unit="none",
            decimals=2,
            words={-1: ("ENTER A PRICE", NO_DATA)},
        ),
        time_panel(
            "Size, limit and forecast",
            "The forecast says for each moment what the size would be 14 days later, at the rate of the 7 "
            "days before. It takes a day of data at least.",
            {
                "{{account}}": _SIZE,
                "{{account}} in 14 days": _FORECAST,
                "{{account}} limit": _LIMIT,
            },
            unit="bytes",
        )
        .override_by_regexp("/ in 14 days$/", dashed(NEUTRAL))
        .override_by_regexp("/ limit$/", dashed(BAD)),
        time_panel("Files over time", "Files according to the API.", {"{{account}}": _FILES}, unit="locale"),
        buckets_panel(
            "Sizes of the pins",
            "How many pins are of which size: above the bar before, up to what the bar says.",
            bars("pin_size_bytes_bucket"),
            dict(zip(SIZE_BOUNDS, _SIZES, strict=True)),
        ),
        time_panel(
            "Pins and distinct CIDs",
            "How much further the pins are than the CIDs is what was pinned more than once.",
            {
                "pins": f"sum({per_account('max', shown('pins'), 'status', 'phase')})",
                "distinct CIDs": f"sum({per_account('max', shown('unique_cids'))})",
            },
            unit="locale",
            span=8,
        ),
        by_phase(
            time_panel(
                "Bytes by phase",
                "Bytes of the pins of each phase. A pin that is not finished has no size yet.",
                {
                    "{{phase}}": "sum by (phase) "
                    f"({per_account('max', shown('stored_bytes'), 'status', 'phase')})"
                },
                unit="bytes",
                span=8,
                stacked=True,
            )
        ),
    ]
