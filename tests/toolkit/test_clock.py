import asyncio
import selectors
import time
from collections.abc import Coroutine

import pytest

from pin_exporter.toolkit.clock import SystemClock


class LeapingSelector(selectors.DefaultSelector):
    """Advances its event loop's time instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


class Machine(asyncio.SelectorEventLoop):
    """A machine that can be suspended: the event loop's timers stop then, the boot clock does not."""

    def __init__(self) -> None:
        self.selector = LeapingSelector()
        self.suspended_seconds = 0.0
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now


class MachineClock(SystemClock):
    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def elapsed(self) -> float:
        return self._machine.time() + self._machine.suspended_seconds


def run_on(machine: Machine, work: Coroutine[None, None, None]) -> float:
    """Return the event loop's time at the end of the work."""
    with asyncio.Runner(loop_factory=lambda: machine) as runner:
        runner.run(work)
        return machine.time()


@pytest.mark.parametrize("seconds", [0.5, 9.0, 10.0, 25.0, 3_600.0])
def test_a_sleep_lasts_as_long_as_requested(seconds: float) -> None:
    machine = Machine()
    assert run_on(machine, MachineClock(machine).sleep(seconds)) == pytest.approx(seconds, abs=0.01)


@pytest.mark.parametrize("seconds", [0.0, -1.0, -1e9])
def test_a_sleep_of_zero_or_less_ends_at_once(seconds: float) -> None:
    machine = Machine()
    assert run_on(machine, MachineClock(machine).sleep(seconds)) == 0.0


def test_a_sleep_ends_within_seconds_after_a_longer_suspension() -> None:
    machine = Machine()

    def suspend() -> None:
        machine.suspended_seconds += 7_200.0

    async def work() -> None:
        asyncio.get_running_loop().call_later(3.0, suspend)
        await MachineClock(machine).sleep(3_600.0)

    assert run_on(machine, work()) == pytest.approx(10.0, abs=0.01)


def test_wall_is_unix_time_and_elapsed_grows() -> None:
    clock = SystemClock()
    assert clock.wall() == pytest.approx(time.time(), abs=5)
    first = clock.elapsed()
    assert 0 < first <= clock.elapsed() < first + 5


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="the kernel has no boot clock")
def test_elapsed_includes_suspensions() -> None:
    assert SystemClock().elapsed() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=5)
