import dataclasses
import re
from typing import Any

import pytest

from pin_exporter.status import account as detail
from pin_exporter.status import notices, report, report_parts
from tests.docs.test_readme import ROOT

PAGE = (ROOT / "docs" / "status-page.md").read_text(encoding="utf-8")
RECORDS: dict[str, Any] = {
    "`/`": report.Report,
    "`/accounts/NAME`": detail.Detail,
    "Account": report.AccountReport,
    "Notice": notices.Problem,
    "Collector": report_parts.CollectorReport,
    "Inventory": report_parts.InventoryReport,
    "Phase": report_parts.PhaseReport,
    "Status": report_parts.StatusReport,
    "Sub hash status": report_parts.SubHashReport,
    "Attention": detail.AttentionReport,
    "List": detail.PinList,
    "Pin": detail.PinReport,
    "Polls": detail.PollsReport,
    "Poll": detail.PollReport,
}


def documented() -> dict[str, list[str]]:
    """Return the fields that the page lists under each of its headings."""
    parts = re.split(r"^### (.+)\n", PAGE, flags=re.MULTILINE)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return {heading: re.findall(r"^\| `(\w+)` \| .{4,} \|$", text, re.MULTILINE) for heading, text in pairs}


def test_every_record_is_described_and_no_other() -> None:
    assert documented().keys() == RECORDS.keys()
    records = {
        value
        for module in (report, report_parts, detail, notices)
        for value in vars(module).values()
        if dataclasses.is_dataclass(value) and value.__module__ == module.__name__
    }
    assert records - {report_parts.Now} == set(RECORDS.values())


@pytest.mark.parametrize("heading", RECORDS)
def test_the_fields_are_those_of_the_code_in_their_order(heading: str) -> None:
    assert documented()[heading] == [field.name for field in dataclasses.fields(RECORDS[heading])]
