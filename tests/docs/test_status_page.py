import dataclasses
import re
from types import ModuleType
from typing import Any

import pytest

from dev.project import ROOT
from pin_exporter.inventory.problem_pins import ProblemPin
from pin_exporter.polling.snapshot import PollRecord
from pin_exporter.status import account, report

PAGE = (ROOT / "docs" / "status-page.md").read_text(encoding="utf-8")
RECORDS: dict[str, Any] = {
    "`/`": report.Report,
    "`/accounts/NAME`": account.AccountDetails,
    "Account": report.AccountReport,
    "Problem": report.Problem,
    "Collector": report.CollectorReport,
    "Inventory": report.InventoryReport,
    "Phase": report.PhaseReport,
    "Status": report.StatusReport,
    "Sub hash status": report.SubHashReport,
    "Expected": report.ExpectedReport,
    "State": report.StateReport,
    "Retrieval": report.RetrievalReport,
    "Retrieval attempt": account.RetrievalAttempt,
    "Problem pins": account.ProblemPinsReport,
    "List": account.PinList,
    "Pin": ProblemPin,
    "Polls": account.PollsReport,
    "Poll": PollRecord,
}


def documented() -> dict[str, list[str]]:
    """Return the fields that the page lists under each of its headings."""
    parts = re.split(r"^### (.+)\n", PAGE, flags=re.MULTILINE)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return {heading: re.findall(r"^\| `(\w+)` \| .{4,} \|$", text, re.MULTILINE) for heading, text in pairs}


def records_of(module: ModuleType) -> set[Any]:
    classes = {value for value in vars(module).values() if isinstance(value, type)}
    return {each for each in classes if dataclasses.is_dataclass(each) and each.__module__ == module.__name__}


def test_every_record_has_a_heading_and_no_other_has() -> None:
    assert documented().keys() == RECORDS.keys()
    undocumented = (records_of(report) | records_of(account)) - set(RECORDS.values()) - {report.Now}
    assert undocumented == set(), "docs/status-page.md lacks a table for these: add it, and it to RECORDS"


@pytest.mark.parametrize("heading", RECORDS)
def test_each_table_lists_the_fields_in_their_order(heading: str) -> None:
    fields = [field.name for field in dataclasses.fields(RECORDS[heading])]
    assert documented()[heading] == fields, f"update the table under '{heading}' in docs/status-page.md"
