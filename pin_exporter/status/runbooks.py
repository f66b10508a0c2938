"""Which alert's runbook helps with a problem, and its address."""

import importlib.metadata
from collections.abc import Mapping
from functools import cache
from typing import Final

from pin_exporter.api.errors import REASONS

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

_DISTRIBUTION: Final = "pin-exporter"


def runbook_url(alert: str) -> str | None:
    """Return the address of an alert's runbook, None if the address of the project is not known."""
    documents = documents_url()
    return documents and f"{documents}/runbooks/{alert}.md"


@cache
def documents_url() -> str | None:
    """Return the address of the project's documents, from the metadata of the installed package.

    It is None if the exporter runs from a source tree that was not installed.
    """
    try:
        metadata = importlib.metadata.metadata(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None
    urls = dict(url.split(", ", 1) for url in metadata.get_all("Project-URL") or ())
    repository = urls.get("Repository")
    return repository and f"{repository}/blob/main/docs"
