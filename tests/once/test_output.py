import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from pin_exporter import __version__
from pin_exporter.api.model import Collector, Phase, Totals, Verdict
from pin_exporter.inventory.expected import Comparison, pin_hash
from pin_exporter.once.output import failures, result
from pin_exporter.once.polling import PolledAccount
from pin_exporter.polling.expected_file import ExpectedFileState, read_file
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.report import Now, report
from tests.inventory.test_expected import CIDS
from tests.support.samples import (
    COUNTED,
    FULL,
    INVENTORY,
    INVENTORY_HEALTH,
    NOW_ELAPSED,
    TOTALS_HEALTH,
    UNTRIED,
)

NOW = Now(NOW_ELAPSED, 1_750_000_010.5)
LATER = Now(NOW.elapsed + 1_000, NOW.wall + 1_000)
HEALTHY = replace(INVENTORY_HEALTH, reason=None, error=None)


def polled(snapshot: AccountSnapshot, ended: Now = NOW) -> PolledAccount:
    return PolledAccount(snapshot, ended)


def counting(
    *, files: int = 7, reported: int = 7, malformed: int = 0, verdict: Verdict = Verdict.REPAIRED
) -> PolledAccount:
    """Return an account with 7 pins, and the totals from before and after the list was read."""
    inventory = replace(INVENTORY, malformed=malformed)
    counted = replace(COUNTED, inventory=inventory, reported=Totals(reported, 0), verdict=verdict)
    whole = replace(FULL, totals=Totals(files, 400_005_120), counted=counted)
    return polled(whole.with_health(Collector.INVENTORY, HEALTHY))


def verdict_in_table(account: PolledAccount) -> str:
    """Return the last column."""
    return result([account], "table", NOW).decode().splitlines()[-1].rpartition("  ")[2]


@pytest.mark.parametrize(
    ("account", "failed", "shown"),
    [
        (counting(), [], "repaired"),
        (counting(files=4_010, reported=4_010), ["incomplete"], "4,003 missing"),
        (counting(malformed=2), ["incomplete"], "2 malformed"),
        (counting(files=10, reported=10, malformed=1), ["incomplete"], "2 missing"),
        (counting(files=5, reported=4), [], "repaired"),
        # what came or went while the list was read
        (counting(files=9, reported=7), [], "repaired"),
        (counting(files=4, reported=9), [], "repaired"),
        (
            counting(files=10, reported=10, malformed=1, verdict=Verdict.INCONSISTENT),
            ["inconsistent"],
            "inconsistent",
        ),
    ],
)
def test_what_an_inventory_lacks_is_a_failure(account: PolledAccount, failed: list[str], shown: str) -> None:
    lines = list(failures([account]))

    assert [line.split(": ")[2] for line in lines] == failed
    assert all(line.startswith("account archive: inventory: ") for line in lines)
    assert verdict_in_table(account) == shown


def test_a_number_that_is_missing_is_in_the_line_about_it() -> None:
    (line,) = failures([counting(files=10, reported=10, malformed=1)])

    assert "2 rows fewer" in line
    assert "1 row could not be parsed" in line


def test_data_that_are_stale_when_the_polls_end_are_a_failure_and_in_no_format() -> None:
    old = replace(HEALTHY, last_success_elapsed=0.0)
    done = polled(FULL.with_health(Collector.INVENTORY, old))

    assert [line.split(": ")[1:3] for line in failures([done])] == [["inventory", "stale"]]
    assert verdict_in_table(done) == "no data: stale"
    late = polled(FULL, LATER)
    assert b"aiozpin_files" not in result([late], "prometheus", LATER)
    (account,) = json.loads(result([late], "json", LATER))["accounts"]
    assert (account["files"], account["inventory"]) == (None, None)
    assert verdict_in_table(late) == "no data: timeout"


def test_the_json_is_the_report_of_the_status_page() -> None:
    written = json.loads(result([polled(FULL), polled(UNTRIED)], "json", NOW))

    assert written == json.loads(json.dumps(asdict(report([FULL, UNTRIED], NOW, __version__))))


def test_data_that_were_fresh_when_their_account_was_done_have_their_age_by_now() -> None:
    written = json.loads(result([polled(FULL)], "json", LATER))

    assert written["generated_at"] == LATER.wall
    assert written["accounts"][0]["files"] == 10
    assert [each["age_seconds"] for each in written["accounts"][0]["collectors"]] == [1_010, 1_140]


def test_the_table_has_a_line_for_each_account() -> None:
    rejected = replace(TOTALS_HEALTH, last_success_elapsed=None, reason="unauthorized", error="401")
    accounts = [counting(), polled(UNTRIED.with_health(Collector.TOTALS, rejected))]

    assert result(accounts, "table", NOW).decode() == (
        "account   up  files     size  pinned  in progress  failed  removed  unknown  balance exhausted"
        "    data age  inventory\n"
        "archive  yes      7  381 MiB       4            2       0        0        1                  0"
        "  2 min 20 s  repaired\n"
        "website   no      -        -       -            -       -        -        -                  -"
        "           -  no data: unauthorized\n"
    )
    assert result([], "table", NOW) == b""


def test_expected_cids_that_must_be_pinned_again_are_a_failure_and_can_be_listed(tmp_path: Path) -> None:
    path = tmp_path / "cids"
    path.write_text("\n".join(CIDS[:3]))
    comparison = Comparison(read_file(path))
    comparison.add(pin_hash(CIDS[1]), Phase.PINNED)
    snapshot = counting().snapshot
    assert snapshot.counted is not None
    compared = replace(
        snapshot,
        counted=replace(snapshot.counted, expected=comparison.result()),
        expected_file=ExpectedFileState(path, comparison.result().expected, 1.0),
    )
    assert [line.split(": ")[1:3] for line in failures([polled(compared)])] == [
        ["expected_cids_file", "2 of 3 expected CIDs must be pinned again"]
    ]
    assert verdict_in_table(polled(compared)) == "2 to pin again"
    assert result([polled(compared), counting()], "missing", NOW).decode().splitlines() == [CIDS[0], CIDS[2]]
    assert result([polled(compared, LATER)], "missing", LATER) == b"", "the inventory is stale"

    unreadable = replace(snapshot, expected_file=ExpectedFileState(path, problem="No such file", failures=1))
    assert [line.split(": ")[1:] for line in failures([polled(unreadable)])] == [
        ["expected_cids_file", "cannot be read", "No such file"]
    ]
