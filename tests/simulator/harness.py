"""A simulator in the same process, on an injected clock."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx

from pin_exporter.simulator.account import SimulatedAccount
from pin_exporter.simulator.app import Simulator
from pin_exporter.simulator.options import Population

T = TypeVar("T")
MIXED = Population(
    in_progress_share=0.1,
    failed_share=0.1,
    removed_share=0.15,
    unknown_share=0.05,
    by_cid_share=0.4,
    directory_share=0.2,
    duplicate_share=0.2,
    tie_share=0.3,
)
"""Some pins of every kind."""

START = 1_750_000_000.0
LIST = "/api/pinning/pins/"
BILL = "/api/billing/thisMonthUsage/"
TEST = "/api/apiKeys/testAuthentication"


class Clock:
    """A clock that only `now` and `sleep` move."""

    def __init__(self) -> None:
        self.now = START
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def account(pins: int = 500, *, name: str = "a", **options: Any) -> SimulatedAccount:
    return SimulatedAccount(name, pins=pins, **{"population": MIXED, "clock": Clock(), **options})


class Simulated:
    """One account and its simulator."""

    def __init__(self, pins: int = 250, **options: Any) -> None:
        self.clock = Clock()
        self.account = account(pins, clock=self.clock, **options)
        self.simulator = simulate(self.account, clock=self.clock)

    def get(self, path: str = LIST, /, **query: Any) -> httpx.Response:
        return get(self.simulator, path, keys(self.account), **query)

    def page(self, **query: Any) -> list[Any]:
        response = self.get(**{"limit": 1000, "sortOrder": "ASC", **query})
        assert response.status_code == 200, response.text
        return list(response.json()["data"]["pins"] or [])

    def change(self, change: object, name: str = "a") -> httpx.Response:
        path = f"/control/accounts/{name}"
        return with_client(self.simulator, lambda client: client.post(path, json=change))


def created(row: dict[str, str]) -> str:
    """Return when a pin in progress was created."""
    return row["date_pinned"]


def simulate(*accounts: SimulatedAccount, clock: Clock) -> Simulator:
    return Simulator(accounts, clock=clock, sleep=clock.sleep)


def keys(account: SimulatedAccount) -> dict[str, str]:
    return {"pinning_api_key": account.api_key, "pinning_secret_key": account.secret_key}


def with_client(simulator: Simulator, talk: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
    async def run() -> T:
        transport = httpx.ASGITransport(app=simulator.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://simulated") as client:
            return await talk(client)

    return asyncio.run(run())


def get(
    simulator: Simulator, path: str = LIST, headers: dict[str, str] | None = None, **query: str | int
) -> httpx.Response:
    return with_client(simulator, lambda client: client.get(path, params=query or None, headers=headers))
