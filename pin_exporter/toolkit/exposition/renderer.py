"""Render all accounts as one exposition, encoding again only what changed, without holding up the loop."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client import exposition as text_format
from prometheus_client.openmetrics import exposition as openmetrics_format

from pin_exporter.api.model import Collector
from pin_exporter.metrics.families import ACCOUNT_FAMILIES
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.exposition.encoder import AccountEncoder, Row

_EOF: Final = b"# EOF\n"
_SUFFIX: Final = re.compile(r"_(?:total|gcount|gsum)$")
"""Ends of the names of families in one format that are samples in the other."""
_JOINED_ASIDE_ACCOUNTS: Final = 50
_AHEAD_SECONDS: Final = 1.0
_IN_USE_SECONDS: Final = 600.0


class Format(Enum):
    """The exposition formats spoken; the value is the content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


_LINES: Final[Mapping[Format, AccountEncoder]] = {
    form: AccountEncoder(ACCOUNT_FAMILIES, openmetrics=form is Format.OPENMETRICS) for form in Format
}


_TEXTFILE: Final = AccountEncoder(ACCOUNT_FAMILIES, openmetrics=False, whole_histograms=True)


class _Cached(NamedTuple):
    """What one account looked like when it was encoded last."""

    snapshot: AccountSnapshot
    fresh: frozenset[Collector]
    row: Row


class _Block(NamedTuple):
    """One family as text: its comment lines, and its samples in as many pieces as there are accounts."""

    header: bytes
    samples: Sequence[bytes]


class Renderer:
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
        self._asked_at: dict[Format, float] = {}

    async def render(self, form: Format, names: Collection[str] = ()) -> bytes:
        """Return the exposition, restricted to the families of the given names if there are any.

        A name may be that of a family, in either format, or of one of its samples.
        """
        self._asked_at[form] = self._elapsed()
        rows = await self._rows(form)
        own = _own_blocks(form, self._process)
        wanted = frozenset(names) - {""} if names else None
        if len(rows) > _JOINED_ASIDE_ACCOUNTS:
            return await asyncio.to_thread(_joined, form, rows, own, wanted)
        return _joined(form, rows, own, wanted)

    async def keep_ready(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Encode what has changed, until cancelled, so that scrapes are short.

        In the formats that were asked for lately; what nobody asks for any more is forgotten.
        """
        while True:
            await sleep(_AHEAD_SECONDS)
            for form, asked_at in tuple(self._asked_at.items()):
                if self._elapsed() - asked_at <= _IN_USE_SECONDS:
                    await self._rows(form)
                else:
                    del self._asked_at[form]
                    self._cache[form].clear()

    async def _rows(self, form: Format) -> list[Row]:
        """Return the blocks of each account, from the cache for those that are as they were."""
        cache = self._cache[form]
        snapshots = tuple(self._snapshots())
        rows = []
        for snapshot in snapshots:
            fresh = snapshot.fresh(self._elapsed())
            cached = cache.get(snapshot.account)
            if cached is None or cached.snapshot is not snapshot or cached.fresh != fresh:
                cached = _Cached(snapshot, fresh, _LINES[form].row(snapshot, fresh))
                cache[snapshot.account] = cached
                if snapshot is not snapshots[-1]:
                    await asyncio.sleep(0)  # with many accounts, others want a turn in between
            rows.append(cached.row)
        self._forget_all_but({snapshot.account for snapshot in snapshots})
        return rows

    def _forget_all_but(self, accounts: Collection[str]) -> None:
        for cache in self._cache.values():
            for gone in cache.keys() - accounts:
                del cache[gone]


def textfile(
    accounts: Iterable[tuple[AccountSnapshot, Collection[Collector]]], registry: CollectorRegistry
) -> bytes:
    """Return accounts, each with the collectors whose data are fresh, for node_exporter's textfile collector.

    That is the text format with one thing more: node_exporter makes up a count and a sum of 0 where a
    histogram has none.
    """
    rows = [_TEXTFILE.row(snapshot, fresh) for snapshot, fresh in accounts]
    return _joined(Format.TEXT, rows, _own_blocks(Format.TEXT, registry), None)


def _joined(form: Format, rows: Sequence[Row], own: Iterable[_Block], wanted: frozenset[str] | None) -> bytes:
    """Put the blocks of all accounts together family by family, for a family has to stand in one place."""
    headers = _LINES[form].headers
    pieces: list[bytes] = []
    for block in (*map(_Block, headers, zip(*rows, strict=True)), *own):
        if any(block.samples) and (wanted is None or _is_named(block, wanted)):
            pieces.append(block.header)
            pieces += block.samples
    if form is Format.OPENMETRICS:
        pieces.append(_EOF)
    return b"".join(pieces)


def _own_blocks(form: Format, registry: CollectorRegistry) -> Iterator[_Block]:
    """Yield the families of the process, as the client library encodes them."""
    if form is Format.TEXT:
        text = text_format.generate_latest(registry)
    else:
        text = openmetrics_format.generate_latest(registry).removesuffix(_EOF)  # type: ignore[no-untyped-call]
    for part in re.split(rb"^# HELP ", text, flags=re.MULTILINE)[1:]:
        # Only a line feed ends a line: label values may hold all else.
        lines = [line + b"\n" for line in (b"# HELP " + part).split(b"\n")[:-1]]
        comments = sum(line.startswith(b"# ") for line in lines)
        yield _Block(b"".join(lines[:comments]), [b"".join(lines[comments:])])


def _is_named(block: _Block, names: frozenset[str]) -> bool:
    family = block.header.split(b" ", 3)[2].decode()
    samples = next(filter(None, block.samples)).decode()
    return bool(names & {family, _SUFFIX.sub("", family)}) or any(
        line.partition(" ")[0].partition("{")[0] in names for line in samples.split("\n")
    )
