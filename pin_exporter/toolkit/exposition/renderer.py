"""Render all targets as one exposition: encode only what changed, and never block the event loop for long."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from typing import Final, Generic, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client import exposition as text_format
from prometheus_client.openmetrics import exposition as openmetrics_format

from pin_exporter.toolkit.exposition.encoder import Encoder, Format, Row
from pin_exporter.toolkit.exposition.family import Family, T, Target

_EOF: Final = b"# EOF\n"
_JOIN_IN_THREAD_FROM_TARGETS: Final = 50
_ENCODE_AHEAD_SECONDS: Final = 1.0
_IN_USE_SECONDS: Final = 600.0
"""How long after a scrape its format is encoded ahead of the next one."""


class _Cached(NamedTuple, Generic[T]):
    """A target as it was encoded last."""

    target: Target[T]
    row: Row


class _Block(NamedTuple):
    """One family as text: its comment lines, and its samples in any number of pieces."""

    header: bytes
    samples: Sequence[bytes]


class Renderer(Generic[T]):
    """Renders the families of all targets, then a registry with everything that belongs to no target.

    `label` is the label whose value is a target's name. `targets` returns all targets as they are now. A
    target is encoded again when its snapshot is another object or other sources are fresh. `elapsed` reads
    a monotonic clock.
    """

    def __init__(
        self,
        families: Sequence[Family[T]],
        label: str,
        targets: Callable[[], Iterable[Target[T]]],
        registry: CollectorRegistry,
        elapsed: Callable[[], float],
    ) -> None:
        self._encoders = {fmt: Encoder(families, label, fmt) for fmt in Format}
        self._targets = targets
        self._registry = registry
        self._elapsed = elapsed
        self._cache: dict[Format, dict[str, _Cached[T]]] = {fmt: {} for fmt in Format}
        self._last_scrapes: dict[Format, float] = {}

    async def render(self, fmt: Format, names: Collection[str] = ()) -> bytes:
        """Return the exposition, or only the families with these names if any are given.

        A name may be that of a family, in either format, or of one of its samples.
        """
        self._last_scrapes[fmt] = self._elapsed()
        rows = await self._rows(fmt)
        headers = self._encoders[fmt].headers
        own = _registry_blocks(fmt, self._registry)
        wanted = frozenset(names) - {""} if names else None
        if len(rows) > _JOIN_IN_THREAD_FROM_TARGETS:
            return await asyncio.to_thread(_joined, fmt, headers, rows, own, wanted)
        return _joined(fmt, headers, rows, own, wanted)

    async def keep_ready(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Encode changes ahead of the next scrape, until cancelled.

        This covers the formats that were scraped lately; the cache of the others is cleared.
        """
        while True:
            await sleep(_ENCODE_AHEAD_SECONDS)
            for fmt, scraped_at in tuple(self._last_scrapes.items()):
                if self._elapsed() - scraped_at <= _IN_USE_SECONDS:
                    await self._rows(fmt)
                else:
                    del self._last_scrapes[fmt]
                    self._cache[fmt].clear()

    async def _rows(self, fmt: Format) -> list[Row]:
        """Return the samples of each target, from the cache for those that have not changed."""
        cache = self._cache[fmt]
        targets = tuple(self._targets())
        rows = []
        for target in targets:
            cached = cache.get(target.name)
            if cached is None or _has_changed(cached.target, target):
                cached = _Cached(target, self._encoders[fmt].row(target))
                cache[target.name] = cached
                if target is not targets[-1]:
                    await asyncio.sleep(0)  # with many targets, other tasks need a turn in between
            rows.append(cached.row)
        self._forget_all_but({target.name for target in targets})
        return rows

    def _forget_all_but(self, names: Collection[str]) -> None:
        for cache in self._cache.values():
            for gone in cache.keys() - names:
                del cache[gone]


def render_textfile(
    families: Sequence[Family[T]], label: str, targets: Iterable[Target[T]], registry: CollectorRegistry
) -> bytes:
    """Return the exposition for node_exporter's textfile collector: in the text format, encoded once."""
    encoder = Encoder(families, label, Format.TEXT)
    rows = [encoder.row(target) for target in targets]
    return _joined(Format.TEXT, encoder.headers, rows, _registry_blocks(Format.TEXT, registry), None)


def _has_changed(before: Target[T], now: Target[T]) -> bool:
    return before.snapshot is not now.snapshot or before.fresh != now.fresh


def _joined(
    fmt: Format,
    headers: Sequence[bytes],
    rows: Sequence[Row],
    own: Iterable[_Block],
    wanted: frozenset[str] | None,
) -> bytes:
    """Join the rows family by family, because the samples of a family must stand together."""
    pieces: list[bytes] = []
    for block in (*map(_Block, headers, zip(*rows, strict=True)), *own):
        if any(block.samples) and (wanted is None or _is_wanted(block, wanted)):
            pieces.append(block.header)
            pieces += block.samples
    if fmt is Format.OPENMETRICS:
        pieces.append(_EOF)
    return b"".join(pieces)


def _registry_blocks(fmt: Format, registry: CollectorRegistry) -> Iterator[_Block]:
    """Yield the families of a registry, as the client library encodes them."""
    if fmt is Format.TEXT:
        text = text_format.generate_latest(registry)
    else:
        text = openmetrics_format.generate_latest(registry).removesuffix(_EOF)  # type: ignore[no-untyped-call]
    for part in re.split(rb"^# HELP ", text, flags=re.MULTILINE)[1:]:
        # Not splitlines(): label values may contain all the other line breaks.
        lines = [line + b"\n" for line in (b"# HELP " + part).split(b"\n")[:-1]]
        comments = sum(line.startswith(b"# ") for line in lines)
        yield _Block(b"".join(lines[:comments]), [b"".join(lines[comments:])])


def _is_wanted(block: _Block, names: frozenset[str]) -> bool:
    family = block.header.split(b" ", 3)[2].decode()
    samples = next(filter(None, block.samples)).decode()
    # In text, a counter's family is named like its samples; OpenMetrics leaves out `_total`.
    return bool(names & {family, family.removesuffix("_total")}) or any(
        line.partition(" ")[0].partition("{")[0] in names for line in samples.split("\n")
    )
