"""Examine simulated accounts: in the same process by an injected clock, or over real sockets."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from pydantic import SecretStr

from pin_exporter.api.client import PinClient
from pin_exporter.api.credentials import Credentials
from pin_exporter.api.pool import Pool
from pin_exporter.api.transport import http_client
from pin_exporter.config.loader import load_settings
from pin_exporter.doctor.asking import asking, swapped
from pin_exporter.doctor.diagnosis import Diagnosis, diagnose
from pin_exporter.doctor.evidence import Evidence, NetworkPath, Setup
from pin_exporter.doctor.examination import Asking, examine
from pin_exporter.doctor.findings import Suggestion
from pin_exporter.doctor.report import as_yaml
from pin_exporter.simulator import (
    Behaviour,
    Churn,
    Faults,
    Population,
    SimulatedAccount,
    Simulator,
    base_url,
    open_socket,
    serve,
)
from pin_exporter.simulator.options import options_of
from tests.simulator.harness import Clock
from tests.support.environment import clean, set_variables
from tests.support.service import API_KEY, SECRET_KEY, InProcess, credentials

T = TypeVar("T")
Answering = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]
RECORDS: dict[str, type] = {
    "population": Population,
    "behaviour": Behaviour,
    "churn": Churn,
    "faults": Faults,
}
SETUP = Setup("a", "http://api.test/api", "0badcafe", 60.0, 120, 30.0, 100, 4, None)


@dataclass
class DoctorClock:
    """A simulator's clock as the examination sees it: each request takes no time but what is slept."""

    clock: Clock = field(default_factory=Clock)

    def wall(self) -> float:
        return self.clock()

    def elapsed(self) -> float:
        return self.clock()

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await self.clock.sleep(seconds)


def account_with(clock: Clock, pins: int = 300, **options: Any) -> SimulatedAccount:
    """Return an account whose options are given by their names alone."""
    records = {
        kind: record(**{name: value for name, value in options.items() if name in options_of(record)})
        for kind, record in RECORDS.items()
    }
    return SimulatedAccount("a", pins=pins, clock=clock, **records)


def examined_simulation(
    *,
    setup: Setup = SETUP,
    pins: int = 300,
    timeout_seconds: float = 30.0,
    on_sockets: bool = False,
    prepare: Callable[[Simulator], None] = lambda _: None,
    **options: Any,
) -> Evidence:
    """Examine an account with these options. On sockets the simulator's own time is real."""
    clock = DoctorClock()
    account = account_with(clock.clock, pins, **options)
    sleep = asyncio.sleep if on_sockets else clock.clock.sleep
    simulator = Simulator([account], clock=clock.clock, sleep=sleep)
    prepare(simulator)
    keys = Credentials(SecretStr(account.api_key), SecretStr(account.secret_key))

    async def run() -> Evidence:
        if not on_sockets:
            client = client_over(httpx.ASGITransport(simulator.app))
            return await examined_by(client, setup, clock, keys=keys, timeout_seconds=timeout_seconds)
        with open_socket("127.0.0.1:0") as sock:
            stop = asyncio.Event()
            serving = asyncio.create_task(serve(simulator, sock, stop))
            setup_there = replace(setup, base_url=base_url(sock))
            evidence = await examined_by(
                http_client(), setup_there, clock, keys=keys, timeout_seconds=timeout_seconds
            )
            stop.set()
            await serving
            return evidence

    return asyncio.run(run())


def examined_service(
    service: Answering, *, setup: Setup = SETUP, path: NetworkPath | None = None
) -> tuple[Evidence, DoctorClock]:
    """Examine what a function answers."""
    clock = DoctorClock()

    async def run() -> Evidence:
        return await examined_by(client_over(InProcess(service)), setup, clock, path=path)

    return asyncio.run(run()), clock


async def examined_by(
    client: httpx.AsyncClient,
    setup: Setup,
    clock: DoctorClock,
    *,
    keys: Credentials | None = None,
    timeout_seconds: float = 30.0,
    path: NetworkPath | None = None,
) -> Evidence:
    pair, pool = keys or credentials(), Pool(lambda: client)

    def api(url: str, source: Callable[[], Credentials]) -> PinClient:
        return PinClient(pool, url, source, timeout_seconds)

    ways = Asking(
        asking(api(setup.base_url, lambda: pair), lambda: pair, clock),
        asking(api(setup.base_url, swapped(lambda: pair)), lambda: pair, clock),
        asking(api(setup.elsewhere, lambda: pair), lambda: pair, clock) if setup.elsewhere else None,
    )
    async with client:
        return await examine(ways, setup, clock, path=path)


def client_over(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    """Return the real client over another transport."""
    client = http_client()
    client._transport = transport
    client._mounts.clear()  # a proxy of the environment would go first
    return client


def told(evidence: Evidence) -> list[str]:
    """Return the findings, a line each: mark, check and what."""
    return lines(diagnose(evidence))


def lines(diagnosis: Diagnosis) -> list[str]:
    return [f"{finding.mark} {finding.check}: {finding.what}" for finding in diagnosis.findings]


def loaded(suggested: Sequence[Suggestion], folder: Path) -> dict[str, object]:
    """Return the settings that the exporter reads from a file with the suggestions in it."""
    path = folder / "config.yml"
    path.write_text(as_yaml(suggested))
    with pytest.MonkeyPatch.context() as patch:
        clean(patch)
        set_variables(patch, api_key=API_KEY, secret_key=SECRET_KEY)
        return load_settings({"config_file": path}).model_dump()
