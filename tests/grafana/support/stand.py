"""What the live tests of dashboard and rules share, and exact counts to compare with."""

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from dev.project import ROOT
from tests.grafana.support.grafana import View
from tests.support.processes import RunningPrometheus, RunningSimulator, wait_for

DASHBOARD: Final[Mapping[str, Any]] = json.loads(
    (ROOT / "grafana" / "dashboard.json").read_text(encoding="utf-8")
)
RULES: Final = ROOT / "grafana" / "rules.yml"
UNHURRIED: Final = "2s"
"""A scrape interval, and so the time that a scrape may take."""
QUICK: Final = {"poll_interval": "2s", "requests_per_minute": 6000}
"""Settings with which an exporter soon sees changes, even on a slow machine."""

# From the API documentation, not from the code of the exporter.
_PINNED: Final = {"DONE", "pinned", "doneRetrieval"}
_IN_PROGRESS: Final = {"PENDING", "PROCESSING", "RETRIEVAL", "PROCESSING_RETRIEVAL"} | {
    *("queued", "pinning", "retrieval", "processingRetrieval")
}
_FAILED: Final = {"FAILED", "FAILED_RETRIEVE", "failed", "retrieveFailed"}
_REMOVED: Final = {"unpinNormally", "unpinOutOfMoney", "gcDone"}


def config_file(
    directory: Path,
    simulated: RunningSimulator,
    accounts: Mapping[str, Mapping[str, object]],
    **settings: object,
) -> Path:
    """Write a config file: simulated accounts with their own settings, and settings for all."""
    entries = [simulated.account(name, **own) for name, own in accounts.items()]
    path = directory / f"{min(accounts)}.yml"
    path.write_text(simulated.config(accounts=entries, **{**QUICK, **settings}))
    return path


def wait_for_calm(prometheus: RunningPrometheus, exporters: int) -> None:
    """Wait until so many exporters have answered all recent scrapes in time, on a slow machine."""
    calm = 'min_over_time(up{job!="prometheus"}[9s]) == 1'
    wait_for(lambda: len(prometheus.query(calm)) == exporters, "scrapes that are answered in time")


def look(prometheus: RunningPrometheus, minutes: float = 30) -> View:
    """Return a view of the dashboard that ends now."""
    now = time.time()
    return View(DASHBOARD, prometheus, now - 60 * minutes, now)


def look_at_graphs(prometheus: RunningPrometheus) -> View:
    """Return a view that ends at the next full minute, because graphs end at a full step."""
    end = (time.time() // 60 + 1) * 60
    return View(DASHBOARD, prometheus, end - 60 * 30, end)


@dataclass(frozen=True, slots=True)
class Counted:
    """The rows of an account's list, counted without the exporter."""

    rows: list[dict[str, Any]]

    @property
    def size(self) -> int:
        """Return the size of all rows."""
        return sum(row.get("size", 0) for row in self.rows)

    @property
    def duplicate_size(self) -> int:
        """Return the size of the rows whose CID an earlier row has."""
        cids: set[str] = set()
        size = 0
        for row in self.rows:
            size += row.get("size", 0) if row["cid"] in cids else 0
            cids.add(row["cid"])
        return size

    @property
    def phases(self) -> Counter[str]:
        """Return the rows by phase."""
        return Counter(map(phase_of, self.rows))

    def by_status(self) -> dict[tuple[str, str], dict[str, float]]:
        """Return number and size by status and phase, in the columns of the table."""
        groups: dict[tuple[str, str], dict[str, float]] = {}
        for row in self.rows:
            group = groups.setdefault((row["status"], phase_of(row)), {"Pins": 0, "Size": 0})
            group["Pins"] += 1
            group["Size"] += row.get("size", 0)
        return groups

    def up_to(self, bound: float, above: float) -> int:
        """Return how many rows have a size in this range."""
        return sum(above < row.get("size", 0) <= bound for row in self.rows)


def phase_of(row: Mapping[str, Any]) -> str:
    """Return the phase of a row."""
    status = row["status"]
    if status in _PINNED:
        return "pinned" if row["pinned"] else "removed"
    words = {"in_progress": _IN_PROGRESS, "failed": _FAILED, "removed": _REMOVED}
    return next((phase for phase, known in words.items() if status in known), "unknown")


def count(simulated: RunningSimulator, account: str) -> Counted:
    """List an account in one request and count it."""
    keys = simulated.keys[account]
    answer = httpx.get(
        f"{simulated.base_url}/pinning/pins/",
        params={"offset": 0, "limit": 100_000, "pinned": "all", "sortBy": "created_at", "sortOrder": "ASC"},
        headers={
            "pinning_api_key": keys["PIN_EXPORTER_API_KEY"],
            "pinning_secret_key": keys["PIN_EXPORTER_SECRET_KEY"],
        },
    )
    answer.raise_for_status()
    return Counted(answer.json()["data"]["pins"])
