"""The bill of an account, in the form of the API's documentation."""

from collections.abc import Callable, Mapping
from typing import Any

from pin_exporter.simulator.options import BillForm

_ATTO_USD_PER_BYTE = 20_000_000
"""20 USD per TB, in units of 10^-18 USD."""
_BANDWIDTH_DIVISOR = 8
_COSTS: Mapping[BillForm, Callable[[int], object]] = {
    "strings": str,
    "numbers": int,
    "null": lambda cost: None,
    "odd": lambda cost: f" +0{cost}.5000",
}


def bill(stored_bytes: int, form: BillForm) -> dict[str, Any]:
    """Return usage in bytes and costs in units of 10^-18 USD; an eighth of what is stored was downloaded."""
    bandwidth, cost = stored_bytes // _BANDWIDTH_DIVISOR, _COSTS[form]
    return {
        "total_storage": stored_bytes,
        "storage_usage": stored_bytes,
        "bandwidth_usage": bandwidth,
        "storage_cost": cost(stored_bytes * _ATTO_USD_PER_BYTE),
        "bandwidth_cost": cost(bandwidth * _ATTO_USD_PER_BYTE),
    }
