"""Tell pages that are the answer to the request before from pages that are right; pure."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

from pin_exporter.doctor.reply import Question, Reply

_FEW_ROWS: Final = 10


def repeated(good: Sequence[Reply]) -> frozenset[int]:
    """Return the places of those replies that cannot be answers to their own questions.

    A page that is the same as the one before is a repeat where the order differs, where it has more rows than
    were asked for or fewer than the list could give, or where offsets are honoured otherwise. Where there is
    one, what looks like another is one.
    """
    alike = _alike(good)
    sure = {place for place, origin in alike.items() if _impossible(good[origin], good[place], good)}
    if sure:
        return frozenset(alike)
    others = [reply for place, reply in enumerate(good) if place not in alike]
    if not _offset_honoured(others):
        return frozenset()
    moved = (p for p, origin in alike.items() if good[p].question.offset != good[origin].question.offset)
    return frozenset(moved)


def seems_repeated(good: Sequence[Reply]) -> bool:
    """Tell whether the newest page may be the one of the request before, and is to be asked again."""
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
        return asked.pinned != "all" or asked.offset >= reply.files
    if asked.order != asked_before.order:
        # A few rows of the same time may come in any order.
        return reply.files <= 2 * _FEW_ROWS
    if asked.offset != asked_before.offset or {asked.pinned, asked_before.pinned} == {"true", "false"}:
        return False
    return asked.limit == asked_before.limit or len(reply.ids) >= reply.files


def _impossible(before: Reply, reply: Reply, good: Sequence[Reply]) -> bool:
    asked = reply.question
    if reply.ids and asked.order != before.question.order:
        return True
    if asked.limit is not None and len(reply.ids) > asked.limit:
        return True
    could_be = reply.files - asked.offset if asked.limit is None else min(asked.limit, reply.files)
    most = max(len(other.ids) for other in good)
    all_rows = asked.offset == 0 and asked.pinned == "all"
    return all_rows and len(reply.ids) < min(could_be, most, _FEW_ROWS)


def _offset_honoured(replies: Sequence[Reply]) -> bool:
    return any(
        _differ_in_offset_alone(one.question, other.question) and one.ids[:1] != other.ids[:1]
        for one, other in combinations([reply for reply in replies if reply.ids], 2)
    )


def _differ_in_offset_alone(one: Question, other: Question) -> bool:
    return (one.order, one.pinned) == (other.order, other.pinned) and one.offset != other.offset
