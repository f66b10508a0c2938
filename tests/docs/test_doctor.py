import re
from pathlib import Path

import pin_exporter.doctor
from pin_exporter.doctor.findings import Check, Severity
from pin_exporter.doctor.probe import MAX_REQUESTS, MAX_SECONDS
from pin_exporter.doctor.requests import MAX_TIMEOUT_SECONDS

DOCUMENT = (Path(__file__).parents[2] / "docs/doctor.md").read_text("utf-8")


def first_column(heading: str) -> list[str]:
    """Return the first column of the table whose first heading is this."""
    table = DOCUMENT.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_every_check_is_described_in_the_order_of_the_report() -> None:
    described = first_column("check")

    assert set(Check) - set(described) == set(), "add a row to the table of checks in docs/doctor.md"
    assert described == list(Check), "sort the rows of docs/doctor.md as in Check, and remove others"


def test_every_check_is_made_somewhere() -> None:
    code = "".join(path.read_text("utf-8") for path in Path(pin_exporter.doctor.__path__[0]).glob("*.py"))
    unused = {check for check in Check if f"Check.{check.name}," not in code}

    assert unused == set(), "remove these from Check"


def test_every_severity_is_described() -> None:
    assert set(first_column("severity")) == set(Severity)


def test_the_example_shows_existing_checks() -> None:
    shown = re.findall(r"^  (?:problem|warning) +(\w+) ", DOCUMENT, re.MULTILINE)

    assert len(shown) > 2
    assert set(shown) <= set(Check)


def test_the_bounds_are_those_of_the_code() -> None:
    prose = re.sub(r"\s+", " ", DOCUMENT)

    for bound in (
        f"at most {MAX_REQUESTS} requests",
        f"at most {MAX_TIMEOUT_SECONDS:g} s",
        f"after {MAX_SECONDS:g} s",
    ):
        assert bound in prose
