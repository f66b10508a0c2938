"""What an inventory takes, read in full or followed, and how often one can be taken; pure."""

import math
from dataclasses import dataclass
from statistics import median

from pin_exporter.doctor.evidence import Evidence
from pin_exporter.inventory.walk import MIN_OVERLAP
from pin_exporter.polling.schedule import PollSchedule


@dataclass(frozen=True, slots=True)
class Cost:
    """What an inventory takes, and how often one can be taken. Durations in seconds."""

    files: int
    requests: int
    seconds: float
    interval: float
    stale_after: float


def cost_in_full(evidence: Evidence, rows: int) -> Cost | None:
    """Return what an inventory takes that reads pages of so many rows; None if no page was read."""
    files = evidence.pages[-1].files if evidence.pages else 0
    has_rows = any(page.rows for page in evidence.pages)
    if not evidence.pages or (files and not has_rows) or evidence.totals_count_page():
        return None
    requests = 1 + max(0, math.ceil((files - rows) / max(1, rows - MIN_OVERLAP)))
    return _cost(evidence, rows, files, requests)


def cost_followed(evidence: Evidence, rows: int, requests: int) -> Cost:
    """Return what an inventory takes that is followed with so many requests."""
    return _cost(evidence, rows, evidence.pages[-1].files, requests)


def _cost(evidence: Evidence, rows: int, files: int, requests: int) -> Cost:
    account = evidence.account
    per_minute = max(1, account.requests_per_minute // 2)
    alone = requests * _page_seconds(evidence, min(rows, files)) / min(account.pages_in_flight, requests)
    seconds = max(alone, 60 * (requests - per_minute) / per_minute)
    schedule = PollSchedule(account.poll_interval, account.stale_after, per_minute)
    interval = schedule.inventory_interval(requests, seconds)
    return Cost(files, requests, seconds, interval, schedule.stale_after_seconds(interval))


def _page_seconds(evidence: Evidence, rows: int) -> float:
    """Return how long a page takes: as long as any, and longer in proportion to its rows."""
    longest = max(evidence.pages, key=lambda page: page.rows)
    least = median(page.seconds for page in evidence.pages)
    return least + max(0.0, longest.seconds - least) * rows / max(1, longest.rows)
