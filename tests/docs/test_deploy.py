import re
import subprocess
from pathlib import Path

import pytest
import yaml

from dev.project import ROOT
from pin_exporter.config.settings import Settings
from tests.support.tools import require_tool

DOCUMENT = (ROOT / "docs/deploy.md").read_text()
UNIT = (ROOT / "docs/pin-exporter.service").read_text()
MOST_EXPOSURE = 1.1
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def analyze(unit: str, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Let systemd look at the unit, in which a program that is there stands for the exporter."""
    tool = require_tool("systemd-analyze", "systemd")
    path = directory / "pin-exporter.service"
    path.write_text(unit.replace("/opt/pin-exporter/bin/pin-exporter", "/bin/true"))
    return subprocess.run([tool, *arguments, path], capture_output=True, text=True, check=False)


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    checked = analyze(UNIT, tmp_path, "verify")

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def unit_of_shards() -> str:
    """Return the unit for several shards, made as the page says, what is new where the old lines were."""
    (of_shard,) = fences("ini")
    told = re.search(r"delete all its lines that begin with\s+`(\S+)` or `(\S+)`", DOCUMENT)
    assert told is not None
    deleted = [number for number, line in enumerate(UNIT.splitlines()) if line.startswith(told.groups())]
    lines = [line for number, line in enumerate(UNIT.splitlines()) if number not in deleted]
    lines.insert(deleted[0], of_shard.removeprefix("[Service]\n"))
    return "\n".join(lines)


def test_systemd_finds_nothing_wrong_with_the_unit_of_a_shard(tmp_path: Path) -> None:
    checked = analyze(unit_of_shards().replace("%i", "0"), tmp_path, "verify")

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_each_shard_listens_at_an_address_of_its_own_and_has_no_keys_of_a_single_account() -> None:
    set_to = re.findall(r"^Environment=PIN_EXPORTER_(\w+)=(.*)$", unit_of_shards(), re.MULTILINE)

    assert len(set_to) == len(dict(set_to))
    assert dict(set_to)["WEB_LISTEN_ADDRESS"].endswith("%i")
    assert not any("KEY" in name for name, _ in set_to)


def test_the_unit_exposes_no_more_than_the_page_says(tmp_path: Path) -> None:
    def judged(unit: str) -> subprocess.CompletedProcess[str]:
        limit = f"--threshold={round(MOST_EXPOSURE * 10)}"
        return analyze(unit, tmp_path, "security", "--offline=true", "--no-pager", limit)

    assert f"exposure {MOST_EXPOSURE} of 10" in DOCUMENT
    checked = judged(UNIT)
    assert checked.returncode == 0, checked.stdout
    assert judged(UNIT.replace("SystemCallFilter=~@privileged @resources", "")).returncode != 0


def test_the_unit_sets_what_the_exporter_reads() -> None:
    names = re.findall(r"^#?Environment=PIN_EXPORTER_(\w+)=", UNIT + "".join(fences("ini")), re.MULTILINE)

    assert names
    assert {name.lower() for name in names} <= Settings.model_fields.keys()


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
