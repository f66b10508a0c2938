import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from dev.grafana.panels import UID
from dev.project import ROOT
from tests.support.tools import require_tool, run_promtool

DIRECTORY = ROOT / "grafana"
README = (DIRECTORY / "README.md").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads((DIRECTORY / "dashboard.json").read_text(encoding="utf-8"))
SOURCES = DIRECTORY / "provisioning" / "datasources" / "prometheus.yml"
PROVIDERS = DIRECTORY / "provisioning" / "dashboards" / "aioz-pin.yml"
# The fields that Grafana reads (pkg/services/provisioning in its source). It silently ignores all others.
KNOWN_OF_SOURCE = {
    *("orgId", "version", "name", "type", "access", "url", "user", "database", "basicAuth", "basicAuthUser"),
    *("withCredentials", "isDefault", "correlations", "jsonData", "secureJsonData", "editable", "uid"),
}
KNOWN_OF_PROVIDER = {
    *("name", "type", "orgId", "folder", "folderUid", "editable", "options", "disableDeletion"),
    *("updateIntervalSeconds", "allowUiUpdates"),
}


def only_entry(path: Path, kind: str) -> dict[str, Any]:
    """Return the one entry of a provisioning file."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert content.keys() == {"apiVersion", kind}
    assert content["apiVersion"] == 1
    (entry,) = content[kind]
    assert isinstance(entry, dict)
    return entry


def fence(language: str) -> str:
    """Return the one block of a language in the README."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert isinstance(text, str)
    return text


def panels_by_row() -> dict[str, set[str]]:
    """Return the titles of the panels by row; those of a collapsed row are inside it."""
    rows: dict[str, set[str]] = {}
    for panel in DASHBOARD["panels"]:
        if panel["type"] == "row":
            rows[panel["title"]] = {inner["title"] for inner in panel.get("panels", ())}
        else:
            rows[list(rows)[-1]].add(panel["title"])
    return rows


def listed_by_row() -> dict[str, list[str]]:
    """Return the titles in the table of the README by row, in its order."""
    rows: dict[str, list[str]] = {}
    for row, question, panels in re.findall(r"^\| (.*?) ?\| (.+?\?) \| (.+) \|$", README, re.MULTILINE):
        assert question
        titles = re.findall(r"\*\*(.+?)\*\*", panels)
        assert panels == ", ".join(f"**{title}**" for title in titles)
        rows.setdefault(row or list(rows)[-1], []).extend(titles)
    return rows


def test_the_dashboard_can_use_the_data_source() -> None:
    source = only_entry(SOURCES, "datasources")
    assert source.keys() <= KNOWN_OF_SOURCE
    (variable,) = (v for v in DASHBOARD["templating"]["list"] if v["name"] == "datasource")
    assert (variable["type"], variable["query"]) == ("datasource", source["type"])
    assert source["access"] == "proxy", "the browser need not reach Prometheus"
    assert source["url"] == "http://localhost:9090"
    assert source["isDefault"] is True


def test_grafana_finds_the_dashboard_where_the_readme_copies_it() -> None:
    provider = only_entry(PROVIDERS, "providers")
    assert provider.keys() <= KNOWN_OF_PROVIDER
    assert provider["name"]
    assert provider["type"] == "file"
    assert provider["options"].keys() == {"path"}
    path = provider["options"]["path"]
    assert path.startswith("/")
    assert f"`dashboard.json` to `{path}/`" in README


def test_the_readme_lists_each_panel_once_in_its_row() -> None:
    listed = listed_by_row()
    assert list(listed) == list(panels_by_row())
    for row, titles in listed.items():
        assert sorted(titles) == sorted(panels_by_row()[row]), row


def test_the_commands_of_the_readme_make_the_alerts_link_to_grafana(tmp_path: Path) -> None:
    require_tool("promtool", "prometheus")
    bash = require_tool("bash", "bash")
    (tmp_path / "rules.yml").write_text((DIRECTORY / "rules.yml").read_text(encoding="utf-8"))
    ran = subprocess.run(
        [bash, "-e", "-c", fence("sh")], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    groups = yaml.safe_load((tmp_path / "rules.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    links = [rule["annotations"]["dashboard_url"] for rule in rules if "alert" in rule]
    assert links
    assert all(link.startswith(f"https://grafana.example.com/d/{UID}") for link in links)


def test_prometheus_loads_the_rules_as_the_readme_says(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text((DIRECTORY / "rules.yml").read_text(encoding="utf-8"))
    (tmp_path / "prometheus.yml").write_text(fence("yaml"))
    run_promtool(tmp_path, "check", "config", "prometheus.yml")
    assert yaml.safe_load(fence("yaml")) == {"rule_files": ["rules.yml"]}
