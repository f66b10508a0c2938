import json
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pytest

from dev.metrics.page import PAGE, page
from pin_exporter.api.errors import REASONS
from pin_exporter.api.model import VOCABULARIES, Collector, Phase
from pin_exporter.metrics import PREFIX
from pin_exporter.metrics.account import ACCOUNT_FAMILIES
from pin_exporter.metrics.exporter import ExporterMetrics
from tests.support.tools import run_promtool

TEXT = PAGE.read_text(encoding="utf-8")
SUFFIXES = ("", "_bucket", "_count", "_sum", "_gcount", "_gsum")


def tables() -> Iterator[tuple[list[str], list[list[str]]]]:
    """Yield each table of the page: the cells of its head, and those of its rows."""
    for table in re.findall(r"(?:^\|.*\|\n)+", TEXT, re.MULTILINE):
        head, _, *rows = (
            [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()
        )
        assert all(len(row) == len(head) for row in rows), head
        yield head, rows


def first_column(head: str) -> list[str]:
    """Return the first column of the tables whose first heading is this."""
    return [row[0].strip("`") for each, rows in tables() if each[0] == head for row in rows]


def exported() -> set[str]:
    own = (metric for metric in ExporterMetrics().registry.collect() if metric.name.startswith(PREFIX))
    return {family.name for family in ACCOUNT_FAMILIES} | {metric.samples[0].name for metric in own}


def test_the_tables_of_metrics_and_events_are_those_of_the_code() -> None:
    assert page() == TEXT, "run `make metrics`"


@pytest.mark.parametrize(
    ("head", "expected", "source"),
    [
        ("metric", exported(), "run `make metrics`, after adding a new table to dev/metrics/page.py"),
        ("phase", list(Phase), "add a row for each phase of pin_exporter/api/model.py"),
        ("reason", list(REASONS), "add a row for each reason of pin_exporter/api/errors.py"),
    ],
)
def test_a_table_has_a_row_for_each_value(head: str, expected: Collection[str], source: str) -> None:
    listed = first_column(head)
    assert set(expected) - set(listed) == set(), f"docs/metrics.md lacks these: {source}"
    assert sorted(set(listed) - set(expected)) == [], "docs/metrics.md: remove these"
    assert len(listed) == len(set(listed))


def test_each_status_is_listed_with_its_phase() -> None:
    (rows,) = (rows for head, rows in tables() if head[0] == "status")
    older = [tuple(cell.strip("` ") for cell in row[:2]) for row in rows if row[0]]
    newer = [tuple(cell.strip("` ") for cell in row[2:]) for row in rows]

    listed = [{word: phase for word, phase in column if word} for column in (older, newer)]
    expected = [{word: phase.value for word, phase in words.items()} for words in VOCABULARIES]
    assert listed == expected, "docs/metrics.md: update the table of statuses"


@pytest.mark.parametrize(
    ("label", "values"),
    [("collector", list(Collector)), ("operation", [collector.operation for collector in Collector])],
)
def test_each_value_of_collector_and_operation_is_listed(label: str, values: Iterable[str]) -> None:
    (rows,) = (rows for head, rows in tables() if head[:2] == ["label", "value"])
    listed = {row[1].strip("`") for row in rows if row[0] == f"`{label}`"}
    assert set(values) - listed == set(), f"docs/metrics.md lacks these values of `{label}`"
    assert listed - set(values) == set(), f"docs/metrics.md: remove these values of `{label}`"


def test_every_metric_named_on_the_page_exists() -> None:
    named = set(re.findall(rf"\b{PREFIX}\w+", TEXT)) - {"aiozpin_exporter_"}
    assert named
    assert named - {name + suffix for name in exported() for suffix in SUFFIXES} == set()


def queries() -> list[str]:
    return re.findall(r"^```promql\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    assert len(queries()) > 5
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries())]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))

    run_promtool(tmp_path, "check", "rules", "rules.yml")


def expected(query: str, at: str, samples: dict[str, float]) -> dict[str, object]:
    (expression,) = (each for each in queries() if query in each)
    listed = [{"labels": labels, "value": value} for labels, value in samples.items()]
    return {"expr": expression, "eval_time": at, "exp_samples": listed}


def test_the_queries_count_an_account_of_two_exporters_once(tmp_path: Path) -> None:
    def series(name: str, values: str, **labels: str) -> list[dict[str, str]]:
        """Return the series that two exporters show, the second as from the tenth minute."""
        text = "".join(f',{label}="{value}"' for label, value in labels.items())
        late = "_x10 " + values
        return [
            {"series": f'{name}{{account="a",instance="{instance}"{text}}}', "values": shown}
            for instance, shown in (("1", values), ("2", late))
        ]

    tests = {
        "rule_files": [],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    *series("aiozpin_pins", "5x100", status="failed", phase="failed"),
                    *series("aiozpin_pins", "2x100", status="unpinOutOfMoney", phase="removed"),
                    *series("aiozpin_pins", "0x100", status="gcDone", phase="removed"),
                    *series("aiozpin_pins", "9x100", status="pinned", phase="pinned"),
                    *series("aiozpin_size_bytes", "1000x100"),
                    *series("aiozpin_up", "1x100"),
                    {"series": 'aiozpin_up{account="new",instance="1"}', "values": "0x100"},
                    *series("aiozpin_files", "16x100"),
                    *series("aiozpin_last_success_timestamp_seconds", "0 60+60x100", collector="totals"),
                    *series("aiozpin_poll_failures_total", "0+1x100", collector="totals", reason="tls"),
                    *series("aiozpin_oldest_unfinished_pin_timestamp_seconds", "600x100"),
                ],
                "promql_expr_test": [
                    expected(
                        "sum by (account, phase)",
                        "60m",
                        {
                            '{account="a", phase="failed"}': 5,
                            '{account="a", phase="removed"}': 2,
                            '{account="a", phase="pinned"}': 9,
                        },
                    ),
                    expected("failed|removed", "60m", {'{account="a"}': 7}),
                    expected('status="unpinOutOfMoney"', "60m", {'{account="a"}': 2}),
                    expected("group by", "60m", {'{account="new"}': 1}),
                    expected("_seconds > 0", "60m", {'{account="a", collector="totals"}': 0}),
                    expected("oldest_unfinished", "60m", {'{account="a"}': 3_000}),
                    expected("deriv(", "60m", {'{account="a"}': 0}),
                    expected("_failures_", "90m", {'{account="a", collector="totals", reason="tls"}': 60}),
                ],
            }
        ],
    }
    (tmp_path / "tests.yml").write_text(json.dumps(tests))

    run_promtool(tmp_path, "test", "rules", "tests.yml")
