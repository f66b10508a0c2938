"""Generate the tables of docs/metrics.md: metrics with their HELP texts, and log events."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from dev.project import ROOT
from pin_exporter.metrics import PREFIX
from pin_exporter.metrics.account import INVENTORY_FAMILIES, TOTALS_FAMILIES
from pin_exporter.metrics.exporter import LOG_EVENTS, ExporterMetrics
from pin_exporter.metrics.extras import EXTRA_FAMILIES
from pin_exporter.metrics.polling import POLLING_FAMILIES
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.exposition.family import Family, Type

PAGE: Final = ROOT / "docs" / "metrics.md"
_TYPES: Final = {Type.GAUGE_HISTOGRAM: "gauge histogram"}


class Row(NamedTuple):
    """One metric. `labels` are those beside `account`, which the exporter's own metrics do not have."""

    name: str
    type: str
    labels: tuple[str, ...]
    collector: str
    text: str


def account_rows() -> list[Row]:
    """Return the metrics with an account's data, those of collectors with their collector."""
    return [_row(family) for family in (*TOTALS_FAMILIES, *INVENTORY_FAMILIES)]


def extra_rows() -> list[Row]:
    """Return the metrics that exist only if something is configured."""
    return [_row(family) for family in EXTRA_FAMILIES]


def polling_rows() -> list[Row]:
    """Return the metrics about polling."""
    return [_row(family) for family in POLLING_FAMILIES]


def exporter_rows() -> list[Row]:
    """Return the metrics of the exporter itself."""
    return [
        Row(sample.name, metric.type, tuple(sample.labels), "", metric.documentation)
        for metric in ExporterMetrics().registry.collect()
        if metric.name.startswith(PREFIX)
        for sample in metric.samples[:1]
    ]


def page() -> str:
    """Return docs/metrics.md with its tables as they should be.

    Raises:
        ValueError: the page lacks the comment before a table.
    """
    text = PAGE.read_text(encoding="utf-8")
    for title, lines in _tables().items():
        comment = f"<!-- {title}: `make metrics` writes this table -->\n"
        if comment not in text:
            raise ValueError(f"docs/metrics.md lacks the comment before the table '{title}'")
        before, _, after = text.partition(comment)
        table = "".join(f"{line}\n" for line in lines)
        text = before + comment + table + re.sub(r"\A(?:\|.*\n)*", "", after)
    return text


def _tables() -> Mapping[str, Iterable[str]]:
    return {
        "account metrics": _metric_table(account_rows(), has_collectors=True),
        "optional metrics": _metric_table(extra_rows(), has_collectors=True),
        "polling metrics": _metric_table(polling_rows()),
        "exporter metrics": _metric_table(exporter_rows()),
        "log events": _event_table(),
    }


def _metric_table(rows: Iterable[Row], *, has_collectors: bool = False) -> Iterator[str]:
    yield f"| metric | type | labels |{' collector |' if has_collectors else ''} description |"
    yield f"|---|---|---|{'---|' if has_collectors else ''}---|"
    for row in rows:
        labels = ", ".join(f"`{label}`" for label in row.labels) or "-"
        collector = [row.collector or "-"] if has_collectors else []
        yield f"| {' | '.join([f'`{row.name}`', row.type, labels, *collector, row.text])} |"


def _event_table() -> Iterator[str]:
    yield "| event | level | description |"
    yield "|---|---|---|"
    for event, text in LOG_EVENTS.items():
        yield f"| `{event.event}` | {event.level} | {text} |"


def _row(family: Family[AccountSnapshot]) -> Row:
    text = family.help.partition(" Cached since ")[0]
    kind = _TYPES.get(family.type, family.type.value)
    return Row(family.name, kind, family.labels, family.source or "", text)
