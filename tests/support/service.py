"""A list API in the same process: pages of documented rows, or whatever a test returns."""

import inspect
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
from pydantic import SecretStr

from pin_exporter.api.client import PinClient
from pin_exporter.api.credentials import Credentials
from pin_exporter.api.pool import Pool, client_over
from pin_exporter.api.rate_limit import RequestBudget
from pin_exporter.api.request_stats import RequestCounter
from pin_exporter.api.retry import RetryingClient
from pin_exporter.api.transport_errors import Timeouts
from pin_exporter.toolkit.clock import Clock
from tests.support.clocks import FakeClock

API_KEY = "tEsTqZ7Wm3Kx9Vb2Rj5Hd8Lp"
SECRET_KEY = "tEsT/uY4+Nc6Gf1Qs8Xo3Ka7Ze5Bi2Mw9Dv0TlJrCk="
BASE_URL = "http://api.test/api"

Answering = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


def credentials(api_key: str = API_KEY, secret_key: str = SECRET_KEY) -> Credentials:
    return Credentials(SecretStr(api_key), SecretStr(secret_key))


def row(number: int, **fields: object) -> dict[str, object]:
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "cid": f"bafy{number}",
        "size": 100,
        "date_pinned": "2024-03-01T10:00:00.123456Z",
        "pinned": True,
        "is_pin_by_hash": False,
        "is_dir": False,
        "status": "pinned",
        **fields,
    }


def page(rows: list[dict[str, object]], files: int | None = None, size: int | None = None) -> bytes:
    totals = {
        "files": len(rows) if files is None else files,
        "size": 100 * len(rows) if size is None else size,
    }
    return json.dumps({"data": {"totals": totals, "pins": rows}, "status": "success"}).encode()


class Service:
    """Returns pages of `rows`, or what `answer` returns, and records the requests and their times."""

    def __init__(self, clock: Clock, pins: int = 0) -> None:
        self.rows = [row(number) for number in range(pins)]
        self.answer: Answering = self.list_pins
        self.latency_seconds = 0.0
        self.requests: list[httpx.Request] = []
        self.arrivals: list[float] = []
        self._clock = clock

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.arrivals.append(self._clock.elapsed())
        await self._clock.sleep(self.latency_seconds)
        answered = self.answer(request)
        return await answered if inspect.isawaitable(answered) else answered

    def list_pins(self, request: httpx.Request) -> httpx.Response:
        offset, limit = (int(request.url.params[name]) for name in ("offset", "limit"))
        listed = [row for row in self.rows if request.url.params["pinned"] == "all" or not row["pinned"]]
        rows = listed[offset : offset + limit]
        return httpx.Response(200, content=page(rows, len(listed), 100 * len(listed)))

    def asked(self, limit: int) -> list[float]:
        """Return the times of the requests with this limit; polls of the totals use 1."""
        pairs = zip(self.requests, self.arrivals, strict=True)
        return [at for request, at in pairs if request.url.params["limit"] == str(limit)]


class _Unread(httpx.AsyncByteStream):
    """A response body that has not been read yet, as from the network."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


class InProcess(httpx.AsyncBaseTransport):
    """Passes each request to a function; its exceptions look like those of the network."""

    def __init__(self, service: Answering) -> None:
        self._service = service

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answered = self._service(request)
        response = await answered if inspect.isawaitable(answered) else answered
        if not hasattr(response, "_content"):
            return response
        return httpx.Response(
            response.status_code, headers=response.headers.raw, stream=_Unread(response.content)
        )


def served_by(service: Answering) -> httpx.AsyncClient:
    """Return the real client with a transport that calls `service`."""
    return client_over(InProcess(service))


def pool_over(service: Answering) -> Pool:
    return Pool(lambda: served_by(service))


def pin_client(
    pool: Pool,
    base_url: str = BASE_URL,
    keys: Callable[[], Credentials] = credentials,
    timeouts: Timeouts = Timeouts(5.0),  # noqa: B008 - immutable
) -> PinClient:
    return PinClient(pool, base_url, keys, timeouts, RequestCounter())


def pin_api(service: Answering, timeout_seconds: float = 5.0, base_url: str = BASE_URL) -> PinClient:
    return pin_client(pool_over(service), base_url, timeouts=Timeouts(timeout_seconds))


def retrying_client(
    service: Answering, clock: FakeClock, *, per_minute: int = 120, patience_seconds: float = 60.0
) -> tuple[RetryingClient, RequestBudget]:
    budget = RequestBudget(per_minute, clock)
    client = RetryingClient(pin_api(service), lambda: budget, clock, random.Random(1), patience_seconds)
    return client, budget
