"""Which question comes next, given the answers so far; pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pin_exporter.doctor.reply import Purpose, Question, Reply
from pin_exporter.inventory.walk import MIN_OVERLAP

MAX_REQUESTS: Final = 30
_LARGE_LIMITS: Final = (10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 20)
_SMALLEST_LIMIT: Final = 10
_SAMPLE: Final = 100
_FAR: Final = 1_000
_ENOUGH: Final = 24
"""So many requests in all show most of what happens to a third of them or to one in ten."""
_MAX_REST: Final = 6
_AT_THE_END: Final = 3

NOT_ALWAYS_ASKED: Final = frozenset({Purpose.LARGE, Purpose.MIDDLE, Purpose.REST, Purpose.WATCH})


@dataclass(slots=True)
class Plan:
    """What the next questions depend on: the newest reply to each purpose, None where there was none."""

    page_size: int
    answers: dict[Purpose, Reply | None] = field(default_factory=dict)

    @property
    def files(self) -> int:
        """Return how many files there are, by the newest answer that tells."""
        told = (one.files for one in reversed(self.answers.values()) if one and one.question.pinned == "all")
        return next(told, 0)

    @property
    def sample(self) -> int:
        """Return how many rows to ask for where a few will do: not more than the first page was asked for."""
        first = self.answers.get(Purpose.FIRST)
        return min(_SAMPLE, first.question.limit or _SAMPLE) if first else _SMALLEST_LIMIT

    def most_rows(self) -> int:
        """Return the rows of the longest page."""
        return max((reply.rows for reply in self.answers.values() if reply), default=0)


def questions(plan: Plan, left: Callable[[], int]) -> Iterator[Question]:
    """Yield the questions, the most important first; `left` says how many requests may still be made."""
    yield Question(Purpose.TOTALS, 1)
    yield Question(Purpose.FIRST, plan.page_size)
    if plan.answers[Purpose.FIRST] is None:
        yield from _smaller_first_pages(plan)
    first = plan.answers[Purpose.FIRST]
    if first:
        yield Question(Purpose.AGAIN, first.question.limit)
        yield Question(
            Purpose.SECOND, first.question.limit, offset=first.rows - min(MIN_OVERLAP, first.rows // 2)
        )
    yield Question(Purpose.NEWEST, plan.sample, order="DESC")
    yield from _ends(plan)
    yield Question(Purpose.DEFAULT, None)
    yield Question(Purpose.PINNED, plan.sample, pinned="true")
    yield Question(Purpose.UNPINNED, plan.sample, pinned="false")
    yield from _large_pages(plan)
    if plan.files > 2 * _SAMPLE:
        yield Question(Purpose.MIDDLE, plan.sample, offset=plan.files // 2)
    yield from _rest(plan, left)
    for number in range(_ENOUGH):
        if left() <= MAX_REQUESTS - _ENOUGH + _AT_THE_END:
            break
        yield Question(Purpose.WATCH, 1, order="DESC" if number % 2 else "ASC")
    yield Question(Purpose.FIRST_LATER, plan.sample)
    yield Question(Purpose.NEWEST_LATER, plan.sample, order="DESC")
    yield Question(Purpose.PINNED_LATER, 1, pinned="true")


def _smaller_first_pages(plan: Plan) -> Iterator[Question]:
    """Ask for half as many rows, and half of that, as the exporter does."""
    limit = plan.page_size
    while plan.answers[Purpose.FIRST] is None and limit > _SMALLEST_LIMIT:
        limit = max(_SMALLEST_LIMIT, limit // 2)
        yield Question(Purpose.FIRST, limit)


def _ends(plan: Plan) -> Iterator[Question]:
    tail = max(1, min(plan.sample, plan.most_rows()) // 2)
    yield Question(Purpose.LAST, plan.sample, offset=max(0, plan.files - tail))
    yield Question(Purpose.BEYOND, 10, offset=plan.files + _FAR)


def _large_pages(plan: Plan) -> Iterator[Question]:
    """Ask for the most that makes sense, for less where that is refused; not where less is cut.

    Where page_size was refused, twice of what was honoured was as well.
    """
    first = plan.answers[Purpose.FIRST]
    honoured = (first and first.question.limit) or 0
    if first is None or first.rows < honoured:
        return
    for limit in _LARGE_LIMITS:
        may_do = limit > honoured and (honoured == plan.page_size or limit < 2 * honoured)
        if may_do and plan.answers.get(Purpose.LARGE) is None:
            yield Question(Purpose.LARGE, limit)


def _rest(plan: Plan, left: Callable[[], int]) -> Iterator[Question]:
    """Read the list to its end where a few requests do."""
    read = max(
        (r.rows for r in (plan.answers.get(Purpose.FIRST), plan.answers.get(Purpose.LARGE)) if r), default=0
    )
    rows = plan.most_rows()
    stride = max(1, rows - MIN_OVERLAP)
    missing = plan.files - read
    wanted = -(-missing // stride) + 1
    if missing <= 0 or rows <= MIN_OVERLAP or wanted > min(_MAX_REST, left() - _AT_THE_END):
        return
    for _ in range(wanted):
        yield Question(Purpose.REST, rows, offset=max(0, read - MIN_OVERLAP))
        rest = plan.answers[Purpose.REST]
        if rest is None or rest.rows <= MIN_OVERLAP:
            return
        read += rest.rows - MIN_OVERLAP
