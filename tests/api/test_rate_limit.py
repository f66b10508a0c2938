import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pin_exporter.api.rate_limit import Budgets, RequestBudget
from tests.support.clocks import FakeClock, settle

GAPS = st.one_of(st.just(0.0), st.floats(0.0, 90.0), st.sampled_from([1.0, 30.0, 60.0]))
ARRIVALS = st.lists(st.tuples(GAPS, st.booleans()), min_size=1, max_size=40)


class Grants:
    """Acquires from a budget; records who was granted a request when, and the returned waits."""

    def __init__(self, per_minute: int, *, is_new: bool = False) -> None:
        self.clock = FakeClock()
        began = self.clock.elapsed() if is_new else self.clock.elapsed() - 60
        self.budget = RequestBudget(per_minute, self.clock, began)
        self.at: list[float] = []
        self.background_at: list[float] = []
        self.order: list[int] = []
        self.waited: dict[int, float] = {}

    async def ask(self, number: int, *, background: bool = False) -> None:
        self.waited[number] = await self.budget.acquire(background=background)
        self.order.append(number)
        self.at.append(self.clock.elapsed())
        if background:
            self.background_at.append(self.clock.elapsed())

    async def ask_after(self, number: int, due: float, *, background: bool = False) -> None:
        await self.clock.sleep(due - self.clock.elapsed())
        await self.ask(number, background=background)

    def run(self, work: Callable[[], Awaitable[object]]) -> None:
        async def whole() -> None:
            await work()

        asyncio.run(whole())


def most_in_any_minute(times: Sequence[float]) -> int:
    return max((sum(start <= at < start + 60.0 for at in times) for start in times), default=0)


@settings(max_examples=60, deadline=None)
@given(per_minute=st.integers(2, 9), arrivals=ARRIVALS, is_new=st.booleans())
def test_no_minute_ever_sees_more_requests_than_allowed_or_background_requests_than_half_of_them(
    per_minute: int, arrivals: list[tuple[float, bool]], is_new: bool
) -> None:
    grants = Grants(per_minute, is_new=is_new)

    async def work() -> None:
        due, asking = grants.clock.elapsed(), []
        for number, (gap, background) in enumerate(arrivals):
            due += gap
            asking.append(grants.ask_after(number, due, background=background))
        await asyncio.gather(*asking)

    grants.run(work)
    assert len(grants.at) == len(arrivals)
    assert most_in_any_minute(grants.at) <= per_minute
    assert most_in_any_minute(grants.background_at) <= per_minute // 2


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize(
    ("most", "at_once", "in_first_minute"), [(2, 2, 2), (9, 2, 4), (60, 6, 30), (100, 10, 50)]
)
def test_a_new_process_grants_a_tenth_of_the_limit_at_once_and_half_of_it_evenly_in_its_first_minute(
    background: bool, most: int, at_once: int, in_first_minute: int
) -> None:
    grants = Grants(2 * most if background else most, is_new=True)
    grants.run(lambda: asyncio.gather(*(grants.ask(n, background=background) for n in range(2 * most))))
    after = [at - grants.at[0] for at in grants.at]
    evenly = in_first_minute - at_once
    expected = [0.0] * at_once + [60 * number / evenly for number in range(1, evenly + 1)]
    assert after[:in_first_minute] == pytest.approx(expected)
    assert all(seconds >= 60 for seconds in after[in_first_minute:])


@settings(max_examples=40, deadline=None)
@given(
    lifetimes=st.lists(st.floats(0.1, 13.0), min_size=4, max_size=4),
    before=st.sampled_from([0.0, 30.0, 61.0, 120.5, 300.0]),
)
def test_four_restarts_in_a_minute_stay_within_the_limit_whatever_ran_before(
    lifetimes: list[float], before: float
) -> None:
    clock = FakeClock()
    sent: list[float] = []

    async def process() -> None:
        budget = Budgets(clock).of("key", 120)

        async def poll(*, background: bool) -> None:
            while True:
                await budget.acquire(background=background)
                sent.append(clock.elapsed())
                await clock.sleep(0.0 if background else 60.0)

        await asyncio.gather(poll(background=True), poll(background=False))

    for seconds in (before, *lifetimes, 61.0):
        asyncio.run(clock.run_until(clock.elapsed() + seconds, process))
    assert most_in_any_minute(sent) <= 120


def test_the_budget_is_used_in_full_and_the_time_waited_is_returned_even_behind_others() -> None:
    grants = Grants(4)
    grants.run(lambda: asyncio.gather(*(grants.ask(number) for number in range(12))))
    assert grants.at == [1_000.0] * 4 + [1_060.0] * 4 + [1_120.0] * 4
    assert list(grants.waited.values()) == pytest.approx([0] * 4 + [60] * 4 + [120] * 4)


@pytest.mark.parametrize("background", [False, True])
def test_leave_is_given_first_come_first_served(background: bool) -> None:
    grants = Grants(4)
    grants.run(lambda: asyncio.gather(*(grants.ask(number, background=background) for number in range(20))))
    assert grants.order == list(range(20))


def test_totals_are_let_through_at_once_while_a_long_walk_waits() -> None:
    grants = Grants(10)

    async def work() -> None:
        walk = [grants.ask(number, background=True) for number in range(30)]
        totals = [grants.ask_after(100 + number, 1_010.0 + 60 * number) for number in range(5)]
        await asyncio.gather(*walk, *totals)

    grants.run(work)
    assert [grants.waited[100 + number] for number in range(5)] == [0.0] * 5
    assert grants.background_at == [1_000.0 + 60 * (number // 5) for number in range(30)]


def test_a_pause_holds_back_everyone_until_the_longest_is_over() -> None:
    grants = Grants(10)
    for seconds in (25.0, 5.0):
        grants.budget.pause(seconds)
    grants.run(lambda: asyncio.gather(grants.ask(0), grants.ask(1, background=True)))
    assert grants.at == [1_025.0, 1_025.0]
    assert grants.waited == {0: 25.0, 1: 25.0}


def test_a_pause_also_holds_back_those_who_wait_already() -> None:
    grants = Grants(2)

    async def work() -> None:
        asking = asyncio.gather(*(grants.ask(number) for number in range(3)))
        await grants.clock.sleep(59.0)
        grants.budget.pause(30.0)
        await asking

    grants.run(work)
    assert grants.at == [1_000.0, 1_000.0, 1_089.0]


def test_someone_who_gives_up_waiting_takes_no_place_and_holds_up_nobody() -> None:
    grants = Grants(2)

    async def work() -> None:
        await asyncio.gather(grants.ask(0), grants.ask(1))
        impatient = asyncio.ensure_future(grants.ask(2, background=True))
        patient = asyncio.ensure_future(grants.ask(3))
        await grants.clock.sleep(30.0)
        impatient.cancel()
        await patient

    grants.run(work)
    assert grants.order == [0, 1, 3]
    assert grants.at[-1] == 1_060.0


@pytest.mark.parametrize(("per_minute", "background"), [(2, 1), (3, 1), (120, 60), (121, 60)])
def test_half_the_budget_is_rounded_down_but_never_to_nothing(per_minute: int, background: int) -> None:
    assert RequestBudget(per_minute, FakeClock()).background_per_minute == background


@settings(max_examples=60, deadline=None)
@given(limits=st.lists(st.integers(2, 9), min_size=2, max_size=8), background=st.booleans())
def test_a_changed_limit_forgets_no_request_of_the_last_minute(limits: list[int], background: bool) -> None:
    grants = Grants(limits[0])

    async def work() -> None:
        asking = asyncio.gather(*(grants.ask(number, background=background) for number in range(30)))
        for limit in limits:
            grants.budget.per_minute = limit
            await grants.clock.sleep(1.0)
        await asking

    grants.run(work)
    most = max(limits)
    assert most_in_any_minute(grants.at) <= (most // 2 if background else most)


def test_the_budget_of_a_key_is_kept_until_a_minute_after_its_last_request_or_pause() -> None:
    clock = FakeClock()
    budgets = Budgets(clock)
    used, paused, unused = (budgets.of(key, 5) for key in ("used", "paused", "unused"))
    asyncio.run(used.acquire(background=False))
    paused.pause(90.0)
    clock.now += 59.9
    assert [budgets.of(key, 5) for key in ("used", "paused", "unused")] == [used, paused, unused]
    clock.now += 0.1
    assert budgets.of("used", 5) is not used
    assert budgets.of("paused", 5) is paused
    assert budgets.of("unused", 5) is not unused


def test_a_budget_that_someone_waits_for_is_kept() -> None:
    clock = FakeClock()
    budgets = Budgets(clock)
    clock.now += 60.0
    budget = budgets.of("key", 2)

    async def work() -> None:
        asking = asyncio.gather(*(budget.acquire(background=True) for _ in range(2)))
        await settle()
        clock.now += 60.0
        budgets.of("other", 2)
        assert budgets.of("key", 2) is budget
        await asking

    asyncio.run(work())


def test_the_smallest_limit_of_a_key_applies() -> None:
    budgets = Budgets(FakeClock())
    assert [budgets.of("key", limit).per_minute for limit in (5, 3, 9)] == [5, 3, 3]
