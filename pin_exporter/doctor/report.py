"""Write diagnoses: as text or as JSON."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from pin_exporter.doctor.diagnosis import Diagnosis
from pin_exporter.doctor.findings import Check, Finding, Severity, Suggestion
from pin_exporter.toolkit.units import counted

_SHORT_FORM: Final = (Severity.PROBLEM, Severity.WARNING)
_SEVERITY_WIDTH: Final = max(map(len, Severity))
_CHECK_WIDTH: Final = max(map(len, Check))
_INDENT: Final = " " * 4
_NARROWEST: Final = 60
WIDEST: Final = 110


def as_text(diagnosis: Diagnosis, *, verbose: bool, width: int = WIDEST) -> str:
    """Return the report for people, with an empty line at the end. `width` is that of the terminal.

    Unless `verbose`, only problems and warnings are listed, and the other checks counted.
    """
    lines = _account(diagnosis, verbose=verbose, width=max(_NARROWEST, min(width, WIDEST)))
    return "".join(f"{line}\n" for line in lines)


def as_json(diagnoses: Sequence[Diagnosis]) -> str:
    """Return the complete report for programs, one object."""
    return json.dumps({"accounts": [_object(diagnosis) for diagnosis in diagnoses]}, indent=2) + "\n"


def as_yaml(suggested: Sequence[Suggestion], width: int = WIDEST) -> str:
    """Return settings as they are written in the config file, each below a comment with the reason."""
    lines: list[str] = []
    for one in suggested:
        lines += [f"# {line}" for line in _wrapped(one.reason, width - 2)]
        # What is not a number or a duration is quoted; a JSON string is YAML as well.
        value = one.value if str(one.value).isalnum() else json.dumps(one.value)
        lines.append(f"{one.setting}: {value}")
    return "\n".join(lines)


def _account(diagnosis: Diagnosis, *, verbose: bool, width: int) -> Iterator[str]:
    yield f"account {diagnosis.account} at {diagnosis.base_url}"
    for finding in diagnosis.findings:
        if verbose or finding.severity in _SHORT_FORM:
            yield from _finding(finding, width)
    yield ""
    yield from _wrapped(_summary(diagnosis, verbose=verbose), width)
    if diagnosis.suggested:
        yield "Suggested settings for this account:"
        yield ""
        yield textwrap.indent(as_yaml(diagnosis.suggested, width - len(_INDENT)), _INDENT)
    elif not diagnosis.problems:
        yield "The settings suit this account."
    yield ""


def _finding(finding: Finding, width: int) -> Iterator[str]:
    indent = " " * (_SEVERITY_WIDTH + _CHECK_WIDTH + 4)
    first, *rest = _wrapped(finding.message, width - len(indent)) or [""]
    yield f"  {finding.severity:<{_SEVERITY_WIDTH}} {finding.check:<{_CHECK_WIDTH}} {first}"
    yield from (indent + line for line in rest)
    if finding.action:
        yield from (indent + line for line in _wrapped(f"-> {finding.action}", width - len(indent)))


def _wrapped(text: str, width: int) -> list[str]:
    """Return lines; names and URLs stay whole."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _summary(diagnosis: Diagnosis, *, verbose: bool) -> str:
    count = {severity: sum(one.severity is severity for one in diagnosis.findings) for severity in Severity}
    parts = [
        counted(count[Severity.PROBLEM], "problem"),
        counted(count[Severity.WARNING], "warning"),
        f"{counted(count[Severity.OK], 'check')} passed",
    ]
    if count[Severity.SKIPPED]:
        parts.append(f"{count[Severity.SKIPPED]} skipped")
    hint = "" if verbose else " (--verbose shows them)"
    return f"{', '.join(parts)}{hint}; {counted(diagnosis.requests, 'request')} sent"


def _object(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "account": diagnosis.account,
        "base_url": diagnosis.base_url,
        "requests": diagnosis.requests,
        "problems": diagnosis.problems,
        "findings": [asdict(finding) for finding in diagnosis.findings],
        "suggested": {one.setting: one.value for one in diagnosis.suggested},
    }
