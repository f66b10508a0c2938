import asyncio
import logging
import random
import threading
from collections.abc import Callable, Sequence

import pytest

from pin_exporter.api.pool import HttpClients
from pin_exporter.commands.reloader import ConfigReloader
from pin_exporter.config.accounts import Account
from pin_exporter.metrics.exporter import ExporterMetrics
from pin_exporter.polling.manager import PollerManager
from pin_exporter.toolkit.errors import SettingsError
from tests.support.clocks import FakeClock
from tests.support.logged import events
from tests.support.samples import account_at

ONE = account_at("https://api.test/api")
WRONG = SettingsError(["config.yml:3: is wrong"] * 1_000)
SUCCESSFUL = "aiozpin_exporter_config_last_reload_successful"
SUCCESS_AT = "aiozpin_exporter_config_last_reload_success_timestamp_seconds"


class Reloaded:
    """A reloader whose configuration is, one after the other, what the test says."""

    def __init__(self, *outcomes: Sequence[Account] | SettingsError) -> None:
        self.outcomes = list(outcomes)
        self.threads: set[int] = set()
        self.clock = FakeClock()
        self.metrics = ExporterMetrics()
        self.manager = PollerManager([], HttpClients(), self.clock, random.Random(1))
        self.reloader = ConfigReloader(self._load, self.manager, self.metrics, self.clock)

    def _load(self) -> Sequence[Account]:
        self.threads.add(threading.get_ident())
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, SettingsError):
            raise outcome
        return outcome

    def reload(self) -> list[str]:
        return list(asyncio.run(self.reloader.reload()))

    @property
    def polled(self) -> list[str]:
        return list(self.manager.pollers())

    @property
    def state(self) -> list[float | None]:
        """Whether the last reload succeeded, and when one did so last."""
        registry = self.metrics.registry
        return [registry.get_sample_value(SUCCESSFUL), registry.get_sample_value(SUCCESS_AT)]


def test_a_good_configuration_is_loaded_on_another_thread_and_in_force_afterwards(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    reloaded = Reloaded([ONE])
    assert reloaded.state == [1, reloaded.clock.wall()]
    reloaded.clock.now += 10
    assert reloaded.reload() == []
    assert reloaded.polled == [ONE.name]
    assert reloaded.state == [1, reloaded.clock.wall()]
    assert events(caplog) == ["config_reloaded"]
    assert vars(caplog.records[0])["accounts"] == 1
    assert threading.get_ident() not in reloaded.threads


def test_a_bad_one_changes_nothing_and_its_problems_are_returned_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reloaded = Reloaded([ONE], WRONG)
    reloaded.reload()
    before = reloaded.clock.wall()
    reloaded.clock.now += 10
    assert reloaded.reload() == [*WRONG.problems]
    assert reloaded.polled == [ONE.name]
    assert reloaded.state == [0, before]
    assert events(caplog) == ["config_reload_failed"]
    assert vars(caplog.records[0])["error"] == str(WRONG)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for happens on another thread
        await asyncio.sleep(0)


def test_two_requests_at_once_are_one_reload_and_a_later_one_is_another() -> None:
    reloaded = Reloaded([ONE], [])

    async def work() -> None:
        running = asyncio.create_task(reloaded.reloader.run())
        reloaded.reloader.request()
        reloaded.reloader.request()
        await until(lambda: reloaded.polled == [ONE.name])
        assert len(reloaded.outcomes) == 1
        reloaded.reloader.request()
        await until(lambda: reloaded.polled == [])
        running.cancel()

    asyncio.run(asyncio.wait_for(work(), 20))


def test_reloads_follow_one_another() -> None:
    reloaded = Reloaded([ONE], WRONG, [])

    async def work() -> list[Sequence[str]]:
        return await asyncio.gather(*(reloaded.reloader.reload() for _ in range(3)))

    assert asyncio.run(work()) == [(), WRONG.problems, ()]
    assert reloaded.polled == []
