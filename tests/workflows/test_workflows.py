"""The workflows match the rest of the project, which linters do not check."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from dev.project import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TEXTS = "\n".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)


def jobs() -> list[Any]:
    return [
        pytest.param(job, id=f"{path.stem}-{name}")
        for path in WORKFLOWS
        for name, job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].items()
    ]


@pytest.mark.parametrize("job", jobs())
def test_every_job_has_a_timeout(job: dict[str, Any]) -> None:
    assert "uses" in job or job["timeout-minutes"] <= 60


def test_every_action_is_pinned_to_one_commit_with_its_version_as_a_comment() -> None:
    pins = re.findall(r"uses: ([\w.-]+/[\w./-]+)@(.*)", TEXTS)
    assert pins
    assert all(re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", pin) for _, pin in pins), pins
    assert len({action for action, _ in pins}) == len(set(pins))


def test_ci_tests_every_supported_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    supported = [found[1] for entry in project["classifiers"] if (found := re.search(r":: (3\.\d+)$", entry))]
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == supported


def test_workflows_call_existing_make_targets() -> None:
    targets = set(
        re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    lines = re.findall(r"^(?: +- run:| +run:|) +make ((?:[a-z-]+ ?)+)\b", TEXTS, re.MULTILINE)
    called = {target for line in lines for target in line.split()}
    assert {"lint", "test", "image", "package", "release-notes"} <= called
    assert called <= targets


def test_a_release_publishes_nothing_before_ci_has_passed() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))["jobs"]
    writers = [name for name, job in workflow.items() if "write" in job["permissions"].values()]
    assert sorted(writers) == ["chart", "image", "page", "pypi"]
    for name in writers:
        waited_for: set[str] = set()
        ahead = [name]
        while ahead:
            needs = workflow[ahead.pop()].get("needs", [])
            ahead.extend([needs] if isinstance(needs, str) else needs)
            waited_for.update(ahead)
        assert {"check", "ci"} <= waited_for, name


def test_dependabot_updates_everything_that_is_pinned() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text(encoding="utf-8"))["updates"]
    declared = {(entry["package-ecosystem"], entry["directory"]) for entry in updates}
    pinning = {"docker": "Dockerfile", "docker-compose": "compose.yaml", "pip": "requirements/*.txt"}
    pinning |= {"npm": "dev/*/package-lock.json", "github-actions": ".github"}
    for ecosystem, files in pinning.items():
        folders = {f"/{path.parent.relative_to(ROOT)}".replace("/.", "/") for path in ROOT.glob(files)}
        assert folders <= {folder for of, folder in declared if of == ecosystem}, ecosystem
