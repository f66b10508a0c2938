import re
import subprocess
from pathlib import Path

import pytest

from pin_exporter.config.settings import Settings
from tests.support.tools import require_tool, run_promtool

DOCUMENT = (Path(__file__).parents[2] / "docs/once.md").read_text()


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def test_systemd_finds_nothing_wrong_with_the_service_and_its_timer(tmp_path: Path) -> None:
    tool = require_tool("systemd-analyze", "systemd")
    for name, unit in zip(("service", "timer"), fences("ini"), strict=True):
        text = unit.replace("/opt/pin-exporter/bin/pin-exporter", "/bin/true")
        (tmp_path / f"pin-exporter-once.{name}").write_text(text)
    units = [str(path) for path in sorted(tmp_path.iterdir())]
    checked = subprocess.run([tool, "verify", *units], capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_the_settings_of_cron_and_systemd_are_there() -> None:
    names = re.findall(r"PIN_EXPORTER_(\w+)=", DOCUMENT)

    assert len(names) == 6
    assert {name.lower() for name in names} <= Settings.model_fields.keys()


@pytest.mark.parametrize("fence", fences("promql"))
def test_the_queries_are_well_formed(fence: str, tmp_path: Path) -> None:
    queries = [line for line in fence.splitlines() if line]
    rules = [f"  - {{record: r{number}, expr: '{query}'}}" for number, query in enumerate(queries)]
    (tmp_path / "rules.yml").write_text("\n".join(["groups:", "- name: g", "  rules:", *rules]))
    run_promtool(tmp_path, "check", "rules", "rules.yml")
