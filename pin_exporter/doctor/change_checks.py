"""Findings about how the account changed while it was looked at; pure."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise, takewhile
from typing import Final

from pin_exporter.api.model import Phase, Pin, is_balance_exhausted
from pin_exporter.doctor.evidence import Evidence
from pin_exporter.doctor.findings import Finding, note, ok, problem
from pin_exporter.doctor.reply import Purpose, Reply
from pin_exporter.doctor.row_checks import phase
from pin_exporter.toolkit.units import counted

_ENDS: Final = (Purpose.PINNED, Purpose.PINNED_LATER)
_LOST: Final = "lost"
_OFTEN: Final = 3


def check_changes(evidence: Evidence) -> Iterator[Finding]:
    """Say what changed between the first request and the last."""
    seen = [reply for reply in evidence.trusted if reply.question.pinned == "all"]
    if len(seen) < 2:
        return
    seconds = seen[-1].began + seen[-1].seconds - seen[0].began
    moves = _moves(evidence)
    lost = moves.pop(_LOST, 0)
    if lost:
        told = f"{counted(lost, 'pin')} dropped within {seconds:.0f} s because the balance ran out"
        yield problem("out_of_money", told, "top up the account now: the service is dropping data")
    changes = [] if evidence.counts_pages() else [*_totals(seen, seconds), *_pinned(evidence)]
    changes += _new(evidence)
    changes += [f"{counted(count, 'pin')} {move}" for move, count in moves.items()]
    told = f"within {seconds:.0f} s: {', '.join(changes)}"
    if changes and _returns(seen) >= _OFTEN:
        told = f"totals go back and forth: {told}"
        yield problem("changes", told, "servers or caches behind this host disagree: ask AIOZ Pin")
    elif changes:
        yield note("changes", told, "nothing, as long as aiozpin_inventory_consistent is mostly 1")
    elif not lost:
        yield ok("changes", f"nothing changed within {seconds:.0f} s")


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


def _returns(seen: list[Reply]) -> int:
    """Return how often totals became what they had been before; those of a list that changes hardly do."""
    totals = [reply.page.totals for reply in seen if reply.page]
    return sum(totals[n] != now and now in totals[:n] for n, now in enumerate(totals[1:]))


def _pinned(evidence: Evidence) -> Iterator[str]:
    before, after = (evidence.reply(purpose) for purpose in _ENDS)
    if before and after and before.files != after.files:
        yield f"pinned files went from {before.files} to {after.files}"


def _moves(evidence: Evidence) -> Counter[str]:
    """Return how many rows, of those that were read more than once, were not the same again, and how so."""
    last: dict[str, Pin] = {}
    moves: Counter[str] = Counter()
    for reply in evidence.trusted:
        for pin in (row for row in (reply.page.rows if reply.page else ()) if row):
            before = last.get(pin.id)
            if before is not None and (before.status, before.pinned) != (pin.status, pin.pinned):
                moves[_move(before, pin)] += 1
            last[pin.id] = pin
    return moves


def _move(before: Pin, after: Pin) -> str:
    if is_balance_exhausted(after.status or ""):
        return _LOST
    return {
        Phase.PINNED: "finished",
        Phase.FAILED: "failed",
        Phase.REMOVED: "unpinned",
        Phase.IN_PROGRESS: "went on" if phase(before) is Phase.IN_PROGRESS else "began again",
    }.get(phase(after), "got another status")


def _new(evidence: Evidence) -> Iterator[str]:
    """Yield how many rows stand before the newest one of the beginning."""
    newest, later = evidence.reply(Purpose.NEWEST), evidence.reply(Purpose.NEWEST_LATER)
    if newest is None or later is None or not set(newest.ids) & set(later.ids):
        return
    known = set(newest.ids)
    if new := sum(1 for _ in takewhile(lambda identity: identity not in known, later.ids)):
        yield counted(new, "new pin")
