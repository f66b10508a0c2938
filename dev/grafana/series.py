"""Write selectors of the exporter's series; a metric or label that it does not have is an error at once."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from pin_exporter.metrics import EXPORTER_PREFIX, PREFIX
from pin_exporter.metrics.account import ACCOUNT_FAMILIES, ACCOUNT_LABEL
from pin_exporter.metrics.exporter import ExporterMetrics
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.exposition.family import Family, Type

EXPORTER: Final = ("cluster", "namespace", "job", "instance")
"""What one exporter is told by. Prometheus leaves out those labels that a target does not have."""
ACCOUNT: Final = ("cluster", "namespace", "job", "account")
"""What one account is told by: replicas of an exporter share a job, strangers of the same name do not."""
_ON_DASHBOARD: Final = ('job=~"$job"', 'instance=~"$instance"')
# What the client library shows where there is a /proc, so that the generator runs elsewhere, too.
_ON_LINUX: Final = (
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
)
_HISTOGRAM_SUFFIXES: Final = {
    Type.HISTOGRAM: ("_bucket", "_count", "_sum"),
    Type.GAUGE_HISTOGRAM: ("_bucket", "_gcount", "_gsum"),
}


@cache
def known_series() -> Mapping[str, tuple[str, ...]]:
    """Return the labels, without those of the target, by the name of each series that can be scraped."""
    ours = {name: labels for family in ACCOUNT_FAMILIES for name, labels in _series_of(family)}
    metrics = ExporterMetrics()
    metrics.config_read(at=1.0, accepted=True)
    of_process = {
        sample.name: tuple(sample.labels)
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }
    return {**dict.fromkeys(_ON_LINUX, ()), **of_process, **ours}


def _series_of(family: Family[AccountSnapshot]) -> list[tuple[str, tuple[str, ...]]]:
    labels = (ACCOUNT_LABEL, *family.labels)
    suffixes = _HISTOGRAM_SUFFIXES.get(family.type, ("",))
    return [(family.name + suffix, (*labels, "le") if suffix == "_bucket" else labels) for suffix in suffixes]


def series(name: str, *matchers: str) -> str:
    """Return a selector for rules, `aiozpin_NAME{MATCHERS}`.

    `name` stands without the prefix; the exporter's own begin with `exporter_`, others with `process_`.

    Raises:
        KeyError: the exporter has no such series, or the series has no such label.
    """
    full = name if name.startswith(("process_", "python_")) else PREFIX + name
    labels = known_series()[full]
    for matcher in matchers:
        label = re.split("[=!]", matcher)[0]
        if label not in (*labels, "job", "instance"):
            raise KeyError(f"{full} has no label {label}")
    return full + (f"{{{','.join(matchers)}}}" if matchers else "")


def shown(name: str, *matchers: str) -> str:
    """Return a selector for the dashboard, which is narrowed by what is chosen at its top."""
    chosen = _ON_DASHBOARD if _is_of_process(name) else (*_ON_DASHBOARD, 'account=~"$account"')
    return series(name, *chosen, *matchers)


def _is_of_process(name: str) -> bool:
    return name.startswith(("process_", "python_", EXPORTER_PREFIX.removeprefix(PREFIX)))


def per_account(function: str, expression: str, *labels: str) -> str:
    """Aggregate to one value an account and for each value of `labels`, however many replicas there are."""
    return f"{function} by ({', '.join((*ACCOUNT, *labels))}) ({expression})"


def per_exporter(function: str, expression: str) -> str:
    """Aggregate to one value an exporter."""
    return f"{function} by ({', '.join(EXPORTER)}) ({expression})"


def bars(name: str) -> str:
    """Return the cumulative buckets of all accounts by `le`, the edges written as the exporter does it.

    node_exporter leaves out the `.0` of whole numbers in what comes from a textfile, and Prometheus 2 takes
    edges as they are written.
    """
    written = f'label_replace({shown(name)}, "le", "$1.0", "le", "([0-9]+)")'
    return f"sum by (le) ({per_account('max', written, 'le')})"


def since_success(selector: str) -> str:
    """Return how long ago the last success was when it was scraped; for what never succeeded, some 50 years.

    Not `time()` minus it: with scrapes rarer than polls, what passed since the scrape would count as well.
    """
    return f"timestamp({selector}) - {selector}"


def data_age(selector: str) -> str:
    """Return the same, and nothing for what never succeeded."""
    return f"timestamp({selector}) - ({selector} > 0)"


def while_up(expression: str) -> str:
    """Leave out the exporters that are not scraped any more.

    A function over a range goes on giving values for as long as its range lasts, whatever happened since.
    """
    return f"{expression} and on ({', '.join((*EXPORTER, 'account'))}) {shown('up')}"


def of_exporters(expression: str) -> str:
    """Keep the series of our exporters only, where the name is one that every process has."""
    return f"{expression} and on ({', '.join(EXPORTER)}) {shown('exporter_build_info')}"
