"""Ask the questions: which, in which order, at which pace, and when to stop."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from pin_exporter.doctor.evidence import Evidence, NetworkPath, Setup, Trial, evidence_of
from pin_exporter.doctor.limit_checks import is_refusal, is_too_much, is_trial
from pin_exporter.doctor.plan import MAX_REQUESTS, NOT_ALWAYS_ASKED, Plan, questions
from pin_exporter.doctor.repeats import seems_repeated
from pin_exporter.doctor.reply import Purpose, Question, Reply
from pin_exporter.toolkit.clock import Clock

MAX_SECONDS: Final = 300.0
_ATTEMPTS: Final = 3
_ATTEMPTS_AT_FIRST: Final = 4
_FAILURES_IN_A_ROW: Final = 6
_LONGEST_WAIT_SECONDS: Final = 15.0
_WAIT_SECONDS_OF_429: Final = 5.0

Ask = Callable[[Question], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Asking:
    """The ways to ask: as configured, with the keys swapped, and elsewhere on the host (or None)."""

    plainly: Ask
    with_keys_swapped: Ask
    elsewhere: Ask | None


@dataclass(slots=True)
class _Examination:
    asking: Asking
    setup: Setup
    clock: Clock
    progress: Callable[[int], None]
    replies: list[Reply] = field(default_factory=list)
    stopped: str | None = None
    requests: int = 0
    began: float = 0.0
    last_began: float | None = None
    limited: int = 0

    async def ask(self, ask: Ask, question: Question) -> Reply:
        """Send one request, not before its turn."""
        if self.last_began is not None:
            due = self.last_began + 60 / self.setup.requests_per_minute
            await self.clock.sleep(due - self.clock.elapsed())
        self.last_began = self.clock.elapsed()
        self.requests += 1
        self.progress(self.requests)
        return await ask(question)

    async def answer(self, question: Question) -> Reply | None:
        """Return the page for a question, asked several times if need be; None where none comes."""
        attempts = _ATTEMPTS if self._has_pages() else _ATTEMPTS_AT_FIRST
        for attempt in range(attempts):
            if not self.may_go_on():
                return None

            reply = await self.ask(self.asking.plainly, question)
            self.replies.append(reply)
            await self._heed(reply)
            last = (
                attempt == attempts - 1
                or is_trial(reply)
                or is_refusal(reply)
                or (_asks_too_much(reply) and (attempt > 0 or question.limit != self.setup.page_size))
            )
            if reply.page and (last or not seems_repeated([reply for reply in self.replies if reply.page])):
                return reply
            if last:
                break
        return None

    async def _heed(self, reply: Reply) -> None:
        """Wait as a 429 asks for, the first time; stop at the second, or where the wait would be long."""
        if reply.status != 429:
            return
        self.limited += 1
        asked = reply.retry_after_seconds
        wait = _WAIT_SECONDS_OF_429 if asked is None else asked
        if self.limited > 1 or wait > _LONGEST_WAIT_SECONDS:
            self.stopped = "the API asked for fewer requests"
        else:
            await self.clock.sleep(wait)

    def may_go_on(self) -> bool:
        """Return whether another request may be made; say why if not."""
        if self.stopped is None:
            tail = [reply for reply in self.replies if not is_trial(reply)][-_FAILURES_IN_A_ROW:]
            if self.requests >= MAX_REQUESTS:
                self.stopped = f"{MAX_REQUESTS} requests are the most that are made"
            elif self.clock.elapsed() - self.began > MAX_SECONDS:
                self.stopped = f"{MAX_SECONDS:g} s had passed"
            elif len(tail) == _FAILURES_IN_A_ROW and not any(reply.page for reply in tail):
                self.stopped = f"{len(tail)} requests in a row failed"
        return self.stopped is None

    def _has_pages(self) -> bool:
        return any(reply.page for reply in self.replies)

    async def tried(self) -> Trial:
        """Try once what may be behind a refusal, where nothing else was ever answered."""
        refused = {reply.status for reply in self.replies}
        if self._has_pages() or self.requests >= MAX_REQUESTS or self.limited:
            return Trial()
        totals = Question(Purpose.TOTALS, 1)
        if refused == {401}:
            return Trial(swapped_keys=bool((await self.ask(self.asking.with_keys_swapped, totals)).page))
        if self.asking.elsewhere and any(map(_is_no_api, self.replies)):
            return Trial(elsewhere=not _is_no_api(await self.ask(self.asking.elsewhere, totals)))
        return Trial()


async def examine(
    asking: Asking,
    setup: Setup,
    clock: Clock,
    *,
    path: NetworkPath | None,
    progress: Callable[[int], None] = lambda _: None,
) -> Evidence:
    """Ask at most 30 questions, none of which changes anything, and return what came of them.

    `progress` is told of each request. Never raises for what the other side does.
    """
    examination = _Examination(asking, setup, clock, progress, began=clock.elapsed())
    plan = Plan(setup.page_size)
    for question in questions(plan, lambda: MAX_REQUESTS - examination.requests):
        if not examination.may_go_on():
            break
        reply = await examination.answer(question)
        plan.answers[question.purpose] = reply
        if question.purpose == Purpose.TOTALS and reply is None:
            examination.stopped = examination.stopped or "the first questions were not answered"
    refused = {reply.question.purpose for reply in examination.replies if is_trial(reply)}
    trial = await examination.tried()
    return evidence_of(
        setup,
        examination.replies,
        path=path,
        trial=trial,
        stopped=examination.stopped,
        unanswered=tuple(
            p for p in Purpose if plan.answers.get(p) is None and p not in refused and _is_missed(p, plan)
        ),
    )


def _is_no_api(reply: Reply) -> bool:
    """Return whether somebody else answers here: the API itself may refuse keys, or so many requests."""
    return reply.page is None and reply.status not in (None, 401, 403, 429)


def _asks_too_much(reply: Reply) -> bool:
    """Return whether a smaller page is to be asked for instead."""
    return reply.question.purpose == Purpose.FIRST and is_too_much(reply)


def _is_missed(purpose: Purpose, plan: Plan) -> bool:
    """Return whether an answer was asked for in vain, or should have been asked for."""
    return purpose in plan.answers or purpose not in NOT_ALWAYS_ASKED
