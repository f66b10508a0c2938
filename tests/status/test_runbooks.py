import importlib.metadata
from collections.abc import Iterator
from email.message import Message

import pytest

from dev.grafana.rules import ALERTS
from dev.project import DOCUMENTS, ROOT
from pin_exporter.api.errors import REASONS
from pin_exporter.status import runbooks
from pin_exporter.status.runbooks import BY_REASON, documents_url, runbook_url

NAMED = {value for value in vars(runbooks).values() if str(value).startswith("AIOZPin")}


@pytest.fixture(autouse=True)
def _no_cache() -> Iterator[None]:
    documents_url.cache_clear()
    yield
    documents_url.cache_clear()


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_runbook_exists_and_belongs_to_an_alert(name: str) -> None:
    assert (ROOT / "docs" / "runbooks" / f"{name}.md").is_file()
    assert name in {alert.name for alert in ALERTS}


def test_every_reason_has_a_runbook() -> None:
    assert BY_REASON.keys() == set(REASONS)
    assert set(BY_REASON.values()) <= NAMED
    assert BY_REASON["forbidden"] == BY_REASON["unauthorized"] == "AIOZPinCredentialsRejected"
    assert BY_REASON["timeout"] == BY_REASON["server_error"] == "AIOZPinPollErrorsHigh"


def test_the_address_is_that_of_the_alert_and_comes_from_the_projects_own_metadata() -> None:
    assert runbook_url("AIOZPinThrottled") == f"{DOCUMENTS}/runbooks/AIOZPinThrottled.md"


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        (
            ["Other, https://other.invalid", "Repository, https://fork.invalid/p"],
            "https://fork.invalid/p/blob/main/docs",
        ),
        (["Other, https://other.invalid"], None),
        ([], None),
        (None, None),
    ],
)
def test_the_address_of_the_documents_follows_from_the_installed_metadata(
    urls: list[str] | None, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def metadata(_: str) -> Message:
        if urls is None:
            raise importlib.metadata.PackageNotFoundError
        message = Message()
        for url in urls:
            message["Project-URL"] = url
        return message

    monkeypatch.setattr(importlib.metadata, "metadata", metadata)
    assert documents_url() == expected
    assert runbook_url("X") == (expected and f"{expected}/runbooks/X.md")
