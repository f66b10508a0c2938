"""Make all checks on what was collected; pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pin_exporter.doctor.advice import check_cost, suggestions
from pin_exporter.doctor.checks_access import check_access
from pin_exporter.doctor.checks_content import check_content
from pin_exporter.doctor.checks_following import check_following
from pin_exporter.doctor.checks_paging import check_paging
from pin_exporter.doctor.evidence import Evidence
from pin_exporter.doctor.findings import Check, Finding, Severity, Suggestion, warning

_CHECKS: Final[Sequence[Callable[[Evidence], Iterator[Finding]]]] = (
    check_access,
    check_paging,
    check_content,
    check_following,
    check_cost,
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result for one account."""

    account: str
    base_url: str
    requests: int
    findings: tuple[Finding, ...]
    suggested: tuple[Suggestion, ...]

    @property
    def problems(self) -> int:
        """Return the number of problems."""
        return sum(finding.severity is Severity.PROBLEM for finding in self.findings)


def diagnose(evidence: Evidence) -> Diagnosis:
    """Return the findings in the order of the checks, and the settings to change."""
    findings = [finding for check in _CHECKS for finding in check(evidence)]
    if evidence.stopped:
        message = f"the diagnosis ended early: {evidence.stopped}"
        findings.append(
            warning(Check.INCOMPLETE, message, "fix the problems above, then run the doctor again")
        )
    return Diagnosis(
        account=evidence.account.name,
        base_url=evidence.account.base_url,
        requests=evidence.requests,
        findings=tuple(findings),
        suggested=tuple(suggestions(evidence)),
    )
