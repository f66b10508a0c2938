"""Which alert's runbook helps with a problem, and its address."""

from collections.abc import Mapping
from typing import Final

from pin_exporter.api.errors import REASONS

DOCUMENTS_URL: Final = "https://github.com/OWNER/pin-exporter/blob/main/docs"
"""Address of the documents. `make grafana` copies it from pyproject.toml."""

BALANCE_EXHAUSTED: Final = "AIOZPinBalanceExhausted"
COUNT_MISMATCH: Final = "AIOZPinCountMismatch"
CREDENTIALS_REJECTED: Final = "AIOZPinCredentialsRejected"
DATA_STALE: Final = "AIOZPinDataStale"
INVENTORY_INCONSISTENT: Final = "AIOZPinInventoryInconsistent"
PINS_FAILED: Final = "AIOZPinPinsFailed"
PINS_STUCK: Final = "AIOZPinPinsStuck"
POLL_ERRORS_HIGH: Final = "AIOZPinPollErrorsHigh"
SIZE_LIMIT_NEARING: Final = "AIOZPinSizeLimitNearing"
THROTTLED: Final = "AIOZPinThrottled"
UNKNOWN_STATUS: Final = "AIOZPinUnknownStatus"

BY_REASON: Final[Mapping[str, str]] = {
    **dict.fromkeys(REASONS, POLL_ERRORS_HIGH),
    **dict.fromkeys(("unauthorized", "forbidden"), CREDENTIALS_REJECTED),
    "rate_limited": THROTTLED,
    "inconsistent": INVENTORY_INCONSISTENT,
}
"""The alert whose runbook helps when polls fail for a reason."""


def runbook_url(alert: str) -> str:
    """Return the address of an alert's runbook."""
    return f"{DOCUMENTS_URL}/runbooks/{alert}.md"
