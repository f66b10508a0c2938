"""Encode one target as text: the same bytes as the client library's, ten times as fast."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from functools import lru_cache
from typing import Final, Generic, NamedTuple

from prometheus_client.utils import floatToGoString

from pin_exporter.toolkit.exposition.family import Family, T, Target, Type

_PLAIN_BELOW: Final = 1_000_000
"""Whole numbers from this one are written with an exponent."""

Write = Callable[[T, str], str]
"""Returns a target's lines; its name is given with quotes and backslashes escaped."""
Row = Sequence[bytes]
"""The samples of one target, one element for each block; empty where there is nothing to show."""


class Format(Enum):
    """The exposition formats that can be encoded; the value is the content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class _Block(NamedTuple, Generic[T]):
    """What stands together in the exposition: comment lines, and a function that writes the samples."""

    header: bytes
    source: str | None
    write: Write[T]


class Encoder(Generic[T]):
    """Encodes families of a target in one format. `label` is the label whose value is the target's name.

    `headers` are the comment lines of each block, in order. With `whole_histograms`, gauge histograms in the
    text format also get the `_count` and `_sum` of a histogram.
    """

    def __init__(
        self, families: Iterable[Family[T]], label: str, fmt: Format, *, whole_histograms: bool = False
    ) -> None:
        suffixes = ("_bucket", "_count", "_sum") if whole_histograms else ("_bucket",)
        self._blocks = [block for family in families for block in _blocks(family, label, fmt, suffixes)]
        self.headers: Sequence[bytes] = [block.header for block in self._blocks]

    def row(self, target: Target[T]) -> Row:
        """Return the target's samples, without those from sources that are not fresh."""
        name, snapshot, fresh = _escaped(target.name), target.snapshot, target.fresh
        return [
            write(snapshot, name).encode() if source is None or source in fresh else b""
            for _, source, write in self._blocks
        ]


def _blocks(family: Family[T], label: str, fmt: Format, suffixes: Sequence[str]) -> Iterator[_Block[T]]:
    """Yield the block of a family, or three for a gauge histogram, a type that the text format lacks.

    The first of the three is a histogram with these suffixes.
    """
    if family.type is not Type.GAUGE_HISTOGRAM:
        write = (
            _values(family, label)
            if family.values
            else _histogram(family, label, "_bucket", "_count", "_sum")
        )
        yield _Block(_header(family, fmt), family.source, write)
    elif fmt is Format.OPENMETRICS:
        write = _histogram(family, label, "_bucket", "_gcount", "_gsum")
        yield _Block(_header(family, fmt), family.source, write)
    else:
        for suffix, kind in (("_bucket", "histogram"), ("_gcount", "gauge"), ("_gsum", "gauge")):
            name = family.name + ("" if kind == "histogram" else suffix)
            write = _histogram(family, label, *(suffixes if kind == "histogram" else (suffix,)))
            yield _Block(_comments(name, kind, family.help), family.source, write)


def _header(family: Family[T], fmt: Format) -> bytes:
    if fmt is Format.TEXT:
        return _comments(family.name, family.type.value, family.help)
    name = family.name.removesuffix("_total") if family.type is Type.COUNTER else family.name
    unit = f"# UNIT {name} {family.unit}\n" if family.unit else ""
    # Only OpenMetrics escapes quotation marks in HELP.
    return _comments(name, family.type.value, family.help, quote='\\"') + unit.encode()


def _comments(name: str, kind: str, text: str, *, quote: str = '"') -> bytes:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', quote)
    return f"# HELP {name} {escaped}\n# TYPE {name} {kind}\n".encode()


def _values(family: Family[T], label: str) -> Write[T]:
    values = family.values
    assert values is not None  # noqa: S101 - for the type
    line = _template(family.name, label, family.labels)

    def write(snapshot: T, name: str) -> str:
        return "".join(
            [line(name, *map(_escaped, words), _number(number)) for words, number in values(snapshot)]
        )

    return write


def _histogram(family: Family[T], label: str, *suffixes: str) -> Write[T]:
    """Return a function that writes the samples with these suffixes, one label set after the other."""
    series = family.buckets
    assert series is not None  # noqa: S101 - for the type
    bucket = _template(f"{family.name}_bucket", label, (*family.labels, "le"))
    singles = {suffix: _template(family.name + suffix, label, family.labels) for suffix in suffixes}

    def write(snapshot: T, name: str) -> str:
        lines: list[str] = []
        for words, buckets, total in series(snapshot):
            labels = (name, *map(_escaped, words))
            for suffix, line in singles.items():
                if suffix == "_bucket":
                    lines += [bucket(*labels, edge, _number(count)) for edge, count in buckets]
                else:
                    lines.append(line(*labels, _number(total if suffix.endswith("sum") else buckets[-1][1])))
        return "".join(lines)

    return write


def _template(name: str, label: str, labels: Sequence[str]) -> Callable[..., str]:
    """Return a function that makes a line of the target's name, the label values, and a number as text.

    The values are given in the order in which the labels are declared, and written sorted by label.
    """
    positions = sorted((each, position) for position, each in enumerate((label, *labels)))
    inside = ",".join(f'{each}="{{{position}}}"' for each, position in positions)
    return f"{name}{{{{{inside}}}}} {{{len(positions)}}}\n".format


@lru_cache(maxsize=4_096)
def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(number: float) -> str:
    """Return a number as Prometheus writes it. Small integers, which are most of them, take a short cut."""
    if type(number) is int and -_PLAIN_BELOW < number < _PLAIN_BELOW:
        return f"{number}.0"
    return floatToGoString(number)  # type: ignore[no-untyped-call, no-any-return]
