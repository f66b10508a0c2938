import asyncio
import selectors
import time
from collections.abc import Coroutine

import pytest

from pin_exporter.toolkit.clock import SystemClock


class _Leaping(selectors.DefaultSelector):
    """Instead of waiting, moves its loop's time on."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


class _Machine(asyncio.SelectorEventLoop):
    """A machine that can be suspended: the loop's timers stand still meanwhile, the boot clock does not."""

    def __init__(self) -> None:
        self.selector = _Leaping()
        self.suspended_seconds = 0.0
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now


class _MachineClock(SystemClock):
    def __init__(self, machine: _Machine) -> None:
        self._machine = machine

    def elapsed(self) -> float:
        return self._machine.time() + self._machine.suspended_seconds


def run_on(machine: _Machine, work: Coroutine[None, None, None]) -> float:
    """Return the loop's time when the work was done."""
    with asyncio.Runner(loop_factory=lambda: machine) as runner:
        runner.run(work)
        return machine.time()


@pytest.mark.parametrize("seconds", [0.5, 9.0, 10.0, 25.0, 3_600.0])
def test_a_sleep_lasts_as_long_as_was_asked_for(seconds: float) -> None:
    machine = _Machine()
    assert run_on(machine, _MachineClock(machine).sleep(seconds)) == pytest.approx(seconds, abs=0.01)


@pytest.mark.parametrize("seconds", [0.0, -1.0, -1e9])
def test_a_sleep_of_nothing_ends_at_once(seconds: float) -> None:
    machine = _Machine()
    assert run_on(machine, _MachineClock(machine).sleep(seconds)) == 0.0


def test_a_machine_that_was_suspended_past_the_due_time_wakes_up_within_seconds() -> None:
    machine = _Machine()

    def suspend() -> None:
        machine.suspended_seconds += 7_200.0

    async def work() -> None:
        asyncio.get_running_loop().call_later(3.0, suspend)
        await _MachineClock(machine).sleep(3_600.0)

    assert run_on(machine, work()) == pytest.approx(10.0, abs=0.01)


def test_the_system_clock_shows_unix_time_and_an_elapsed_time_that_grows() -> None:
    clock = SystemClock()
    assert clock.wall() == pytest.approx(time.time(), abs=5)
    first = clock.elapsed()
    assert 0 < first <= clock.elapsed() < first + 5


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="the kernel has no boot clock")
def test_elapsed_counts_the_time_the_machine_was_suspended() -> None:
    assert SystemClock().elapsed() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=5)
