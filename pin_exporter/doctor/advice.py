"""What an inventory costs with these settings, and which settings to change; pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

from pin_exporter.doctor.evidence import Evidence, other_base_url
from pin_exporter.doctor.findings import Check, Finding, Suggestion, ok, warning
from pin_exporter.doctor.reply import Failure
from pin_exporter.inventory.walk import MIN_OVERLAP
from pin_exporter.polling.schedule import PollSchedule
from pin_exporter.toolkit.units import counted, format_duration, format_size

_SMALLEST_PAGE: Final = 10
_LARGEST_PAGE: Final = 5_000
_ROUND: Final = 100
_MAX_BODY_BYTES: Final = 4_000_000
_LONGEST_STALE_AFTER: Final = 30 * 86_400
_LEAST_PER_MINUTE: Final = 2
_FEW_REQUESTS: Final = 10
_SHORT_TIMEOUT: Final = 10.0
_OFTEN: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Cost:
    """An inventory with pages of some size. Durations in seconds."""

    files: int
    requests: int
    seconds: float
    body_bytes: int
    interval: float
    stale_after: float


def check_cost(evidence: Evidence) -> Iterator[Finding]:
    """Check how long an inventory takes, and how often one can be taken."""
    rows = evidence.page_rows()
    cost = _cost_of(evidence, rows)
    if cost is None:
        return
    yield ok(
        Check.INVENTORY_COST,
        f"an inventory of {counted(cost.files, 'file')} takes {counted(cost.requests, 'request')} "
        f"for pages of {counted(rows, 'row')}, about {format_duration(cost.seconds)} and "
        f"{format_size(cost.body_bytes)}",
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
    interval = _poll_interval(evidence)
    return [
        *_base_url(evidence),
        *_page_size(evidence),
        *_requests_per_minute(evidence),
        *_request_timeout(evidence),
        *([Suggestion("poll_interval", f"{interval}s", _took(evidence))] if interval else []),
        *_stale_after(evidence, interval or evidence.account.poll_interval),
    ]


def _cost_of(evidence: Evidence, rows: int) -> _Cost | None:
    """Return what an inventory with pages of so many rows costs; None if no page was read."""
    pages = evidence.full_pages() or [page for page in evidence.pages if page.rows]
    files = evidence.pages[-1].files if evidence.pages else 0
    if not evidence.pages or (files and not pages) or evidence.totals_count_page():
        return None
    account = evidence.account
    requests = 1 + max(0, math.ceil((files - rows) / max(1, rows - MIN_OVERLAP)))
    row_bytes = sum(page.body_bytes for page in pages) / max(1, sum(page.rows for page in pages))
    walks_per_minute = max(1, account.requests_per_minute // 2)
    alone = requests * _page_seconds(evidence, min(rows, files)) / min(account.pages_in_flight, requests)
    seconds = max(alone, 60 * (requests - walks_per_minute) / walks_per_minute)
    schedule = PollSchedule(account.poll_interval, account.stale_after, walks_per_minute)
    interval = schedule.inventory_interval(requests, seconds)
    return _Cost(
        files=files,
        requests=requests,
        seconds=seconds,
        body_bytes=round((files + (requests - 1) * MIN_OVERLAP) * row_bytes),
        interval=interval,
        stale_after=schedule.stale_after_seconds(interval),
    )


def _page_seconds(evidence: Evidence, rows: int) -> float:
    """Return how long a page takes: as long as any, and longer in proportion to its rows."""
    longest = max(evidence.pages, key=lambda page: page.rows)
    least = median(page.seconds for page in evidence.pages)
    return least + max(0.0, longest.seconds - least) * rows / max(1, longest.rows)


def _base_url(evidence: Evidence) -> Iterator[Suggestion]:
    other, https = other_base_url(evidence.account.base_url), evidence.https_base_url()
    if other and evidence.trial.other_base_url:
        yield Suggestion("base_url", other, "the API responds there, not at the configured URL")
    elif https and not evidence.pages:
        yield Suggestion("base_url", https, "the configured URL redirects there")


def _page_size(evidence: Evidence) -> Iterator[Suggestion]:
    account = evidence.account
    rows = max(_SMALLEST_PAGE, evidence.page_rows())
    if any(page.rows == 0 for page in evidence.pages) and not evidence.pins():
        return
    if rows < account.page_size:
        yield Suggestion("page_size", rows, "larger pages are cut, rejected or too slow")
        return
    larger = _larger_page(evidence)
    now, then = _cost_of(evidence, account.page_size), _cost_of(evidence, larger)
    if (
        now
        and then
        and larger > account.page_size
        and now.interval > max(account.poll_interval, then.interval)
    ):
        often, rarely = format_duration(then.interval), format_duration(now.interval)
        yield Suggestion("page_size", larger, f"takes an inventory every {often} instead of every {rarely}")


def _larger_page(evidence: Evidence) -> int:
    """Return a page size that works, is fast enough, and stays well below the largest body; 0 for none."""
    complete = [page for page in evidence.pages if page.rows in (page.query.limit, page.files)]
    if not complete:
        return 0
    longest = max(complete, key=lambda page: page.rows)
    by_weight = longest.rows * _MAX_BODY_BYTES // max(1, longest.body_bytes)
    by_time = longest.rows * evidence.account.request_timeout / 3 / max(0.001, longest.seconds)
    return int(min(_LARGEST_PAGE, longest.rows, by_weight, by_time)) // _ROUND * _ROUND


def _requests_per_minute(evidence: Evidence) -> Iterator[Suggestion]:
    now = evidence.account.requests_per_minute
    announced = [limit for reply in evidence.replies if (limit := reply.allowed_per_minute) is not None]
    limited = [number for number, reply in enumerate(evidence.replies) if reply.status == 429]
    if announced and 2 * min(announced) // 3 < now:
        wanted = max(_LEAST_PER_MINUTE, 2 * min(announced) // 3)
        reason = f"the API announces a limit of {counted(min(announced), 'request')} per minute and key"
        if wanted < now:
            yield Suggestion("requests_per_minute", wanted, reason)
    elif limited and not announced:
        # If hardly any request was accepted, other programs use the key, and the number says little.
        first = limited[0] if limited[0] >= _FEW_REQUESTS else now
        wanted = max(_LEAST_PER_MINUTE, min(now // 2, first))
        if wanted < now:
            reason = f"the API answered 429 after {counted(limited[0], 'request')}"
            yield Suggestion("requests_per_minute", wanted, reason)


def _request_timeout(evidence: Evidence) -> Iterator[Suggestion]:
    timeout, longest = evidence.account.request_timeout, _longest(evidence)
    timed_out = any(one.failure in (Failure.TIMEOUT, Failure.SLOW_RESPONSE) for one in evidence.replies)
    if longest > timeout / 3:
        wanted = min(3_600, math.ceil(3 * longest))
        yield Suggestion("request_timeout", f"{wanted}s", _took(evidence))
    elif timeout < _SHORT_TIMEOUT and timed_out:
        yield Suggestion("request_timeout", "30s", "some responses took longer than the timeout")


def _poll_interval(evidence: Evidence) -> int | None:
    """Return a longer interval if one response takes most of the configured one."""
    longest, configured = _longest(evidence), evidence.account.poll_interval
    wanted = min(86_400, 10 * math.ceil(4 * longest / 10))
    return wanted if longest > configured / 2 and wanted > configured else None


def _stale_after(evidence: Evidence, interval: float) -> Iterator[Suggestion]:
    """Keep data for longer than one interval, and for several if many polls fail."""
    configured = evidence.account.stale_after
    asked = [reply for reply in evidence.replies if reply.status != 429 and not reply.is_expected_failure]
    failed = sum(reply.failure is not None for reply in asked)
    # If nothing is answered any more, that is an outage.
    often = any(reply.page for reply in asked[len(asked) // 2 :]) and failed >= _OFTEN * len(asked)
    effective = PollSchedule(interval, configured, 1).stale_after_seconds(interval)
    wanted = min(_LONGEST_STALE_AFTER, math.ceil(10 * interval))
    if often and effective < wanted:
        reason = f"{failed} of {counted(len(asked), 'request')} failed: keep the data over a few failed polls"
        yield Suggestion("stale_after", f"{wanted}s", reason)
    elif configured is not None and configured <= interval:
        yield Suggestion("stale_after", f"{wanted}s", "must be longer than poll_interval")


def _longest(evidence: Evidence) -> float:
    return max((page.seconds for page in evidence.pages), default=0.0)


def _took(evidence: Evidence) -> str:
    return f"a response took {_longest(evidence):.1f} s"
