import re
import subprocess
from collections.abc import Iterable
from dataclasses import replace

import pytest
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from pin_exporter.api.model import Collector, Verdict
from pin_exporter.inventory.counter import Counted
from pin_exporter.metrics import PREFIX
from pin_exporter.metrics.account import ACCOUNT_FAMILIES, account_textfile
from pin_exporter.metrics.exporter import build_info_registry
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.exposition.encoder import Format
from pin_exporter.toolkit.exposition.family import Target, Type
from tests.metrics.golden import GOLDEN, rendered
from tests.support.oracle import encoded, metric
from tests.support.samples import COUNTED, FULL, HOSTILE_WORD, INVENTORY, NOW_ELAPSED, UNTRIED
from tests.support.tools import require_tool

FAMILIES = {family.name.removeprefix(PREFIX): family for family in ACCOUNT_FAMILIES}
FORMATS = pytest.mark.parametrize("fmt", Format)
Row = tuple[tuple[str, ...], float]
Samples = set[tuple[str, frozenset[tuple[str, str]], float]]


def target(snapshot: AccountSnapshot, fresh: Iterable[Collector] = Collector) -> Target[AccountSnapshot]:
    return Target(snapshot.account, snapshot, frozenset(fresh))


def rows(name: str, snapshot: AccountSnapshot = FULL) -> list[Row]:
    """Return the label values, without the account, and the value of each sample."""
    family = FAMILIES[name]
    return [
        (tuple(sample.labels[label] for label in family.labels), sample.value)
        for sample in metric(family, target(snapshot)).samples
    ]


def counting(counted: Counted) -> AccountSnapshot:
    return replace(FULL, counted=counted)


def samples_of(metrics: Iterable[Metric]) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items()), sample.value)
        for found in metrics
        for sample in found.samples
    }


@FORMATS
def test_the_exposition_of_two_accounts_is_that_of_the_golden_file(fmt: Format) -> None:
    assert rendered(fmt) == GOLDEN[fmt].read_bytes().decode(), "run `make metrics` and review the difference"


def test_the_client_librarys_parsers_read_the_same_samples_from_both_formats() -> None:
    openmetrics_text = re.sub(r"_g(count|sum)\b", r"_\1", rendered(Format.OPENMETRICS))
    openmetrics_text = openmetrics_text.replace(" gaugehistogram\n", " histogram\n")
    text = samples_of(parse_text(rendered(Format.TEXT)))
    openmetrics = samples_of(parse_openmetrics(openmetrics_text))  # type: ignore[no-untyped-call]

    assert text == openmetrics
    hostile = [labels for name, labels, _ in text if ("status", HOSTILE_WORD) in labels]
    assert len(hostile) == 2


def test_promtool_accepts_names_types_and_text() -> None:
    promtool = require_tool("promtool", "prometheus")
    text = rendered(Format.TEXT)
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@FORMATS
@pytest.mark.parametrize("snapshot", [FULL, UNTRIED], ids=["full", "untried"])
@pytest.mark.parametrize("fresh", [(), (Collector.TOTALS,), (Collector.INVENTORY,), tuple(Collector)])
def test_an_account_is_encoded_as_by_the_client_library(
    snapshot: AccountSnapshot, fresh: tuple[Collector, ...], fmt: Format
) -> None:
    stale = {collector: replace(FULL.health[collector], last_success_elapsed=0.0) for collector in Collector}
    health = {each: snapshot.health[each] if each in fresh else stale[each] for each in Collector}
    shown = replace(snapshot, health=health)
    expected = encoded(
        ACCOUNT_FAMILIES,
        target(shown, shown.fresh(NOW_ELAPSED)),
        openmetrics=fmt is Format.OPENMETRICS,
    )
    assert rendered(fmt, [shown]).removesuffix("# EOF\n") == expected


@FORMATS
def test_stale_data_are_not_shown_though_nothing_was_published(fmt: Format) -> None:
    polled_at = FULL.health[Collector.TOTALS].last_success_elapsed
    assert polled_at is not None

    shown = {}
    # The totals become stale after 240 s; the inventory, 130 s older, after 420 s.
    for age in (240.0, 240.5, 290.0, 290.5):
        text = rendered(fmt, [FULL], polled_at + age)
        shown[age] = ("aiozpin_files{" in text, "aiozpin_pins{" in text)
        for name in ("up", "last_success_timestamp_seconds", "size_limit_bytes"):
            assert f"aiozpin_{name}{{" in text
    assert shown == {240.0: (True, True), 240.5: (False, True), 290.0: (False, True), 290.5: (False, False)}


def test_a_textfile_has_the_metrics_of_accounts_and_what_is_running() -> None:
    accounts = [(FULL, frozenset(Collector)), (UNTRIED, frozenset[Collector]())]
    text = account_textfile(accounts, build_info_registry()).decode()
    assert samples_of(parse_text(rendered(Format.TEXT))) < samples_of(parse_text(text))
    assert "aiozpin_exporter_build_info{" in text


@pytest.mark.parametrize(
    ("verdict", "value"), [(Verdict.CONSISTENT, 1), (Verdict.REPAIRED, 0), (Verdict.INCONSISTENT, 0)]
)
def test_only_an_inventory_during_which_nothing_changed_is_consistent(verdict: Verdict, value: float) -> None:
    assert rows("inventory_consistent", counting(replace(COUNTED, verdict=verdict))) == [((), value)]


@pytest.mark.parametrize("name", ["oldest_unfinished_pin_timestamp_seconds", "newest_pin_timestamp_seconds"])
def test_dates_are_absent_if_there_is_no_pin_to_take_them_from(name: str) -> None:
    empty = replace(INVENTORY, oldest_unfinished_at=None, newest_at=None)
    assert rows(name, counting(replace(COUNTED, inventory=empty))) == []


def test_a_failed_poll_of_the_totals_takes_the_account_down_and_leaves_its_data() -> None:
    health = FULL.health[Collector.TOTALS].failed("tls", "bad certificate")
    failed = FULL.with_health(Collector.TOTALS, health)
    assert rows("up", failed) == [((), 0)]
    assert rows("files", failed) == [((), 10)]
    assert rows("last_success_timestamp_seconds", failed)[0] == (("totals",), 1_750_000_000.5)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_follows_the_conventions(name: str) -> None:
    family = FAMILIES[name]
    assert [each.name for each in ACCOUNT_FAMILIES].count(family.name) == 1
    assert name.endswith("_total") == (family.type is Type.COUNTER)
    age = f'{PREFIX}last_success_timestamp_seconds{{collector="{family.source}"}}'
    assert (age in family.help) == (family.source is not None)

    samples = metric(family, target(FULL)).samples
    assert samples
    for sample in samples:
        assert set(sample.labels) - {"le"} == {"account", *family.labels}
        assert sample.timestamp is None
