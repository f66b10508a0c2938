"""Shards that are missing or do not agree, as several exporters show it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.grafana.support.exporters import HERE, SHARD, TOTAL_SHARDS, UP, Exporter
from tests.grafana.support.promtool import Group, run_rules
from tests.grafana.support.signals import Trouble, changes, steady

ALERT = "AIOZPinShardsMissing"
WAIT = 15
ALONE = (0, 1)


def shard(number: int, total: int, instance: str = "") -> Exporter:
    labels = {**HERE, "instance": instance or f"{number}:10242"}
    signals = {SHARD: steady(number), TOTAL_SHARDS: steady(total)}
    return Exporter(signals, account=f"of-{labels['instance']}", labels=labels)


@pytest.mark.parametrize(
    "shards",
    [
        [(0, 1)],
        [(0, 1), (0, 1)],
        [(0, 3), (1, 3), (2, 3)],
        [(0, 3), (1, 3), (2, 3), (0, 3), (1, 3), (2, 3)],
        [(0, 2), (1, 2), ALONE],
    ],
    ids=str,
)
def test_where_every_shard_is_there_all_is_quiet(shards: Sequence[tuple[int, int]], tmp_path: Path) -> None:
    exporters = [shard(*each, instance=f"{number}:1") for number, each in enumerate(shards)]
    group = Group("complete", exporters)
    group.expect_never(WAIT + 5)

    run_rules(tmp_path, [group])


@pytest.mark.parametrize(
    "shards",
    [
        [(1, 2)],
        [(0, 3), (1, 3)],
        [(1, 3), (2, 3), (1, 3), (2, 3)],
        # The one that is no shard does not pass for the missing one.
        [(1, 3), (2, 3), ALONE],
        # As many as there should be, of which one counts differently.
        [(0, 2), (1, 3), (2, 3)],
        [(0, 2), (1, 2), (2, 3)],
    ],
    ids=str,
)
def test_where_one_is_missing_or_counts_differently_that_is_told_once(
    shards: Sequence[tuple[int, int]], tmp_path: Path
) -> None:
    exporters = [shard(*each, instance=f"{number}:1") for number, each in enumerate(shards)]
    group = Group("incomplete", exporters)
    group.expect_firing(WAIT - 1)
    group.expect_firing(WAIT, ALERT)
    group.expect(WAIT, f'count(ALERTS{{alertname="{ALERT}",alertstate="firing"}})', {"{}": 1})

    run_rules(tmp_path, [group])


def test_a_shard_that_is_no_target_any_more_is_missed_by_this_alert_alone(tmp_path: Path) -> None:
    signals = {SHARD: changes(2, None), TOTAL_SHARDS: changes(3, None)}
    gone = Exporter(signals, Trouble(30), True, "c", {**HERE, "instance": "2:10242"})
    group = Group("gone", [shard(0, 3), shard(1, 3), gone])
    group.expect_firing(30 + WAIT - 1)
    group.expect_firing(30 + WAIT, ALERT)

    run_rules(tmp_path, [group])


def test_a_shard_that_cannot_be_scraped_is_told_of_by_its_name_first(tmp_path: Path) -> None:
    signals = {SHARD: changes(1, None), TOTAL_SHARDS: changes(2, None), UP: changes(1, 0)}
    down = Exporter(signals, Trouble(30), True, "b", {**HERE, "instance": "1:10242"})
    group = Group("down", [shard(0, 2), down])
    group.expect_firing(35, "AIOZPinExporterDown")
    group.expect_firing(30 + WAIT, "AIOZPinExporterDown", ALERT)

    run_rules(tmp_path, [group])


def test_divisions_in_two_jobs_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    pairs = [("pins", 0, 2), ("pins", 1, 2), ("also", 0, 3), ("also", 1, 3), ("also", 2, 3)]
    exporters = [
        Exporter(
            {SHARD: steady(number), TOTAL_SHARDS: steady(total)},
            account=f"{job}-{number}",
            labels={"job": job, "instance": f"{number}:1"},
        )
        for job, number, total in pairs
    ]
    group = Group("two jobs", exporters)
    group.expect_never(WAIT + 5)

    run_rules(tmp_path, [group])
