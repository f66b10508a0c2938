import asyncio
import logging
import threading
from collections.abc import Callable, Sequence

import pytest

from pin_exporter.config.accounts import Account
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.reloader import Reloader
from tests.support.samples import account_at

ONE = account_at("https://api.test/api")


class Recorded:
    """A reloader whose configuration is what the test says, and what came of it."""

    def __init__(self, *outcomes: Sequence[Account] | SettingsError) -> None:
        self.outcomes = list(outcomes)
        self.applied: list[Sequence[Account]] = []
        self.noted: list[bool] = []
        self.threads: set[int] = set()
        self.reloader = Reloader(self._load, self.applied.append, self._note)

    def _load(self) -> Sequence[Account]:
        self.threads.add(threading.get_ident())
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, SettingsError):
            raise outcome
        return outcome

    def _note(self, *, accepted: bool) -> None:
        self.noted.append(accepted)


def test_a_good_configuration_is_put_into_force() -> None:
    recorded = Recorded([ONE])
    assert asyncio.run(recorded.reloader.reload()) == ()
    assert recorded.applied == [[ONE]]
    assert recorded.noted == [True]


def test_a_bad_one_changes_nothing_and_one_line_says_what_is_wrong(caplog: pytest.LogCaptureFixture) -> None:
    recorded = Recorded(SettingsError(["config.yml:3: is wrong", "config.yml:4: too"]))
    with caplog.at_level(logging.ERROR):
        problems = asyncio.run(recorded.reloader.reload())
    assert problems == ("config.yml:3: is wrong", "config.yml:4: too")
    assert recorded.applied == []
    assert recorded.noted == [False]
    (logged,) = caplog.records
    assert vars(logged)["error"] == "config.yml:3: is wrong; config.yml:4: too"


def test_what_is_wrong_a_thousand_times_takes_no_long_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        problems = asyncio.run(Recorded(SettingsError(["wrong"] * 1_000)).reloader.reload())
    assert len(problems) == 1_000
    assert len(vars(caplog.records[0])["error"]) < 100


def test_what_cannot_be_put_into_force_is_refused_as_well() -> None:
    recorded = Recorded([ONE])

    def refuse(accounts: Sequence[Account]) -> None:
        raise SettingsError([f"account {accounts[0].name}: cannot read the file"])

    reloader = Reloader(recorded._load, refuse, recorded._note)
    assert asyncio.run(reloader.reload()) == (f"account {ONE.name}: cannot read the file",)
    assert recorded.noted == [False]


def test_reading_does_not_hold_up_the_loop() -> None:
    recorded = Recorded([ONE])
    asyncio.run(recorded.reloader.reload())
    assert threading.get_ident() not in recorded.threads


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - what is waited for happens on another thread
        await asyncio.sleep(0)


def test_who_asks_twice_at_once_gets_one_reload_and_who_asks_later_another() -> None:
    recorded = Recorded([ONE], [])

    async def work() -> None:
        running = asyncio.create_task(recorded.reloader.run())
        recorded.reloader.ask()
        recorded.reloader.ask()
        await until(lambda: len(recorded.applied) == 1)
        recorded.reloader.ask()
        await until(lambda: len(recorded.applied) == 2)
        running.cancel()

    asyncio.run(asyncio.wait_for(work(), 20))
    assert recorded.applied == [[ONE], []]


def test_reloads_follow_one_another() -> None:
    recorded = Recorded([ONE], SettingsError(["wrong"]), [])

    async def work() -> None:
        await asyncio.gather(*(recorded.reloader.reload() for _ in range(3)))

    asyncio.run(work())
    assert recorded.noted == [True, False, True]
