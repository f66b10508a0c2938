import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.tools import require_tool

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs/deploy.md").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    tool = require_tool("systemd-analyze", "systemd")
    (unit,) = fences("ini")
    path = tmp_path / "pin-exporter.service"
    path.write_text(unit.replace("/opt/pin-exporter/bin/pin-exporter", "/bin/true"))

    checked = subprocess.run([tool, "verify", path], capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.parametrize("script", fences("sh"))
def test_a_shell_can_read_every_command(script: str) -> None:
    checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_every_build_argument_is_in_the_table_with_its_default() -> None:
    table = DOCUMENT.partition("| build argument |")[2].partition("\n\n")[0]
    told = {
        name: default
        for names, default in re.findall(r"^\| (.+?) \| `(.*?)` \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert told == dict(re.findall(r"^ARG (\w+)=(\S+)$", DOCKERFILE, re.MULTILINE))


def test_the_ports_are_those_of_the_image_and_of_compose() -> None:
    (exposed,) = re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    published = {port.rpartition(":")[2] for service in services.values() for port in service["ports"]}
    assert exposed in published
    assert set(re.findall(r"localhost:(\d+)|--publish [\d.]+:(\d+)", DOCUMENT)) <= {
        pair for port in published for pair in ((port, ""), ("", port))
    }
