"""Write PromQL: selectors of the exporter's series, and the label lists that aggregate and match them.

A metric or label that the exporter does not have is an error at once.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from pin_exporter.metrics import PREFIX
from pin_exporter.metrics.account import ACCOUNT_FAMILIES, ACCOUNT_LABEL
from pin_exporter.metrics.exporter import ExporterMetrics
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.exposition.family import Family, Type

JOB: Final = ("cluster", "namespace", "job")
"""Labels of a scrape job. Prometheus leaves out those that a target does not have."""
EXPORTER: Final = (*JOB, "instance")
"""Labels that identify an exporter."""
ACCOUNT: Final = (*JOB, "account")
"""Labels that identify an account: replicas share a job, so they count once; accounts of the same name in
two jobs are two accounts."""
ACCOUNT_OF_EXPORTER: Final = (*EXPORTER, "account")
"""Labels of an account as one of several replicas reports it."""

_DASHBOARD_MATCHERS: Final = ('job=~"$job"', 'instance=~"$instance"')
# The client library exposes these only where there is a /proc; the generator must run elsewhere, too.
_LINUX_ONLY: Final = (
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
)
_HISTOGRAM_SUFFIXES: Final = {
    Type.HISTOGRAM: ("_bucket", "_count", "_sum"),
    # Count and sum have other names in the text format than in OpenMetrics. The buckets do for both.
    Type.GAUGE_HISTOGRAM: ("_bucket",),
}


@cache
def known_series() -> Mapping[str, tuple[str, ...]]:
    """Return the labels of each series that either format has, by name, without those of the scrape."""
    of_accounts = {name: labels for family in ACCOUNT_FAMILIES for name, labels in _series_of(family)}
    metrics = ExporterMetrics()
    metrics.config_loaded(succeeded=True, at=1.0)
    of_exporter = {
        sample.name: tuple(sample.labels)
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }
    return {**dict.fromkeys(_LINUX_ONLY, ()), **of_exporter, **of_accounts}


def _series_of(family: Family[AccountSnapshot]) -> list[tuple[str, tuple[str, ...]]]:
    labels = (ACCOUNT_LABEL, *family.labels)
    suffixes = _HISTOGRAM_SUFFIXES.get(family.type, ("",))
    return [(family.name + suffix, (*labels, "le") if suffix == "_bucket" else labels) for suffix in suffixes]


def series(name: str, *matchers: str) -> str:
    """Return a selector for rules, `aiozpin_NAME{MATCHERS}`.

    `name` has no prefix, unless it begins with `process_` or `python_`.

    Raises:
        KeyError: the exporter has no such series, or the series has no such label.
    """
    full_name = _full_name(name)
    labels = known_series()[full_name]
    for matcher in matchers:
        label = re.split("[=!]", matcher)[0]
        if label not in (*labels, "job", "instance"):
            raise KeyError(f"{full_name} has no label {label}")
    return full_name + (f"{{{','.join(matchers)}}}" if matchers else "")


def selected(name: str, *matchers: str) -> str:
    """Return a selector for the dashboard, narrowed by the variables at its top."""
    of_account = ACCOUNT_LABEL in known_series()[_full_name(name)]
    variables = (*_DASHBOARD_MATCHERS, 'account=~"$account"') if of_account else _DASHBOARD_MATCHERS
    return series(name, *variables, *matchers)


def _full_name(name: str) -> str:
    return name if name.startswith(("process_", "python_")) else PREFIX + name


def on(labels: Iterable[str]) -> str:
    """Return the clause that matches two vectors by these labels."""
    return f"on ({', '.join(labels)})"


def aggregate(function: str, labels: Iterable[str], expression: str) -> str:
    """Aggregate to one value for each combination of the labels."""
    return f"{function} by ({', '.join(labels)}) ({expression})"


def per_account(function: str, expression: str, *labels: str) -> str:
    """Aggregate to one value per account, and per value of `labels`, however many replicas there are."""
    return aggregate(function, (*ACCOUNT, *labels), expression)


def per_exporter(function: str, expression: str) -> str:
    """Aggregate to one value per exporter."""
    return aggregate(function, EXPORTER, expression)


def cumulative_buckets(name: str) -> str:
    """Return the cumulative buckets of all accounts by `le`, its values written as the exporter writes them.

    node_exporter drops the `.0` of whole numbers in textfiles, and Prometheus 2 keeps `le` as it is written.
    """
    normalized = f'label_replace({selected(name)}, "le", "$1.0", "le", "([0-9]+)")'
    return aggregate("sum", ["le"], per_account("max", normalized, "le"))


def time_since_success(selector: str) -> str:
    """Return the time since the last success at the scrape; some 50 years if nothing has succeeded yet.

    Not `time()` minus the success: that would include the time since the scrape.
    """
    return f"timestamp({selector}) - {selector}"


def data_age(selector: str) -> str:
    """Return the time since the last success at the scrape, and nothing if nothing has succeeded yet."""
    return f"timestamp({selector}) - ({selector} > 0)"


def while_up(expression: str) -> str:
    """Drop exporters that are no longer scraped: a range function returns values until its range is over."""
    return f"{expression} and {on(ACCOUNT_OF_EXPORTER)} {selected('up')}"


def or_not_configured(total: str, setting: str) -> str:
    """Return the total, or -1 if there are accounts, but none with a setting.

    `setting` names a metric that an account has if and only if it has the setting, even while data is stale.
    """
    accounts = per_account("max", selected("up"))
    return f"{total} or on () (group({accounts}) * -1 unless on () {_configured(setting)})"


def never_good_in_part(by_account: str, setting: str) -> str:
    """Return a sum of which 0 is good: -2 instead of 0 while an account with the setting has no data."""
    total = f"sum({by_account})"
    without = f"{_configured(setting)} unless {on(ACCOUNT)} {by_account}"
    partial = f"group({without}) * -2 and on () group({by_account})"
    return or_not_configured(f"{total} > 0 or on () ({partial}) or on () {total}", setting)


def _configured(setting: str) -> str:
    return per_account("max", selected(setting))


def only_exporters(expression: str) -> str:
    """Keep the series of pin-exporters, for metrics that every process has."""
    return f"{expression} and {on(EXPORTER)} {selected('exporter_build_info')}"
