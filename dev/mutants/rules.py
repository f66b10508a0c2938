"""Mistakes in the rules."""

from typing import Final

from dev.mutants.mutant import Mutant

RULE_MUTANTS: Final = (
    Mutant(
        "a `for` that is too long",
        "polling_alerts.py",
        '        "5m",\n        Severity.CRITICAL,',
        '        "50m",\n        Severity.CRITICAL,',
    ),
    Mutant(
        "a `for` that is too short",
        "data_alerts.py",
        '        "10m",\n        Severity.CRITICAL,\n        \'Account',
        '        "1m",\n        Severity.CRITICAL,\n        \'Account',
    ),
    Mutant(
        "a reversed comparison",
        "data_alerts.py",
        "{_FILES} < (1 -",
        "{_FILES} > (1 -",
    ),
    Mutant(
        ">= instead of >",
        "data_alerts.py",
        "{_pins(Phase.FAILED)} > {",
        "{_pins(Phase.FAILED)} >= {",
    ),
    Mutant(
        "info instead of critical",
        "data_alerts.py",
        '        "5m",\n        Severity.CRITICAL,',
        '        "5m",\n        Severity.INFO,',
    ),
    Mutant(
        "replicas summed",
        "data_alerts.py",
        'counted = per_account("max", series("pins"',
        'counted = per_account("sum", series("pins"',
    ),
    Mutant("a status in only one spelling", "data_alerts.py", "(?i:unpinOutOfMoney)", "UNPINOUTOFMONEY"),
    Mutant(
        "any removed pin counts as balance exhausted",
        "data_alerts.py",
        "_pins(Phase.REMOVED, _BALANCE_EXHAUSTED)",
        "_pins(Phase.REMOVED)",
    ),
    Mutant(
        "the newest instead of the oldest pin",
        "data_alerts.py",
        "per_account('min', series('oldest_unfinished",
        "per_account('max', series('oldest_unfinished",
    ),
    Mutant("forecast without level", "data_alerts.py", " and {_IS_NEAR_LIMIT}", ""),
    Mutant("forecast from a minute of history", "data_alerts.py", " and {_HAS_A_DAY_OF_DATA})", ")"),
    Mutant("no alert at the limit itself", "data_alerts.py", " or {SIZE} >= {_LIMIT}", ""),
    Mutant(
        "5 minutes instead of a day of files",
        "data_alerts.py",
        "max_over_time({series('files')}[1d])",
        "max_over_time({series('files')}[5m])",
    ),
    Mutant(
        "an alert that is on by default",
        "thresholds.py",
        '"no_new_pins_seconds", "Inf"',
        '"no_new_pins_seconds", "86400"',
    ),
    Mutant(
        "critical before warning",
        "thresholds.py",
        '"stale_critical_intervals", "12"',
        '"stale_critical_intervals", "2"',
    ),
    Mutant(
        "a pin counts as stuck too early",
        "thresholds.py",
        '"stuck_seconds", "604800"',
        '"stuck_seconds", "6048"',
    ),
    Mutant(
        "a threshold that is NaN if the rules are loaded twice",
        "thresholds.py",
        'scalar(max({RECORD}{{threshold="{name}"}}))',
        'scalar({RECORD}{{threshold="{name}"}})',
    ),
    Mutant(
        "thresholds after the alerts",
        "rules.py",
        "[*map(_constant, group.thresholds), *recordings, *map(_alert, group.alerts)]",
        "[*recordings, *map(_alert, group.alerts), *map(_constant, group.thresholds)]",
    ),
    Mutant("a group that uses another's recordings", "rules.py", "(SIZE, STORED_BYTES)", "(STORED_BYTES,)"),
    Mutant(
        "all alerts in one group",
        "rules.py",
        '    RuleGroup("aioz-pin-exporter"',
        '    RuleGroup("all", "All?", (), EXPORTER_ALERTS + POLLING_ALERTS + COUNT_ALERTS + PIN_ALERTS),\n'
        '    RuleGroup("aioz-pin-exporter"',
    ),
    Mutant(
        "a ratio above 100 %",
        "polling_alerts.py",
        "clamp_max({failed} / increase({polls}[{window}]), 1)",
        "{failed} / increase({polls}[{window}])",
    ),
    Mutant(
        "an alert for any process that is down",
        "polling_alerts.py",
        'f"up == 0 and {on(EXPORTER)} {_SEEN_THIS_WEEK}"',
        'f"up == 0"',
    ),
    Mutant(
        "an absence that only counts for a single exporter",
        "polling_alerts.py",
        "{aggregate('group', JOB, _SEEN_TODAY)} ",
        "{aggregate('group', JOB, _SEEN_TODAY)} == 2 ",
    ),
    Mutant(
        "replicas of a shard counted as shards",
        "polling_alerts.py",
        'count_values by ({", ".join(JOB)}) ("shard"',
        'count_values by ({", ".join(EXPORTER)}) ("shard"',
    ),
    Mutant(
        "an unsharded exporter counted as a shard",
        "polling_alerts.py",
        "{series('exporter_shard')} and {on(EXPORTER)} {_SHARDED}))",
        "{series('exporter_shard')}))",
    ),
    Mutant(
        "different totals of shards ignored",
        "polling_alerts.py",
        " or {_MOST_SHARDS} - {aggregate('min', JOB, _SHARDED)} > 0",
        "",
    ),
    Mutant(
        "a failed reload of the web config ignored",
        "polling_alerts.py",
        """f"{_reload_failed('exporter_config_last_reload_successful', 'config file')} or "
        f"{_reload_failed('exporter_web_config_last_reload_successful', 'web config')}",
""",
        """f"{_reload_failed('exporter_config_last_reload_successful', 'config file')}",
""",
    ),
    Mutant(
        "unreadable files forgotten by the second request",
        "polling_alerts.py",
        ' or {_READ_FAILURES} and {_SAME} {_REQUESTS} > 0"',
        '"',
    ),
    Mutant(
        "unreadable files forgotten between rare polls",
        "polling_alerts.py",
        "[30h:10m]",
        "[30m:10m]",
    ),
    Mutant(
        "never polled counted as stale",
        "polling_alerts.py",
        'per_account("min", data_age(series(',
        'per_account("min", ("time() - " + series(',
    ),
    Mutant(
        "time since the scrape counted as data age",
        "promql.py",
        'f"timestamp({selector}) - ({selector} > 0)"',
        'f"time() - ({selector} > 0)"',
    ),
    Mutant(
        "a rejected key that works again",
        "polling_alerts.py",
        "{series('up')} == 0",
        "{series('up')} >= 0",
    ),
    Mutant(
        "one window instead of two",
        "polling_alerts.py",
        """f"{_failing(_OVER_AN_HOUR)} and {_failing('2h')}\"""",
        """f"{_failing(_OVER_AN_HOUR)}\"""",
    ),
    Mutant(
        "inconsistent inventories counted as failures",
        "polling_alerts.py",
        """'reason!="inconsistent"'""",
        """'reason!=""'""",
    ),
    Mutant(
        "differences in one direction only",
        "polling_alerts.py",
        """f"abs({series('inventory_unaccounted_files')})\"""",
        """series("inventory_unaccounted_files")""",
    ),
    Mutant("any error counted as 429", "polling_alerts.py", "'code=\"429\"'", "'code=~\"4..|5..\"'"),
    Mutant(
        "no link to the runbook",
        "rules.py",
        '            "runbook_url": f"/runbooks/{alert.name}",\n',
        "",
    ),
    Mutant("a link to another runbook", "rules.py", "/runbooks/{alert.name}", "/runbooks/{alert.severity}"),
    Mutant(
        "recorded once per replica",
        "recordings.py",
        'per_account("max", series("files"))',
        'series("files")',
    ),
)
