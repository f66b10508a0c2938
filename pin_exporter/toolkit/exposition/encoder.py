"""Write one account as blocks of text, byte by byte as the client library would, in a tenth of its time."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from prometheus_client.utils import floatToGoString

from pin_exporter.api.model import Collector
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.exposition.family import Family, Type

_PLAIN_BELOW: Final = 1_000_000
"""Whole numbers from here on are written with an exponent."""

Write = Callable[[AccountSnapshot, str], str]
"""Returns the lines of one account, whose name is given as it stands between quotes."""
Row = Sequence[bytes]
"""The blocks of one account, one for each header; an empty one where there is nothing to show."""


class _Column(NamedTuple):
    """A block of the exposition: its comment lines, and how an account's lines under them are written."""

    header: bytes
    cached: Collector | None
    write: Write


class AccountEncoder:
    """Writes families of an account in one format, OpenMetrics or text 0.0.4.

    `headers` are the comment lines of each block, in the order of the blocks. With `whole_histograms`, those
    that the text format does not know have a count and a sum all the same, as histograms do.
    """

    def __init__(
        self, families: Iterable[Family], *, openmetrics: bool, whole_histograms: bool = False
    ) -> None:
        suffixes = ("_bucket", "_count", "_sum") if whole_histograms else ("_bucket",)
        self._columns = [column for family in families for column in _columns(family, openmetrics, suffixes)]
        self.headers: Sequence[bytes] = [column.header for column in self._columns]

    def row(self, snapshot: AccountSnapshot, fresh: Collection[Collector]) -> Row:
        """Return an account's blocks, those of cached data only where the collector's data are fresh."""
        account = _escaped(snapshot.account)
        return [
            write(snapshot, account).encode() if cached is None or cached in fresh else b""
            for _, cached, write in self._columns
        ]


def _columns(family: Family, openmetrics: bool, suffixes: Sequence[str]) -> Iterator[_Column]:
    """Yield the block of a family, or the three of a gauge histogram, which the text format does not know.

    The first of these has samples with the suffixes given.
    """
    if family.type is not Type.GAUGE_HISTOGRAM:
        write = _values(family) if family.values else _histogram(family, "_bucket", "_count", "_sum")
        yield _Column(_header(family, openmetrics), family.cached, write)
    elif openmetrics:
        write = _histogram(family, "_bucket", "_gcount", "_gsum")
        yield _Column(_header(family, openmetrics), family.cached, write)
    else:
        for suffix, kind in (("_bucket", "histogram"), ("_gcount", "gauge"), ("_gsum", "gauge")):
            name = family.name + ("" if kind == "histogram" else suffix)
            write = _histogram(family, *(suffixes if kind == "histogram" else (suffix,)))
            yield _Column(_comments(name, kind, family), family.cached, write)


def _header(family: Family, openmetrics: bool) -> bytes:
    if not openmetrics:
        return _comments(family.name, family.type.value, family)
    name = family.name.removesuffix("_total") if family.type is Type.COUNTER else family.name
    unit = f"# UNIT {name} {family.unit}\n" if family.unit else ""
    return _comments(name, family.type.value, family, quotes=True) + unit.encode()


def _comments(name: str, kind: str, family: Family, *, quotes: bool = False) -> bytes:
    """Return HELP and TYPE. Only OpenMetrics has quotation marks escaped there."""
    told = family.documentation.replace("\\", "\\\\").replace("\n", "\\n")
    told = told.replace('"', '\\"') if quotes else told
    return f"# HELP {name} {told}\n# TYPE {name} {kind}\n".encode()


def _values(family: Family) -> Write:
    values = family.values
    assert values is not None  # noqa: S101 - for the type
    line = _template(family.name, family.labels)

    def write(snapshot: AccountSnapshot, account: str) -> str:
        return "".join(
            [line(account, *map(_escaped, words), _number(number)) for words, number in values(snapshot)]
        )

    return write


def _histogram(family: Family, *suffixes: str) -> Write:
    """Write the samples with these suffixes, one label set after the other."""
    series = family.buckets
    assert series is not None  # noqa: S101 - for the type
    bucket = _template(f"{family.name}_bucket", (*family.labels, "le"))
    singles = {suffix: _template(family.name + suffix, family.labels) for suffix in suffixes}

    def write(snapshot: AccountSnapshot, account: str) -> str:
        lines: list[str] = []
        for words, buckets, total in series(snapshot):
            labels = (account, *map(_escaped, words))
            for suffix, line in singles.items():
                if suffix == "_bucket":
                    lines += [bucket(*labels, edge, _number(count)) for edge, count in buckets]
                else:
                    lines.append(line(*labels, _number(total if suffix.endswith("sum") else buckets[-1][1])))
        return "".join(lines)

    return write


def _template(name: str, labels: Sequence[str]) -> Callable[..., str]:
    """Return what makes a line of `account`, the values of the labels as declared, and a number as text."""
    places = sorted((label, place) for place, label in enumerate(("account", *labels)))
    inside = ",".join(f'{label}="{{{place}}}"' for label, place in places)
    return f"{name}{{{{{inside}}}}} {{{len(places)}}}\n".format


@lru_cache(maxsize=4_096)
def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(number: float) -> str:
    """Return a number as Prometheus writes it. Most are small whole ones."""
    if type(number) is int and -_PLAIN_BELOW < number < _PLAIN_BELOW:
        return f"{number}.0"
    return floatToGoString(number)  # type: ignore[no-untyped-call, no-any-return]
