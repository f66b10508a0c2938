"""Findings about the rows: how they are written, which words they use, what they are; pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from pin_exporter.api.model import VOCABULARIES, Phase, Pin, is_balance_exhausted, phase_of
from pin_exporter.doctor.evidence import Evidence
from pin_exporter.doctor.findings import Finding, note, ok, problem
from pin_exporter.doctor.reply import Shape
from pin_exporter.toolkit.display_text import one_line
from pin_exporter.toolkit.units import counted

_MAX_WORDS: Final = 12
_MAX_WORD_LENGTH: Final = 64
_GENERATIONS: Final = ("2023", "2024")


def check_rows(evidence: Evidence) -> Iterator[Finding]:
    """Say what the rows that were seen are like."""
    pins = evidence.pins()
    yield from _writing(evidence)
    if not pins:
        if evidence.good:
            yield ok("rows", "the list is empty: nothing can be said about rows")
        return
    yield from _vocabulary(pins.values())
    yield from _states(list(pins.values()))
    yield _unpinned(evidence)
    yield _composition(pins)
    yield from _ties(evidence)


def phase(pin: Pin) -> Phase:
    """Return what a pin's status comes down to."""
    return phase_of(pin.status or "", pinned=pin.pinned)


def _writing(evidence: Evidence) -> Iterator[Finding]:
    if strings := _most(evidence, lambda shape: shape.string_sizes):
        told = f"sizes are written as text in {strings}"
        yield note("sizes", told, "nothing: they are understood")
    if nulls := _most(evidence, lambda shape: shape.nulls):
        told = f"{nulls} are null"
        yield note("nulls", told, "ask AIOZ Pin what they are; aiozpin_inventory_malformed_pins counts them")
    if unreadable := _most(evidence, lambda shape: shape.unreadable):
        told = f"{unreadable} cannot be read, for lack of an id or for a size that is none"
        yield problem("unreadable", told, "they are counted in aiozpin_inventory_malformed_pins")
    undated = sum(pin.date_pinned is None for pin in evidence.pins().values())
    if undated:
        yield note(
            "dates", f"{undated} rows have no date_pinned that can be read", "nothing: ages leave them out"
        )
    if any(reply.shape.created for reply in evidence.trusted):
        yield note("created_at", "rows carry created_at", "nothing: the exporter does not rely on it")


def _most(evidence: Evidence, count: Callable[[Shape], int]) -> str:
    """Return how many rows of the page with most of them it is, in words; nothing where there are none."""
    page = max(evidence.trusted, key=lambda reply: count(reply.shape), default=None)
    odd = count(page.shape) if page else 0
    return f"{odd} of {counted(len(page.page.rows), 'row')} of a page" if odd and page and page.page else ""


def _vocabulary(pins: Iterable[Pin]) -> Iterator[Finding]:
    words = Counter(pin.status for pin in pins if pin.status)
    lowered = {word.lower() for word in words}
    used = [
        generation
        for generation, vocabulary in zip(_GENERATIONS, VOCABULARIES, strict=True)
        if lowered & ({word.lower() for word in vocabulary} - _shared())
    ]
    known = {word.lower() for vocabulary in VOCABULARIES for word in vocabulary}
    told = _listed({word: count for word, count in words.items() if word.lower() in known})
    if len(used) > 1:
        yield note("vocabulary", f"the words of 2023 and 2024 are mixed: {told}", "nothing: both are known")
    elif used:
        yield ok("vocabulary", f"the words are those of {used[0]}: {told}")
    elif told:
        yield ok("vocabulary", f"the words are those of both 2023 and 2024: {told}")
    unknown = {word: count for word, count in words.items() if word.lower() not in known}
    if unknown:
        yield note(
            "unknown_words",
            f"status words that are not known: {_listed(unknown)}",
            "such pins have the phase unknown; please report the words to the exporter's makers",
        )


def _shared() -> set[str]:
    first, second = ({word.lower() for word in vocabulary} for vocabulary in VOCABULARIES)
    return first & second


def _listed(words: Mapping[str, int]) -> str:
    most = sorted(words.items(), key=lambda item: -item[1])[:_MAX_WORDS]
    shown = ", ".join(f"{one_line(word)[:_MAX_WORD_LENGTH]} ({count})" for word, count in most)
    return shown + (f", and {len(words) - _MAX_WORDS} more" if len(words) > _MAX_WORDS else "")


def _states(pins: list[Pin]) -> Iterator[Finding]:
    phases = Counter(map(phase, pins))
    if failed := phases[Phase.FAILED]:
        told = f"{failed} of {len(pins)} pins seen have failed"
        yield note("failed", told, "see docs/runbooks: the alert on failed pins will tell of them")
    lost = sum(is_balance_exhausted(pin.status or "") for pin in pins)
    if lost:
        told = f"{lost} of {len(pins)} pins seen were dropped because the balance ran out"
        yield note("out_of_money", told, "if that is not long ago: top up the account; see docs/runbooks")


def _unpinned(evidence: Evidence) -> Finding:
    pins = evidence.pins()
    removed = {identity for identity, pin in pins.items() if phase(pin) is Phase.REMOVED}
    listed = {one for reply in evidence.trusted if reply.question.pinned == "all" for one in reply.ids}
    if stay := len(removed & listed):
        told = f"unpinned rows stay listed: {stay} of {counted(len(listed), 'row')} seen are such"
        return note("unpinned", told, "nothing: they are counted apart, in the phase removed")
    if removed:
        told = f"unpinned rows come with pinned=false alone: {len(removed)} such, none of them listed"
        return ok("unpinned", told)
    return ok("unpinned", "no unpinned row is listed: there are none, or they leave the list")


def _composition(pins: Mapping[str, Pin]) -> Finding:
    phases = Counter(map(phase, pins.values()))
    shown = ", ".join(f"{phases[one]} {one.value.replace('_', ' ')}" for one in Phase)
    by_cid = sum(pin.is_pin_by_hash is True for pin in pins.values())
    directories = sum(pin.is_dir is True for pin in pins.values())
    cids = [pin.cid for pin in pins.values() if pin.cid]
    told = (
        f"{counted(len(pins), 'pin')} seen: {shown}; {by_cid} added by CID, {directories} directories, "
        f"{len(cids) - len(set(cids))} with the CID of another"
    )
    return ok("composition", told)


def _ties(evidence: Evidence) -> Iterator[Finding]:
    created = {
        identity: moment
        for reply in evidence.trusted
        for identity, moment in (
            reply.shape.created
            or {
                row.id: str(row.date_pinned)
                for row in (reply.page.rows if reply.page else ())
                if row and row.date_pinned
            }
        ).items()
    }
    tied = len(created) - len(set(created.values()))
    if tied:
        told = f"{tied} of {len(created)} rows have the very time of another"
        yield note("ties", told, "their order may change from request to request: walks find that out")
