"""Draw all findings and suggestions from what was collected; pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pin_exporter.doctor.access_checks import check_access
from pin_exporter.doctor.advice import suggestions
from pin_exporter.doctor.change_checks import check_changes
from pin_exporter.doctor.cost_checks import check_cost
from pin_exporter.doctor.evidence import Evidence
from pin_exporter.doctor.findings import AGAIN_WHEN_MENDED, Finding, Mark, Suggestion, note
from pin_exporter.doctor.limit_checks import check_limit
from pin_exporter.doctor.paging_checks import check_paging
from pin_exporter.doctor.path_checks import check_path
from pin_exporter.doctor.row_checks import check_rows
from pin_exporter.doctor.totals_checks import check_totals
from pin_exporter.doctor.traffic_checks import check_traffic

_CHECKS: Final[Sequence[Callable[[Evidence], Iterator[Finding]]]] = (
    check_path,
    check_access,
    check_traffic,
    check_limit,
    check_paging,
    check_totals,
    check_rows,
    check_changes,
    check_cost,
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is known of one account after its examination."""

    account: str
    base_url: str
    requests: int
    findings: tuple[Finding, ...]
    suggested: tuple[Suggestion, ...]

    @property
    def problems(self) -> int:
        """Return how many findings are problems."""
        return sum(finding.mark is Mark.PROBLEM for finding in self.findings)


def diagnose(evidence: Evidence) -> Diagnosis:
    """Return the findings in a fixed order, and what to set otherwise."""
    findings = [finding for check in _CHECKS for finding in check(evidence)]
    findings += _left_open(evidence)
    return Diagnosis(
        account=evidence.setup.account,
        base_url=evidence.setup.base_url,
        requests=evidence.requests,
        findings=tuple(findings),
        suggested=tuple(suggestions(evidence)),
    )


def _left_open(evidence: Evidence) -> Iterator[Finding]:
    if evidence.stopped:
        told = f"the examination ended early: {evidence.stopped}"
        yield note("complete", told, AGAIN_WHEN_MENDED)
    if evidence.unanswered and evidence.good:
        told = ", ".join(evidence.unanswered)
        yield note("unanswered", f"without an answer remained: {told}", "run the doctor again")
