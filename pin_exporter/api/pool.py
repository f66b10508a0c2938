"""HTTP clients, shared by accounts: one pool per origin and route, its client replaced when files change."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Final, NamedTuple, Self

import httpx

from pin_exporter import __version__
from pin_exporter.api.errors import ConnectionFailedError
from pin_exporter.api.proxy_tls import Route, TlsFiles
from pin_exporter.api.transport import IdleConnections, RouteTransport, proxy_for
from pin_exporter.toolkit.display_text import one_line
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.log_throttle import LogThrottle
from pin_exporter.toolkit.logs import EventLogger

_log = EventLogger(__name__)

MAX_CONNECTIONS: Final = 100
"""Most requests at the same time by one pool."""
_MAX_IN_ALL: Final = 500
_NO_FILES: Final = TlsFiles()
_DEFAULT_ROUTE: Final = Route()
_Key = tuple[str, str, int | None, Route]


class Lease(NamedTuple):
    """A client for one request. `is_stale` means that its files have changed and cannot be used now.

    Enter `slot` before the request, and leave it after the response was closed.
    """

    client: httpx.AsyncClient
    slot: AbstractAsyncContextManager[None]
    is_stale: bool


class Pool:
    """The client of one route, replaced when its TLS files change.

    `make` returns a new client or raises ValueError. Requests that use a replaced client may finish; it is
    closed when no request uses it any more, by a task that is in `closing` until then.

    A request needs a slot of the pool and one of `shared_slots`: neither a server that no longer responds nor
    many of them take all the files that the process may open. `decoding` is held while a page is decoded.
    """

    def __init__(
        self,
        make: Callable[[], httpx.AsyncClient],
        files: TlsFiles = _NO_FILES,
        elapsed: Callable[[], float] = time.monotonic,
        closing: set[asyncio.Task[None]] | None = None,
        decoding: asyncio.Lock | None = None,
        shared_slots: asyncio.Semaphore | None = None,
    ) -> None:
        self.decoding = decoding or asyncio.Lock()
        self._make = make
        self._files = files
        self._signature = self._unusable_signature = self._files.signature()
        self._client = make()
        self._users: Counter[httpx.AsyncClient] = Counter()
        self._closing = set() if closing is None else closing
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._shared_slots = shared_slots or asyncio.Semaphore(MAX_CONNECTIONS)
        self._is_retired = False
        self._failures = LogThrottle(elapsed)
        self._problem = ""

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        """Lease the client, a new one if the files have changed.

        Raises ConnectionFailedError if the client is already closed: a request may get here too late.
        """
        if self._is_retired and not self._users[self._client]:
            raise ConnectionFailedError("the connections are closed: the account is no longer polled")
        is_stale = self._signature != (now := self._files.signature()) and not self._has_renewed(now)
        client = self._client
        self._users[client] += 1
        try:
            yield Lease(client, self._slot(), is_stale)
        finally:
            self._users[client] -= 1
            if client is not self._client or self._is_retired:
                self._close_if_idle(client)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        async with self._slots, self._shared_slots:
            yield

    def retire(self) -> None:
        """Close the client as soon as no request uses it."""
        self._is_retired = True
        self._close_if_idle(self._client)

    def _has_renewed(self, signature: tuple[object, ...]) -> bool:
        """Make a client for the files as they are now; return whether that succeeded.

        Tried when they change, and each time the failure is logged: it may have been temporary.
        """
        times = self._failures.happened(new=self._unusable_signature == self._signature)
        if signature != self._unusable_signature or times is not None:
            try:
                client = self._make()
            except ValueError as error:
                self._problem = str(error)
            else:
                _log.info("certificates_changed", "certificate files changed; new connections use them")
                before, self._client = self._client, client
                self._signature = self._unusable_signature = signature
                self._close_if_idle(before)
                return True
        self._unusable_signature = signature
        if times is not None:
            _log.warning(
                "certificates_unusable",
                "cannot use a certificate file; keeping the previous certificates",
                error=self._problem,
                times=times,
            )
        return False

    def _close_if_idle(self, client: httpx.AsyncClient) -> None:
        if not self._users[client]:
            del self._users[client]
            # In a task of its own: the library loses connections when the task that closes them is cancelled.
            task = asyncio.get_running_loop().create_task(client.aclose())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


class _Unparsed(httpx.AsyncBaseTransport):
    """Removes the headers that the client would parse: cookies, and Location, kept in the extensions."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        response.headers.pop("Set-Cookie", None)
        if location := response.headers.pop("Location", None):
            response.extensions["location"] = location
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


def http_client(route: Route = _DEFAULT_ROUTE, idle: IdleConnections | None = None) -> httpx.AsyncClient:
    """Return a client for a route. Raises ValueError as RouteTransport does."""
    return client_over(RouteTransport(route, idle))


def client_over(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    """Return a client with the exporter's headers that sends its requests through a transport."""
    return httpx.AsyncClient(
        headers={"User-Agent": f"pin-exporter/{__version__}", "Accept-Encoding": "gzip"},
        transport=_Unparsed(transport),
        trust_env=False,
        timeout=None,  # noqa: S113 - each request sets its own
        follow_redirects=False,
    )


class HttpClients:
    """One pool per origin and route. Use it as a context manager.

    `make` returns a client for a route. All pools together have at most `max_connections`, of which a fifth
    may wait for another request.
    """

    def __init__(
        self,
        make: Callable[[Route], httpx.AsyncClient] | None = None,
        elapsed: Callable[[], float] = time.monotonic,
        max_connections: int = _MAX_IN_ALL,
    ) -> None:
        idle = IdleConnections(max_connections // 5)
        self._slots = asyncio.Semaphore(max_connections - max_connections // 5)
        self._make = make or (lambda route: http_client(route, idle))
        self._elapsed = elapsed
        self._pools: dict[_Key, Pool] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._decoding = asyncio.Lock()
        self._checked: dict[Route, tuple[object, ...]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.keep(())
        await asyncio.gather(*self._closing)

    def check(self, url: str, route: Route = _DEFAULT_ROUTE) -> None:
        """Raise SettingsError if no client can be made for a URL. May run on another thread.

        Each route is tried once, and again if its files have changed: thousands of accounts may share one.
        """
        _key(url, route)
        signature = route.files.signature()
        try:
            proxy_for(url, route)
            if self._checked.get(route) != signature:
                self._make(route)
        except ValueError as error:
            raise _cannot_connect(url, error) from None
        self._checked[route] = signature

    def for_url(self, url: str, route: Route = _DEFAULT_ROUTE) -> Pool:
        """Return the pool for a URL's origin. Raises SettingsError as `check` does."""
        key = _key(url, route)
        if key not in self._pools:
            try:
                proxy_for(url, route)
                shared = (self._closing, self._decoding, self._slots)
                pool = Pool(lambda: self._make(route), route.files, self._elapsed, *shared)
            except ValueError as error:
                raise _cannot_connect(url, error) from None
            self._pools[key] = pool
        return self._pools[key]

    def keep(self, wanted: Iterable[tuple[str, Route]]) -> None:
        """Close all pools except those for these URLs and routes, each as soon as it is idle."""
        kept = {_key(url, route) for url, route in wanted}
        for key in self._pools.keys() - kept:
            self._pools.pop(key).retire()
        for route in self._checked.keys() - {route for *_, route in kept}:
            del self._checked[route]


def _key(url: str, route: Route) -> _Key:
    try:
        parsed = httpx.URL(url)
        return parsed.scheme, parsed.host, parsed.port, route
    except (httpx.InvalidURL, ValueError) as error:
        raise SettingsError([f"base_url {url} is not valid: {one_line(str(error))}"]) from None


def _cannot_connect(url: str, error: ValueError) -> SettingsError:
    return SettingsError([f"cannot connect to {url}: {error}"])
