"""Suggest the settings that should differ from what is set now; pure."""

import math
from collections.abc import Iterator
from typing import Final

from pin_exporter.doctor.cost_checks import cost_of
from pin_exporter.doctor.evidence import Evidence
from pin_exporter.doctor.findings import Suggestion
from pin_exporter.doctor.limit_checks import is_trial, page_rows
from pin_exporter.doctor.rate_headers import requests_per_minute
from pin_exporter.polling.schedule import PollSchedule
from pin_exporter.toolkit.units import counted, format_duration

_SMALLEST_PAGE: Final = 10
_LARGEST_PAGE: Final = 5_000
_LONGEST_STALE_AFTER: Final = 30 * 86_400
_ROUND: Final = 100
_LEAST_PER_MINUTE: Final = 2
_SHORT_TIMEOUT: Final = 10.0
_TELLING: Final = 10
_FAILING: Final = 0.5
_MAX_BODY_BYTES: Final = 4_000_000


def suggestions(evidence: Evidence) -> list[Suggestion]:
    """Return what to set otherwise, and why; empty where nothing needs to be changed."""
    interval = _poll_interval(evidence)
    polled = interval or evidence.setup.poll_interval
    slow = f"a single answer took {_longest(evidence):.1f} s"
    return [
        *_base_url(evidence),
        *_page_size(evidence),
        *_requests_per_minute(evidence),
        *_request_timeout(evidence),
        *([Suggestion("poll_interval", f"{interval}s", slow)] if interval else []),
        *_stale_after(evidence, polled),
    ]


def _base_url(evidence: Evidence) -> Iterator[Suggestion]:
    elsewhere, over_tls = evidence.setup.elsewhere, evidence.over_tls()
    if elsewhere and evidence.trial.elsewhere:
        yield Suggestion("base_url", elsewhere, "the API answers there, and not at the present address")
    elif over_tls and not evidence.good:
        yield Suggestion("base_url", over_tls, "it redirects there")


def _page_size(evidence: Evidence) -> Iterator[Suggestion]:
    setup = evidence.setup
    rows = max(_SMALLEST_PAGE, page_rows(evidence))
    if any(reply.page and reply.rows == 0 for reply in evidence.trusted) and not evidence.pins():
        return
    if rows < setup.page_size:
        yield Suggestion("page_size", rows, "more rows at a time are cut, refused or too slow")
        return
    larger = _larger_page(evidence)
    now, then = cost_of(evidence, setup.page_size), cost_of(evidence, larger)
    if now and then and larger > setup.page_size and now.interval > max(setup.poll_interval, then.interval):
        often, rarely = format_duration(then.interval), format_duration(now.interval)
        why = f"larger pages are honoured: an inventory every {often}, not {rarely}"
        yield Suggestion("page_size", larger, why)


def _larger_page(evidence: Evidence) -> int:
    """Return a page size that is honoured, quick enough, and well below what a body may weigh; 0 for none."""
    honoured = [reply for reply in evidence.listed() if reply.rows in (reply.question.limit, reply.files)]
    if not honoured:
        return 0
    longest = max(honoured, key=lambda reply: reply.rows)
    by_weight = longest.rows * _MAX_BODY_BYTES // max(1, longest.body_bytes)
    by_time = longest.rows * evidence.setup.request_timeout / 3 / max(0.001, longest.seconds)
    return int(min(_LARGEST_PAGE, longest.rows, by_weight, by_time)) // _ROUND * _ROUND


def _requests_per_minute(evidence: Evidence) -> Iterator[Suggestion]:
    now = evidence.setup.requests_per_minute
    told = [limit for reply in evidence.replies if (limit := requests_per_minute(reply.headers)) is not None]
    limited = [place for place, reply in enumerate(evidence.replies) if reply.status == 429]
    if told and 2 * min(told) // 3 < now:
        wanted = max(_LEAST_PER_MINUTE, 2 * min(told) // 3)
        why = f"the API allows {min(told)} a minute, by its headers, to all who use this key"
        if wanted < now:
            yield Suggestion("requests_per_minute", wanted, why)
    elif limited and not told:
        # Where hardly any was let through, others use the key, and the number says little.
        first = limited[0] if limited[0] >= _TELLING else now
        wanted = max(_LEAST_PER_MINUTE, min(now // 2, first))
        if wanted < now:
            why = f"the API answered 429, for the first time after {counted(limited[0], 'request')}"
            yield Suggestion("requests_per_minute", wanted, why)


def _request_timeout(evidence: Evidence) -> Iterator[Suggestion]:
    setup, longest = evidence.setup, _longest(evidence)
    if longest > setup.request_timeout / 3:
        wanted = min(3_600, math.ceil(3 * longest))
        yield Suggestion("request_timeout", f"{wanted}s", f"an answer took {longest:.1f} s")
    elif setup.request_timeout < _SHORT_TIMEOUT and any(r.reason == "timeout" for r in evidence.replies):
        yield Suggestion("request_timeout", "30s", "some answers took longer than the present timeout")


def _poll_interval(evidence: Evidence) -> int | None:
    """Return a longer interval where a single answer takes most of the present one."""
    longest = _longest(evidence)
    wanted = min(86_400, 10 * math.ceil(4 * longest / 10))
    present = evidence.setup.poll_interval
    return wanted if longest > present / 2 and wanted > present else None


def _stale_after(evidence: Evidence, interval: float) -> Iterator[Suggestion]:
    """Keep data over a few failed polls where many fail, and always over one interval."""
    present = evidence.setup.stale_after
    asked = [reply for reply in evidence.replies if reply.status != 429 and not is_trial(reply)]
    failed = sum(reply.trouble is not None for reply in asked)
    # Where nothing is answered any more, that is an outage.
    often = any(reply.page for reply in asked[len(asked) // 2 :]) and failed >= _FAILING * len(asked)
    effective = PollSchedule(interval, present, 1).stale_after_seconds(interval)
    wanted = min(_LONGEST_STALE_AFTER, math.ceil(10 * interval))
    if often and effective < wanted:
        why = f"{failed} of {len(asked)} requests failed: data need not vanish for a few polls"
        yield Suggestion("stale_after", f"{wanted}s", why)
    elif present is not None and present <= interval:
        yield Suggestion("stale_after", f"{wanted}s", "it has to be longer than poll_interval")


def _longest(evidence: Evidence) -> float:
    return max((reply.seconds for reply in evidence.good), default=0.0)
