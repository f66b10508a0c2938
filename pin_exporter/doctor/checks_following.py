"""Check whether inventories can be followed: kept up to date with a few pages instead of read in full; pure.

Following reads what is not pinned with `pinned=false`, the end of the list and one more page, and proves the
result by the totals of both lists. So it needs a filter with totals of its own, and a list in a stable order.
"""

import math
from collections.abc import Iterator
from typing import Final

from pin_exporter.api.model import Phase, phase_of
from pin_exporter.doctor.checks_content import check_content
from pin_exporter.doctor.checks_paging import check_paging
from pin_exporter.doctor.cost import Cost, cost_followed, cost_in_full
from pin_exporter.doctor.evidence import Evidence, have_same_totals
from pin_exporter.doctor.findings import RUN_AGAIN, Check, Finding, Severity, ok, skipped, warning
from pin_exporter.doctor.reply import Purpose, Reply
from pin_exporter.inventory.reader import SMALL_PAGES
from pin_exporter.toolkit.units import counted, format_number

_LEAST_BUDGET: Final = 12
_MOST_BUDGET: Final = 250
"""Bounds of the requests for one followed inventory. What is not pinned may take a third of them."""
_ALWAYS: Final = 2
"""Requests besides those for what is not pinned: the end of the list, and a page to audit."""
_BUSY: Final = 2
"""Requests that are added if the list changes a little."""


def check_following(evidence: Evidence) -> Iterator[Finding]:
    """Check whether the server's filters and totals allow following the list, and what that costs."""
    cost = cost_in_full(evidence, evidence.page_rows())
    if cost is None:
        return
    in_full = f"inventories are read in full, {counted(cost.requests, 'request')} each"
    not_pinned, followed = evidence.page(Purpose.NOT_PINNED), followed_cost(evidence)
    obstacle = next(_obstacles(evidence), None)
    if followed:
        least, most = followed.requests - _BUSY, followed.requests
        message = (
            f"this account can be followed: about {format_number(least)} to {counted(most, 'request')} an "
            f"inventory instead of {format_number(cost.requests)}"
        )
        yield ok(Check.FOLLOWING, message, mode="followed", requests=least, requests_in_full=cost.requests)
    elif evidence.account.inventory == "full":
        yield ok(Check.FOLLOWING, f"{in_full}, as configured", mode="full", requests=cost.requests)
    elif cost.files <= SMALL_PAGES * evidence.page_rows():
        yield ok(Check.FOLLOWING, f"{in_full}: the list is short", mode="full", requests=cost.requests)
    elif obstacle:
        action = f"{in_full}; if that takes too long, contact AIOZ Pin"
        message = f"this account cannot be followed: {obstacle}"
        yield warning(Check.FOLLOWING, message, action, mode="full", requests=cost.requests)
    elif not_pinned is None:
        message = "whether this account can be followed is unknown: no page of pinned=false was read"
        yield skipped(Check.FOLLOWING, message, RUN_AGAIN)
    else:
        message = (
            f"{in_full}: too many files are not pinned, {format_number(not_pinned.files)}, to follow them"
        )
        yield ok(Check.FOLLOWING, message, mode="full", requests=cost.requests)


def followed_cost(evidence: Evidence) -> Cost | None:
    """Return what an inventory takes if the list changes a little; None if it is not followed."""
    rows = evidence.page_rows()
    in_full, not_pinned = cost_in_full(evidence, rows), evidence.page(Purpose.NOT_PINNED)
    if in_full is None or not_pinned is None or evidence.account.inventory == "full":
        return None
    pages = max(1, math.ceil(not_pinned.files / max(1, rows - 1)))
    budget = max(_LEAST_BUDGET, min(in_full.requests, _MOST_BUDGET))
    if in_full.files <= SMALL_PAGES * rows or pages > budget // 3 or any(_obstacles(evidence)):
        return None
    return cost_followed(evidence, rows, _ALWAYS + pages + _BUSY)


def _obstacles(evidence: Evidence) -> Iterator[str]:
    """Yield what stands against following, the most telling first."""
    yield from _filter_obstacles(evidence)
    yield from _page_obstacles(evidence)
    for finding in (*check_paging(evidence), *check_content(evidence)):
        is_unstable = finding.check is Check.STABILITY and finding.severity is Severity.WARNING
        if is_unstable or finding.severity is Severity.PROBLEM:
            yield finding.message


def _filter_obstacles(evidence: Evidence) -> Iterator[str]:
    for reply in evidence.replies:
        if reply.query.purpose is Purpose.NOT_PINNED and reply.is_query_rejected:
            yield f"the API rejects pinned=false ({reply.detail_and_hint[0]})"
    not_pinned = evidence.page(Purpose.NOT_PINNED)
    if not_pinned is None or not_pinned.page is None:
        return
    rows = [row for row in not_pinned.page.rows if row]
    if any(_is_pinned(row.status, pinned=row.pinned) for row in rows):
        yield "the API ignores the filter pinned=false, and lists pinned files"
    files, cap = not_pinned.files, evidence.page_cap()
    is_all = 0 < not_pinned.rows < min(not_pinned.query.limit, cap or not_pinned.query.limit)
    if not_pinned.rows > files or (is_all and not_pinned.rows < files):
        listed = counted(not_pinned.rows, "row")
        yield f"the totals of pinned=false count {counted(files, 'file')}, but there are {listed}"
    size, total = sum(row.size or 0 for row in rows), not_pinned.size_bytes
    if is_all and size != total:
        yield (
            f"the totals of pinned=false say {counted(total, 'byte')}, but the sizes of its rows add up to "
            f"{format_number(size)}"
        )
    yield from _sum_obstacles(evidence, not_pinned)


def _sum_obstacles(evidence: Evidence, not_pinned: Reply) -> Iterator[str]:
    """Compare the totals of both filters with those of the whole list, unless the list has just changed."""
    pinned = evidence.page(Purpose.PINNED)
    if pinned is None:
        return
    before = [page for page in evidence.pages if page.began < not_pinned.began]
    after = [page for page in evidence.pages if page.began > pinned.began]
    if not before or not after or not have_same_totals([before[-1], after[0]]):
        return
    files, size = pinned.files + not_pinned.files, pinned.size_bytes + not_pinned.size_bytes
    whole = after[0]
    if (files, size) != (whole.files, whole.size_bytes):
        yield (
            f"the totals of pinned=true and pinned=false add up to {counted(files, 'file')} and "
            f"{counted(size, 'byte')}, but the whole list has {format_number(whole.files)} and "
            f"{format_number(whole.size_bytes)}"
        )


def _page_obstacles(evidence: Evidence) -> Iterator[str]:
    """Find pages that are empty within the list, or shorter than the same limit returned before."""
    for reply in evidence.replies:
        end, limit = reply.query.offset + reply.rows, reply.query.limit
        if reply.page is None or reply.rows == limit or end >= reply.files:
            continue
        if not reply.rows:
            place = f"offset {format_number(reply.query.offset)} of pinned={reply.query.pinned}"
            yield f"the page at {place} is empty, although {counted(reply.files, 'file')} are counted"
        longer = max((page.rows for page in evidence.pages if page.query.limit == limit), default=0)
        if reply.query.pinned == "all" and reply.rows < longer:
            yield f"pages became shorter: {counted(reply.rows, 'row')} instead of {format_number(longer)}"


def _is_pinned(status: str | None, *, pinned: bool | None) -> bool:
    return phase_of(status or "", pinned=pinned) is Phase.PINNED if pinned is None else pinned
