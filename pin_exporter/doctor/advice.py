"""How often inventories are taken with these settings, and which settings to change; pure."""

import math
from collections.abc import Iterator
from typing import Final

from pin_exporter.api.errors import RequestTimeoutError
from pin_exporter.doctor.checks_following import followed_cost
from pin_exporter.doctor.cost import cost_in_full
from pin_exporter.doctor.evidence import Evidence, other_base_url
from pin_exporter.doctor.findings import Check, Finding, Suggestion, ok, warning
from pin_exporter.toolkit.units import counted, format_duration

_SMALLEST_PAGE: Final = 10
_LARGEST_PAGE: Final = 5_000
_LEAST_PER_MINUTE: Final = 2
_FEW_REQUESTS: Final = 10
_SHORT_TIMEOUT: Final = 10.0


def check_cost(evidence: Evidence) -> Iterator[Finding]:
    """Check how long an inventory takes, and how often one can be taken."""
    rows = evidence.page_rows()
    cost = cost_in_full(evidence, rows)
    if cost is None:
        return
    yield ok(
        Check.INVENTORY_COST,
        f"reading {counted(cost.files, 'file')} in full takes {counted(cost.requests, 'request')} for pages "
        f"of {counted(rows, 'row')}, about {format_duration(cost.seconds)}",
        requests=cost.requests,
        seconds=round(cost.seconds, 3),
    )
    account, cost = evidence.account, followed_cost(evidence) or cost
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
    now, then = cost_in_full(evidence, account.page_size), cost_in_full(evidence, larger)
    if (
        larger > account.page_size
        and followed_cost(evidence) is None
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
