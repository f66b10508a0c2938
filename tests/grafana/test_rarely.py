"""Scrapes that are much rarer than polls, and polls that are much rarer than evaluations."""

import json
from pathlib import Path

import pytest

from dev.grafana.rules import rules_yaml
from tests.grafana.test_panel_answers import query_of
from tests.tools import run_promtool

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
                        "expr": query_of("Oldest data"),
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
