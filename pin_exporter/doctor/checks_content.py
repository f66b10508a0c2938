"""Checks of what the API returns: totals, rows, statuses, and changes during the diagnosis; pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from pin_exporter.api.model import VOCABULARIES, Phase, Pin, is_balance_exhausted, phase_of
from pin_exporter.doctor.evidence import Evidence, FetchedSample, have_same_totals
from pin_exporter.doctor.findings import RUN_AGAIN, Check, Finding, ok, problem, skipped, warning
from pin_exporter.doctor.reply import Purpose
from pin_exporter.retrieval.samples import Result
from pin_exporter.toolkit.display_text import escaped, shortened
from pin_exporter.toolkit.units import counted, format_number, format_size

_COMPARE: Final = "compare with the AIOZ Pin dashboard, and contact AIOZ Pin"
_TOP_UP: Final = "top up the account: AIOZ Pin removes the pins of an account without balance"
_MAX_STATUSES: Final = 12
_MAX_STATUS_LENGTH: Final = 64
_MAX_CID_LENGTH: Final = 128
_OFTEN: Final = 3
_OTHER_SAMPLE: Final = "run the doctor again; if it persists, see docs/retrieval.md"
_GATEWAY_ACTIONS: Final[Mapping[Result, tuple[bool, str]]] = {
    Result.CORRUPT: (True, "contact the operator of the gateway: it sends wrong content"),
    Result.FORBIDDEN: (True, "set gateway_token_file, or use another gateway"),
    Result.ERROR: (True, "use a gateway that sends raw blocks (GET /ipfs/CID?format=raw)"),
    Result.NOT_FOUND: (False, _OTHER_SAMPLE),
    Result.TIMEOUT: (False, _OTHER_SAMPLE),
    Result.RATE_LIMITED: (False, "lower retrievals_per_hour, or use another gateway"),
    Result.UNVERIFIABLE: (False, _OTHER_SAMPLE),
}
"""What to do if a sample was not fetched, and whether it is a problem rather than a warning."""


def check_content(evidence: Evidence) -> Iterator[Finding]:
    """Check whether totals and rows agree, and what the pins that were read are like."""
    yield from _totals(evidence)
    yield from _files(evidence)
    yield from _size(evidence)
    yield from _rows(evidence)
    pins = list(evidence.pins().values())
    if pins:
        yield from _statuses(pins)
    yield from _changes(evidence)
    if evidence.account.gateway_url:
        yield _gateway(evidence.sample)


def _totals(evidence: Evidence) -> Iterator[Finding]:
    pages = [page for page in evidence.pages if page.ids]
    if len({page.query.offset for page in pages}) < 2:
        return
    if have_same_totals(pages):
        yield ok(Check.TOTALS, "the totals are the same on all pages")
    elif evidence.totals_count_page():
        message = "totals.files is the number of rows on the page, not in the list"
        yield problem(Check.TOTALS, message, "contact AIOZ Pin: aiozpin_files is wrong")
    else:
        yield ok(Check.TOTALS, "the totals changed during the diagnosis")


def _files(evidence: Evidence) -> Iterator[Finding]:
    last = evidence.page(Purpose.LAST)
    if last is None or evidence.totals_count_page():
        return
    end, files = last.query.offset + last.rows, last.files
    is_full = last.rows in (last.query.limit, evidence.page_cap())
    if end == files:
        yield ok(Check.FILES, f"the list has {counted(files, 'row')}, as many as totals.files says")
    elif (end > files and not last.rows) or (end < files and is_full):
        yield skipped(
            Check.FILES, "the list changed too fast to compare its length with totals.files", RUN_AGAIN
        )
    else:
        more = "more" if end > files else "fewer"
        least = "" if last.rows and end < files else "at least "
        yield problem(
            Check.FILES,
            f"the list has {least}{counted(abs(end - files), 'row')} {more} than totals.files, which is "
            f"{format_number(files)}",
            f"{_COMPARE}; aiozpin_inventory_unaccounted_files shows the difference",
            missing=files - end,
        )


def _size(evidence: Evidence) -> Iterator[Finding]:
    if not evidence.pages:
        return
    rows = _whole_list(evidence)
    if rows is None:
        message = "totals.size was not checked, because the whole list was not read or it changed"
        yield skipped(Check.SIZE, message, "compare aiozpin_size_bytes with aiozpin_stored_bytes")
        return
    total = evidence.pages[-1].size_bytes
    added_up = sum(row.size or 0 for row in rows)
    if added_up == total:
        message = (
            f"the sizes of all {counted(len(rows), 'row')} add up to totals.size, {format_size(added_up)}"
        )
        yield ok(Check.SIZE, message)
    else:
        yield problem(
            Check.SIZE,
            f"the sizes of all rows add up to {format_number(added_up)} bytes, but totals.size is "
            f"{format_number(total)} bytes",
            _COMPARE,
            missing_bytes=total - added_up,
        )


def _whole_list(evidence: Evidence) -> Sequence[Pin] | None:
    """Return all rows if the pages cover the list without a gap and nothing changed."""
    pages = sorted(evidence.pages, key=lambda page: page.query.offset)
    if not pages or not have_same_totals(pages) or any(page.malformed for page in pages):
        return None
    cap = evidence.page_cap()
    covered, has_end = 0, False
    for page in pages:
        if page.query.offset > covered:
            break
        covered = max(covered, page.query.offset + page.rows)
        has_end = has_end or page.rows not in (page.query.limit, cap)
    pins = {row.id: row for reply in pages if reply.page for row in reply.page.rows if row}
    return tuple(pins.values()) if has_end and len(pins) == covered else None


def _rows(evidence: Evidence) -> Iterator[Finding]:
    worst = max(evidence.pages, key=lambda page: page.malformed, default=None)
    if worst and worst.page and worst.malformed:
        yield problem(
            Check.MALFORMED_ROWS,
            f"{worst.malformed} of {counted(len(worst.page.rows), 'row')} could not be parsed: null, no id, "
            "or no valid size",
            "contact AIOZ Pin; aiozpin_inventory_malformed_pins counts such rows",
            count=worst.malformed,
        )
    undated = sum(pin.date_pinned is None for pin in evidence.pins().values())
    if undated:
        message = f"{counted(undated, 'row')} without a readable date_pinned"
        yield warning(
            Check.DATES, message, "contact AIOZ Pin; metrics on ages leave out such pins", count=undated
        )


def _statuses(pins: Sequence[Pin]) -> Iterator[Finding]:
    known = {status.lower() for vocabulary in VOCABULARIES for status in vocabulary}
    statuses = Counter(pin.status for pin in pins if pin.status)
    unknown = {status: count for status, count in statuses.items() if status.lower() not in known}
    yield ok(Check.STATUSES, f"statuses: {_listed(statuses)}", count=len(statuses))
    if unknown:
        yield warning(
            Check.UNKNOWN_STATUSES,
            f"unknown statuses: {_listed(unknown)}",
            "report them to the maintainers of the exporter; such pins have the phase unknown",
            count=len(unknown),
        )
    all_pins = counted(len(pins), "pin")
    failed = sum(phase_of(pin.status or "", pinned=pin.pinned) is Phase.FAILED for pin in pins)
    if failed:
        message = f"{format_number(failed)} of {all_pins} have failed: AIOZ Pin does not store the content"
        yield warning(Check.FAILED_PINS, message, "pin them again", count=failed)
    removed = sum(is_balance_exhausted(pin.status or "") for pin in pins)
    if removed:
        message = f"{format_number(removed)} of {all_pins} were removed because the balance was exhausted"
        yield warning(Check.BALANCE_EXHAUSTED, message, f"if this is recent, {_TOP_UP}", count=removed)


def _gateway(sample: FetchedSample | None) -> Finding:
    if sample is None:
        return skipped(
            Check.GATEWAY, "no pinned pin was read whose block could be requested from the gateway"
        )
    attempt, cid = sample.attempt, escaped(shortened(sample.cid, _MAX_CID_LENGTH))
    result = {"result": attempt.result.value}
    if attempt.result is Result.OK:
        message = f"the gateway sends raw blocks: that of {cid} has the right hash"
        return ok(Check.GATEWAY, message, **result)
    message = f"the gateway did not send the block of {cid}: {attempt.detail}"
    is_problem, action = _GATEWAY_ACTIONS[attempt.result]
    return (problem if is_problem else warning)(Check.GATEWAY, message, action, **result)


def _listed(statuses: Mapping[str, int]) -> str:
    most = sorted(statuses.items(), key=lambda item: -item[1])[:_MAX_STATUSES]
    shown = ", ".join(
        f"{escaped(shortened(status, _MAX_STATUS_LENGTH))} ({format_number(count)})" for status, count in most
    )
    left = len(statuses) - len(most)
    return f"{shown}, and {left} more" if left else shown


def _changes(evidence: Evidence) -> Iterator[Finding]:
    pages = evidence.pages
    if len(pages) < 2:
        return
    seconds = pages[-1].began + pages[-1].seconds - pages[0].began
    totals = [reply.page.totals for reply in pages if reply.page]
    steps = sum(before != after for before, after in pairwise(totals))
    message = f"totals changed {counted(steps, 'time')} within {seconds:.0f} s"
    # The totals of a list that changes hardly ever become what they were before.
    returns = sum(totals[n] != now and now in totals[:n] for n, now in enumerate(totals[1:]))
    if returns >= _OFTEN and not evidence.totals_count_page():
        action = "contact AIOZ Pin: several servers or caches behind this host disagree"
        yield problem(Check.CHANGES, f"{message}, back and forth", action, totals=steps)
    elif not evidence.totals_count_page():
        yield ok(Check.CHANGES, message, totals=steps)
