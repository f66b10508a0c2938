"""A simulator in the same process, on an injected clock."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx

from pin_exporter.simulator import Behaviour, Churn, Faults, Population, SimulatedAccount, Simulator

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


def account(
    pins: int = 500,
    behaviour: Behaviour | None = None,
    population: Population = MIXED,
    churn: Churn | None = None,
    faults: Faults | None = None,
    *,
    seed: int = 1,
    clock: Clock | None = None,
) -> SimulatedAccount:
    return SimulatedAccount(
        "a",
        pins=pins,
        seed=seed,
        behaviour=behaviour,
        population=population,
        churn=churn,
        faults=faults,
        clock=clock or Clock(),
    )


def one_account(
    pins: int = 250, behaviour: Behaviour | None = None, faults: Faults | None = None
) -> tuple[Simulator, SimulatedAccount, Clock]:
    clock = Clock()
    only = account(pins, behaviour, faults=faults, clock=clock)
    return simulate(only, clock=clock), only, clock


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


def get(simulator: Simulator, account: SimulatedAccount, **query: str | int) -> httpx.Response:
    return with_client(simulator, lambda client: client.get(LIST, params=query, headers=keys(account)))


def post(simulator: Simulator, name: str, change: object) -> httpx.Response:
    return with_client(simulator, lambda client: client.post(f"/control/accounts/{name}", json=change))


def pins(simulator: Simulator, account: SimulatedAccount, **query: str | int) -> list[Any]:
    defaults: dict[str, str | int] = {"limit": 1000, "sortOrder": "ASC"}
    response = get(simulator, account, **(defaults | query))
    assert response.status_code == 200, response.text
    return list(response.json()["data"]["pins"] or [])


def walk(simulator: Simulator, account: SimulatedAccount, limit: int = 100) -> list[dict[str, Any]]:
    async def talk(client: httpx.AsyncClient) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while True:
            query: dict[str, str | int] = {"offset": len(rows), "limit": limit, "sortOrder": "ASC"}
            response = await client.get(LIST, params=query, headers=keys(account))
            page = response.json()["data"]["pins"]
            if not page:
                return rows
            rows += page

    return with_client(simulator, talk)
