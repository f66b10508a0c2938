"""Findings about how the account changed while it was looked at; pure."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise, takewhile

from pin_exporter.doctor.evidence import Evidence
from pin_exporter.doctor.findings import Finding, note, ok
from pin_exporter.doctor.reply import Purpose, Reply
from pin_exporter.doctor.row_checks import phase
from pin_exporter.model import Phase, Pin

_ENDS = (Purpose.PINNED, Purpose.PINNED_LATER)


def check_changes(evidence: Evidence) -> Iterator[Finding]:
    """Say what changed between the first request and the last."""
    seen = [reply for reply in evidence.trusted if reply.question.pinned == "all"]
    if len(seen) < 2:
        return
    seconds = seen[-1].began + seen[-1].seconds - seen[0].began
    changes = [*_totals(seen, seconds), *_pinned(evidence), *_rows(evidence)]
    if not changes:
        yield ok("changes", f"nothing changed within {seconds:.0f} s")
        return
    told = f"within {seconds:.0f} s: {', '.join(changes)}"
    yield note("changes", told, "nothing, as long as aiozpin_inventory_consistent is mostly 1")


def _totals(seen: list[Reply], seconds: float) -> Iterator[str]:
    totals = [reply.page.totals for reply in seen if reply.page]
    first, last = totals[0], totals[-1]
    if first.files != last.files:
        pace = f" ({60 * (last.files - first.files) / seconds:+.0f} a minute)" if seconds else ""
        yield f"files went from {first.files} to {last.files}{pace}"
    if first.size != last.size:
        yield f"size went from {first.size} to {last.size} bytes"
    moves = sum(before != after for before, after in pairwise(totals))
    if moves:
        yield f"totals changed {moves} times"


def _pinned(evidence: Evidence) -> Iterator[str]:
    before, after = (evidence.reply(purpose) for purpose in _ENDS)
    if before and after and before.files != after.files:
        yield f"pinned files went from {before.files} to {after.files}"


def _rows(evidence: Evidence) -> Iterator[str]:
    """Yield how many rows, of those that were read more than once, were not the same again."""
    last: dict[str, Pin] = {}
    moves: Counter[str] = Counter()
    for reply in evidence.trusted:
        for pin in (row for row in (reply.page.rows if reply.page else ()) if row):
            before = last.get(pin.id)
            if before is not None and (before.status, before.pinned) != (pin.status, pin.pinned):
                moves[_move(before, pin)] += 1
            last[pin.id] = pin
    new = _new_at_the_end(evidence)
    if new:
        yield f"{new} new pins"
    yield from (f"{count} pins {move}" for move, count in moves.items())


def _move(before: Pin, after: Pin) -> str:
    if (after.status or "").lower() == "unpinoutofmoney":
        return "dropped because the balance ran out"
    return {
        Phase.PINNED: "finished",
        Phase.FAILED: "failed",
        Phase.REMOVED: "unpinned",
        Phase.IN_PROGRESS: "went on" if phase(before) is Phase.IN_PROGRESS else "began again",
    }.get(phase(after), "got another status")


def _new_at_the_end(evidence: Evidence) -> int:
    """Return how many rows stand before the newest one of the beginning."""
    newest, later = evidence.reply(Purpose.NEWEST), evidence.reply(Purpose.NEWEST_LATER)
    if newest is None or later is None or not set(newest.ids) & set(later.ids):
        return 0
    known = set(newest.ids)
    return sum(1 for _ in takewhile(lambda identity: identity not in known, later.ids))
