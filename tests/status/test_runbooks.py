import importlib.metadata
from email.message import Message
from pathlib import Path

import pytest

from dev.grafana.project import DOCUMENTS, ROOT
from dev.grafana.rules import ALERTS
from pin_exporter.api.errors import REASONS
from pin_exporter.status import runbooks
from pin_exporter.status.runbooks import BY_REASON, documents_url, runbook_url

NAMED = {value for name, value in vars(runbooks).items() if name.isupper() and isinstance(value, str)}
SOURCE = '[project.urls]\nRepository = "https://source.invalid/x"\n'


@pytest.fixture(autouse=True)
def forgotten() -> None:
    documents_url.cache_clear()


@pytest.mark.parametrize("name", sorted({*BY_REASON.values(), *NAMED} - {"pin-exporter"}))
def test_every_runbook_exists_and_belongs_to_an_alert(name: str) -> None:
    assert (ROOT / "docs" / "runbooks" / f"{name}.md").is_file()
    assert name in {alert.name for alert in ALERTS}


def test_every_reason_has_a_runbook() -> None:
    assert BY_REASON.keys() == set(REASONS)
    assert BY_REASON["forbidden"] == BY_REASON["unauthorized"] == "AIOZPinCredentialsRejected"
    assert BY_REASON["rate_limited"] == "AIOZPinThrottled"
    assert BY_REASON["timeout"] == BY_REASON["server_error"] == "AIOZPinPollErrorsHigh"


def test_the_address_is_the_one_in_the_alert() -> None:
    assert runbook_url("AIOZPinThrottled") == f"{DOCUMENTS}/runbooks/AIOZPinThrottled.md"


def installed(patch: pytest.MonkeyPatch, *urls: str) -> None:
    metadata = Message()
    for url in urls:
        metadata["Project-URL"] = url
    patch.setattr(importlib.metadata, "metadata", lambda _: metadata)


def not_installed(_: str) -> None:
    raise importlib.metadata.PackageNotFoundError


def test_what_the_installed_package_says_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "Other, https://other.invalid", "Repository, https://fork.invalid/p")
    assert documents_url() == "https://fork.invalid/p/blob/main/docs"


@pytest.mark.parametrize("is_installed", [True, False])
def test_without_it_the_source_beside_the_package_counts(
    is_installed: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed(monkeypatch)
    if not is_installed:
        monkeypatch.setattr(importlib.metadata, "metadata", not_installed)
    source = tmp_path / "pyproject.toml"
    source.write_text(SOURCE)
    monkeypatch.setattr(runbooks, "_PYPROJECT", source)
    assert documents_url() == "https://source.invalid/x/blob/main/docs"


@pytest.mark.parametrize(
    "text", [None, "", "[project]", "[project.urls]", "urls = 7", "project = 7", "\xff["]
)
def test_where_nobody_says_where_the_project_is_there_is_no_address(
    text: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.metadata, "metadata", not_installed)
    source = tmp_path / "pyproject.toml"
    if text is not None:
        source.write_bytes(text.encode("latin-1"))
    monkeypatch.setattr(runbooks, "_PYPROJECT", source)
    assert documents_url() is None
    assert runbook_url("AIOZPinThrottled") is None
