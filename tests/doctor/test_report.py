import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pin_exporter.config.loader import load_settings
from pin_exporter.doctor.diagnosis import Diagnosis
from pin_exporter.doctor.findings import Check, Finding, Severity, Suggestion, ok, problem, skipped, warning
from pin_exporter.doctor.report import as_json, as_text, as_yaml
from tests.support.environment import clean, set_variables
from tests.support.service import API_KEY, SECRET_KEY

DIAGNOSIS = Diagnosis(
    account="archive",
    base_url="https://api.test/api",
    requests=24,
    findings=(
        ok(Check.CREDENTIALS, "accepted"),
        warning(Check.PAGE_SIZE, f"{'b' * 50} {'c' * 50}", "lower it", works=500),
        problem(Check.FILES, "too few", "compare " + "x" * 200),
        skipped(Check.SIZE, "not read"),
    ),
    suggested=(
        Suggestion("page_size", 500, "larger pages are cut"),
        Suggestion("request_timeout", "45s", "slow"),
    ),
)
SHORT = f"""\
account archive at https://api.test/api
  warning page_size          {"b" * 50}
                             {"c" * 50}
                             -> lower it
  problem files              too few
                             -> compare
                             {"x" * 200}

1 problem, 1 warning, 1 check passed, 1 skipped (--verbose shows them); 24 requests sent
Suggested settings for this account:

    # larger pages are cut
    page_size: 500
    # slow
    request_timeout: 45s

"""


def text(diagnosis: Diagnosis = DIAGNOSIS, **options: Any) -> str:
    return as_text(diagnosis, **{"verbose": False, **options})


def test_only_what_needs_attention_is_listed_by_default() -> None:
    assert text() == SHORT


def test_all_checks_are_listed_if_asked_for() -> None:
    lines = text(verbose=True).splitlines()

    assert lines[1] == "  ok      credentials        accepted"
    assert "  skipped size               not read" in lines
    assert set(SHORT.replace(" (--verbose shows them)", "").splitlines()) <= set(lines)


@pytest.mark.parametrize(("columns", "widest"), [(1, 60), (80, 80), (110, 110), (500, 110)])
def test_no_line_is_longer_than_the_terminal_but_names_stay_whole(columns: int, widest: int) -> None:
    name = "one-proxy-of-many.test"
    words = " ".join([name] * 40)
    findings = (Finding(Check.ORDER, Severity.WARNING, words, words),)
    diagnosis = replace(DIAGNOSIS, findings=findings, suggested=(Suggestion("page_size", 5, words),))
    shown = text(diagnosis, width=columns)

    assert widest - 25 < max(map(len, shown.splitlines())) <= widest
    assert shown.count(name) == 120


@pytest.mark.parametrize(("problems", "says_so"), [(0, True), (1, False)])
def test_settings_that_need_no_change_are_confirmed_unless_there_is_a_problem(
    problems: int, says_so: bool
) -> None:
    findings = (problem(Check.FILES, "a", "b"),) * problems

    assert ("settings suit" in text(replace(DIAGNOSIS, findings=findings, suggested=()))) is says_so


def test_the_json_is_complete() -> None:
    (account,) = json.loads(as_json([DIAGNOSIS]))["accounts"]
    findings = account.pop("findings")

    assert account == {
        "account": "archive",
        "base_url": "https://api.test/api",
        "requests": 24,
        "problems": 1,
        "suggested": {"page_size": 500, "request_timeout": "45s"},
    }
    assert [finding["check"] for finding in findings] == ["credentials", "page_size", "files", "size"]
    assert findings[1] == {
        "check": "page_size",
        "severity": "warning",
        "message": f"{'b' * 50} {'c' * 50}",
        "action": "lower it",
        "fields": {"works": 500},
    }


def test_every_setting_that_may_be_suggested_can_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, str | int] = {
        "base_url": "https://api.test/api",
        "page_size": 125,
        "requests_per_minute": 60,
        "request_timeout": "45s",
    }
    path = tmp_path / "config.yml"
    path.write_text(as_yaml([Suggestion(name, value, "to: #1\n" * 80) for name, value in settings.items()]))
    clean(monkeypatch)
    set_variables(monkeypatch, api_key=API_KEY, secret_key=SECRET_KEY)
    loaded = load_settings({"config_file": path}).model_dump()

    assert {name: loaded[name] for name in settings} == {**settings, "request_timeout": 45.0}
