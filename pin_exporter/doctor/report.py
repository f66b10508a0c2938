"""Write the diagnoses down: for people, aligned and coloured on a terminal; or as JSON."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

import yaml

from pin_exporter.doctor.diagnosis import Diagnosis
from pin_exporter.doctor.findings import Finding, Mark, Suggestion
from pin_exporter.toolkit.units import counted

_COLOURS: Final = {Mark.OK: "32", Mark.NOTE: "33", Mark.PROBLEM: "31"}
_MARK_WIDTH: Final = max(map(len, Mark))
_CHECK_WIDTH: Final = 14
_YAML_INDENT: Final = 4
_NARROWEST: Final = 60
WIDEST: Final = 110


def as_text(diagnosis: Diagnosis, *, colour: bool, width: int = WIDEST) -> str:
    """Return the report for people, ending with an empty line. `width` is the terminal's, in columns."""
    lines = _account(diagnosis, colour=colour, width=max(_NARROWEST, min(width, WIDEST)))
    return "".join(f"{line}\n" for line in lines)


def as_json(diagnoses: Sequence[Diagnosis]) -> str:
    """Return the report for programs, one object."""
    return json.dumps({"accounts": [_object(diagnosis) for diagnosis in diagnoses]}, indent=2) + "\n"


def as_yaml(suggested: Sequence[Suggestion], width: int = WIDEST) -> str:
    """Return settings as they stand in the exporter's file, each with a comment that says why."""
    lines: list[str] = []
    for one in suggested:
        lines += textwrap.wrap(one.why, width, initial_indent="# ", subsequent_indent="# ")
        lines.append(yaml.safe_dump({one.setting: one.value}).strip())
    return "\n".join(lines)


def _account(diagnosis: Diagnosis, *, colour: bool, width: int) -> Iterator[str]:
    yield f"account {diagnosis.account} at {diagnosis.base_url}"
    for finding in diagnosis.findings:
        yield from _finding(finding, colour=colour, width=width)
    yield ""
    yield _summary(diagnosis)
    if diagnosis.suggested:
        yield "Suggested settings for this account:"
        yield ""
        yield textwrap.indent(as_yaml(diagnosis.suggested, width - _YAML_INDENT), " " * _YAML_INDENT)
    elif not diagnosis.problems:
        yield "The settings suit this account."
    yield ""


def _finding(finding: Finding, *, colour: bool, width: int) -> Iterator[str]:
    mark = f"{finding.mark:<{_MARK_WIDTH}}"
    if colour:
        mark = f"\x1b[{_COLOURS[finding.mark]}m{mark}\x1b[0m"
    indent = " " * (_MARK_WIDTH + _CHECK_WIDTH + 4)
    first, *rest = _wrapped(finding.what, width - len(indent)) or [""]
    yield f"  {mark} {finding.check:<{_CHECK_WIDTH}} {first}"
    yield from (indent + line for line in rest)
    if finding.action:
        yield from (indent + line for line in _wrapped(f"-> {finding.action}", width - len(indent)))


def _wrapped(text: str, width: int) -> list[str]:
    """Return lines in which names and URLs are whole, hyphens or not."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _summary(diagnosis: Diagnosis) -> str:
    count = {mark: sum(finding.mark is mark for finding in diagnosis.findings) for mark in Mark}
    problems, notes = counted(count[Mark.PROBLEM], "problem"), counted(count[Mark.NOTE], "note")
    return f"{counted(diagnosis.requests, 'request')}: {problems}, {notes}, {count[Mark.OK]} in order"


def _object(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "account": diagnosis.account,
        "base_url": diagnosis.base_url,
        "requests": diagnosis.requests,
        "problems": diagnosis.problems,
        "findings": [asdict(finding) for finding in diagnosis.findings],
        "suggested": {one.setting: one.value for one in diagnosis.suggested},
        "suggested_yaml": as_yaml(diagnosis.suggested),
    }
