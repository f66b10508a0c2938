"""Serve accounts over HTTP as the AIOZ Pin list API does."""

import asyncio
import json
import math
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import repeat
from secrets import compare_digest
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from pin_exporter.simulator.account import SimulatedAccount
from pin_exporter.simulator.control import control_routes
from pin_exporter.simulator.fault import Fault, Sleep, envelope, faulty_response, spoilt, too_many_requests
from pin_exporter.simulator.query import Query, parse_query

PATH = "/api/pinning/pins/"
_WINDOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request to the list as tests want to see it.

    None is an `account` with a wrong key and an `offset` or `limit` not read; `status` 0 is no answer.
    """

    time: float
    account: str | None
    offset: int | None
    limit: int | None
    status: int
    fault: Fault | None = None


class Simulator:
    """The simulated API: an ASGI application, `app`, and the log of its last requests, `requests`.

    `clock` returns Unix seconds and must be the accounts' own; `seed` decides which requests fail by rate.
    """

    def __init__(
        self,
        accounts: Iterable[SimulatedAccount],
        *,
        seed: int = 1,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
        log_size: int = 10_000,
    ) -> None:
        self.accounts = {account.name: account for account in accounts}
        self.requests: deque[RequestRecord] = deque(maxlen=log_size)
        self._clock = clock
        self._sleep = sleep
        self._rng = random.Random(seed)
        self._next: dict[str, deque[Fault | None]] = {name: deque() for name in self.accounts}
        self._recent: dict[str, deque[float]] = {name: deque() for name in self.accounts}
        self._last_pins: dict[str, Any] = {}
        self.app = Starlette(
            routes=[
                Route(PATH, self._list, methods=["GET"]),
                Route(PATH.rstrip("/"), _redirect, methods=["GET"]),
                *control_routes(self),
            ],
            exception_handlers={HTTPException: _http_error},
        )
        # The API's own redirect carries HTML; the framework's does not.
        self.app.router.redirect_slashes = False

    def fail_next(self, account: str, fault: Fault, count: int = 1, *, skip: int = 0) -> None:
        """Let the next `count` requests of an account fail, after `skip` good ones.

        Calls queue up. Requests turned away by the rate limit do not count.
        """
        queue = self._next[account]
        queue.extend(repeat(None, skip))
        queue.extend(repeat(Fault(fault), count))

    def clear_faults(self, account: str) -> None:
        """Forget the faults on demand that have not happened yet."""
        self._next[account].clear()

    async def _list(self, request: Request) -> Response:
        if request.method != "GET":
            raise HTTPException(405)
        account = self._authenticate(request)
        if account is None:
            self._log(None, None, None, 401)
            return envelope(401, "invalid api key or secret key")
        limited = self._limit_rate(account)
        if limited is not None:
            self._log(account, None, None, limited.status_code)
            return limited
        fault = self._draw(account)
        faults = account.faults
        await self._sleep(faults.latency_seconds + self._rng.random() * faults.latency_jitter_seconds)
        query: Query | None = None
        try:
            query = parse_query(request.query_params)
            response = self._answer(account, query, fault)
        except ValueError as error:
            response = envelope(400, str(error))
        self._log(account, query, fault, response.status_code)
        return response

    def _answer(self, account: SimulatedAccount, query: Query, fault: Fault | None) -> Response:
        now = self._clock()
        account.advance(now)
        response = faulty_response(fault, account.faults, now) if fault else None
        if response is not None:
            return response
        data = account.page(query)
        if fault is Fault.DUPLICATE_PAGE:
            data["pins"] = self._last_pins.get(account.name, data["pins"])
        self._last_pins[account.name] = data["pins"]
        answer = {"data": data, "status": "success"}
        # Only the slower encoder can send half a surrogate pair.
        hostile = account.behaviour.names == "hostile"
        body = json.dumps(answer).encode() if hostile else msgspec.json.encode(answer)
        return spoilt(fault, body, self._sleep)

    def _authenticate(self, request: Request) -> SimulatedAccount | None:
        key = request.headers.get("pinning_api_key", "").encode()
        secret = request.headers.get("pinning_secret_key", "").encode()
        for account in self.accounts.values():
            known = compare_digest(key, account.api_key.encode())
            if known and compare_digest(secret, account.secret_key.encode()) and not account.revoked:
                return account
        return None

    def _limit_rate(self, account: SimulatedAccount) -> Response | None:
        allowed, now, recent = account.faults.requests_per_minute, self._clock(), self._recent[account.name]
        while recent and recent[0] <= now - _WINDOW_SECONDS:
            recent.popleft()
        if allowed and len(recent) >= allowed:
            wait = recent[len(recent) - allowed] + _WINDOW_SECONDS - now
            return too_many_requests(account.faults, max(1, math.ceil(wait)), now)
        recent.append(now)
        return None

    def _draw(self, account: SimulatedAccount) -> Fault | None:
        queue = self._next[account.name]
        if queue:
            return queue.popleft()
        drawn = self._rng.random()
        for name, rate in account.faults.rates().items():
            drawn -= rate
            if drawn < 0:
                return Fault(name)
        return None

    def _log(
        self, account: SimulatedAccount | None, query: Query | None, fault: Fault | None, status: int
    ) -> None:
        name = account.name if account else None
        offset, limit = None, None
        if account and query:
            offset, limit = query.offset, query.limit or account.behaviour.default_limit
        self.requests.append(RequestRecord(self._clock(), name, offset, limit, status, fault))


async def _redirect(request: Request) -> Response:
    location = PATH + (f"?{request.url.query}" if request.url.query else "")
    escaped = location.replace("&", "&amp;").replace('"', "&#34;").replace("<", "&lt;").replace(">", "&gt;")
    return HTMLResponse(f'<a href="{escaped}">Moved Permanently</a>.\n\n', 301, {"Location": location})


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return envelope(status, {404: "not found", 405: "method not allowed"}.get(status, "error"))
