"""How long an inventory takes with these settings, and which settings to change; pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

from pin_exporter.api.errors import RequestTimeoutError
from pin_exporter.doctor.evidence import Evidence, other_base_url
from pin_exporter.doctor.findings import Check, Finding, Suggestion, ok, warning
from pin_exporter.inventory.walk import MIN_OVERLAP
from pin_exporter.polling.schedule import PollSchedule
from pin_exporter.toolkit.units import counted, format_duration

_SMALLEST_PAGE: Final = 10
_LARGEST_PAGE: Final = 5_000
_LEAST_PER_MINUTE: Final = 2
_FEW_REQUESTS: Final = 10
_SHORT_TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What an inventory takes, and how often one can be taken. Durations in seconds."""

    files: int
    requests: int
    seconds: float
    interval: float
    stale_after: float


def check_cost(evidence: Evidence) -> Iterator[Finding]:
    """Check how long an inventory takes, and how often one can be taken."""
    rows = evidence.page_rows()
    cost = cost_of(evidence, rows)
    if cost is None:
        return
    yield ok(
        Check.INVENTORY_COST,
        f"an inventory of {counted(cost.files, 'file')} takes {counted(cost.requests, 'request')} for pages "
        f"of {counted(rows, 'row')}, about {format_duration(cost.seconds)}",
        requests=cost.requests,
        seconds=round(cost.seconds, 3),
    )
    account = evidence.account
    message = (
        f"totals are polled every {format_duration(account.poll_interval)}, inventories are taken every "
        f"{format_duration(cost.interval)} and become stale after {format_duration(cost.stale_after)}"
    )
    if cost.interval > account.poll_interval:
        action = "if inventories have to be taken more often, raise requests_per_minute or page_size"
        yield warning(Check.INVENTORY_INTERVAL, message, action, seconds=cost.interval)
    else:
        yield ok(Check.INVENTORY_INTERVAL, message, seconds=cost.interval)


def suggestions(evidence: Evidence) -> list[Suggestion]:
    """Return the settings to change; none if they suit the account."""
    return [
        *_base_url(evidence),
        *_page_size(evidence),
        *_requests_per_minute(evidence),
        *_request_timeout(evidence),
    ]


def cost_of(evidence: Evidence, rows: int) -> Cost | None:
    """Return what an inventory with pages of so many rows takes; None if no page was read."""
    files = evidence.pages[-1].files if evidence.pages else 0
    has_rows = any(page.rows for page in evidence.pages)
    if not evidence.pages or (files and not has_rows) or evidence.totals_count_page():
        return None
    account = evidence.account
    requests = 1 + max(0, math.ceil((files - rows) / max(1, rows - MIN_OVERLAP)))
    walks_per_minute = max(1, account.requests_per_minute // 2)
    alone = requests * _page_seconds(evidence, min(rows, files)) / min(account.pages_in_flight, requests)
    seconds = max(alone, 60 * (requests - walks_per_minute) / walks_per_minute)
    schedule = PollSchedule(account.poll_interval, account.stale_after, walks_per_minute)
    interval = schedule.inventory_interval(requests, seconds)
    return Cost(files, requests, seconds, interval, schedule.stale_after_seconds(interval))


def _page_seconds(evidence: Evidence, rows: int) -> float:
    """Return how long a page takes: as long as any, and longer in proportion to its rows."""
    longest = max(evidence.pages, key=lambda page: page.rows)
    least = median(page.seconds for page in evidence.pages)
    return least + max(0.0, longest.seconds - least) * rows / max(1, longest.rows)


def _base_url(evidence: Evidence) -> Iterator[Suggestion]:
    other = other_base_url(evidence.account.base_url)
    if other and evidence.trial.other_base_url:
        yield Suggestion("base_url", other, "the API responds there, not at the configured URL")


def _page_size(evidence: Evidence) -> Iterator[Suggestion]:
    account, rows = evidence.account, max(_SMALLEST_PAGE, evidence.page_rows())
    if not evidence.pins():
        return
    if rows < account.page_size:
        yield Suggestion("page_size", rows, "larger pages are cut, rejected or too slow")
        return
    fast = account.request_timeout / 3
    complete = [page for page in evidence.pages if page.rows == page.query.limit and page.seconds < fast]
    larger = min(_LARGEST_PAGE, max((page.rows for page in complete), default=0))
    now, then = cost_of(evidence, account.page_size), cost_of(evidence, larger)
    if (
        larger > account.page_size
        and now
        and then
        and now.interval > max(account.poll_interval, then.interval)
    ):
        often, rarely = format_duration(then.interval), format_duration(now.interval)
        yield Suggestion("page_size", larger, f"takes an inventory every {often} instead of every {rarely}")


def _requests_per_minute(evidence: Evidence) -> Iterator[Suggestion]:
    now = evidence.account.requests_per_minute
    limited = [number for number, reply in enumerate(evidence.replies) if reply.status == 429]
    if limited:
        # If hardly any request was accepted, other programs use the key, and the number says little.
        first = limited[0] if limited[0] >= _FEW_REQUESTS else now
        wanted = max(_LEAST_PER_MINUTE, min(now // 2, first))
        if wanted < now:
            reason = f"the API responded 429 after {counted(limited[0], 'request')}"
            yield Suggestion("requests_per_minute", wanted, reason)


def _request_timeout(evidence: Evidence) -> Iterator[Suggestion]:
    timeout = evidence.account.request_timeout
    longest = max((page.seconds for page in evidence.pages), default=0.0)
    timed_out = any(isinstance(reply.error, RequestTimeoutError) for reply in evidence.replies)
    if longest > timeout / 3:
        yield Suggestion("request_timeout", f"{math.ceil(3 * longest)}s", f"a response took {longest:.1f} s")
    elif timeout < _SHORT_TIMEOUT and timed_out:
        yield Suggestion("request_timeout", "30s", "some responses took longer than the timeout")
