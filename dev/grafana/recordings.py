"""Recording rules: one value per account, however many replicas poll it."""

from collections.abc import Mapping
from typing import Final

from dev.grafana.promql import data_age, per_account, series

SIZE: Final = "account:aiozpin_size_bytes:max"

RECORDINGS: Final[Mapping[str, str]] = {
    "account:aiozpin_files:max": per_account("max", series("files")),
    SIZE: per_account("max", series("size_bytes")),
    "account_phase:aiozpin_pins:sum": per_account(
        "sum", per_account("max", series("pins"), "status", "phase"), "phase"
    ),
    "account_phase:aiozpin_stored_bytes:sum": per_account(
        "sum", per_account("max", series("stored_bytes"), "status", "phase"), "phase"
    ),
    "account_collector:aiozpin_data_age_seconds:min": (
        per_account("min", data_age(series("last_success_timestamp_seconds")), "collector")
    ),
}
