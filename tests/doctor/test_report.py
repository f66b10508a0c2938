import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pin_exporter.doctor.diagnosis import Diagnosis, diagnose
from pin_exporter.doctor.findings import Finding, Mark, Suggestion
from pin_exporter.doctor.report import as_json, as_text
from tests.doctor.harness import SETUP, examined_simulation, loaded

SUGGESTED = (
    Suggestion("page_size", 500, "a limit of 1000 rows is refused"),
    Suggestion("request_timeout", "45s", "an answer took 15.0 s"),
)
DIAGNOSIS = Diagnosis(
    account="archive",
    base_url="https://api.test/api",
    requests=24,
    findings=(
        Finding("keys", Mark.OK, "the key pair is accepted"),
        Finding("limit", Mark.NOTE, f"{'b' * 50} {'c' * 50}", "lower page_size"),
        Finding("files", Mark.PROBLEM, "the list ends early", "compare " + "x" * 200),
    ),
    suggested=SUGGESTED,
)


def test_the_text_is_aligned_and_ends_with_what_to_set() -> None:
    assert as_text(DIAGNOSIS, colour=False).splitlines()[:5] == [
        "account archive at https://api.test/api",
        "  ok      keys           the key pair is accepted",
        "  note    limit          " + "b" * 50,
        "                         " + "c" * 50,
        "                         -> lower page_size",
    ]
    assert as_text(DIAGNOSIS, colour=False).endswith(
        "24 requests: 1 problem, 1 note, 1 in order\n"
        "Suggested settings for this account:\n"
        "\n"
        "    # a limit of 1000 rows is refused\n"
        "    page_size: 500\n"
        "    # an answer took 15.0 s\n"
        "    request_timeout: 45s\n"
        "\n"
    )


@pytest.mark.parametrize(("columns", "widest"), [(1, 60), (80, 80), (110, 110), (500, 110)])
def test_no_line_is_longer_than_the_terminal(columns: int, widest: int) -> None:
    words = " ".join(["word"] * 60)
    findings = (Finding("order", Mark.NOTE, words, words),)
    diagnosis = replace(DIAGNOSIS, findings=findings, suggested=(Suggestion("page_size", 5, words),))
    lengths = [len(line) for line in as_text(diagnosis, colour=False, width=columns).splitlines()]

    assert widest - 5 < max(lengths) <= widest


def test_names_are_not_broken_where_they_have_hyphens() -> None:
    url = "https://one-proxy-of-many.our-company.test/api"
    findings = (Finding("base_url", Mark.NOTE, f"{'a' * 20} {url}", f"{'a' * 20} {url}"),)

    assert as_text(replace(DIAGNOSIS, findings=findings), colour=False, width=80).count(url) == 2


def test_colour_stands_around_marks_alone() -> None:
    coloured = as_text(DIAGNOSIS, colour=True)

    assert "  \x1b[31mproblem\x1b[0m files " in coloured
    assert "  \x1b[32mok     \x1b[0m keys " in coloured
    assert "\x1b" not in as_text(DIAGNOSIS, colour=False)


def test_the_json_says_the_same() -> None:
    (account,) = json.loads(as_json([DIAGNOSIS]))["accounts"]

    assert (account["account"], account["requests"], account["problems"]) == ("archive", 24, 1)
    assert account["findings"][0] == {
        "check": "keys",
        "mark": "ok",
        "what": "the key pair is accepted",
        "action": "",
    }
    assert account["suggested"] == {"page_size": 500, "request_timeout": "45s"}
    assert yaml.safe_load(account["suggested_yaml"]) == account["suggested"]


def test_every_setting_that_may_be_suggested_can_be_loaded(tmp_path: Path) -> None:
    everything = (
        Suggestion("base_url", "https://api.test/api", "it redirects there: to #1"),
        Suggestion("page_size", 125, "a\nb" * 80),
        Suggestion("requests_per_minute", 60, "429"),
        Suggestion("request_timeout", "45s", "slow"),
        Suggestion("poll_interval", "120s", "slow"),
        Suggestion("stale_after", "1200s", "failing"),
    )
    values = loaded(everything, tmp_path)

    assert (values["base_url"], values["page_size"], values["stale_after"]) == (
        "https://api.test/api",
        125,
        1200.0,
    )


def test_nothing_is_suggested_where_nothing_needs_to_change() -> None:
    setup = replace(SETUP, base_url="https://api.test/api")
    diagnosis = diagnose(examined_simulation(setup=setup))

    assert diagnosis.suggested == ()
    text = as_text(diagnosis, colour=False)
    assert text.endswith("in order\nThe settings suit this account.\n\n")
    assert "suit" not in as_text(replace(DIAGNOSIS, suggested=()), colour=False)
