"""Row 5: the cost, modelled by the prices at the top, and as billed."""

from typing import Final

from dev.grafana.colors import NO_DATA
from dev.grafana.panels import NOT_CONFIGURED_TEXTS, Panel, Texts, stat_panel, time_panel
from dev.grafana.promql import (
    ACCOUNT,
    aggregate,
    data_age,
    or_not_configured,
    per_account,
    selected,
    while_up,
)
from pin_exporter.api.model import Phase

TITLE: Final = "What does it cost?"

_BILL: Final = "last_billing_timestamp_seconds"
# An empty text box is a price of 0.
_STORAGE_PRICE: Final = "($price + 0)"
_PIN_PRICE: Final = "($pin_price + 0)"
_FREE_PINS: Final = "($free_pins + 0)"
_SIZE: Final = per_account("max", selected("size_bytes"))
_PINNED: Final = aggregate(
    "sum",
    ACCOUNT,
    per_account("max", selected("pins", f'phase="{Phase.PINNED}"'), "status", "phase")
    + f" or {per_account('max', selected('unique_cids'))} * 0",
)
_STORAGE_COST: Final = f"sum({_SIZE}) / 1e12 * {_STORAGE_PRICE}"
_PIN_COST: Final = f"sum(clamp_min({_PINNED} - {_FREE_PINS}, 0)) / 1000 * {_PIN_PRICE}"
# A price of 0 needs no data.
_COST: Final = (
    f"({_STORAGE_COST} or on () vector{_STORAGE_PRICE} == 0) + ({_PIN_COST} or on () vector{_PIN_PRICE} == 0)"
)
_BILLED: Final = per_account("max", selected("billing_cost_usd"), "item")
_USAGE: Final = per_account("max", selected("billing_usage_bytes"), "usage")
_FAILURES: Final = per_account(
    "max", while_up(f"increase({selected('billing_failures_total')}[1d])"), "reason"
)
_NO_PRICE: Final[Texts] = {-1: ("ENTER A PRICE", NO_DATA)}


def _priced(cost: str, prices: str) -> str:
    """Return the cost, nothing while there is no data, and -1 while the sum of these prices is 0."""
    without = f"group({per_account('max', selected('up'))}) * -1 and on () vector({prices}) == 0"
    return f"({cost}) and on () vector({prices}) > 0 or on () ({without})"


def panels() -> list[Panel]:
    """Return the row's panels from left to right, line by line."""
    read_at = per_account("max", selected(_BILL))
    age = per_account("min", data_age(selected(_BILL)))
    return [
        stat_panel(
            "Modelled cost per month",
            "Modelled, not billed: what the accounts hold now, times the prices that you enter at the top.",
            _priced(_COST, f"{_STORAGE_PRICE} + {_PIN_PRICE}"),
            decimals=2,
            width=5,
            texts=_NO_PRICE,
        ),
        stat_panel(
            "Modelled: storage",
            "Modelled, not billed: the current size times the price per TB (10¹² bytes) and month.",
            _priced(_STORAGE_COST, _STORAGE_PRICE),
            decimals=2,
            width=5,
            texts=_NO_PRICE,
        ),
        stat_panel(
            "Modelled: pins",
            "Modelled, not billed: the stored pins of each account, less those that are free, times the "
            "price per 1,000 pins and month.",
            _priced(_PIN_COST, _PIN_PRICE),
            decimals=2,
            texts=_NO_PRICE,
        ),
        stat_panel(
            "Billed this month",
            "Cost of this month in US dollars, as the API bills it. Requires billing: true.",
            or_not_configured(f"sum({_BILLED})", _BILL),
            unit="currencyUSD",
            decimals=2,
            width=5,
            texts=NOT_CONFIGURED_TEXTS,
        ),
        stat_panel(
            "Age of the bill",
            "Time since the bill was last read, for the account where that is longest ago.",
            or_not_configured(f"group({read_at} == 0) * -3 or on () max({age})", _BILL),
            unit="s",
            decimals=0,
            width=5,
            texts={**NOT_CONFIGURED_TEXTS, -3: ("NEVER READ", NO_DATA)},
        ),
        time_panel(
            "Billed cost by item",
            "Cost of this month in US dollars, as billed. It begins again at 0 with each month.",
            {"{{item}}": aggregate("sum", ["item"], _BILLED)},
            unit="currencyUSD",
            width=8,
            stacked=True,
        ),
        time_panel(
            "Billed usage",
            "Usage of this month, as billed. docs/cost.md explains each field.",
            {"{{usage}}": aggregate("sum", ["usage"], _USAGE)},
            unit="bytes",
            width=8,
        ),
        time_panel(
            "Failures to read the bill",
            "How often the bill could not be read in the preceding day, by reason.",
            {"{{account}} {{reason}}": f"{_FAILURES} > 0"},
            unit="short",
            width=8,
        ),
    ]
