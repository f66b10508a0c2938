"""Scrapes that are much rarer than polls, and polls that are much rarer than evaluations."""

import json
from pathlib import Path

import pytest

from dev.grafana.rules import rules_yaml
from tests.grafana.test_panel_answers import query_of
from tests.support.tools import run_promtool

ACCOUNT = '{job="pins",instance="one",account="a"}'
TOTALS = ACCOUNT.replace("}", ',collector="totals"}')


@pytest.mark.parametrize("minute", [60, 61, 62, 63])
def test_the_time_since_the_scrape_is_not_the_age_of_the_data(minute: int, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(rules_yaml(), encoding="utf-8")
    series = {
        'up{job="pins",instance="one"}': "1x20",
        'aiozpin_exporter_build_info{job="pins",instance="one"}': "1x20",
        f"aiozpin_up{ACCOUNT}": "1x20",
        f"aiozpin_poll_interval_seconds{TOTALS}": "15x20",
        f"aiozpin_last_success_timestamp_seconds{TOTALS}": "-10+240x20",
    }
    tests = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "4m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {"expr": 'count(ALERTS{alertname=~"AIOZPinData.*"})', "eval_time": f"{minute}m"},
                    {
                        "expr": query_of("Data"),
                        "eval_time": f"{minute}m",
                        "exp_samples": [{"labels": "{}", "value": 0}],
                    },
                    {
                        "expr": query_of("Data age"),
                        "eval_time": f"{minute}m",
                        "exp_samples": [{"labels": "{}", "value": 10}],
                    },
                    {
                        "expr": "account_collector:aiozpin_data_age_seconds:min",
                        "eval_time": f"{minute}m",
                        "exp_samples": [
                            {
                                "labels": 'account_collector:aiozpin_data_age_seconds:min{account="a",'
                                'collector="totals",job="pins"}',
                                "value": 10,
                            }
                        ],
                    },
                ],
            }
        ],
    }
    (tmp_path / "tests.yml").write_text(json.dumps(tests))

    run_promtool(tmp_path, "test", "rules", "tests.yml")


def test_a_key_that_is_refused_once_an_hour_is_told_of_without_a_break(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(rules_yaml(), encoding="utf-8")
    refused = TOTALS.replace("}", ',reason="unauthorized"}')
    series = {
        'up{job="pins",instance="one"}': "1x720",
        'aiozpin_exporter_build_info{job="pins",instance="one"}': "1x720",
        f"aiozpin_up{ACCOUNT}": "1x179 0x540",
        f"aiozpin_poll_interval_seconds{TOTALS}": "3600x720",
        f"aiozpin_poll_failures_total{refused}": "0x179" + "".join(f" {n}x59" for n in range(1, 10)),
    }
    firing = 'count(ALERTS{alertname="AIOZPinCredentialsRejected",alertstate="firing"})'
    asked = [
        {
            "expr": firing,
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": "{}", "value": 1}] if minute > 180 else [],
        }
        for minute in range(170, 720, 7)
    ]
    tests = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": asked,
            }
        ],
    }
    (tmp_path / "tests.yml").write_text(json.dumps(tests))

    run_promtool(tmp_path, "test", "rules", "tests.yml")


@pytest.mark.parametrize(("apart", "every"), [(60, 1), (1_440, 10)], ids=["hourly", "daily"])
def test_files_that_stay_unreadable_are_told_of_without_a_break_until_a_request_is_well(
    apart: int, every: int, tmp_path: Path
) -> None:
    (tmp_path / "rules.yml").write_text(rules_yaml(), encoding="utf-8")
    interval = min(every, 5)
    samples = apart // interval
    # The second and the third poll are made with old keys. They are refused, for the first time, too.
    old, well, refused = [0, 1, 2, 2, 2], [1, 1, 1, 2, 3], [1, 2, 2, 2]

    def steps(values: list[int]) -> str:
        return " ".join(f"{value}x{samples - 1}" for value in values)

    def requests(code: str) -> str:
        return f'aiozpin_api_requests_total{ACCOUNT[:-1]},operation="totals",code="{code}"}}'

    series = {
        f"aiozpin_up{ACCOUNT}": f"1x{5 * samples}",
        f'aiozpin_file_read_failures_total{ACCOUNT[:-1]},files="keys"}}': steps(old),
        requests("200"): steps(well),
        requests("401"): f"_x{samples} {steps(refused)}",
    }
    begins, ends = apart, 3 * apart
    asked = [
        {
            "expr": 'count(ALERTS{alertname="AIOZPinCredentialFilesUnreadable",alertstate="firing"})',
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": "{}", "value": 1}] if begins < minute < ends else [],
        }
        for minute in range(0, 5 * apart, 7 * every)
        if not (begins <= minute < begins + 30 + every + 10 or ends <= minute < ends + every + 10)
    ]
    tests = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": f"{every}m",
        "tests": [
            {
                "interval": f"{interval}m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": asked,
            }
        ],
    }
    (tmp_path / "tests.yml").write_text(json.dumps(tests))

    run_promtool(tmp_path, "test", "rules", "tests.yml")
