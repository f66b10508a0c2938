"""Mistakes in the dashboard."""

from typing import Final

from dev.mutants.mutant import Mutant

DASHBOARD_MUTANTS: Final = (
    Mutant("a metric that was renamed", "safety.py", "shown('sub_hash_pins')", "shown('subhash_pins')"),
    Mutant("a label that does not exist", "safety.py", "f'phase=\"{phase}\"'", "f'state=\"{phase}\"'"),
    Mutant(
        "no account matcher",
        "series.py",
        """(*_ON_DASHBOARD, 'account=~"$account"')""",
        "_ON_DASHBOARD",
    ),
    Mutant("no instance matcher", "series.py", """, 'instance=~"$instance"')""", ",)"),
    Mutant("a range query in a stat", "panels.py", "_query(expression, instant=True)", "_query(expression)"),
    Mutant(
        "a range query in a table",
        "panels.py",
        "_query(e, instant=True, ref=ref).format(PromQueryFormat.TABLE)",
        "_query(e, ref=ref).format(PromQueryFormat.TABLE)",
    ),
    Mutant(
        "no mapping of no data",
        "panels.py",
        ".mappings([_no_data(), *_words(words or {})])",
        ".mappings(_words(words or {}))",
    ),
    Mutant(
        "no data in green", "panels.py", "text=NO_DATA_TEXT, color=NO_DATA", "text=NO_DATA_TEXT, color=GOOD"
    ),
    Mutant(
        "no text for no data",
        "panels.py",
        "*_words(words or {})])\n        .no_value(NO_DATA_TEXT)",
        "*_words(words or {})])",
    ),
    Mutant(
        "seconds shown as bytes",
        "trust.py",
        'f"max({_AGE})",\n            unit="s"',
        'f"max({_AGE})",\n            unit="bytes"',
    ),
    Mutant(
        "bytes shown as a plain number",
        "growth.py",
        'f"sum({_SIZE})", unit="bytes"',
        'f"sum({_SIZE})", unit="none"',
    ),
    Mutant(
        "panels that overlap",
        "dashboard.py",
        "    for number, panel in enumerate(panels, start=1):",
        '    panels[2]["gridPos"]["x"] = 0\n    for number, panel in enumerate(panels, start=1):',
    ),
    Mutant(
        "a hole in the layout",
        "trust.py",
        "            steps=ZERO_IS_BETTER,\n            span=3,",
        "            steps=ZERO_IS_BETTER,\n            span=2,",
    ),
    Mutant("ids that repeat", "dashboard.py", 'panel["id"] = number', 'panel["id"] = number // 2'),
    Mutant(
        "replicas added up",
        "safety.py",
        'per_account("max", shown("pins", *matchers)',
        'per_account("sum", shown("pins", *matchers)',
    ),
    Mutant(
        "replicas told apart by instance",
        "series.py",
        'ACCOUNT: Final = ("cluster", "namespace", "job", "account")',
        'ACCOUNT: Final = ("cluster", "namespace", "job", "instance", "account")',
    ),
    Mutant(
        "accounts of one name thrown together",
        "series.py",
        'ACCOUNT: Final = ("cluster", "namespace", "job", "account")',
        'ACCOUNT: Final = ("account",)',
    ),
    Mutant(
        "a window that outlives the exporter",
        "series.py",
        """    return f"{expression} and on ({', '.join((*EXPORTER, 'account'))}) {shown('up')}\"""",
        "    return expression",
    ),
    Mutant("growth that outlives the exporter", "growth.py", ' >= 6 and {_SAME_ACCOUNT} {one}"', ' >= 6"'),
    Mutant(
        "every process in Prometheus",
        "series.py",
        """    return f"{expression} and on ({', '.join(EXPORTER)}) {shown('exporter_build_info')}\"""",
        "    return expression",
    ),
    Mutant("stale shown as current", "trust.py", "> bool 3 * {_INTERVAL}", "< bool 3 * {_INTERVAL}"),
    Mutant("stale twice as late", "trust.py", "> bool 3 * {_INTERVAL}", "> bool 6 * {_INTERVAL}"),
    Mutant(
        "a collector that never succeeded left out",
        "trust.py",
        "({_SINCE_SUCCESS} > bool",
        "({_AGE} > bool",
    ),
    Mutant(
        "time since the scrape counted as staleness",
        "series.py",
        'f"timestamp({selector}) - {selector}"',
        'f"time() - {selector}"',
    ),
    Mutant("missing accounts forgotten", "trust.py", 'f"max({_STALE} or {_MISSING})"', 'f"max({_STALE})"'),
    Mutant(
        "exporters counted without those that are down",
        "trust.py",
        'f"avg({_EXPORTERS}) > 0"',
        'f"avg({_EXPORTERS} == 1) > 0"',
    ),
    Mutant("unproven counts passed as repaired", "trust.py", "(1 + ({_UNPROVEN} > bool 0))", "1"),
    Mutant(
        "a difference whose sign cancels another",
        "trust.py",
        """f"abs({shown('inventory_unaccounted_files')})\"""",
        """shown("inventory_unaccounted_files")""",
    ),
    Mutant("no minimal interval", "panels.py", "        .interval(MIN_INTERVAL)\n", ""),
    Mutant("a key panel on one word", "safety.py", "f'phase=\"{phase}\"'", "f'status=\"{phase}\"'"),
    Mutant(
        "failed and removed mixed up",
        "safety.py",
        'f"sum{_of_phase(Phase.FAILED)}"',
        'f"sum{_of_phase(Phase.REMOVED)}"',
    ),
    Mutant(
        "an account without failed pins that has no data",
        "safety.py",
        'return f"({_pins(*matchers)} or {_COUNTED} * 0)"',
        'return f"({_pins(*matchers)})"',
    ),
    Mutant(
        "share of pinned turned round",
        "safety.py",
        'f"sum{_of_phase(Phase.PINNED)} / (sum{_held()} > 0)',
        'f"sum{_of_phase(Phase.PINNED)} / (sum{_held()} < 0)',
    ),
    Mutant(
        "the newest and not the oldest",
        "safety.py",
        """per_account('min', shown('oldest_unfinished""",
        """per_account('max', shown('oldest_unfinished""",
    ),
    Mutant(
        "growth an hour and not a day",
        "growth.py",
        "deriv(({one})[1d:10m]) * 86400",
        "deriv(({one})[1d:10m]) * 3600",
    ),
    Mutant(
        "a limit that is set taken for none",
        "growth.py",
        "min(clamp_max({_DAYS_LEFT}, {_FAR})) or",
        "min(clamp_max({_DAYS_LEFT}, {_FAR})) unless on () group({_LIMIT}) or",
    ),
    Mutant("a price that is written down", "growth.py", "($price + 0)", "0.1"),
    Mutant("a legend without its label", "api.py", '"{{operation}} {{code}}"', '"{{operation}} {{status}}"'),
    Mutant(
        "a rate over a histogram of the present",
        "growth.py",
        "shown('pin_size_bytes_bucket')",
        "'rate(' + shown('pin_size_bytes_bucket') + '[1h])'",
    ),
    Mutant(
        "a counter without rate",
        "api.py",
        "f\"60 * sum by (account) ({_rate('api_retries_total')})\"",
        "f\"sum by (account) ({shown('api_retries_total')})\"",
    ),
    Mutant("a dashboard that can be overwritten by hand", "dashboard.py", ".readonly()", ".editable()"),
    Mutant(
        "variables that are resolved once only", "dashboard.py", "ON_TIME_RANGE_CHANGED", "ON_DASHBOARD_LOAD"
    ),
    Mutant(
        "red and green of the same lightness",
        "colours.py",
        'BAD: Final = "#c13140"',
        'BAD: Final = "#8a7a3a"',
    ),
    Mutant(
        "a colour that is lost on white",
        "colours.py",
        'WARNING: Final = "#d37812"',
        'WARNING: Final = "#f2cc0c"',
    ),
)
