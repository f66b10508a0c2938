"""Recording rules: one value per account, however many replicas poll it."""

from collections.abc import Mapping
from typing import Final

from dev.grafana.promql import data_age, per_account, series

FILES: Final = "account:aiozpin_files:max"
SIZE: Final = "account:aiozpin_size_bytes:max"
PINS: Final = "account_phase:aiozpin_pins:sum"
STORED_BYTES: Final = "account_phase:aiozpin_stored_bytes:sum"
DATA_AGE: Final = "account_collector:aiozpin_data_age_seconds:min"

RECORDINGS: Final[Mapping[str, str]] = {
    FILES: per_account("max", series("files")),
    SIZE: per_account("max", series("size_bytes")),
    PINS: per_account("sum", per_account("max", series("pins"), "status", "phase"), "phase"),
    STORED_BYTES: per_account("sum", per_account("max", series("stored_bytes"), "status", "phase"), "phase"),
    DATA_AGE: (per_account("min", data_age(series("last_success_timestamp_seconds")), "collector")),
}
