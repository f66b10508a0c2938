import os
import shutil
import tarfile
from pathlib import Path

from dev.chart.files import CHART
from dev.chart.package import package
from tests.chart.helm import SECRET, Helm

EPOCH = 1_700_000_000


def test_the_same_chart_is_packed_into_the_same_bytes(helm: Helm, tmp_path: Path) -> None:
    packed = []
    for copy, mode in ((tmp_path / "a", 0o644), (tmp_path / "b", 0o600)):
        chart = copy / "pin-exporter"
        shutil.copytree(CHART, chart)
        for index, path in enumerate(sorted(chart.rglob("*"))):
            os.utime(path, (index, index + mode))
            if path.is_file():
                path.chmod(mode)
        packed.append(package(helm.path, chart, copy, EPOCH).read_bytes())
    assert packed[0] == packed[1]


def test_the_package_holds_the_chart_and_nothing_of_its_tests(helm: Helm, tmp_path: Path) -> None:
    archive = package(helm.path, CHART, tmp_path, EPOCH)
    with tarfile.open(archive) as opened:
        members = opened.getmembers()
    names = {member.name.removeprefix("pin-exporter/") for member in members}
    assert {"Chart.yaml", "values.yaml", "values.schema.json", "README.md", "LICENSE"} <= names
    assert not any(name.startswith("ci/") for name in names)
    assert {member.mtime for member in members} == {EPOCH}
    assert helm.template(SECRET, chart=archive) == helm.template(SECRET)
