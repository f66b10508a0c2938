"""A list API on its own thread that can fail in many ways, and an observer that scrapes all the time."""

import asyncio
import gzip
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.support.processes import PATIENCE_SECONDS, RunningExporter, wait_for
from tests.support.servers import Behaviour, Call, StrangeServer, message
from tests.support.service import page, row

Series = Mapping[str, float]
"""The values of one scrape by name and labels, written as in the exposition."""

_WANTED = re.compile(rb"offset=(\d+)&limit=(\d+)")


class HostileServer(StrangeServer):
    """A server on its own thread, whose address stays reserved while it does not listen."""

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__(behaviour)
        self._loop = asyncio.new_event_loop()
        self._listener: asyncio.Server | None = None
        self.is_listening = False
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self.port = self._reserved.getsockname()[1]

    @contextmanager
    def running(self) -> Iterator["HostileServer"]:
        """Serve until the end of the context."""
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        try:
            self.listen()
            yield self
        finally:
            self.refuse()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()
            self._reserved.close()

    def listen(self) -> None:
        """Accept connections, always at the same address."""

        async def begin() -> None:
            self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port, reuse_port=True)

        asyncio.run_coroutine_threadsafe(begin(), self._loop).result(PATIENCE_SECONDS)
        self.is_listening = True

    def refuse(self) -> None:
        """Close all connections and stop listening."""

        async def end() -> None:
            assert self._listener is not None
            self._listener.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(PATIENCE_SECONDS)
        self.is_listening = False


class Observer:
    """Requests metrics and health of an exporter in a loop, and records durations, memory and problems."""

    def __init__(self, exported: RunningExporter) -> None:
        self.exported = exported
        self.slowest_seconds = 0.0
        self.slowest_path = ""
        self.most_resident_bytes = 0.0
        self.scrapes = 0
        self.problems: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._observe, daemon=True)

    @property
    def peak_resident_bytes(self) -> float:
        """Return the peak memory of the process; on Linux since its start."""
        return max(self.most_resident_bytes, self.exported.process.memory_bytes("VmHWM"))

    @contextmanager
    def observing(self) -> Iterator["Observer"]:
        """Observe until the end of the context."""
        self._thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._thread.join(PATIENCE_SECONDS)

    def _observe(self) -> None:
        with httpx.Client(base_url=self.exported.url, timeout=PATIENCE_SECONDS) as client:
            while not self._ended.is_set():
                try:
                    self._ask(client, "/-/healthy")
                    text = self._ask(client, "/metrics")
                except httpx.TransportError as error:
                    self.problems.append(repr(error))
                else:
                    resident = series_of(text).get("process_resident_memory_bytes", 0.0)
                    self.most_resident_bytes = max(self.most_resident_bytes, resident)
                    self.scrapes += 1
                time.sleep(0.02)

    def _ask(self, client: httpx.Client, path: str) -> str:
        began = time.perf_counter()
        response = client.get(path)
        seconds = time.perf_counter() - began
        if seconds > self.slowest_seconds:
            self.slowest_seconds, self.slowest_path = seconds, path
        if response.status_code != 200:
            self.problems.append(f"{path}: status {response.status_code}")
        return response.text


def series_of(text: str) -> Series:
    """Return the values of an exposition in the text format."""
    lines = (line.rpartition(" ") for line in text.split("\n") if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def of_account(series: Series, account: str) -> Series:
    """Return one account's series without the label `account`."""
    own = f'{{account="{account}"'
    found: dict[str, float] = {}
    for name, value in series.items():
        family, _, labels = name.partition(own)
        if labels:
            rest = labels.removeprefix(",").removesuffix("}")
            found[f"{family}{{{rest}}}" if rest else family] = value
    return found


@dataclass
class Watched:
    """One account of a running exporter, and the server that it polls."""

    exported: RunningExporter
    account: str
    server: HostileServer
    files: int = 100

    def now(self) -> Series:
        """Scrape and return the account's series."""
        return of_account(series_of(self.exported.metrics()), self.account)

    def wait_for(self, fits: Callable[[Series], bool], what: str) -> Series:
        """Return the first scrape for which `fits` is true."""

        def ask() -> Series | None:
            now = self.now()
            return now if fits(now) else None

        return wait_for(ask, f"{what} of {self.account}")

    def break_by(self, behaviour: Behaviour) -> None:
        """Change the server's behaviour."""
        self.server.behaviour = behaviour
        if behaviour is refused_connection:
            self.server.refuse()

    def repair(self) -> None:
        """Make the server work again, with other data than before."""
        self.files += 1
        self.server.behaviour = good(self.files)
        if not self.server.is_listening:
            self.server.listen()

    def wait_until_well(self) -> Series:
        """Return the first scrape in which both collectors show the server's current data."""
        return self.wait_for(
            lambda now: now["aiozpin_up"] == 1 and now.get("aiozpin_files") == self.files == pins(now),
            f"{self.files} files",
        )

    def recover(self) -> Series:
        """Repair the server, and wait for the new data."""
        self.repair()
        return self.wait_until_well()


async def refused_connection(call: Call) -> None:
    """Mark a server that does not listen."""
    raise AssertionError(f"unexpected request: {call.head!r}")


def pins(series: Series) -> float | None:
    """Return the number of pins of all statuses, or None without data."""
    counted = [value for name, value in series.items() if name.startswith("aiozpin_pins{")]
    return sum(counted) if counted else None


def failures(series: Series, collector: str) -> dict[str, float]:
    """Return the number of failures of a collector by reason, without zeros."""
    pattern = re.compile(rf'aiozpin_poll_failures_total{{collector="{collector}",reason="(\w+)"}}')
    return {match[1]: value for name, value in series.items() if (match := pattern.fullmatch(name)) and value}


def new_failures(before: Series, after: Series, collector: str) -> set[str]:
    """Return the reasons for which a collector failed between two scrapes."""
    old = failures(before, collector)
    return {reason for reason, value in failures(after, collector).items() if value > old.get(reason, 0)}


def wanted_rows(call: Call) -> tuple[int, int]:
    """Return the offset and the limit of a request."""
    match = _WANTED.search(call.head)
    assert match is not None, call.head
    return int(match[1]), int(match[2])


def good(files: int) -> Behaviour:
    """List `files` pins."""
    return listing([row(number) for number in range(files)])


def listing(rows: list[dict[str, object]], *headers: str) -> Behaviour:
    """List these rows, in responses with these headers."""
    size = sum(held for each in rows if isinstance(held := each.get("size"), int))

    async def behave(call: Call) -> None:
        offset, limit = wanted_rows(call)
        body = page(rows[offset : offset + limit], len(rows), min(max(size, 0), 2**62))
        await call.send(message("200 OK", body, *headers))

    return behave


def many_rows(one: bytes, body_bytes: int) -> bytes:
    """Return a compressed response with as many copies of a row as fit into a body of this size."""
    rows = b",".join([one] * (body_bytes // (len(one) + 1)))
    body = b'{"data":{"totals":{"files":2,"size":200},"pins":[' + rows + b"]}}"
    return message("200 OK", gzip.compress(body, 1), "Content-Encoding: gzip")
