import json
import re
import subprocess
import textwrap
from pathlib import Path
from typing import NamedTuple

import promql_parser
import pytest
import yaml

from dev.grafana.alert import Alert, Severity
from dev.grafana.promql import ACCOUNT, EXPORTER, JOB, known_series
from dev.grafana.recordings import RECORDINGS
from dev.grafana.rules import ALERTS, rules_yaml
from dev.grafana.thresholds import RECORD, THRESHOLDS
from dev.project import REPOSITORY, ROOT
from pin_exporter.metrics import PREFIX
from pin_exporter.status.runbooks import read_runbooks
from tests.grafana.support.promql import Selector, nodes, selectors
from tests.support.tools import require_tool, run_promtool

DIRECTORY = ROOT / "docs" / "runbooks"
OVERVIEW = (DIRECTORY / "README.md").read_text(encoding="utf-8")
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "False positives"]
MOST_LINES = 85
VALUES = {threshold.name: threshold.value for threshold in THRESHOLDS}
WINDOWS = {"30m": "30 minutes", "3d": "3 days", "2h": "2 hours", "1d": "(last|a) day", "7d": "last 7 days"}
WINDOWS |= {"15m": "15 minutes", "65m": "65 minutes", "30h": "30 hours"}


class Fence(NamedTuple):
    document: str
    language: str
    text: str


def fences() -> list[Fence]:
    """Return the code blocks of all documents, without the indentation of list items."""
    pattern = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
    return [
        Fence(path.stem, language, textwrap.dedent(text))
        for path in sorted(DIRECTORY.glob("*.md"))
        for _, language, text in pattern.findall(path.read_text(encoding="utf-8"))
    ]


FENCES = fences()
QUERIES = [fence for fence in FENCES if fence.language == "promql"]
COMMANDS = [fence for fence in FENCES if fence.language in {"sh", "bash"}]
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert.name}-{alert.severity}")
each_query = pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.document)


def text_of(alert: Alert) -> str:
    return (DIRECTORY / f"{alert.name}.md").read_text(encoding="utf-8")


def sections_of(alert: Alert) -> dict[str, str]:
    parts = re.split(r"^## (.+)\n", text_of(alert), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def thresholds_of(alert: Alert) -> list[str]:
    return list(dict.fromkeys(re.findall(r'threshold="(\w+)"', alert.expression)))


def written(name: str) -> str:
    """Return a threshold as runbooks write it, with its value in a readable unit."""
    value = float(VALUES[name])
    readable = ""
    if value == float("inf"):
        readable = " (off)"
    elif name.endswith("_ratio"):
        readable = f" ({value:.0%})".replace("%", " %")
    elif name.endswith("_seconds"):
        readable = f" ({value / 86_400:g} days)"
    return f"`{name}` = {VALUES[name]}{readable}"


def labels_of(selector: Selector) -> set[str]:
    """Return the labels of a series and its target; KeyError if there is no such series."""
    known = {"up": (), RECORD: ("threshold",), **dict.fromkeys(RECORDINGS, ("account",)), **known_series()}
    return {*EXPORTER, *known[selector.name]}


def labels_kept(node: promql_parser.AggregateExpr) -> set[str]:
    return set(node.modifier.labels) if node.modifier else set()


def test_each_alert_leads_to_its_runbook_and_there_is_no_other() -> None:
    rules = [rule for group in yaml.safe_load(rules_yaml())["groups"] for rule in group["rules"]]
    addresses = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in rules if "alert" in rule}
    assert addresses
    for name, address in addresses.items():
        assert address == f"/runbooks/{name}"
    assert read_runbooks().keys() == {*addresses, "README"}


def test_the_overview_lists_the_alerts_in_their_order_with_severity_and_thresholds() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\((.+?)\) \| (.+?) \| (.+?) \| (.+?) \|$", OVERVIEW, re.MULTILINE)
    listed = [(name, link, severity, thresholds) for name, link, severity, _, thresholds in rows]
    assert listed == [
        (
            alert.name,
            f"{alert.name}.md",
            alert.severity.value,
            ", ".join(f"`{name}`" for name in thresholds_of(alert)) or "-",
        )
        for alert in ALERTS
    ]
    for *_, sentence, _ in rows:
        assert re.fullmatch(r"[A-Z][^.]+\.", sentence), sentence


def test_the_overview_quotes_a_threshold_from_the_file() -> None:
    shown, _ = (fence.text for fence in FENCES if fence.document == "README" and fence.language == "yaml")
    assert textwrap.indent(shown, "  ") in rules_yaml()


def test_the_overview_groups_and_inhibits_by_alerts_and_labels_that_exist() -> None:
    _, shown = (fence.text for fence in FENCES if fence.document == "README" and fence.language == "yaml")
    example = yaml.safe_load(shown)
    (rule,) = example["inhibit_rules"]
    known: dict[str, set[str]] = {
        "alertname": {alert.name for alert in ALERTS},
        "severity": set(Severity),
    }
    for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
        label, value = re.split("=~?", matcher)
        assert set(value.strip('"').split("|")) <= known[label]
    assert set(rule["equal"]) == {*ACCOUNT, "collector"}
    assert set(example["route"]["group_by"]) <= {"alertname", *ACCOUNT}


@each_alert
def test_a_runbook_has_the_standard_sections_and_is_short(alert: Alert) -> None:
    text = text_of(alert)
    assert text.startswith(f"# {alert.name}\n")
    assert list(sections_of(alert)) == SECTIONS
    assert all(len(section.strip()) > 40 for section in sections_of(alert).values())
    assert len(text.splitlines()) <= MOST_LINES


@each_alert
def test_a_runbook_states_severity_wait_and_thresholds(alert: Alert) -> None:
    table = [line for line in sections_of(alert)["Meaning"].splitlines() if line.startswith("|")]
    rows = [
        f"| {each.severity.value} | {each.wait} | {', '.join(map(written, thresholds_of(each))) or 'none'} |"
        for each in ALERTS
        if each.name == alert.name
    ]
    assert table == ["| severity | for | thresholds |", "|---|---|---|", *rows]


@each_alert
def test_a_runbook_states_the_time_range_of_its_alert(alert: Alert) -> None:
    meaning = " ".join(sections_of(alert)["Meaning"].split())
    for window in set(re.findall(r"\[(\w+)[\]:]|offset (\w+)", alert.expression)):
        assert re.search(WINDOWS["".join(window)], meaning), window


@each_alert
def test_a_diagnosis_has_numbered_steps_and_a_query(alert: Alert) -> None:
    diagnosis = sections_of(alert)["Diagnosis"]
    steps = [int(number) for number in re.findall(r"^(\d+)\. ", diagnosis, re.MULTILINE)]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) > 1
    assert "```promql" in diagnosis


def test_every_code_block_has_a_language_and_is_tested() -> None:
    for path in DIRECTORY.glob("*.md"):
        opened = len(re.findall(r"^ *```", path.read_text(encoding="utf-8"), re.MULTILINE))
        assert opened == 2 * sum(fence.document == path.stem for fence in FENCES), path.name
    assert {fence.language for fence in FENCES} == {"promql", "sh", "bash", "yaml"}


def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": query.text} for number, query in enumerate(QUERIES)]
    assert len(rules) > len(ALERTS)
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    run_promtool(tmp_path, "check", "rules", "rules.yml")


@each_query
def test_a_query_is_about_one_account_and_counts_replicas_once(query: Fence) -> None:
    for selector in selectors(query.text):
        labels = labels_of(selector)
        matched = {name: value for name, _, value in selector.matchers}
        assert {*matched} <= labels
        aggregations = [node for node in selector.around if isinstance(node, promql_parser.AggregateExpr)]
        assert all(labels_kept(node) <= labels for node in aggregations)
        assert matched.get("account") in (None, "NAME")
        if "account" not in labels:
            continue
        assert "account" in matched or selector.name == "aiozpin_up", "the one that lists all accounts"
        assert selector.aggregation is not None
        calls = {node.func.name for node in selector.around if isinstance(node, promql_parser.Call)}
        if selector.name.endswith(("_total", "_api_request_duration_seconds_bucket")):
            assert calls & {"rate", "increase"}, "counters belong to one exporter each"
        else:
            assert str(selector.aggregation.op) in {"max", "min", "group"}
            assert not calls & {"rate", "increase"}
    for node in nodes(query.text):
        if isinstance(node, promql_parser.AggregateExpr) and RECORD not in node.prettify():
            of_account = any("account" in labels_of(selector) for selector in selectors(node.prettify()))
            assert set(ACCOUNT if of_account else JOB) <= labels_kept(node), "accounts of the same name"


def test_every_metric_named_anywhere_exists() -> None:
    for path in DIRECTORY.glob("*.md"):
        named = set(re.findall(rf"\b(?<!:){PREFIX}\w+", path.read_text(encoding="utf-8")))
        assert named <= known_series().keys(), path.name


def test_each_event_named_anywhere_is_logged_by_the_exporter() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "pin_exporter").rglob("*.py"))
    logged = set(re.findall(r"(?:_log\.\w+\(\s*|\"event\": )\"(\w+)\"", sources))
    for path in DIRECTORY.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        named = {
            *re.findall(r"event=(\w+)", text),
            *"|".join(re.findall(r"event=\(([\w|]+)\)", text)).split("|"),
        }
        assert named <= {*logged, ""}, path.name


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.document)
def test_the_shell_understands_every_command(command: Fence) -> None:
    bash = require_tool("bash", "bash")
    ran = subprocess.run([bash, "-n"], input=command.text, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_no_command_puts_a_key_into_the_list_of_processes() -> None:
    joined = [re.sub(r"\\\n|\|\n", " ", command.text) for command in COMMANDS]
    with_keys = [line.strip() for text in joined for line in text.splitlines() if "pinning_" in line]
    assert len(with_keys) == 1
    (line,) = with_keys
    before, _, after = line.partition("curl")
    assert before.startswith("printf "), "a command of the shell itself"
    assert "--header @-" in after
    assert "key" not in after
    assert not [text for text in joined if re.search(r"curl[^\n]*(key|secret)", text.replace(line, ""))]


def test_no_document_contains_the_address_of_the_repository() -> None:
    for path in (
        *DIRECTORY.glob("*.md"),
        *(ROOT / "grafana").rglob("*.md"),
        *(ROOT / "grafana").rglob("*/*.yml"),
    ):
        assert REPOSITORY not in path.read_text(encoding="utf-8"), "pyproject.toml alone does"
