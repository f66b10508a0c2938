"""Tell pages that are the answer to the request before from pages that are right; pure."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

from pin_exporter.doctor.reply import Question, Reply

_FEW_ROWS: Final = 10


def repeated(good: Sequence[Reply]) -> frozenset[int]:
    """Return the places of those replies that cannot be answers to their own questions.

    A page that is the same as the one before is a repeat where order, limit or offset are honoured otherwise,
    or where it has fewer rows than the list could give. Where there is one, what looks like another is one.
    Where nothing else ever came, all are but the first.
    """
    alike = _alike(good)
    others = [reply for place, reply in enumerate(good) if place not in alike]
    sure = {place for place, origin in alike.items() if _impossible(good[origin], good[place], others)}
    if alike and len({reply.ids for reply in good}) == 1:
        return frozenset(range(1, len(good)))
    if sure:
        return frozenset(alike)
    if not _is_honoured("offset", others):
        return frozenset()
    moved = (p for p, origin in alike.items() if good[p].question.offset != good[origin].question.offset)
    return frozenset(moved)


def seems_repeated(good: Sequence[Reply]) -> bool:
    """Return whether the newest page may be the one of the request before, and is to be asked again."""
    return len(good) - 1 in _alike(good)


def _alike(good: Sequence[Reply]) -> Mapping[int, int]:
    """Return the places of pages with the rows of the one before, where others were to be expected.

    Each with the place of the page that the rows are from.
    """
    alike: dict[int, int] = {}
    for place in range(1, len(good)):
        origin = alike.get(place - 1, place - 1)
        before, reply = good[origin], good[place]
        if reply.ids == before.ids and not _same_rows_expected(before, reply):
            alike[place] = origin
    return alike


def _same_rows_expected(before: Reply, reply: Reply) -> bool:
    asked, asked_before = reply.question, before.question
    if not reply.ids:
        # At an offset, the list may have ended before totals.files says so.
        return asked.pinned != "all" or asked.offset > 0 or not reply.files
    if asked.order != asked_before.order:
        # A few rows of the same time may come in any order.
        return reply.files <= 2 * _FEW_ROWS
    if asked.offset != asked_before.offset or {asked.pinned, asked_before.pinned} == {"true", "false"}:
        return False
    return asked.limit == asked_before.limit or (len(reply.ids) >= reply.files and not _is_too_long(reply))


def _impossible(before: Reply, reply: Reply, others: Sequence[Reply]) -> bool:
    """Return whether a page cannot be the answer, by what others show to be honoured."""
    asked = reply.question
    if reply.ids and asked.order != before.question.order:
        return _is_honoured("order", others)
    if _is_too_long(reply):
        return not any(map(_is_too_long, others))
    could_be = reply.files - asked.offset if asked.limit is None else min(asked.limit, reply.files)
    most = max(len(other.ids) for other in others)
    all_rows = asked.offset == 0 and asked.pinned == "all"
    return all_rows and len(reply.ids) < min(could_be, most, _FEW_ROWS)


def _is_too_long(reply: Reply) -> bool:
    return reply.question.limit is not None and len(reply.ids) > reply.question.limit


def _is_honoured(parameter: str, replies: Sequence[Reply]) -> bool:
    """Return whether two pages begin with different rows that were asked for alike but for one parameter."""
    return any(
        _differ_in(parameter, one.question, other.question) and one.ids[:1] != other.ids[:1]
        for one, other in combinations([reply for reply in replies if reply.ids], 2)
    )


def _differ_in(parameter: str, one: Question, other: Question) -> bool:
    same = {"order", "pinned", "offset"} - {parameter}
    return getattr(one, parameter) != getattr(other, parameter) and all(
        getattr(one, name) == getattr(other, name) for name in same
    )
