"""What linters of workflows do not look at: how they hang together with the rest of the project."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TEXTS = "\n".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)


def jobs() -> list[Any]:
    return [
        pytest.param(job, id=f"{path.stem}-{name}")
        for path in WORKFLOWS
        for name, job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].items()
    ]


@pytest.mark.parametrize("job", jobs())
def test_every_job_that_runs_here_ends_in_time(job: dict[str, Any]) -> None:
    assert "uses" in job or job["timeout-minutes"] <= 60


def test_an_action_is_pinned_to_the_same_commit_everywhere_with_its_version_beside_it() -> None:
    pins = re.findall(r"uses: ([\w.-]+/[\w./-]+)@(.*)", TEXTS)
    assert pins
    assert all(re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", pin) for _, pin in pins), pins
    assert len({action for action, _ in pins}) == len(set(pins))


def test_the_tests_run_on_every_python_that_the_package_claims() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    claimed = [found[1] for entry in project["classifiers"] if (found := re.search(r":: (3\.\d+)$", entry))]
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == claimed


def test_the_workflows_call_targets_that_exist() -> None:
    targets = set(
        re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    lines = re.findall(r"^(?: +- run:| +run:|) +make ((?:[a-z-]+ ?)+)\b", TEXTS, re.MULTILINE)
    called = {target for line in lines for target in line.split()}
    assert {"lint", "test", "image", "package", "release-notes"} <= called
    assert called <= targets


def test_a_release_waits_for_the_whole_of_ci_before_anything_is_published() -> None:
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


def test_everything_that_pins_versions_gets_updates() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text(encoding="utf-8"))["updates"]
    declared = {(entry["package-ecosystem"], entry["directory"]) for entry in updates}
    pinning = {"docker": "Dockerfile", "docker-compose": "compose.yaml", "pip": "requirements/*.txt"}
    pinning |= {"npm": "dev/*/package-lock.json", "github-actions": ".github"}
    for ecosystem, files in pinning.items():
        folders = {f"/{path.parent.relative_to(ROOT)}".replace("/.", "/") for path in ROOT.glob(files)}
        assert folders <= {folder for of, folder in declared if of == ecosystem}, ecosystem
