"""Diagnose a function or a simulated account, in the same process and on a clock of its own."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr

from pin_exporter.api.credentials import Credentials
from pin_exporter.api.pool import Pool
from pin_exporter.api.transport_errors import Timeouts
from pin_exporter.config.accounts import Account
from pin_exporter.doctor.diagnosis import Diagnosis, diagnose
from pin_exporter.doctor.evidence import Evidence, NetworkPath
from pin_exporter.doctor.findings import Check, Finding, Severity
from pin_exporter.doctor.probe import collect
from pin_exporter.doctor.requests import senders_for
from pin_exporter.simulator.account import SimulatedAccount
from pin_exporter.simulator.app import Simulator
from pin_exporter.simulator.options import Behaviour, Churn, Faults, Population
from tests.simulator.harness import Clock
from tests.support.samples import account_at, varied
from tests.support.service import Answering, credentials, page, pool_over, row

Rows = list[dict[str, object]]
Service = Callable[[httpx.Request], httpx.Response]
RECORDS: dict[str, Any] = {
    "population": Population,
    "behaviour": Behaviour,
    "churn": Churn,
    "faults": Faults,
}
ACCOUNT = varied(account_at("https://api.test/api"), request_timeout=30.0)
OK, SKIPPED, WARNING, PROBLEM = Severity


@dataclass
class DoctorClock:
    """A simulator's clock as the doctor sees it: requests take no time, only sleeping does."""

    clock: Clock = field(default_factory=Clock)

    def wall(self) -> float:
        return self.clock()

    def elapsed(self) -> float:
        return self.clock()

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await self.clock.sleep(seconds)


@dataclass(frozen=True)
class Diagnosed:
    """What was collected, and what the checks say of it."""

    evidence: Evidence
    clock: DoctorClock

    @property
    def diagnosis(self) -> Diagnosis:
        return diagnose(self.evidence)

    def of(self, check: Check) -> list[Finding]:
        return [finding for finding in self.diagnosis.findings if finding.check is check]

    def severity(self, check: Check) -> Severity | None:
        """Return the severity of a check's last finding, None if it has none."""
        return next((finding.severity for finding in reversed(self.of(check))), None)

    def fields(self, check: Check) -> Mapping[str, Any]:
        """Return the fields of a check's last finding."""
        return self.of(check)[-1].fields

    def checks(self, severity: Severity) -> list[Check]:
        return [one.check for one in self.diagnosis.findings if one.severity is severity]

    @property
    def problems(self) -> list[Check]:
        return self.checks(PROBLEM)

    @property
    def suggested(self) -> dict[str, str | int]:
        return {one.setting: one.value for one in self.diagnosis.suggested}


def diagnosed(
    service: Answering, *, path: NetworkPath | None = None, account: Account = ACCOUNT, **settings: Any
) -> Diagnosed:
    """Diagnose a service."""
    clock = DoctorClock()
    account = varied(account, **settings)
    pool = pool_over(service)
    return Diagnosed(asyncio.run(_collect(pool, account, clock, credentials(), path=path)), clock)


def diagnosed_simulator(
    *,
    account: Account = ACCOUNT,
    pins: int = 300,
    prepare: Callable[[Simulator], None] = lambda _: None,
    **options: Any,
) -> Diagnosed:
    """Diagnose a simulated account with these options."""
    clock = DoctorClock()
    records = {
        kind: record(**{name: value for name, value in options.items() if name in record.__struct_fields__})
        for kind, record in RECORDS.items()
    }
    simulated = SimulatedAccount("a", pins=pins, clock=clock.clock, **records)
    simulator = Simulator([simulated], clock=clock.clock, sleep=clock.clock.sleep)
    prepare(simulator)
    keys = Credentials(SecretStr(simulated.api_key), SecretStr(simulated.secret_key))
    pool = pool_over(httpx.ASGITransport(simulator.app).handle_async_request)
    return Diagnosed(asyncio.run(_collect(pool, account, clock, keys)), clock)


async def _collect(
    pool: Pool,
    account: Account,
    clock: DoctorClock,
    keys: Credentials,
    path: NetworkPath | None = None,
) -> Evidence:
    senders = senders_for(account.base_url, pool, lambda: keys, Timeouts(30.0), clock)
    return await collect(senders, account, clock, fingerprint=keys.fingerprint, path=path)


def dated(number: int, **fields: object) -> dict[str, object]:
    """Return a row whose date is a month after that of the row before."""
    date = f"{2000 + number // 12}-{number % 12 + 1:02}-01T00:00:00.000000Z"
    return row(number, **{"date_pinned": date, **fields})


def listing(
    rows: Iterable[dict[str, object]] | int = 300,
    change: Callable[[Rows, httpx.QueryParams], Rows] | None = None,
) -> Service:
    """Respond as documented from these rows, or from so many; `change` alters a page."""
    everything = [dated(number) for number in range(rows)] if isinstance(rows, int) else list(rows)

    def respond(request: httpx.Request) -> httpx.Response:
        params = request.url.params
        wanted = {"all": (True, False), "true": (True,), "false": (False,)}[params["pinned"]]
        listed = [one for one in everything if one["pinned"] in wanted]
        offset = int(params["offset"])
        shown = listed[offset : offset + int(params["limit"])]
        if change:
            shown = change(shown, params)
        return httpx.Response(200, content=page(shown, len(listed), 100 * len(listed)))

    return respond


def with_parameters(good: Service, **parameters: Callable[[int], int]) -> Service:
    """Respond as if other parameters had been requested."""

    def service(request: httpx.Request) -> httpx.Response:
        url = request.url
        for name, change in parameters.items():
            url = url.copy_set_param(name, change(int(url.params[name])))
        return good(httpx.Request("GET", url))

    return service


def in_turn(choose: Callable[[int], Service | httpx.Response | Exception]) -> Service:
    """Respond to each request by what is chosen by its number, from 0."""
    count = 0

    def service(request: httpx.Request) -> httpx.Response:
        nonlocal count
        chosen = choose(count)
        count += 1
        if isinstance(chosen, Exception):
            raise chosen
        return chosen if isinstance(chosen, httpx.Response) else chosen(request)

    return service


def of_the_page(good: Service) -> Service:
    """Respond with totals that count the rows of the page."""
    return lambda request: httpx.Response(
        200, content=page(json.loads(good(request).content)["data"]["pins"])
    )


def too_slow_above(most: int) -> Service:
    """Respond as a server that cannot send more rows in time."""
    good = listing(1_200)

    def service(request: httpx.Request) -> httpx.Response:
        if int(request.url.params["limit"]) > most:
            raise httpx.ReadTimeout("")
        return good(request)

    return service
