"""Findings about the totals: what they count, and whether the rows agree with them; pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from pin_exporter.api.model import Pin
from pin_exporter.doctor.evidence import Evidence, totals_stood_still
from pin_exporter.doctor.findings import AGAIN_WHEN_STILL, Finding, note, ok, problem
from pin_exporter.doctor.limit_checks import cap_of
from pin_exporter.doctor.reply import Purpose, Reply
from pin_exporter.toolkit.units import counted

_LOOK: Final = (
    "compare with the AIOZ Pin dashboard; aiozpin_inventory_unaccounted_files will show the difference"
)
_UNLESS_CHANGED: Final = "nothing, if the list changed meanwhile; else compare with the AIOZ Pin dashboard"


def check_totals(evidence: Evidence) -> Iterator[Finding]:
    """Say what totals.files and totals.size are the totals of."""
    yield from _filter(evidence)
    yield from _page_independence(evidence)
    yield from _files(evidence)
    yield from _size(evidence)


def _filter(evidence: Evidence) -> Iterator[Finding]:
    pinned, unpinned = evidence.reply(Purpose.PINNED), evidence.reply(Purpose.UNPINNED)
    everything = evidence.reply(Purpose.DEFAULT) or evidence.reply(Purpose.TOTALS)
    if pinned is None or unpinned is None or everything is None or not everything.files:
        return
    if evidence.counts_pages():
        return
    wrong = _rows_that_are(pinned, state=False) + _rows_that_are(unpinned, state=True)
    if wrong:
        told = f"{wrong} rows do not fit the filter pinned=true or pinned=false that was asked for"
        yield note("filter", told, "nothing: the exporter asks for all")
    counts = f"{pinned.files} pinned and {unpinned.files} not, of {everything.files}"
    if pinned.files + unpinned.files == everything.files:
        yield ok("totals_filter", f"totals follow the filter: {counts}")
    elif pinned.files == unpinned.files == everything.files:
        told = f"totals do not follow the filter: {everything.files} files, pinned or not"
        yield note("totals_filter", told, "nothing: the exporter asks for all")
    else:
        # Asked one after the other, so a changing list adds up only nearly.
        yield note("totals_filter", f"totals do not add up: {counts}", _UNLESS_CHANGED)


def _rows_that_are(reply: Reply, *, state: bool) -> int:
    return sum(row.pinned is state for row in reply.page.rows if row) if reply.page else 0


def _page_independence(evidence: Evidence) -> Iterator[Finding]:
    listed = [reply for reply in evidence.listed() if reply.ids]
    if len({reply.question.offset for reply in listed}) < 2:
        return
    if totals_stood_still(listed):
        yield ok("totals_page", "totals do not depend on offset and limit")
    elif evidence.counts_pages():
        told = "totals.files is the number of rows in the page, not in the list"
        yield problem("totals_page", told, "aiozpin_files will be wrong: ask AIOZ Pin")
    else:
        told = "totals changed while the list was read"
        yield note("totals_page", told, "nothing, if the finding on changes tells why")


def _files(evidence: Evidence) -> Iterator[Finding]:
    last = evidence.reply(Purpose.LAST)
    beyond = evidence.reply(Purpose.BEYOND)
    if last is None or last.question.limit is None or not last.page or evidence.counts_pages():
        return
    if beyond and not evidence.offsets_honoured(beyond):
        return
    end = last.question.offset + last.rows
    full = last.rows in (last.question.limit, cap_of(evidence))
    if end > last.files and not last.rows:
        yield note(
            "files",
            "the list shrank too fast to see whether it ends where totals.files says",
            AGAIN_WHEN_STILL,
        )
    elif end > last.files:
        told = f"the list has at least {end - last.files} rows more than totals.files, which is {last.files}"
        yield problem("files", told, _LOOK)
    elif end == last.files:
        yield ok("files", f"the list ends where totals.files says, at {last.files}")
    elif full:
        yield note(
            "files", "the list grew too fast to see whether it ends where totals.files says", AGAIN_WHEN_STILL
        )
    else:
        least = "" if last.rows else "at least "
        told = f"the list ends {least}{last.files - end} rows before totals.files, which is {last.files}"
        yield problem("files", told, _LOOK)


def _size(evidence: Evidence) -> Iterator[Finding]:
    rows = whole_list(evidence)
    if not evidence.good:
        return
    if rows is None:
        told = "totals.size could not be compared: the list was not read as a whole"
        yield note(
            "size", told, "once the exporter runs, compare aiozpin_size_bytes with aiozpin_stored_bytes"
        )
        return
    reported = evidence.listed()[-1].page
    added_up = sum(row.size or 0 for row in rows)
    if reported is None:
        return
    if added_up == reported.totals.size:
        yield ok(
            "size", f"the sizes of all {counted(len(rows), 'row')} add up to totals.size, {added_up} bytes"
        )
    else:
        told = f"the rows add up to {added_up} bytes, totals.size says {reported.totals.size}"
        yield problem("size", told, "compare with the AIOZ Pin dashboard")


def whole_list(evidence: Evidence) -> Sequence[Pin] | None:
    """Return all rows, where the pages that were read leave none out and nothing changed meanwhile."""
    listed = sorted(evidence.listed(), key=lambda reply: reply.question.offset)
    if not listed or not totals_stood_still(listed) or any(reply.shape.unreadable for reply in listed):
        return None
    cap = cap_of(evidence)
    frontier, ended = 0, False
    for reply in listed:
        if reply.question.offset > frontier:
            break
        end = reply.question.offset + reply.rows
        full = reply.rows in (reply.question.limit, cap)
        frontier, ended = max(frontier, end), ended or (not full and reply.question.limit is not None)
    pins = {row.id: row for reply in listed if reply.page for row in reply.page.rows if row}
    return tuple(pins.values()) if ended and len(pins) == frontier else None
