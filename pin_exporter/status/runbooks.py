"""Tell which runbook helps, and where the project keeps it."""

import importlib.metadata
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from pin_exporter.api.errors import REASONS

COUNT_MISMATCH: Final = "AIOZPinCountMismatch"
DATA_STALE: Final = "AIOZPinDataStale"
INVENTORY_INCONSISTENT: Final = "AIOZPinInventoryInconsistent"
SIZE_LIMIT_NEARING: Final = "AIOZPinSizeLimitNearing"
BALANCE_EXHAUSTED: Final = "AIOZPinBalanceExhausted"
PINS_FAILED: Final = "AIOZPinPinsFailed"
PINS_STUCK: Final = "AIOZPinPinsStuck"
UNKNOWN_STATUS: Final = "AIOZPinUnknownStatus"

BY_REASON: Final[Mapping[str, str]] = {
    **dict.fromkeys(REASONS, "AIOZPinPollErrorsHigh"),
    **dict.fromkeys(("unauthorized", "forbidden"), "AIOZPinCredentialsRejected"),
    "rate_limited": "AIOZPinThrottled",
    "inconsistent": INVENTORY_INCONSISTENT,
}
"""The alert whose runbook helps when polls fail for a reason."""

_DISTRIBUTION: Final = "pin-exporter"
_PYPROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"


def runbook_url(alert: str) -> str | None:
    """Return the address of an alert's runbook, None when nobody knows where the project is at home."""
    documents = documents_url()
    return documents and f"{documents}/runbooks/{alert}.md"


@cache
def documents_url() -> str | None:
    """Return where the project's documents are: what the installed package says, else its source."""
    repository = _installed_repository() or _repository_of_source(_PYPROJECT)
    return repository and f"{repository}/blob/main/docs"


def _installed_repository() -> str | None:
    try:
        metadata = importlib.metadata.metadata(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None
    urls = (url.partition(",") for url in metadata.get_all("Project-URL") or ())
    return next((url.strip() for name, _, url in urls if name.strip() == "Repository"), None)


def _repository_of_source(pyproject: Path) -> str | None:
    try:
        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
        return str(project["urls"]["Repository"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
