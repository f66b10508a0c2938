"""Findings about offset and order, on which a walk over the list depends; pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from pin_exporter.doctor.evidence import Evidence, totals_stood_still
from pin_exporter.doctor.findings import AGAIN_WHEN_STILL, Finding, note, ok, problem
from pin_exporter.doctor.limit_checks import is_refusal
from pin_exporter.doctor.reply import Purpose, Reply

_MOSTLY_BACK: Final = 0.3
_OFTEN_BACK: Final = 0.1
"""The share of rows that are older than those half a page before; in no order at all it is half."""
_TELLING: Final = 10
"""So many dates of `date_pinned`: a few pins may well have been done in another order than they came in."""
_SLACK: Final = timedelta(hours=1)


def check_paging(evidence: Evidence) -> Iterator[Finding]:
    """Say whether pages begin where they should, and keep their order."""
    first, again = evidence.reply(Purpose.FIRST), evidence.reply(Purpose.AGAIN)
    yield from _offset(evidence)
    if first and again:
        yield _stability(first, again)
    if first and first.ids:
        yield _ascending(first)
    yield from _descending(evidence)
    yield from _empty(evidence)


def _offset(evidence: Evidence) -> Iterator[Finding]:
    first, second = evidence.reply(Purpose.FIRST), evidence.reply(Purpose.SECOND)
    yield from _refused(evidence)
    if first is None or second is None or not second.question.offset:
        return
    expected, got = first.ids[second.question.offset :], second.ids
    if got and got[: len(first.ids)] == first.ids[: len(got)]:
        yield problem(
            "offset",
            f"offset is ignored: the page at {second.question.offset} begins with the first row again",
            "inventories cannot be taken: ask AIOZ Pin, or look for a cache in between",
        )
    elif got[: len(expected)] == expected:
        yield ok("offset", "the second page begins where the first one ends")
    elif set(got) & set(expected):
        yield note("offset", "rows moved between the first and the second page", "nothing: walks find them")
    elif not totals_stood_still([first, second]) or _is_reordered(first, evidence.reply(Purpose.AGAIN)):
        yield note(
            "offset", "the list moved too far between two pages to tell whether they join", AGAIN_WHEN_STILL
        )
    else:
        yield problem(
            "offset",
            f"the second page does not join the first: none of its last {len(expected)} rows is there",
            "ask AIOZ Pin; inventories will not be proven",
        )


def _refused(evidence: Evidence) -> Iterator[Finding]:
    refused = [reply for reply in evidence.replies if is_refusal(reply) and reply.question.offset]
    within = [reply for reply in refused if reply.question.purpose != Purpose.BEYOND]
    if not evidence.reply(Purpose.FIRST) or not refused:
        return
    first = min(within or refused, key=lambda reply: reply.question.offset)
    told = f"the page at {first.question.offset} is refused ({first.trouble})"
    if within:
        yield problem("offset", told, "inventories cannot be taken to the end of the list: ask AIOZ Pin")
    else:
        yield note("end", f"{told}, behind the end of the list", "nothing: walks end before")


def _is_reordered(first: Reply, again: Reply | None) -> bool:
    return again is not None and first.ids != again.ids and set(first.ids) == set(again.ids)


def _stability(first: Reply, again: Reply) -> Finding:
    if first.ids == again.ids:
        return ok("stability", "the same request twice gives the same rows in the same order")
    if set(first.ids) != set(again.ids) and not totals_stood_still([first, again]):
        return note(
            "stability",
            "the list changed between two requests: its order could not be compared",
            AGAIN_WHEN_STILL,
        )
    moved = sum(one != other for one, other in zip(first.ids, again.ids, strict=False))
    told = f"the same request twice gives {moved} rows in another order"
    return note(
        "stability", f"{told}, as rows of the same time may be", "nothing: walks read such a list twice"
    )


def _ascending(first: Reply) -> Finding:
    """Compare dates half a page apart. `date_pinned` changes when a pin is done: small steps tell nothing."""
    created = [moment for identity in first.ids if (moment := _moment(first.shape.created.get(identity)))]
    rows = first.page.rows if first.page else ()
    moments = created or [row.date_pinned for row in rows if row and row.date_pinned]
    if len(moments) < 2:
        return ok("order", "there are too few dates to tell how the list is sorted")
    slack = timedelta(0) if created else _SLACK
    far = zip(moments, moments[len(moments) // 2 :], strict=False)
    steps = [other - one for one, other in far if abs(other - one) > slack]
    if not steps:
        return ok("order", "the dates are too close to each other to tell how the list is sorted")
    back = sum(step < timedelta(0) for step in steps) / len(steps)
    told = f"{back:.0%} of the rows are older than those half a page before, where oldest first was asked for"
    if back > _MOSTLY_BACK and (created or len(steps) >= _TELLING):
        return problem("order", told, "new pins may land anywhere: expect repaired or unproven inventories")
    if back > _OFTEN_BACK:
        return note("order", told, "date_pinned changes when a pin is done, which may be all there is to it")
    return ok("order", "rows come oldest first, as asked")


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _descending(evidence: Evidence) -> Iterator[Finding]:
    newest, last = evidence.reply(Purpose.NEWEST), evidence.reply(Purpose.LAST)
    if newest is None or last is None or not newest.ids or not last.ids or evidence.counts_pages():
        return
    in_both = set(newest.ids) & set(last.ids)
    down = [identity for identity in newest.ids if identity in in_both]
    up = [identity for identity in last.ids if identity in in_both]
    first = evidence.reply(Purpose.FIRST)
    if first and newest.files > newest.rows and first.ids[:1] == newest.ids[:1]:
        told = "sortOrder is ignored: the newest first begins as the oldest first does"
        yield note("reverse", told, "nothing, if oldest first is what comes: see the finding on order")
    elif in_both and down == up[::-1]:
        yield ok("reverse", "the newest first is the oldest first backwards")
    elif in_both:
        told = "the newest rows do not come in the reverse order, as rows of one time may not"
        yield note("reverse", told, "nothing: walks begin with the oldest")
    elif not totals_stood_still([newest, last]):
        yield note("reverse", "the list changed before its two ends could be compared", AGAIN_WHEN_STILL)
    else:
        yield note(
            "reverse",
            "the newest rows are not those at the end of the list",
            "sortOrder or offset is not honoured, or totals.files is not the length of the list",
        )


def _empty(evidence: Evidence) -> Iterator[Finding]:
    beyond = evidence.reply(Purpose.BEYOND)
    if beyond is None or evidence.counts_pages():
        return
    if beyond.ids:
        told = f"behind the end of the list, at {beyond.question.offset}, there are rows"
        yield problem("end", told, "the exporter cannot tell where the list ends: ask AIOZ Pin")
    elif beyond.shape.pins_null:
        yield note("end", "an empty page is written as null", "nothing: that is understood")
    else:
        yield ok("end", "behind the end of the list there is an empty page")
