"""Tell pages that are the answer to the request before from pages that are right; pure."""

from collections.abc import Sequence
from itertools import combinations, pairwise

from pin_exporter.doctor.reply import Question, Reply


def repeated(good: Sequence[Reply]) -> frozenset[int]:
    """Return the places of those replies that cannot be answers to their own questions.

    A page that is the same as the one before is a repeat where the order differs, where it has more rows than
    were asked for or fewer than the list could give, or where offsets are honoured otherwise.
    """
    alike = [
        place
        for place, (before, reply) in enumerate(pairwise(good), start=1)
        if reply.ids and reply.ids == before.ids and not _same_rows_expected(before, reply)
    ]
    sure = {place for place in alike if _impossible(good[place - 1], good[place], good)}
    others = [reply for place, reply in enumerate(good) if place not in alike]
    if sure or _offset_honoured(others):
        sure |= {place for place in alike if good[place].question.offset != good[place - 1].question.offset}
    return frozenset(sure)


def seems_repeated(before: Reply | None, reply: Reply) -> bool:
    """Tell whether a page may be the one of the request before, so that it is worth to be asked for again."""
    if before is None or not reply.ids or reply.ids != before.ids:
        return False
    return not _same_rows_expected(before, reply)


def _same_rows_expected(before: Reply, reply: Reply) -> bool:
    asked, asked_before = reply.question, before.question
    if asked.order != asked_before.order:
        return reply.files <= 1
    if asked.offset != asked_before.offset:
        return False
    return asked.limit == asked_before.limit or len(reply.ids) >= reply.files


def _impossible(before: Reply, reply: Reply, good: Sequence[Reply]) -> bool:
    asked = reply.question
    if asked.order != before.question.order:
        return True
    if asked.limit is not None and len(reply.ids) > asked.limit:
        return True
    could_be = reply.files - asked.offset if asked.limit is None else min(asked.limit, reply.files)
    most = max(len(other.ids) for other in good)
    return asked.offset == 0 and asked.pinned == "all" and len(reply.ids) < min(could_be, most, 10)


def _offset_honoured(replies: Sequence[Reply]) -> bool:
    return any(
        _differ_in_offset_alone(one.question, other.question) and one.ids[:1] != other.ids[:1]
        for one, other in combinations([reply for reply in replies if reply.ids], 2)
    )


def _differ_in_offset_alone(one: Question, other: Question) -> bool:
    return (one.order, one.pinned) == (other.order, other.pinned) and one.offset != other.offset
