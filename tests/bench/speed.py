"""Start, walk and scrape of one account against the simulator: time and memory."""

import math
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx

from tests.bench.result import Result
from tests.support.processes import RunningExporter, exporter, simulator, wait_for

_UNLIMITED = {"PIN_EXPORTER_REQUESTS_PER_MINUTE": "60000"}
_INVENTORY_POLLS = 'aiozpin_polls_total{account="default",collector="inventory"}'
_SCRAPES = 400


def start() -> Iterator[Result]:
    """Measure from the start of the process with an account of 10,000 pins."""
    with simulator("--pins=10000", "--requests-per-minute=0") as simulated:
        began = time.monotonic()
        with exporter(simulated.keys["default"]) as exported:
            exported.metrics()
            responded = time.monotonic() - began
            wait_for(lambda: exported.value(_INVENTORY_POLLS), "the first inventory")
            counted = time.monotonic() - began
            yield Result("first response of /metrics after the start", f"{responded:.2f} s", "< 1 s")
            yield Result("first inventory of 10,000 pins after the start", f"{counted:.2f} s", "< 2 s")
            yield Result(
                "resident memory with 10,000 pins", f"{resident_bytes(exported) / 2**20:.1f} MiB", "< 61 MiB"
            )


def cpu_of_a_walk() -> Iterator[Result]:
    """Measure the CPU time per pin, and that of a plain loop with `requests` and `json`."""
    pins = 200_000
    with simulator(f"--pins={pins}", "--requests-per-minute=0") as simulated:
        keys = simulated.keys["default"]
        with exporter({**keys, **_UNLIMITED}) as exported:
            before = exported.value("process_cpu_seconds_total") or math.nan
            while not exported.value(_INVENTORY_POLLS):
                time.sleep(2)  # scrapes use CPU time too
            used = (exported.value("process_cpu_seconds_total") or math.nan) - before
        plain = subprocess.run(
            [sys.executable, "-m", "tests.bench.plain_loop", *keys.values()], capture_output=True, check=True
        )
        yield Result("CPU time of a walk, page size 1,000", f"{1e6 * used / pins:.2f} µs/pin", "< 8 µs/pin")
        per_pin = float(plain.stdout) / pins
        yield Result("CPU time of a plain loop with requests and json", f"{1e6 * per_pin:.2f} µs/pin")


def scrapes_during_a_long_walk() -> Iterator[Result]:
    """Measure the duration of scrapes during a walk of a million pins, and when idle."""
    with simulator("--pins=1000000", "--requests-per-minute=0") as simulated:
        env = {**simulated.keys["default"], **_UNLIMITED, "PIN_EXPORTER_POLL_INTERVAL": "1d"}
        with exporter(env) as exported:
            memory_before = resident_bytes(exported)
            walking = p99_ms(exported)
            wait_for(lambda: exported.value(_INVENTORY_POLLS), "the walk")
            memory_after = resident_bytes(exported)
            idle = p99_ms(exported)
    yield Result("p99 of /metrics when idle", f"{idle:.1f} ms")
    yield Result("p99 of /metrics during a walk of 1,000,000 pins", f"{walking:.1f} ms")
    yield Result("ratio of the two", f"{walking / idle:.1f}", "< 3")
    grown = (memory_after - memory_before) / 1e6
    yield Result("memory grown over the walk of 1,000,000 pins", f"{grown:.0f} bytes/pin", "< 100 bytes/pin")


def p99_ms(exported: RunningExporter) -> float:
    """Return the 99th percentile of the duration of scrapes."""
    latencies = []
    with httpx.Client() as client:
        for _ in range(_SCRAPES):
            began = time.perf_counter()
            client.get(f"{exported.url}/metrics").raise_for_status()
            latencies.append(1e3 * (time.perf_counter() - began))
            time.sleep(0.02)
    return sorted(latencies)[math.ceil(0.99 * len(latencies)) - 1]


def resident_bytes(exported: RunningExporter) -> float:
    """Return the exporter's resident memory."""
    return exported.value("process_resident_memory_bytes") or math.nan
