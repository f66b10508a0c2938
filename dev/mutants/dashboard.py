"""Mistakes in the dashboard."""

from typing import Final

from dev.mutants.mutant import Mutant

DASHBOARD_MUTANTS: Final = (
    Mutant("a renamed metric", "rows/pins.py", 'selected("sub_hash_pins")', 'selected("subhash_pins")'),
    Mutant("a label that does not exist", "rows/pins.py", "f'phase=\"{phase}\"'", "f'state=\"{phase}\"'"),
    Mutant(
        "no account matcher",
        "promql.py",
        """(*_DASHBOARD_MATCHERS, 'account=~"$account"')""",
        "_DASHBOARD_MATCHERS",
    ),
    Mutant("no instance matcher", "promql.py", """, 'instance=~"$instance"')""", ",)"),
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
        ".mappings([_no_data(), *_text_mappings(texts or {})])",
        ".mappings(_text_mappings(texts or {}))",
    ),
    Mutant(
        "no data is green", "panels.py", "text=NO_DATA_TEXT, color=NO_DATA", "text=NO_DATA_TEXT, color=GOOD"
    ),
    Mutant(
        "no text for no data",
        "panels.py",
        "*_text_mappings(texts or {})])\n        .no_value(NO_DATA_TEXT)",
        "*_text_mappings(texts or {})])",
    ),
    Mutant(
        "seconds shown as bytes",
        "rows/trust.py",
        'f"max({_AGE})",\n            unit="s"',
        'f"max({_AGE})",\n            unit="bytes"',
    ),
    Mutant(
        "bytes shown as a plain number",
        "rows/growth.py",
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
        "rows/trust.py",
        "            thresholds=WARNING_ABOVE_ZERO,\n            width=3,",
        "            thresholds=WARNING_ABOVE_ZERO,\n            width=2,",
    ),
    Mutant("ids that repeat", "dashboard.py", 'panel["id"] = number', 'panel["id"] = number // 2'),
    Mutant(
        "replicas summed",
        "rows/pins.py",
        'per_account("max", selected("pins", *matchers)',
        'per_account("sum", selected("pins", *matchers)',
    ),
    Mutant(
        "replicas distinguished by instance",
        "promql.py",
        'ACCOUNT: Final = (*JOB, "account")',
        'ACCOUNT: Final = (*JOB, "instance", "account")',
    ),
    Mutant(
        "accounts of the same name merged",
        "promql.py",
        'ACCOUNT: Final = (*JOB, "account")',
        'ACCOUNT: Final = ("account",)',
    ),
    Mutant(
        "a range that outlives the exporter",
        "promql.py",
        """    return f"{expression} and {on(ACCOUNT_OF_EXPORTER)} {selected('up')}\"""",
        "    return expression",
    ),
    Mutant(
        "growth that outlives the exporter",
        "rows/growth.py",
        ' >= 6 and {on(ACCOUNT)} {expression}"',
        ' >= 6"',
    ),
    Mutant(
        "every process counted as an exporter",
        "promql.py",
        """    return f"{expression} and {on(EXPORTER)} {selected('exporter_build_info')}\"""",
        "    return expression",
    ),
    Mutant("stale shown as current", "rows/trust.py", "> bool 3 * {_INTERVAL}", "< bool 3 * {_INTERVAL}"),
    Mutant("stale twice as late", "rows/trust.py", "> bool 3 * {_INTERVAL}", "> bool 6 * {_INTERVAL}"),
    Mutant(
        "a collector that never succeeded ignored",
        "rows/trust.py",
        "({_SINCE_SUCCESS} > bool",
        "({_AGE} > bool",
    ),
    Mutant(
        "time since the scrape counted as staleness",
        "promql.py",
        'f"timestamp({selector}) - {selector}"',
        'f"time() - {selector}"',
    ),
    Mutant("missing accounts ignored", "rows/trust.py", 'f"max({_STALE} or {_MISSING})"', 'f"max({_STALE})"'),
    Mutant(
        "exporters counted without those that are down",
        "rows/trust.py",
        'f"avg({_EXPORTERS}) > 0"',
        'f"avg({_EXPORTERS} == 1) > 0"',
    ),
    Mutant(
        "inconsistent inventories shown as repaired", "rows/trust.py", "(1 + ({_INCONSISTENT} > bool 0))", "1"
    ),
    Mutant(
        "differences of opposite sign that cancel out",
        "rows/trust.py",
        """f"abs({selected('inventory_unaccounted_files')})\"""",
        """selected("inventory_unaccounted_files")""",
    ),
    Mutant(
        "a ratio above 100 %",
        "rows/trust.py",
        "clamp_max(sum({_FAILURES}) / sum({_POLLS}), 1)",
        "sum({_FAILURES}) / sum({_POLLS})",
    ),
    Mutant("no minimal interval", "panels.py", "        .interval(MIN_INTERVAL)\n", ""),
    Mutant(
        "a panel that depends on one status", "rows/pins.py", "f'phase=\"{phase}\"'", "f'status=\"{phase}\"'"
    ),
    Mutant(
        "failed and removed swapped",
        "rows/pins.py",
        'f"sum({_pins_in(Phase.FAILED)})"',
        'f"sum({_pins_in(Phase.REMOVED)})"',
    ),
    Mutant(
        "an account without failed pins shown as NO DATA",
        "rows/pins.py",
        'return f"{_pins(*matchers)} or {_INVENTORIED} * 0"',
        "return _pins(*matchers)",
    ),
    Mutant(
        "no share of pinned pins",
        "rows/pins.py",
        'f"sum({_pins_in(Phase.PINNED)}) / (sum({_pins_or_zero()}) > 0)',
        'f"sum({_pins_in(Phase.PINNED)}) / (sum({_pins_or_zero()}) < 0)',
    ),
    Mutant(
        "the newest instead of the oldest pin",
        "rows/pins.py",
        """per_account('min', selected('oldest_unfinished""",
        """per_account('max', selected('oldest_unfinished""",
    ),
    Mutant(
        "growth per hour instead of per day",
        "rows/growth.py",
        "deriv(({expression})[1d:10m]) * 86400",
        "deriv(({expression})[1d:10m]) * 3600",
    ),
    Mutant(
        "a limit that is set but ignored",
        "rows/growth.py",
        "min(clamp_max({_DAYS_LEFT}, {_MAX_DAYS})) or",
        "min(clamp_max({_DAYS_LEFT}, {_MAX_DAYS})) unless on () group({_LIMIT}) or",
    ),
    Mutant("a fixed price", "rows/cost.py", "($price + 0)", "0.1"),
    Mutant("free pins that are billed", "rows/cost.py", "{_PINNED} - {_FREE_PINS}", "{_PINNED}"),
    Mutant(
        "nothing missing although an account is stale",
        "promql.py",
        "({partial}) or on () {total}",
        "{total}",
    ),
    Mutant("no setting, but no data", "promql.py", "group({accounts}) * -1", "group({accounts}) * -3"),
    Mutant(
        "an alert marked while it is pending",
        "dashboard.py",
        """alertstate="firing",{_OF_SELECTION}""",
        """alertstate="pending",{_OF_SELECTION}""",
    ),
    Mutant(
        "a legend without its label", "rows/api.py", '"{{operation}} {{code}}"', '"{{operation}} {{status}}"'
    ),
    Mutant(
        "a rate of a gauge histogram",
        "promql.py",
        "label_replace({selected(name)},",
        "label_replace(rate({selected(name)}[1h]),",
    ),
    Mutant(
        "a counter without rate",
        "rows/api.py",
        "{_rate_by(['account'], 'api_retries_total')}",
        "{aggregate('sum', ['account'], selected('api_retries_total'))}",
    ),
    Mutant("an editable dashboard", "dashboard.py", ".readonly()", ".editable()"),
    Mutant(
        "variables that are resolved only once", "dashboard.py", "ON_TIME_RANGE_CHANGED", "ON_DASHBOARD_LOAD"
    ),
    Mutant(
        "red and green of the same lightness",
        "colors.py",
        'BAD: Final = "#c13140"',
        'BAD: Final = "#8a7a3a"',
    ),
    Mutant(
        "a color that is invisible on white",
        "colors.py",
        'WARNING: Final = "#d37812"',
        'WARNING: Final = "#f2cc0c"',
    ),
)
