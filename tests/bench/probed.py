"""The exporter with a probe on its event loop; takes the arguments of `pin-exporter`.

Prints every second the maximum delay of the probe's ticks, and the maximum CPU time of the loop's thread
between two ticks, which does not depend on the load of the machine.
"""

import asyncio
import functools
import gc
import sys
import time
from typing import Any, Final

from pin_exporter.commands import serve
from pin_exporter.commands.app import run_app
from pin_exporter.commands.cli import main

_TICK_SECONDS: Final = 0.002
_REPORT_SECONDS: Final = 1.0


class Probe:
    """Ticks on the loop, and keeps the maxima since the last report."""

    def __init__(self) -> None:
        self._late = self._held = self._collecting = self._began = 0.0
        gc.callbacks.append(self._collected)

    async def run(self) -> None:
        reported = time.perf_counter()
        while True:
            before, used = time.perf_counter(), time.thread_time()
            await asyncio.sleep(_TICK_SECONDS)
            now = time.perf_counter()
            self._late = max(self._late, now - before - _TICK_SECONDS)
            self._held = max(self._held, time.thread_time() - used)
            if now - reported >= _REPORT_SECONDS:
                reported = now
                sys.stdout.write(
                    f"probe late={self._late:.6f} held={self._held:.6f} collecting={self._collecting:.6f}\n"
                )
                sys.stdout.flush()
                self._late = self._held = self._collecting = 0.0

    def _collected(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self._collecting = max(self._collecting, time.perf_counter() - self._began)


if __name__ == "__main__":
    patched: Any = serve
    patched.run_app = functools.partial(run_app, workers={"probe": lambda: Probe().run()})
    sys.exit(main(sys.argv[1:]))
