import asyncio
import json
import logging
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pin_exporter import __version__
from pin_exporter.api.model import Collector, Phase, Totals, Verdict
from pin_exporter.commands.cli import main
from pin_exporter.inventory.counter import PinTotals
from pin_exporter.metrics.account import account_textfile
from pin_exporter.metrics.exporter import build_info_registry
from pin_exporter.once.command import run_once
from pin_exporter.once.polling import Polled as Outcome
from pin_exporter.once.polling import poll_account
from pin_exporter.once.result import failures, remarks, result
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.report import Now, report
from pin_exporter.toolkit.sharding import Shard
from tests.polling.test_poller import Polled, restless
from tests.support.environment import clean
from tests.support.samples import (
    COUNTED,
    FULL,
    INVENTORY,
    INVENTORY_HEALTH,
    NOW_ELAPSED,
    TOTALS_HEALTH,
    UNTRIED,
)
from tests.support.service import page, row

NOW = Now(NOW_ELAPSED, 1_750_000_010.5)
COMPARE = ": run pin-exporter doctor, and compare with the AIOZ Pin dashboard"


def poll(polled: Polled) -> Outcome:
    return asyncio.run(poll_account(polled.poller, polled.clock))


def outcome(snapshot: AccountSnapshot, ended: Now = NOW) -> Outcome:
    return Outcome(snapshot, ended)


def snapshot(
    *, files: int = 7, reported: int = 7, malformed: int = 0, verdict: Verdict = Verdict.REPAIRED
) -> AccountSnapshot:
    """Return an account of which 7 pins were counted, with totals from before and after the list was read."""
    inventory = replace(INVENTORY, malformed=malformed)
    counted = replace(COUNTED, inventory=inventory, reported=Totals(reported, 0), verdict=verdict)
    health = replace(INVENTORY_HEALTH, reason=None, error=None)
    return replace(FULL, totals=Totals(files, 0), counted=counted).with_health(Collector.INVENTORY, health)


def test_totals_and_inventory_are_polled_once_and_both_are_shown() -> None:
    polled = Polled(pins=3)
    done = poll(polled)
    assert done.fresh == set(Collector)
    assert done.snapshot.totals == Totals(3, 300)
    assert done.snapshot.counted is not None
    assert done.snapshot.counted.verdict is Verdict.CONSISTENT
    assert [health.polls for health in done.snapshot.health.values()] == [1, 1]
    assert list(failures([done])) == []


@pytest.mark.parametrize("status", [401, 403])
def test_with_a_refused_key_nothing_more_is_asked_for(status: int) -> None:
    polled = Polled()
    polled.fail_with(status)
    done = poll(polled)
    assert len(polled.service.requests) == 1
    assert done.snapshot.health[Collector.INVENTORY].polls == 0
    (told,) = failures([done])
    reason = {401: "unauthorized", 403: "forbidden"}[status]
    assert told.startswith(f"account a: totals: {reason}: ")


def test_the_inventory_is_taken_though_the_totals_fail_and_they_have_another_try() -> None:
    polled = Polled(pins=3)
    polled.fail_with(404, limit=1)
    done = poll(polled)
    assert not done.snapshot.up
    assert done.fresh == {Collector.INVENTORY}
    assert done.snapshot.health[Collector.TOTALS].polls == 2
    assert [told.split(": ")[:3] for told in failures([done])] == [["account a", "totals", "client_error"]]


def test_totals_that_failed_when_the_inventory_did_too_are_not_tried_again() -> None:
    polled = Polled()
    polled.fail_with(404)
    done = poll(polled)
    assert [health.polls for health in done.snapshot.health.values()] == [1, 1]
    assert [told.split(": ")[1] for told in failures([done])] == ["totals and inventory"]


def test_totals_that_grew_too_old_during_the_inventory_are_asked_for_again() -> None:
    polled = Polled(pins=450, stale_after=30.0)
    polled.service.latency_seconds = 20.0
    done = poll(polled)
    assert done.fresh == set(Collector)
    assert done.snapshot.health[Collector.TOTALS].polls == 2


def test_what_cannot_be_proven_is_shown_after_the_third_try_and_counts_as_a_failure() -> None:
    polled = Polled(pins=500)
    polled.service.answer = restless(polled)
    done = poll(polled)
    assert done.snapshot.health[Collector.INVENTORY].polls == 3
    assert Collector.INVENTORY in done.fresh
    assert b'aiozpin_inventory_consistent{account="a"} 0.0\n' in result([done], "prometheus", NOW)
    (told,) = failures([done])
    assert told.startswith("account a: inventory: inconsistent: the list changed too fast to prove that the ")
    assert told.endswith(" pins shown are all: raise requests_per_minute, page_size")


def test_a_list_that_comes_to_rest_between_two_tries_is_proven() -> None:
    polled = Polled(pins=500)
    moving = restless(polled)

    def answer(request: httpx.Request) -> httpx.Response:
        tries = polled.health(Collector.INVENTORY).polls
        return moving(request) if tries == 0 else polled.service.list_pins(request)

    polled.service.answer = answer
    done = poll(polled)
    assert done.snapshot.health[Collector.INVENTORY].polls == 2
    assert done.snapshot.counted is not None
    assert done.snapshot.counted.verdict is Verdict.CONSISTENT
    assert list(failures([done])) == []


def test_a_list_that_stands_still_and_lacks_most_of_the_files_reported_is_a_failure() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        offset, limit = (int(request.url.params[name]) for name in ("offset", "limit"))
        return httpx.Response(200, content=page(polled.service.rows[offset : offset + limit], 4_010, 1_000))

    polled = Polled(pins=10)
    polled.service.answer = answer
    done = poll(polled)
    assert done.snapshot.counted is not None
    assert done.snapshot.counted.verdict is Verdict.CONSISTENT
    told = "the API reports 4,000 files more than it lists"
    assert list(failures([done])) == [f"account a: inventory: incomplete: {told}{COMPARE}"]
    assert list(remarks([done])) == []
    assert result([done], "table", NOW).endswith(b" 4,000 missing\n")


def test_a_list_of_which_no_row_can_be_read_is_a_failure() -> None:
    polled = Polled()
    polled.service.rows = [row(number, id=number) for number in range(12)]
    done = poll(polled)
    told = "12 rows could not be read"
    assert list(failures([done])) == [f"account a: inventory: incomplete: {told}{COMPARE}"]
    assert result([done], "table", NOW).endswith(b" 12 unreadable\n")


def test_an_account_that_lacks_files_and_has_rows_that_cannot_be_read_is_told_in_a_line() -> None:
    lacking = outcome(snapshot(files=10, reported=10, malformed=1))
    told = "the API reports 2 files more than it lists, 1 row could not be read"
    assert list(failures([lacking])) == [f"account archive: inventory: incomplete: {told}{COMPARE}"]
    assert result([lacking], "table", NOW).endswith(b" 2 missing\n")


def test_a_list_that_is_longer_than_reported_is_told_and_no_failure() -> None:
    longer = outcome(snapshot(files=5, reported=4))
    assert list(failures([longer])) == []
    told = "the API lists 2 rows more than it reports files"
    assert list(remarks([longer])) == [f"account archive: inventory: {told}{COMPARE}"]
    assert result([longer], "table", NOW).endswith(b" repaired\n")


@pytest.mark.parametrize(("files", "reported"), [(7, 9), (9, 7), (7, 4), (4, 7), (4, 9)])
def test_what_came_or_went_while_the_list_was_read_is_not_told(files: int, reported: int) -> None:
    moved = [outcome(snapshot(files=files, reported=reported))]
    assert [*failures(moved), *remarks(moved)] == []


def test_a_list_that_changed_too_fast_is_told_as_that_alone() -> None:
    unproven = [outcome(snapshot(files=10, reported=10, malformed=1, verdict=Verdict.INCONSISTENT))]
    (told,) = [*failures(unproven), *remarks(unproven)]
    assert "changed too fast" in told


def test_how_many_rows_were_read_can_be_seen_while_they_are() -> None:
    polled = Polled(pins=450)
    seen: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(polled.poller.rows_read)
        return polled.service.list_pins(request)

    polled.service.answer = answer
    polled.poll(Collector.INVENTORY)
    assert seen == [0, 100, 190, 280, 370]
    assert polled.poller.rows_read == 0


def test_metrics_are_those_of_accounts_and_what_is_running() -> None:
    text = result([outcome(FULL), outcome(UNTRIED)], "prometheus", NOW).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    others = {name for name, family in families.items() if "account" not in family.samples[0].labels}
    assert others == {"aiozpin_exporter_build_info"}
    (running,) = families["aiozpin_exporter_build_info"].samples
    assert running.labels["version"] == __version__
    ups = {sample.labels["account"]: sample.value for sample in families["aiozpin_up"].samples}
    assert ups == {"archive": 1, "website": 0}
    assert not [sample for family in families.values() for sample in family.samples if sample.timestamp]


def test_histograms_in_a_textfile_have_a_count_and_a_sum_or_node_exporter_would_make_them_up() -> None:
    text = account_textfile([(FULL, frozenset(Collector))], build_info_registry()).decode()
    for name, count, total in (
        ("aiozpin_pin_size_bytes", 7, 400_005_120),
        ("aiozpin_unfinished_pin_age_seconds", 2, 36_300.5),
    ):
        values = {
            line.partition("{")[0]: float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith(f"{name}_") and "_bucket" not in line
        }
        assert values == {
            f"{name}_count": count,
            f"{name}_gcount": count,
            f"{name}_sum": total,
            f"{name}_gsum": total,
        }


def test_data_that_are_not_fresh_at_the_end_of_the_polls_are_in_no_format() -> None:
    late = outcome(FULL, Now(NOW.elapsed + 1_000, NOW.wall + 1_000))
    assert b"aiozpin_files" not in result([late], "prometheus", NOW)
    (account,) = json.loads(result([late], "json", late.ended))["accounts"]
    assert (account["files"], account["inventory"]) == (None, None)
    assert result([late], "table", late.ended).split()[-1] == b"timeout"


def test_an_inventory_that_is_too_old_when_its_account_is_done_is_a_failure() -> None:
    old = replace(INVENTORY_HEALTH, reason=None, error=None, last_success_elapsed=0.0)
    done = outcome(FULL.with_health(Collector.INVENTORY, old))
    assert done.fresh == {Collector.TOTALS}
    assert list(failures([done])) == [
        "account archive: inventory: too old by the time the account was done: raise stale_after or "
        "requests_per_minute"
    ]
    assert result([done], "table", NOW).endswith(b"no data: too old\n")


def test_json_is_the_report_of_the_status_page() -> None:
    told = json.loads(result([outcome(FULL), outcome(UNTRIED)], "json", NOW))
    assert told == json.loads(json.dumps(asdict(report([FULL, UNTRIED], NOW, __version__))))


def test_what_was_fresh_when_its_account_was_done_is_shown_with_the_age_that_it_has_by_now() -> None:
    later = Now(NOW.elapsed + 1_000, NOW.wall + 1_000)
    told = json.loads(result([outcome(FULL)], "json", later))
    assert told["generated_at"] == later.wall
    assert told["accounts"][0]["files"] == 10
    assert [each["age_seconds"] for each in told["accounts"][0]["collectors"]] == [1_010, 1_140]


def test_a_table_tells_each_account_in_a_line() -> None:
    whole = replace(snapshot(), totals=FULL.totals)
    refused = replace(TOTALS_HEALTH, last_success_elapsed=None, reason="unauthorized", error="401")
    key_refused = UNTRIED.with_health(Collector.TOTALS, refused)
    assert result([outcome(whole)], "table", NOW).decode().splitlines() == [
        "account   up  files     size  pinned  waiting  failed  removed  unknown  unpaid    age  inventory",
        "archive  yes     10  381 MiB       4        2       0        0        1       0  2 min  repaired",
    ]
    # Closer together, where it would be too wide.
    assert result([outcome(whole), outcome(key_refused)], "table", NOW).decode().splitlines() == [
        "account  up files    size pinned waiting failed removed unknown unpaid   age inventory",
        "archive yes    10 381 MiB      4       2      0       0       1      0 2 min repaired",
        "website  no     -       -      -       -      -       -       -      -     - no data: unauthorized",
    ]
    assert result([], "table", NOW) == b""


def test_a_table_of_large_accounts_fits_into_100_columns() -> None:
    by_status = {
        ("DONE", Phase.PINNED): PinTotals(1_234_567, 10**15),
        ("PENDING", Phase.IN_PROGRESS): PinTotals(99_999, 0),
        ("unpinOutOfMoney", Phase.REMOVED): PinTotals(99_999, 10**12),
    }
    inventory = replace(INVENTORY, pins=1_434_565, by_status=MappingProxyType(by_status))
    counted = replace(COUNTED, inventory=inventory, verdict=Verdict.INCONSISTENT)
    large = replace(FULL, account="n" * 63, totals=Totals(9_999_999, 123_456_789_012_345), counted=counted)
    header, name, numbers = result([outcome(large)], "table", NOW).decode().splitlines()
    assert max(len(header), len(numbers)) <= 100
    assert name == "n" * 63
    assert " ".join(numbers.split()) == (
        "yes 9,999,999 112 TiB 1,234,567 99,999 0 99,999 99,999 2 min inconsistent"
    )


def test_an_error_cannot_reach_the_terminal_raw() -> None:
    failed = replace(TOTALS_HEALTH, reason="timeout", error="\x1b[2J\u202egone\r\nagain")
    (told,) = failures([outcome(snapshot().with_health(Collector.TOTALS, failed))])
    assert told == "account archive: totals: timeout: \\u001b[2J\\u202egone\\u000d\\u000aagain"


def test_a_failure_that_is_over_is_not_told() -> None:
    assert list(failures([outcome(snapshot())])) == []


SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def as_before() -> Iterator[None]:
    """Put back what the command changes for its process: handlers of signals and of the log."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for number, handler in before.items():
        signal.signal(number, handler)


def run_idly(path: Path) -> int:
    """Run it for a shard that has no account."""
    idle = next(number for number in range(2) if not Shard(number, 2).owns("default"))
    settings = {"api_key": "k", "secret_key": "s", "shard": idle, "total_shards": 2}
    return run_once(settings, form="prometheus", output=path)


@pytest.mark.usefixtures("as_before")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_a_file_is_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    path = tmp_path / "a.prom"
    path.write_bytes(b"before\n")
    clean(monkeypatch)
    # What the process would do by itself, in place of which the test would end with it.
    signal.signal(number, lambda *_: None)
    monkeypatch.setattr(os, "fsync", lambda _: signal.raise_signal(number))
    with pytest.raises(SystemExit) as ended:
        run_idly(path)
    assert ended.value.code == 128 + number
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"before\n"]


@pytest.mark.usefixtures("as_before")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_it_was_started_without_is_no_reason_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    clean(monkeypatch)
    signal.signal(number, signal.SIG_IGN)
    monkeypatch.setattr(os, "fsync", lambda _: signal.raise_signal(number))
    assert run_idly(tmp_path / "a.prom") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.prom"]


def test_help_tells_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["once", "--help"])
    told = capsys.readouterr().out
    assert "--format {prometheus,json,table}" in told
    assert "exit statuses: 0 everything polled" in told
