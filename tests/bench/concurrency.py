"""What several pages in flight gain."""

import math
from collections.abc import Iterator
from typing import Final

from tests.bench.result import Result
from tests.support.processes import RunningExporter, exporter, simulator, wait_for

_INVENTORY = 'account="default",collector="inventory"'
_PAGES: Final = 100
_PAGE_SIZE: Final = 100
_PINS: Final = _PAGE_SIZE + (_PAGES - 1) * (_PAGE_SIZE - 10) - 1
"""As many as fit in so many pages that overlap by 10. Larger ones would measure the simulator's processor."""


def concurrency() -> Iterator[Result]:
    """Measure a walk of 100 pages that take 50 ms each."""
    with simulator(f"--pins={_PINS}", "--requests-per-minute=0", "--latency-seconds=0.05") as simulated:
        walks = {}
        for in_flight in (1, 4):
            env = {
                **simulated.keys["default"],
                "PIN_EXPORTER_REQUESTS_PER_MINUTE": "60000",
                "PIN_EXPORTER_POLL_INTERVAL": "1d",
                "PIN_EXPORTER_PAGE_SIZE": str(_PAGE_SIZE),
                "PIN_EXPORTER_PAGES_IN_FLIGHT": str(in_flight),
            }
            with exporter(env) as exported:
                wait_for(lambda: exported.value(f"aiozpin_polls_total{{{_INVENTORY}}}"), "the walk")
                walks[in_flight] = _value(exported, f"aiozpin_poll_duration_seconds{{{_INVENTORY}}}")
                requests = _value(exported, 'aiozpin_inventory_requests{account="default"}')
            what = f"walk of {requests:.0f} pages, 50 ms each, {in_flight} in flight"
            yield Result(what, f"{walks[in_flight]:.2f} s")
        yield Result("ratio of the two", f"{walks[4] / walks[1]:.2f}", "< 0.34")


def _value(exported: RunningExporter, series: str) -> float:
    value = exported.value(series)
    return math.nan if value is None else value
