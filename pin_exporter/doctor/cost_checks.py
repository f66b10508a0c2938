"""Findings about what polling takes: requests, time, bytes, and the cadence that follows; pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from pin_exporter.doctor.evidence import Evidence
from pin_exporter.doctor.findings import Finding, note, ok
from pin_exporter.doctor.limit_checks import page_rows, plain_pages
from pin_exporter.inventory.walk import MIN_OVERLAP
from pin_exporter.polling.schedule import PollSchedule
from pin_exporter.toolkit.units import counted, format_duration, format_size


@dataclass(frozen=True, slots=True)
class Cost:
    """What a walk takes at some page size, and how often it can be made. Durations in seconds."""

    files: int
    page_rows: int
    requests: int
    seconds: float
    body_bytes: int
    interval: float
    stale_after: float


def check_cost(evidence: Evidence) -> Iterator[Finding]:
    """Say how long a walk takes, and how often there will be one."""
    cost = cost_of(evidence, page_rows(evidence))
    if cost is None:
        return
    setup = evidence.setup
    totals_every, every = format_duration(setup.poll_interval), format_duration(cost.interval)
    yield ok(
        "walk",
        f"an inventory of {cost.files} files takes {counted(cost.requests, 'request')} of {cost.page_rows} "
        f"rows, about {format_duration(cost.seconds)} and {format_size(cost.body_bytes)}",
    )
    told = (
        f"totals every {totals_every}, inventories every {every}, which go stale after "
        f"{format_duration(cost.stale_after)}"
    )
    if cost.interval > setup.poll_interval:
        action = "it takes more requests than half of requests_per_minute allows in one interval"
        yield note("cadence", told, action)
    else:
        yield ok("cadence", told)


def cost_of(evidence: Evidence, rows: int) -> Cost | None:
    """Return what a walk with pages of so many rows takes; None where no page was seen."""
    pages = plain_pages(evidence) or [reply for reply in evidence.trusted if reply.rows]
    files = next((r.files for r in reversed(evidence.trusted) if r.question.pinned == "all"), 0)
    if not evidence.trusted or (files and not pages) or evidence.counts_pages():
        return None
    setup = evidence.setup
    stride = max(1, rows - MIN_OVERLAP)
    requests = 1 + max(0, math.ceil((files - rows) / stride))
    body_bytes = sum(reply.body_bytes for reply in pages) / max(1, sum(reply.rows for reply in pages))
    walks_per_minute = max(1, setup.requests_per_minute // 2)
    alone = requests * _page_seconds(evidence, min(rows, files)) / min(setup.pages_in_flight, requests)
    waiting = 60 * (requests - walks_per_minute) / walks_per_minute
    seconds = max(alone, waiting)
    cadence = PollSchedule(setup.poll_interval, setup.stale_after, walks_per_minute)
    interval = cadence.inventory_interval(requests, seconds)
    return Cost(
        files=files,
        page_rows=rows,
        requests=requests,
        seconds=seconds,
        body_bytes=round((files + (requests - 1) * MIN_OVERLAP) * body_bytes),
        interval=interval,
        stale_after=cadence.stale_after_seconds(interval),
    )


def _page_seconds(evidence: Evidence, rows: int) -> float:
    """Return how long a page of so many rows takes: as any answer, and more by its rows."""
    longest = max(evidence.trusted, key=lambda reply: reply.rows)
    least = median(reply.seconds for reply in evidence.trusted)
    return least + max(0.0, longest.seconds - least) * rows / max(1, longest.rows)
