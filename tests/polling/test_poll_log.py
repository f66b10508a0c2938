from dataclasses import replace

import pytest

from pin_exporter.api.errors import ConnectionFailedError, PollError, TlsError
from pin_exporter.api.model import Collector
from pin_exporter.polling.poll_log import PollLog
from pin_exporter.polling.snapshot import Health
from tests.support.logged import event

HOUR = 3_600


class FailingPolls:
    """The log of an account that fails once a minute."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.caplog = caplog
        self.now = 0.0
        self.health = dict.fromkeys(Collector, Health(60, 240))
        self.log = PollLog("a", lambda: self.now)

    def fail(
        self, error: PollError, collector: Collector = Collector.TOTALS, *, minutes: int = 1
    ) -> list[object]:
        """Fail for some minutes; return the messages, with the number of times where there is one."""
        self.caplog.clear()
        for _ in range(minutes):
            self.log.failed(collector, self.health[collector], error)
            self.health[collector] = replace(self.health[collector], reason=error.reason)
            self.now += 60
        return [(event(record), vars(record).get("times")) for record in self.caplog.records]


@pytest.fixture
def polls(caplog: pytest.LogCaptureFixture) -> FailingPolls:
    return FailingPolls(caplog)


def test_a_continuing_failure_is_logged_at_once_and_then_hourly_with_a_count(polls: FailingPolls) -> None:
    assert polls.fail(ConnectionFailedError("down"), minutes=60) == [("poll_failed", None)]
    assert polls.fail(ConnectionFailedError("down"), minutes=60) == [("poll_still_failing", 60)]
    assert polls.fail(ConnectionFailedError("down"), minutes=61) == [
        ("poll_still_failing", 60),
        ("poll_still_failing", 60),
    ]


def test_alternating_reasons_are_logged_once_each_and_then_hourly(polls: FailingPolls) -> None:
    messages = []
    for _ in range(60):
        messages += polls.fail(ConnectionFailedError("down")) + polls.fail(TlsError("broken"))
    assert messages == [("poll_failed", None)] * 2 + [("poll_still_failing", 30)] * 2
    polls.health[Collector.TOTALS] = Health(60, 240)
    assert polls.fail(TlsError("broken")) == [("poll_failed", None)], "a success lies in between"


def test_collectors_are_counted_each_for_itself(polls: FailingPolls) -> None:
    polls.fail(ConnectionFailedError("down"), minutes=30)
    assert polls.fail(ConnectionFailedError("down"), Collector.INVENTORY, minutes=30) == [
        ("poll_failed", None)
    ]
    assert polls.fail(ConnectionFailedError("down")) == [("poll_still_failing", 30)]


def test_a_reminder_has_the_newest_error(polls: FailingPolls) -> None:
    polls.fail(ConnectionFailedError("down"), minutes=61)
    polls.now += HOUR
    polls.fail(ConnectionFailedError("for long"))
    (record,) = polls.caplog.records
    said = {name: vars(record)[name] for name in ("account", "collector", "reason", "error")}
    assert said == {"account": "a", "collector": "totals", "reason": "connection", "error": "for long"}


def test_a_failure_from_before_a_reload_is_logged_after_an_hour_too(polls: FailingPolls) -> None:
    error = TlsError("expired")
    polls.health[Collector.TOTALS] = replace(polls.health[Collector.TOTALS], reason=error.reason)
    assert polls.fail(error, minutes=61) == [("poll_still_failing", 61)]


def test_inventories_without_proof_are_logged_at_once_and_then_hourly_with_a_count(
    polls: FailingPolls,
) -> None:
    for minute in range(125):
        polls.log.published_without_proof(again=minute > 0)
        polls.now += 60
    polls.log.published_without_proof(again=False)
    assert [vars(record)["times"] for record in polls.caplog.records] == [1, 60, 60, 1]
    assert {event(record) for record in polls.caplog.records} == {"inventory_unproven"}
