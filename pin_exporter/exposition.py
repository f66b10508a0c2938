"""Render all accounts as one exposition, encoding again only what changed, without holding up the loop."""

import asyncio
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client import exposition as text_format
from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition as openmetrics_format
from prometheus_client.registry import Collector as MetricSource

from pin_exporter.metrics import ACCOUNT_FAMILIES
from pin_exporter.snapshot import AccountSnapshot, Collector

_EOF: Final = "# EOF\n"
_SUFFIX: Final = re.compile(r"_(?:total|gcount|gsum)$")
"""Ends of the names of families in one format that are samples in the other."""


class Format(Enum):
    """The exposition formats spoken; the value is the content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    def encode(self, source: MetricSource) -> str:
        """Return the text of all metrics of a source, without an end mark."""
        if self is Format.TEXT:
            return text_format.generate_latest(source).decode()
        return openmetrics_format.generate_latest(source).decode().removesuffix(_EOF)  # type: ignore[no-untyped-call, no-any-return]


class _Block(NamedTuple):
    """One family as text: its comment lines, and its samples."""

    header: str
    samples: str


class _Cached(NamedTuple):
    """What one account looked like when it was encoded last."""

    snapshot: AccountSnapshot
    fresh: frozenset[Collector]
    blocks: Sequence[_Block]


@dataclass(frozen=True, slots=True)
class _AccountSource(MetricSource):
    """One account as the client library's encoders want it."""

    snapshot: AccountSnapshot
    fresh: Collection[Collector]

    def collect(self) -> Iterator[Metric]:
        for family in ACCOUNT_FAMILIES:
            if family.cached is None or family.cached in self.fresh:
                metric = family.metric(self.snapshot)
                if metric.samples:
                    yield metric


class Exposition:
    """All accounts, and the process itself, as Prometheus reads them.

    `snapshots` returns the newest snapshot of each account; `process` holds what is not about an account.
    `elapsed` reads the clock by which data grow too old.
    """

    def __init__(
        self,
        snapshots: Callable[[], Iterable[AccountSnapshot]],
        process: CollectorRegistry,
        elapsed: Callable[[], float],
    ) -> None:
        self._snapshots = snapshots
        self._process = process
        self._elapsed = elapsed
        self._cache: dict[Format, dict[str, _Cached]] = {form: {} for form in Format}

    async def render(self, form: Format, names: Collection[str] = ()) -> str:
        """Return the exposition, restricted to the families of the given names if there are any.

        A name may be that of a family, in either format, or of one of its samples.
        """
        samples: dict[str, list[str]] = {}
        snapshots = tuple(self._snapshots())
        for snapshot in snapshots:
            for block in await self._blocks(form, snapshot, last=snapshot is snapshots[-1]):
                samples.setdefault(block.header, []).append(block.samples)
        for block in _split(form.encode(self._process)):
            samples.setdefault(block.header, []).append(block.samples)
        self._forget_all_but({snapshot.account for snapshot in snapshots})
        wanted_names = frozenset(names) - {""}
        wanted = (
            header + "".join(parts)
            for header, parts in samples.items()
            if not names or _is_named(_Block(header, parts[0]), wanted_names)
        )
        return "".join(wanted) + (_EOF if form is Format.OPENMETRICS else "")

    async def _blocks(self, form: Format, snapshot: AccountSnapshot, *, last: bool) -> Sequence[_Block]:
        """Return one account's families, from the cache if it is as it was."""
        fresh = snapshot.fresh(self._elapsed())
        cached = self._cache[form].get(snapshot.account)
        if cached is None or cached.snapshot is not snapshot or cached.fresh != fresh:
            cached = _Cached(snapshot, fresh, _split(form.encode(_AccountSource(snapshot, fresh))))
            self._cache[form][snapshot.account] = cached
            if not last:
                await asyncio.sleep(0)  # with many accounts, others want a turn in between
        return cached.blocks

    def _forget_all_but(self, accounts: Collection[str]) -> None:
        for cache in self._cache.values():
            for gone in cache.keys() - accounts:
                del cache[gone]


def _split(text: str) -> list[_Block]:
    """Cut an exposition into its families. Only a line feed ends a line: label values may hold all else."""
    blocks = []
    for part in re.split(r"^# HELP ", text, flags=re.MULTILINE)[1:]:
        lines = f"# HELP {part}".split("\n")
        comments = sum(line.startswith("# ") for line in lines)
        blocks.append(_Block("\n".join(lines[:comments]) + "\n", "\n".join(lines[comments:])))
    return blocks


def _is_named(block: _Block, names: frozenset[str]) -> bool:
    family = block.header.split(" ", 3)[2]
    return bool(names & {family, _SUFFIX.sub("", family)}) or any(
        line.partition(" ")[0].partition("{")[0] in names for line in block.samples.split("\n")
    )
