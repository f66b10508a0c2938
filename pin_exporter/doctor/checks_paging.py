"""Checks of the paging that an inventory depends on: page size, offset, order; pure."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from pin_exporter.doctor.evidence import Evidence, have_same_totals
from pin_exporter.doctor.findings import RUN_AGAIN, Check, Finding, ok, problem, skipped, warning
from pin_exporter.doctor.reply import Purpose, Reply
from pin_exporter.toolkit.units import counted, format_number

_MOSTLY_BACK: Final = 0.3
"""The share of rows that are older than those half a page before; without any order it is one half."""
_ENOUGH_DATES: Final = 10
"""With fewer dates, a few pins that were finished in another order than they were created decide."""
_SLACK: Final = timedelta(hours=1)
_NO_INVENTORY: Final = "contact AIOZ Pin: inventories cannot be taken"


def check_paging(evidence: Evidence) -> Iterator[Finding]:
    """Check whether pages have the requested rows, in a stable order."""
    yield from _page_size(evidence)
    yield from _rejected_offset(evidence)
    first, second, again = (evidence.page(one) for one in (Purpose.FIRST, Purpose.SECOND, Purpose.AGAIN))
    if first and second and second.query.offset:
        yield _offset(first, second, again)
    if first and again:
        yield _stability(first, again)
    if first and first.ids:
        yield _order(first)


def _page_size(evidence: Evidence) -> Iterator[Finding]:
    size, cap, ignored = evidence.account.page_size, evidence.page_cap(), evidence.ignored_limit()
    works = evidence.largest_limit()
    over = next((page for page in evidence.pages if page.rows > page.query.limit), None)
    if over:
        yield problem(
            Check.PAGE_SIZE,
            f"the API ignores limit: a limit of {over.query.limit} returned {counted(over.rows, 'row')}",
            "contact AIOZ Pin; inventories may read rows twice",
            limit=over.query.limit,
            rows=over.rows,
        )
    failed = [reply for reply in evidence.replies if reply.may_be_too_much and reply.query.limit > works > 0]
    if failed:
        least = min(failed, key=lambda reply: reply.query.limit)
        message = (
            f"a limit of {format_number(least.query.limit)} rows fails ({least.detail_and_hint[0]}), "
            f"{format_number(works)} works"
        )
        if evidence.page(Purpose.FIRST):
            yield _limited(message, size, works)
        else:
            yield problem(Check.PAGE_SIZE, message, _NO_INVENTORY, works=works)
    if ignored:
        message = (
            f"a limit of {format_number(ignored.limit)} returns only {counted(ignored.rows, 'row')}, "
            f"a limit of {format_number(ignored.smaller)} more"
        )
        yield _limited(message, size, ignored.smaller)
    honoured = max(
        (page.rows for page in evidence.pages if page.rows in (page.query.limit, page.files)), default=0
    )
    if cap is not None and not over:
        yield _limited(f"pages have at most {counted(cap, 'row')}, whatever the limit", size, cap)
    elif honoured and not over and not failed and not ignored:
        yield ok(Check.PAGE_SIZE, f"a page of {counted(honoured, 'row')} works", works=honoured)


def _limited(message: str, page_size: int, works: int) -> Finding:
    if page_size <= works:
        return ok(Check.PAGE_SIZE, f"{message}; page_size is {format_number(page_size)}", works=works)
    return warning(Check.PAGE_SIZE, message, f"lower page_size from {page_size} to {works}", works=works)


def _rejected_offset(evidence: Evidence) -> Iterator[Finding]:
    rejected = [reply for reply in evidence.replies if reply.is_query_rejected and reply.query.offset]
    if evidence.page(Purpose.FIRST) and rejected:
        first = min(rejected, key=lambda reply: reply.query.offset)
        offset = first.query.offset
        message = f"the API rejects offset {format_number(offset)} ({first.detail_and_hint[0]})"
        action = "contact AIOZ Pin: inventories cannot read the whole list"
        yield problem(Check.OFFSET, message, action, rejected=offset)


def _offset(first: Reply, second: Reply, again: Reply | None) -> Finding:
    expected, got = first.ids[second.query.offset :], second.ids
    is_reordered = again is not None and first.ids != again.ids and set(first.ids) == set(again.ids)
    if got and got[: len(first.ids)] == first.ids[: len(got)]:
        return problem(
            Check.OFFSET,
            f"the API ignores offset: offset {format_number(second.query.offset)} starts with the first row",
            "look for a cache in between, or contact AIOZ Pin: inventories cannot be taken",
            ignored=True,
        )
    if got[: len(expected)] == expected:
        return ok(Check.OFFSET, "the second page starts where the first one ends")
    if set(got) & set(expected):
        return ok(Check.OFFSET, "rows moved between the first and the second page; inventories detect that")
    if not have_same_totals([first, second]) or is_reordered:
        message = "the list changed too much between two pages to check where the second one starts"
        return skipped(Check.OFFSET, message, RUN_AGAIN)
    return problem(
        Check.OFFSET,
        f"the second page does not overlap the first one: none of its last {len(expected)} rows is there",
        "contact AIOZ Pin: inventories will be inconsistent",
    )


def _stability(first: Reply, again: Reply) -> Finding:
    if first.ids == again.ids:
        return ok(Check.STABILITY, "repeating a request returns the same rows in the same order", moved=0)
    if set(first.ids) != set(again.ids) and not have_same_totals([first, again]):
        message = "the list changed between two requests, so their order cannot be compared"
        return skipped(Check.STABILITY, message, RUN_AGAIN)
    moved = sum(one != other for one, other in zip(first.ids, again.ids, strict=False))
    return warning(
        Check.STABILITY,
        f"repeating a request returns {counted(moved, 'row')} in another order",
        "the exporter reads such a list twice; if inventories are inconsistent, contact AIOZ Pin",
        moved=moved,
    )


def _order(first: Reply) -> Finding:
    """Compare dates half a page apart: small steps say little, as `date_pinned` changes when pinning ends."""
    rows = first.page.rows if first.page else ()
    dates = [row.date_pinned for row in rows if row and row.date_pinned]
    pairs = zip(dates, dates[len(dates) // 2 :], strict=False)
    steps = [later - earlier for earlier, later in pairs if abs(later - earlier) > _SLACK]
    if len(steps) < _ENOUGH_DATES:
        return skipped(Check.ORDER, "too few or too similar dates to check the order of the list")
    back = sum(step < timedelta(0) for step in steps) / len(steps)
    if back <= _MOSTLY_BACK:
        return ok(Check.ORDER, "the oldest rows come first, as requested", back=round(back, 3))
    return problem(
        Check.ORDER,
        f"the oldest rows do not come first: {back:.0%} of the rows are older than those half a page before",
        "contact AIOZ Pin: expect repaired or inconsistent inventories",
        back=round(back, 3),
    )
