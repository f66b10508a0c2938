"""Findings about how many rows come at a time: the limit asked for, refused, cut, or too much; pure."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from pin_exporter.api.errors import PAGE_SIZE_REJECTIONS
from pin_exporter.doctor.evidence import Evidence, is_plain
from pin_exporter.doctor.findings import Finding, note, ok, problem
from pin_exporter.doctor.reply import Purpose, Reply
from pin_exporter.toolkit.units import counted

_DOCUMENTED_DEFAULT: Final = 10


def check_limit(evidence: Evidence) -> Iterator[Finding]:
    """Say how long a page may be, and how long it is without a limit."""
    yield from _limit(evidence)
    yield from _default_limit(evidence)


def is_too_much(reply: Reply) -> bool:
    """Return whether a request failed in a way that fewer rows may cure."""
    return is_refusal(reply) or reply.reason == "timeout" or "too large" in (reply.trouble or "")


def is_refusal(reply: Reply) -> bool:
    """Return whether a request was refused for what it asks for."""
    return reply.status in PAGE_SIZE_REJECTIONS


def is_trial(reply: Reply) -> bool:
    """Return whether a failure is but the answer to how many rows may be asked for, or from where on."""
    asked = reply.question
    if asked.purpose == Purpose.LARGE:
        return is_too_much(reply)
    return is_refusal(reply) and (asked.purpose == Purpose.FIRST or asked.offset > 0)


def cap_of(evidence: Evidence) -> int | None:
    """Return the rows at which the API cuts every page, None where no page was cut."""
    listed = evidence.listed()
    most = max((reply.rows for reply in listed), default=0)
    for reply in listed:
        limit = reply.question.limit
        end = reply.question.offset + reply.rows
        # The totals of the page itself: of a list that grows, later pages go on where it ended.
        cut = limit is not None and 0 < reply.rows == most < limit and end < reply.files
        if cut and _goes_on(listed, reply, end):
            return most
    return None


def page_rows(evidence: Evidence) -> int:
    """Return how many rows a page of a walk will have at most, by what was seen."""
    size, cap = evidence.setup.page_size, cap_of(evidence)
    first = evidence.reply(Purpose.FIRST)
    full = [reply for reply in evidence.replies if reply.question.limit == size]
    if first and first.question.limit and not any(r.page for r in full) and any(map(is_too_much, full)):
        size = min(size, _works(evidence))
    if short := _shrunk(evidence):
        size = min(size, short.fewer)
    return min(size, cap) if cap else size


def plain_pages(evidence: Evidence) -> list[Reply]:
    """Return the trusted pages that took as many rows as a walk's would, or as there are."""
    rows = min(page_rows(evidence), max((reply.files for reply in evidence.trusted), default=0))
    return [reply for reply in evidence.trusted if is_plain(reply.question) and reply.rows >= rows > 0]


def _goes_on(listed: list[Reply], page: Reply, end: int) -> bool:
    """Return whether another page has rows at or behind the end of this one, which are not in it."""
    known = set(page.ids)
    return any(
        reply.question.offset <= end < reply.question.offset + reply.rows and not known.issuperset(reply.ids)
        for reply in listed
    ) or any(reply.question.offset > end and not known.issuperset(reply.ids) for reply in listed if reply.ids)


def _limit(evidence: Evidence) -> Iterator[Finding]:
    size, cap, honoured = evidence.setup.page_size, cap_of(evidence), _honoured(evidence)
    over = [r for r in evidence.trusted if r.question.limit is not None and r.rows > r.question.limit]
    works = _works(evidence)
    failed = [r for r in evidence.replies if is_too_much(r) and (r.question.limit or 0) > works > 0]
    if over:
        told = f"{over[0].rows} rows came where {over[0].question.limit} were asked for"
        yield problem("limit", told, "limit is not honoured: ask AIOZ Pin; walks may read rows twice")
    if failed:
        least = min(failed, key=lambda reply: reply.question.limit or 0)
        told = f"a limit of {least.question.limit} rows does not work ({least.trouble}), one of {works} does"
        if evidence.reply(Purpose.FIRST):
            yield note("limit", told, _lower(size, works))
        else:
            yield problem("limit", told, "inventories cannot be taken: ask AIOZ Pin")
    short = _shrunk(evidence)
    if short:
        told = f"a limit of {short.limit} brings {short.rows} rows, one of {short.fewer} brings more"
        yield note("limit", told, _lower(size, short.fewer))
    if cap is not None:
        told = f"pages are cut at {cap} rows, whatever limit is asked for"
        yield note("limit", told, _lower(size, cap))
    elif honoured and not failed and not short:
        yield ok("limit", f"{counted(honoured, 'row')} came in one page, the most that there were to ask for")


def _works(evidence: Evidence) -> int:
    """Return the largest limit that was answered with a page."""
    return max((reply.question.limit or 0 for reply in evidence.good), default=0)


class _Shrunk(NamedTuple):
    """A limit that brings few rows, and a smaller one that brings more."""

    limit: int
    rows: int
    fewer: int


def _shrunk(evidence: Evidence) -> _Shrunk | None:
    """Look for a limit that is passed over for being too large, as if none was given."""
    listed = [(reply, reply.question.limit or 0) for reply in evidence.listed()]
    return next(
        (
            _Shrunk(limit, reply.rows, fewer)
            for reply, limit in listed
            for other, fewer in sorted(listed, key=lambda one: -one[1])
            if limit > fewer > 0 and reply.question.offset == other.question.offset
            if 0 < 2 * reply.rows < other.rows and reply.question.offset + reply.rows < reply.files
        ),
        None,
    )


def _honoured(evidence: Evidence) -> int:
    """Return the rows of the longest page that was as long as was asked for, or as the list."""
    return max((r.rows for r in evidence.listed() if r.rows in (r.question.limit, r.files)), default=0)


def _lower(page_size: int, largest: int) -> str:
    if page_size <= largest:
        return f"nothing: page_size is {page_size}"
    return f"page_size is {page_size}, of which {largest} are honoured: see the suggested settings"


def _default_limit(evidence: Evidence) -> Iterator[Finding]:
    page = evidence.reply(Purpose.DEFAULT)
    if page is None or page.files <= page.rows:
        return
    told = f"without a limit a page has {page.rows} rows"
    if _DOCUMENTED_DEFAULT in (page.rows, page.rows - page.shape.nulls):
        yield ok("default_limit", f"{told}, as documented")
    else:
        yield note("default_limit", f"{told}, not the documented 10", "nothing: the exporter names a limit")
