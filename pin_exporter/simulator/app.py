"""The API and a gateway over HTTP, with keys, rate limit and faults, and the server that runs them."""

import asyncio
import contextlib
import html
import json
import math
import random
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from secrets import compare_digest
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from pin_exporter.simulator.account import SimulatedAccount
from pin_exporter.simulator.control import control_routes
from pin_exporter.simulator.faults import (
    Fault,
    Sleep,
    envelope,
    failed_page,
    page_response,
    too_many_requests,
)
from pin_exporter.simulator.gateway import RAW_BLOCK, gateway_response
from pin_exporter.simulator.options import Faults
from pin_exporter.simulator.query import parse_query

PATH = "/api/pinning/pins/"
_BILL_PATH = "/api/billing/thisMonthUsage/"
_TEST_PATH = "/api/apiKeys/testAuthentication"
_TESTS_PER_MINUTE = 60
_CONGRATULATIONS = "Congratulations! You are communicating with the Web3 IPFS API!"
_WINDOW_SECONDS = 60

_Respond = Callable[[Request, SimulatedAccount, Fault | None], Response]


class Simulator:
    """The simulated API, an ASGI application in `app`.

    `clock` returns Unix seconds and must be the accounts' clock; `seed` decides which requests fail by rate.
    """

    def __init__(
        self,
        accounts: Iterable[SimulatedAccount],
        *,
        seed: int = 1,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.accounts = {account.name: account for account in accounts}
        self._clock = clock
        self._sleep = sleep
        self._rng = random.Random(seed)
        self._next: dict[str, deque[Fault | None]] = {name: deque() for name in self.accounts}
        self._recent: defaultdict[tuple[str, bool], deque[float]] = defaultdict(deque)
        self._last_pins: dict[str, Any] = {}
        self.app = Starlette(
            routes=[
                self._get(PATH, self._list),
                self._get(_BILL_PATH, self._bill),
                *(Route(path.rstrip("/"), _redirect, methods=["GET"]) for path in (PATH, _BILL_PATH)),
                self._get("/api/pinning/{id}", self._one),
                *(self._get(_TEST_PATH + end, self._test, is_test=True) for end in ("", "/")),
                Route("/ipfs/{cid}", self._block, methods=["GET"]),
                *control_routes(self),
            ],
            exception_handlers={HTTPException: _http_error},
        )
        # The API's own redirect carries HTML; the framework's does not.
        self.app.router.redirect_slashes = False

    def fail_next(self, account: str, fault: Fault, count: int = 1, *, skip: int = 0) -> None:
        """Make `count` requests of an account fail, after `skip` good ones.

        Calls queue up. Requests rejected by the rate limit do not count.
        """
        queue = self._next[account]
        queue.extend(repeat(None, skip))
        queue.extend(repeat(Fault(fault), count))

    def _get(self, path: str, respond: _Respond, *, is_test: bool = False) -> Route:
        """Return a route whose requests need keys and can fail."""

        async def endpoint(request: Request) -> Response:
            if request.method != "GET":
                raise HTTPException(405)
            account = self._authenticate(request)
            if account is None:
                return envelope(401, "invalid api key or secret key")
            faults = account.faults
            allowed = _TESTS_PER_MINUTE if is_test else faults.requests_per_minute
            limited = self._limit_rate(account, allowed, is_test)
            if limited is not None:
                return limited
            fault = self._draw(account)
            await self._sleep(faults.latency_seconds + self._rng.random() * faults.latency_jitter_seconds)
            account.advance(self._clock())
            if is_test and fault is Fault.FORBIDDEN:
                fault = None  # a key needs no scope for this
            return failed_page(fault, faults) or respond(request, account, fault)

        return Route(path, endpoint, methods=["GET"])

    def _list(self, request: Request, account: SimulatedAccount, fault: Fault | None) -> Response:
        try:
            data = account.page(parse_query(request.query_params))
        except ValueError as error:
            return envelope(400, str(error))
        if fault is Fault.DUPLICATE_PAGE:
            data["pins"] = self._last_pins.get(account.name, data["pins"])
        elif fault is Fault.NULL_PAGE:
            data["pins"] = None
        elif fault is Fault.SHORT_PAGE and data["pins"]:
            data["pins"] = data["pins"][: len(data["pins"]) // 2]
        self._last_pins[account.name] = data["pins"]
        return self._success(account, data, fault)

    def _one(self, request: Request, account: SimulatedAccount, fault: Fault | None) -> Response:
        row = account.row(request.path_params["id"])
        return envelope(404, "pin not found") if row is None else self._success(account, row, fault)

    def _test(self, request: Request, account: SimulatedAccount, fault: Fault | None) -> Response:
        return page_response(fault, msgspec.json.encode({"message": _CONGRATULATIONS}), self._sleep)

    def _bill(self, request: Request, account: SimulatedAccount, fault: Fault | None) -> Response:
        if account.faults.bill_forbidden:
            return envelope(403, "the key lacks the scope of the bill")
        # Costs can be larger than the faster encoder's integers.
        body = json.dumps({"data": account.bill(), "status": "success"}).encode()
        return page_response(fault, body, self._sleep)

    async def _block(self, request: Request) -> Response:
        wants_raw = request.query_params.get("format") == "raw" or request.headers.get("accept") == RAW_BLOCK
        for account in self.accounts.values():
            account.advance(self._clock())
            block = account.block(request.path_params["cid"])
            if block is not None:
                await self._sleep(account.faults.gateway_seconds)
                return gateway_response(block, account.faults, wants_raw=wants_raw)
        return gateway_response(None, Faults(), wants_raw=wants_raw)

    def _success(self, account: SimulatedAccount, data: object, fault: Fault | None) -> Response:
        content = {"data": data, "status": "success"}
        # Only the slower encoder can send a lone surrogate.
        hostile = account.behaviour.names == "hostile"
        body = json.dumps(content).encode() if hostile else msgspec.json.encode(content)
        return page_response(fault, body, self._sleep)

    def _authenticate(self, request: Request) -> SimulatedAccount | None:
        key = request.headers.get("pinning_api_key", "").encode()
        secret = request.headers.get("pinning_secret_key", "").encode()
        for account in self.accounts.values():
            known = compare_digest(key, account.api_key.encode())
            if known and compare_digest(secret, account.secret_key.encode()) and not account.revoked:
                return account
        return None

    def _limit_rate(self, account: SimulatedAccount, allowed: int, is_test: bool) -> Response | None:
        now, recent = self._clock(), self._recent[account.name, is_test]
        while recent and recent[0] <= now - _WINDOW_SECONDS:
            recent.popleft()
        if allowed and len(recent) >= allowed:
            wait = recent[len(recent) - allowed] + _WINDOW_SECONDS - now
            return too_many_requests(account.faults, max(1, math.ceil(wait)))
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


async def _redirect(request: Request) -> Response:
    location = f"{request.url.path}/" + (f"?{request.url.query}" if request.url.query else "")
    return HTMLResponse(
        f'<a href="{html.escape(location)}">Moved Permanently</a>.\n\n', 301, {"Location": location}
    )


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return envelope(status, {404: "not found", 405: "method not allowed"}.get(status, "error"))


class _Server(uvicorn.Server):
    """A server that leaves signals to its caller."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def open_socket(address: str) -> socket.socket:
    """Return a socket that listens on `host:port`, where port 0 selects a free one.

    Raises ValueError for a bad address and OSError if listening fails. Clients can connect at once.
    """
    host, separator, port = address.rpartition(":")
    if not (separator and port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError(f"listen address must be host:port, not {address!r}")
    host = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, int(port)), family=family, backlog=1024)


def base_url(sock: socket.socket) -> str:
    """Return the URL for clients on this machine; like the real one it ends in `/api`."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/api"


async def serve(simulator: Simulator, sock: socket.socket, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then end within about a second even if requests are open; closes the socket.

    Touches neither signals nor logging, so that it can run as a task beside others.
    """
    server = _Server(
        uvicorn.Config(
            simulator.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    watcher = asyncio.create_task(_stop_when_set(server, stop))
    try:
        await server.serve(sockets=[sock])
    finally:
        watcher.cancel()


async def _stop_when_set(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True
