"""A thousand accounts in one process: polls, scrapes and resources."""

import asyncio
import http.client
import math
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tests.bench.result import Result
from tests.support.processes import Process, RunningExporter, RunningSimulator, running, simulator, wait_for

_ACCOUNTS: Final = 1_000
_INTERVAL_SECONDS: Final = 60
_HANGING_SECONDS: Final = 120
_ROUNDS: Final = 15
_ROUND_SECONDS: Final = 4.0
_FORMATS: Final = {
    "text": "text/plain;version=0.0.4",
    "OpenMetrics": "application/openmetrics-text;version=1.0.0",
}
_ATTEMPT: Final = re.compile(
    r'^aiozpin_last_success_timestamp_seconds{account="([^"]+)",collector="totals"} (\S+)$', re.MULTILINE
)
_POLLS: Final = re.compile(r'^aiozpin_polls_total{account="([^"]+)",collector="totals"} (\S+)$', re.MULTILINE)


class Stall(NamedTuple):
    """Maxima in ms: delay of the event loop, CPU time of one block, and garbage collection."""

    late: float
    held: float
    collecting: float


def accounts() -> Iterator[Result]:
    """Poll 1,000 accounts of 50 to 300 pins every minute while they are scraped."""
    with _polled(_ACCOUNTS) as (exported, simulated, began):
        what = f"{_ACCOUNTS} accounts"
        wait_for(lambda: _status(exported, "/-/healthy") == 200, "the web server")
        yield Result(f"{what}: first response after the start", f"{time.monotonic() - began:.1f} s")
        while _status(exported, "/-/ready") != 200:
            time.sleep(0.2)
        ready = time.monotonic() - began
        yield Result(f"{what}: totals of all accounts polled after the start", f"{ready:.1f} s", "< 60 s")
        at_start = f"{_stall(exported.process).held:.1f} ms"
        yield Result(f"{what}: {_described(_stall(exported.process))} at the start", at_start)
        yield Result(f"{what}: memory of the simulator", _memory(simulated.process))
        before, polled_before = time.monotonic(), _values(_POLLS, exported)
        seen = len(exported.process.lines)
        used = _processor_seconds(exported.process)
        time.sleep(2 * _INTERVAL_SECONDS)
        used, took = _processor_seconds(exported.process) - used, time.monotonic() - before
        yield Result(f"{what}: CPU of polling without scrapes", f"{100 * used / took:.1f} %")
        yield Result(
            f"{what}: {_described(_stall(exported.process, seen))}", *_stalled(exported.process, seen)
        )
        seen = len(exported.process.lines)
        yield from _scrapes(exported, what)
        yield Result(
            f"{what}: {_described(_stall(exported.process, seen))} while scraped",
            *_stalled(exported.process, seen),
        )
        polls = [polls - polled_before[name] for name, polls in _values(_POLLS, exported).items()]
        minutes = (time.monotonic() - before) / 60
        yield Result(
            f"{what}: polls of the totals per account in {minutes:.1f} min",
            f"{min(polls):.0f}-{max(polls):.0f}",
        )
        ages = [time.time() - at for at in _values(_ATTEMPT, exported).values()]
        yield Result(f"{what}: oldest totals", f"{max(ages):.1f} s", "< 60 s and a poll")
        yield Result(f"{what}: resident memory", _memory(exported.process), "< 240 MiB")
        yield Result(f"{what}: peak resident memory", _memory(exported.process, "VmHWM"))


def hanging() -> Iterator[Result]:
    """Poll 1,000 accounts of a server that accepts requests and never responds."""
    what = f"{_ACCOUNTS} accounts, no response for {_HANGING_SECONDS} s"
    with _polled(_ACCOUNTS, "--black-hole-rate=1") as (exported, _, _):
        latencies = []
        until = time.monotonic() + _HANGING_SECONDS
        while time.monotonic() < until:
            began = time.perf_counter()
            _status(exported, "/-/healthy")
            latencies.append(1e3 * (time.perf_counter() - began))
            time.sleep(0.1)
        yield Result(f"{what}: slowest response of /-/healthy", f"{max(latencies):.0f} ms")
        yield Result(f"{what}: {_described(_stall(exported.process))}", *_stalled(exported.process))
        yield Result(f"{what}: resident memory", _memory(exported.process), "< 240 MiB")


def _described(stall: Stall) -> str:
    return f"loop delay {stall.late:.0f} ms, garbage collection {stall.collecting:.0f} ms, longest block"


def _stalled(process: Process, since: int = 0) -> tuple[str, str]:
    return f"{_stall(process, since).held:.1f} ms", "< 20 ms"


def _scrapes(exported: RunningExporter, what: str) -> Iterator[Result]:
    """Scrape in both formats, with and without compression, over some time."""
    kinds = [(name, encoding) for name in _FORMATS for encoding in ("identity", "gzip")]
    times: dict[tuple[str, str], list[float]] = {kind: [] for kind in kinds}
    sizes: dict[tuple[str, str], int] = {}
    for _ in range(_ROUNDS):
        for kind in kinds:
            began = time.perf_counter()
            sizes[kind] = len(_scrape(exported, _FORMATS[kind[0]], kind[1]))
            times[kind].append(1e3 * (time.perf_counter() - began))
            time.sleep(_ROUND_SECONDS / len(kinds))
    for kind, (first, *later) in times.items():
        shown = f"p99 {quantile(later, 0.99):.0f} ms, first {first:.0f} ms"
        yield Result(
            f"{what}: /metrics, {kind[0]}, {kind[1]}, {sizes[kind] / 2**20:.1f} MiB: {shown}, median",
            f"{quantile(later, 0.5):.0f} ms",
            "< 200 ms",
        )


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile of some values."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def scrapers() -> Iterator[Result]:
    """Scrape in a loop with 100 concurrent clients for a minute."""
    for count in (1, 100):
        with _polled(count) as (exported, _, _):
            while _status(exported, "/-/ready") != 200:
                time.sleep(0.2)
            for encoding in ("identity", "gzip"):
                seen = len(exported.process.lines)
                latencies, errors = asyncio.run(_crowd(exported.url, encoding, 100, 60.0))
                millis = [1e3 * latency for latency in latencies]
                what = f"100 scrapers of {count} account{'s' * (count > 1)}, {encoding}"
                shown = ", ".join(f"p{q * 100:.0f} {quantile(millis, q):.0f} ms" for q in (0.5, 0.9))
                yield Result(
                    f"{what}: {len(millis) / 60:.0f} per second, {shown}, p99",
                    f"{quantile(millis, 0.99):.0f} ms",
                )
                yield Result(f"{what}: errors", f"{errors}", "0")
                yield Result(
                    f"{what}: {_described(_stall(exported.process, seen))}", *_stalled(exported.process, seen)
                )
            yield Result(f"{what}: peak memory", _memory(exported.process, "VmHWM"))


async def _crowd(url: str, encoding: str, clients: int, seconds: float) -> tuple[list[float], int]:
    host, port = urlsplit(url).hostname, urlsplit(url).port
    asked = f"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {encoding}\r\n\r\n".encode()
    latencies: list[float] = []
    errors = 0
    until = time.perf_counter() + seconds

    async def one() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection(host, port)
        while (began := time.perf_counter()) < until:
            writer.write(asked)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            if length is None or not head.startswith(b"HTTP/1.1 200 "):
                errors += 1
                break
            await reader.readexactly(int(length[1]))
            latencies.append(time.perf_counter() - began)
        writer.close()

    for outcome in await asyncio.gather(*(one() for _ in range(clients)), return_exceptions=True):
        errors += outcome is not None
    return latencies, errors


@contextmanager
def _polled(count: int, *faults: str) -> Iterator[tuple[RunningExporter, RunningSimulator, float]]:
    """Run a simulator with `count` accounts and a probed exporter; yield also the time of its start."""
    rng = Random(1)
    options = [f"--account=account-{number:04}:pins={rng.randint(50, 300)}" for number in range(count)]
    with (
        tempfile.TemporaryDirectory() as directory,
        simulator("--requests-per-minute=0", "--latency-seconds=0.05", *faults, *options) as simulated,
    ):
        config = Path(directory) / "config.yml"
        config.write_text(simulated.config(poll_interval=f"{_INTERVAL_SECONDS}s"))
        command = [sys.executable, "-m", "tests.bench.probed", "--web.listen-address=127.0.0.1:0"]
        began = time.monotonic()
        with running([*command, f"--config.file={config}"]) as process:
            url = process.wait_for_line(r"listening=(\S+)")[1]
            yield RunningExporter(process, url), simulated, began


def _status(exported: RunningExporter, path: str) -> int:
    connection = _connection(exported)
    connection.request("GET", path)
    return connection.getresponse().status


def _scrape(exported: RunningExporter, accept: str, encoding: str) -> bytes:
    connection = _connection(exported)
    connection.request("GET", "/metrics", headers={"Accept": accept, "Accept-Encoding": encoding})
    return connection.getresponse().read()


def _connection(exported: RunningExporter) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(exported.url).netloc)


def _values(pattern: re.Pattern[str], exported: RunningExporter) -> dict[str, float]:
    text = _scrape(exported, _FORMATS["text"], "identity").decode()
    return {name: float(value) for name, value in pattern.findall(text)}


def _stall(process: Process, since: int = 0) -> Stall:
    lines = [line for line in process.lines[since:] if line.startswith("probe ")]
    worst = (
        max(1e3 * float(match[1]) for line in lines if (match := re.search(rf"{name}=(\S+)", line)))
        for name in Stall._fields
    )
    return Stall(*worst)


def _memory(process: Process, field: str = "VmRSS") -> str:
    return f"{process.memory_bytes(field) / 2**20:.0f} MiB"


def _processor_seconds(process: Process) -> float:
    fields = Path(f"/proc/{process.popen.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
