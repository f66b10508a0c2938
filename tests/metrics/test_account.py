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
from pin_exporter.polling.snapshot import AccountSnapshot, Extra, Source
from pin_exporter.toolkit.exposition.encoder import Format
from pin_exporter.toolkit.exposition.family import Target, Type
from tests.metrics.golden import GOLDEN, rendered
from tests.support.oracle import metric
from tests.support.samples import COUNTED, EVERYTHING, HOSTILE_WORD, INVENTORY, UNTRIED
from tests.support.tools import require_tool

FAMILIES = {family.name.removeprefix(PREFIX): family for family in ACCOUNT_FAMILIES}
FORMATS = pytest.mark.parametrize("fmt", Format)
Row = tuple[tuple[str, ...], float]
Samples = set[tuple[str, frozenset[tuple[str, str]], float]]


def target(snapshot: AccountSnapshot, fresh: Iterable[Collector] = Collector) -> Target[AccountSnapshot]:
    return Target(snapshot.account, snapshot, frozenset(fresh))


def rows(name: str, snapshot: AccountSnapshot = EVERYTHING) -> list[Row]:
    """Return the label values, without the account, and the value of each sample."""
    family = FAMILIES[name]
    return [
        (tuple(sample.labels[label] for label in family.labels), sample.value)
        for sample in metric(family, target(snapshot)).samples
    ]


def counting(counted: Counted) -> AccountSnapshot:
    return replace(EVERYTHING, counted=counted)


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
def test_stale_data_are_not_shown_though_nothing_was_published(fmt: Format) -> None:
    polled_at = EVERYTHING.health[Collector.TOTALS].last_success_elapsed
    assert polled_at is not None

    shown = {}
    # The totals become stale after 240 s; the inventory, 130 s older, after 420 s.
    for age in (240.0, 240.5, 290.0, 290.5):
        text = rendered(fmt, [EVERYTHING], polled_at + age)
        shown[age] = ("aiozpin_files{" in text, "aiozpin_pins{" in text)
        for name in ("up", "last_success_timestamp_seconds", "size_limit_bytes"):
            assert f"aiozpin_{name}{{" in text
    assert shown == {240.0: (True, True), 240.5: (False, True), 290.0: (False, True), 290.5: (False, False)}


def test_a_textfile_has_the_metrics_of_accounts_and_what_is_running() -> None:
    accounts = [(EVERYTHING, frozenset[Source]([*Collector, *Extra])), (UNTRIED, frozenset[Source]())]
    text = account_textfile(accounts, build_info_registry()).decode()
    assert samples_of(parse_text(rendered(Format.TEXT))) < samples_of(parse_text(text))
    assert "aiozpin_exporter_build_info{" in text


FAILED = EVERYTHING.with_health(
    Collector.TOTALS, EVERYTHING.health[Collector.TOTALS].failed("tls", "bad certificate")
)
WITHOUT_DATES = counting(
    replace(COUNTED, inventory=replace(INVENTORY, oldest_unfinished_at=None, newest_at=None))
)


@pytest.mark.parametrize(
    ("name", "snapshot", "expected"),
    [
        ("inventory_consistent", counting(replace(COUNTED, verdict=Verdict.CONSISTENT)), [((), 1)]),
        ("inventory_consistent", counting(replace(COUNTED, verdict=Verdict.REPAIRED)), [((), 0)]),
        ("inventory_consistent", counting(replace(COUNTED, verdict=Verdict.INCONSISTENT)), [((), 0)]),
        ("oldest_unfinished_pin_timestamp_seconds", WITHOUT_DATES, []),
        ("newest_pin_timestamp_seconds", WITHOUT_DATES, []),
        # A failed poll of the totals takes the account down and leaves its data.
        ("up", FAILED, [((), 0)]),
        ("files", FAILED, [((), 10)]),
    ],
)
def test_a_family_shows_what_the_snapshot_says(
    name: str, snapshot: AccountSnapshot, expected: list[Row]
) -> None:
    assert rows(name, snapshot) == expected


AGES: dict[str, str] = {
    Extra.RETRIEVAL: f"{PREFIX}last_retrieval_timestamp_seconds",
    Extra.BILLING: f"{PREFIX}last_billing_timestamp_seconds",
    **{each: f'{PREFIX}last_success_timestamp_seconds{{collector="{each}"}}' for each in Collector},
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_follows_the_conventions(name: str) -> None:
    family = FAMILIES[name]
    assert [each.name for each in ACCOUNT_FAMILIES].count(family.name) == 1
    assert name.endswith("_total") == (family.type is Type.COUNTER)
    assert (AGES[family.source] in family.help) if family.source else ("Cached since" not in family.help)

    samples = metric(family, target(EVERYTHING)).samples
    assert samples
    for sample in samples:
        assert set(sample.labels) - {"le"} == {"account", *family.labels}
        assert sample.timestamp is None
