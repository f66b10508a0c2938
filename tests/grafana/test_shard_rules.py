"""The alert on missing shards, for several exporters."""

from collections.abc import Sequence
from pathlib import Path

from tests.grafana.support.exporters import HERE, SHARD, TOTAL_SHARDS, UP, Exporter
from tests.grafana.support.promtool import Group, run_rules
from tests.grafana.support.signals import Trouble, changes, steady

ALERT = "AIOZPinShardsMissing"
WAIT = 15
ALONE = (0, 1)
# Exporters, each by its shard and the total that it is configured with.
COMPLETE: Sequence[Sequence[tuple[int, int]]] = (
    [ALONE],
    [ALONE, ALONE],
    [(0, 3), (1, 3), (2, 3)],
    [(0, 3), (1, 3), (2, 3), (0, 3), (1, 3), (2, 3)],
    [(0, 2), (1, 2), ALONE],
)
INCOMPLETE: Sequence[Sequence[tuple[int, int]]] = (
    [(1, 2)],
    [(0, 3), (1, 3)],
    [(1, 3), (2, 3), (1, 3), (2, 3)],
    # An exporter that is not sharded does not replace the missing shard.
    [(1, 3), (2, 3), ALONE],
    # As many as there should be, but with different totals.
    [(0, 2), (1, 3), (2, 3)],
    [(0, 2), (1, 2), (2, 3)],
)


def exporter(shard: int, total: int, instance: str = "", job: str = HERE["job"]) -> Exporter:
    labels = {"job": job, "instance": instance or f"{shard}:10242"}
    signals = {SHARD: steady(shard), TOTAL_SHARDS: steady(total)}
    return Exporter(signals, account=f"of-{labels['instance']}", labels=labels)


def group_of(shards: Sequence[tuple[int, int]]) -> Group:
    return Group(f"{shards}", [exporter(*each, instance=f"{number}:1") for number, each in enumerate(shards)])


def test_no_alert_fires_where_all_shards_exist(tmp_path: Path) -> None:
    groups = [group_of(shards) for shards in COMPLETE]
    jobs = [("pins", 0, 2), ("pins", 1, 2), ("also", 0, 3), ("also", 1, 3), ("also", 2, 3)]
    groups.append(Group("two jobs", [exporter(shard, total, job=job) for job, shard, total in jobs]))
    for group in groups:
        group.expect_never(WAIT + 5)

    run_rules(tmp_path, groups)


def test_one_alert_fires_where_a_shard_is_missing_or_the_totals_differ(tmp_path: Path) -> None:
    groups = [group_of(shards) for shards in INCOMPLETE]
    for group in groups:
        group.expect_firing(WAIT - 1)
        group.expect_firing(WAIT, ALERT)

    run_rules(tmp_path, groups)


def test_only_this_alert_fires_for_a_shard_that_is_no_longer_a_target(tmp_path: Path) -> None:
    signals = {SHARD: changes(2, None), TOTAL_SHARDS: changes(3, None)}
    gone = Exporter(signals, Trouble(30), True, "c", {**HERE, "instance": "2:10242"})
    group = Group("gone", [exporter(0, 3), exporter(1, 3), gone])
    group.expect_firing(30 + WAIT - 1)
    group.expect_firing(30 + WAIT, ALERT)

    run_rules(tmp_path, [group])


def test_the_alert_on_the_exporter_fires_first_for_a_shard_that_cannot_be_scraped(tmp_path: Path) -> None:
    signals = {SHARD: changes(1, None), TOTAL_SHARDS: changes(2, None), UP: changes(1, 0)}
    down = Exporter(signals, Trouble(30), True, "b", {**HERE, "instance": "1:10242"})
    group = Group("down", [exporter(0, 2), down])
    group.expect_firing(35, "AIOZPinExporterDown")
    group.expect_firing(30 + WAIT, "AIOZPinExporterDown", ALERT)

    run_rules(tmp_path, [group])
