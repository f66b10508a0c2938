import pytest

from dev.project import DOCUMENTS, ROOT
from pin_exporter.api.errors import REASONS
from pin_exporter.status import runbooks
from pin_exporter.status.runbooks import BY_REASON, DOCUMENTS_URL, runbook_url

NAMED = {value for value in vars(runbooks).values() if str(value).startswith("AIOZPin")}


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_runbook_exists(name: str) -> None:
    assert (ROOT / "docs" / "runbooks" / f"{name}.md").is_file()


def test_every_reason_has_a_runbook() -> None:
    assert BY_REASON.keys() == set(REASONS)
    assert set(BY_REASON.values()) <= NAMED
    assert BY_REASON["forbidden"] == BY_REASON["unauthorized"] == "AIOZPinCredentialsRejected"
    assert BY_REASON["timeout"] == BY_REASON["server_error"] == "AIOZPinPollErrorsHigh"


def test_the_address_of_the_documents_is_that_of_the_alerts() -> None:
    assert DOCUMENTS_URL == DOCUMENTS, "run `make grafana`"
    assert runbook_url("AIOZPinThrottled") == f"{DOCUMENTS}/runbooks/AIOZPinThrottled.md"
