"""The whole exposition of two fixed accounts, as `make metrics` writes it to golden files."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from pin_exporter.metrics.account import account_renderer
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.exposition.encoder import Format
from tests.support.clocks import FakeClock
from tests.support.samples import EVERYTHING, NOW_ELAPSED, UNTRIED

_FOLDER: Final = Path(__file__).parent / "golden"
GOLDEN: Final = {
    Format.TEXT: _FOLDER / "exposition.txt",
    Format.OPENMETRICS: _FOLDER / "exposition.openmetrics.txt",
}


def rendered(
    fmt: Format, snapshots: Iterable[AccountSnapshot] = (EVERYTHING, UNTRIED), elapsed: float = NOW_ELAPSED
) -> str:
    """Return the exposition of accounts, without the exporter's own metrics."""
    renderer = account_renderer(lambda: snapshots, CollectorRegistry(), FakeClock(elapsed).elapsed)
    return asyncio.run(renderer.render(fmt)).decode()


if __name__ == "__main__":
    for fmt, path in GOLDEN.items():
        path.write_bytes(rendered(fmt).encode())
