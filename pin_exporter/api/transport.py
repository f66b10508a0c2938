"""Send requests by a route: look up names, connect through proxies and TLS, reuse connections."""

import asyncio
import os
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final, NamedTuple
from urllib.parse import unquote
from urllib.request import getproxies_environment

import h11
import httpx

from pin_exporter.api.http1 import Connection
from pin_exporter.api.proxy_tls import Route, client_context
from pin_exporter.api.transport_errors import RequestTrace
from pin_exporter.toolkit.threads import run_in_thread

_KEEP_IDLE_SECONDS: Final = 5.0


_Owner = tuple[int, int]
"""Who may use a connection again: a transport's id, and a hash of origin and keys, so that no key is kept."""


class _Idle(NamedTuple):
    """A connection that waits for another request of its owner, and since when it waits."""

    connection: Connection
    owner: _Owner
    since: float


class IdleConnections:
    """The connections that wait for another request, at most `limit`, each for a few seconds."""

    def __init__(self, limit: int = 100) -> None:
        self._limit = limit
        self._idle: list[_Idle] = []

    def take(self, owner: _Owner) -> Connection | None:
        """Return the connection of the owner that was used last."""
        self._close_expired()
        for idle in reversed(self._idle):
            if idle.owner == owner:
                self._idle.remove(idle)
                return idle.connection
        return None

    def put(self, connection: Connection, owner: _Owner) -> None:
        """Keep a connection for its owner's next request, and close the oldest one if there are too many."""
        self._close_expired()
        self._idle.append(_Idle(connection, owner, time.monotonic()))
        if len(self._idle) > self._limit:
            self._idle.pop(0).connection.close()

    def _close_expired(self) -> None:
        oldest = time.monotonic() - _KEEP_IDLE_SECONDS
        for idle in [idle for idle in self._idle if idle.since < oldest or not idle.connection.is_reusable]:
            idle.connection.close()
            self._idle.remove(idle)

    def close(self, transport_id: int) -> None:
        """Close the connections of a transport."""
        for idle in [idle for idle in self._idle if idle.owner[0] == transport_id]:
            idle.connection.close()
            self._idle.remove(idle)


class RouteTransport(httpx.AsyncBaseTransport):
    """Sends requests over connections of its own, which are reused only for requests with the same keys.

    Raises ValueError if a certificate file cannot be used.
    """

    def __init__(self, route: Route, idle: IdleConnections | None = None) -> None:
        has_own_certificate = route.files.client_cert_file is not None
        self._route = route
        self._context = route.files.context(default_context if has_own_certificate else _shared_context)
        self._proxy_context = route.files.trusting(_shared_context)
        self._idle = IdleConnections() if idle is None else idle
        self._proxies: dict[str, httpx.URL | None] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response, with the body still to be read."""
        trace: RequestTrace = request.extensions["trace"]
        timeouts: dict[str, float | None] = request.extensions["timeout"]
        origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(origin, self._route)
        proxy = self._proxies[origin]
        trace.proxy_address = None if proxy is None else _shown(proxy)
        keys = (request.headers.get(name) for name in ("pinning_api_key", "pinning_secret_key"))
        owner = (id(self), hash((origin, *keys)))
        connection = self._idle.take(owner)
        if connection is None:
            connection = await self._connect(request.url, proxy, trace, timeouts)
        trace.is_past_proxy = True
        try:
            with _as_httpx(httpx.ReadError):
                head = await connection.send(_outgoing(request, proxy), timeouts["read"])
        except BaseException:
            connection.close()
            raise
        body = _Body(connection, timeouts["read"], lambda: self._idle.put(connection, owner))
        return httpx.Response(head.status_code, headers=list(head.headers), stream=body)

    async def aclose(self) -> None:
        """Close the connections that wait for another request."""
        self._idle.close(id(self))

    async def _connect(
        self,
        url: httpx.URL,
        proxy: httpx.URL | None,
        trace: RequestTrace,
        timeouts: dict[str, float | None],
    ) -> Connection:
        """Return a new connection that leads to the URL's host, encrypted if its scheme is https."""
        within = timeouts["connect"] or 60.0
        first = proxy or url
        with _as_httpx(httpx.ConnectError):
            connection = await _connect_to(first.host, _port(first), within)
        try:
            if proxy is not None and proxy.scheme == "https":
                await _encrypt(connection, self._proxy_context, proxy.host, within)
            if url.scheme == "https":
                if proxy is not None:
                    await _open_tunnel(connection, url, proxy, timeouts["read"])
                trace.is_past_proxy = True
                await _encrypt(connection, self._context, url.host, within)
                trace.has_new_tls = True
        except BaseException:
            connection.close()
            raise
        return connection


class _Body(httpx.AsyncByteStream):
    """The body of a response. `keep` is called with a connection that can be used again."""

    def __init__(self, connection: Connection, read_timeout: float | None, keep: Callable[[], None]) -> None:
        self._connection = connection
        self._read_timeout = read_timeout
        self._keep = keep

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield what arrives."""
        with _as_httpx(httpx.ReadError):
            async for chunk in self._connection.body(self._read_timeout):
                yield chunk

    async def aclose(self) -> None:
        """Keep the connection if the body was read to its end and nothing followed, else close it."""
        if self._connection.is_reusable:
            self._keep()
        else:
            self._connection.close()


_lookups: dict[str, "asyncio.Task[list[str]]"] = {}


async def resolve(host: str) -> list[str]:
    """Return the IP addresses of a host. One lookup per name runs at a time, each on its own thread."""
    task = _lookups.get(host)
    if task is None:
        task = _lookups[host] = asyncio.create_task(run_in_thread(lambda: _look_up(host)))
        task.add_done_callback(lambda _: _lookups.pop(host, None))
    return await asyncio.shield(task)


def _look_up(host: str) -> list[str]:
    os.close(
        os.open("/", os.O_RDONLY)
    )  # raises if no file is left: the resolver would say that no name exists
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError("invalid host name") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def _connect_to(host: str, port: int, within_seconds: float) -> Connection:
    """Return a connection to the first address of a host that accepts one."""
    error: OSError | None = None
    try:
        async with asyncio.timeout(within_seconds) as whole:
            addresses = await resolve(host)
            for number, address in enumerate(addresses):
                remaining = (whole.when() or 0.0) - asyncio.get_running_loop().time()
                try:
                    # The last address may take all the time that is left; the others share it.
                    async with asyncio.timeout(remaining / min(2, len(addresses) - number)):
                        return await Connection.to(address, port)
                except OSError as failed:
                    error = failed
    except TimeoutError:
        raise httpx.ConnectTimeout("") from None
    if error is None or isinstance(error, TimeoutError):
        raise httpx.ConnectTimeout("")
    raise error


async def _encrypt(connection: Connection, context: ssl.SSLContext, host: str, within_seconds: float) -> None:
    try:
        with _as_httpx(httpx.ConnectError):
            await connection.start_tls(context, host, within_seconds)
    except TimeoutError:
        raise httpx.ConnectTimeout("") from None


async def _open_tunnel(
    connection: Connection, url: httpx.URL, proxy: httpx.URL, read_timeout: float | None
) -> None:
    target = f"{_bracketed(url.host)}:{_port(url)}".encode()
    headers = [(b"Host", target), (b"Accept", b"*/*"), *_proxy_authorization(proxy)]
    with _as_httpx(httpx.ReadError):
        status = await connection.open_tunnel(
            h11.Request(method=b"CONNECT", target=target, headers=headers), read_timeout
        )
    if not 200 <= status <= 299:
        raise httpx.ProxyError(str(status))


def _outgoing(request: httpx.Request, proxy: httpx.URL | None) -> h11.Request:
    """Return the request as it is sent: to a proxy of plain HTTP with the whole URL."""
    headers = list(request.headers.raw)
    target = request.url.raw_path
    if proxy is not None and request.url.scheme == "http":
        target = str(request.url.copy_with(fragment=None)).encode("ascii")
        headers += _proxy_authorization(proxy)
    return h11.Request(method=request.method.encode("ascii"), target=target, headers=headers)


def _proxy_authorization(proxy: httpx.URL) -> list[tuple[bytes, bytes]]:
    if not proxy.userinfo:
        return []
    user, _, password = proxy.userinfo.decode("ascii").partition(":")
    token = b64encode(f"{unquote(user)}:{unquote(password)}".encode())
    return [(b"Proxy-Authorization", b"Basic " + token)]


def _port(url: httpx.URL) -> int:
    return url.port or {"http": 80, "https": 443}[url.scheme]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _shown(url: httpx.URL) -> str:
    return f"{_bracketed(url.host)}:{_port(url)}"


@contextmanager
def _as_httpx(error_type: type[httpx.TransportError]) -> Iterator[None]:
    """Raise the errors of sockets and TLS as httpx does."""
    try:
        yield
    except TimeoutError:
        raise
    except (OSError, ssl.SSLError) as error:
        raise error_type(str(error)) from error


def proxy_for(url: str, route: Route) -> httpx.URL | None:
    """Return the proxy that requests for a URL use, configured or from the environment, None without one.

    Raises ValueError if it is not valid; the text contains nothing of its URL, which may have a password.
    """
    proxy = route.proxy_for(url)
    if proxy is None:
        return None
    try:
        parsed = httpx.URL(proxy if "://" in proxy else f"http://{proxy}")
    except (httpx.InvalidURL, ValueError):
        parsed = httpx.URL()
    if parsed.scheme in ("http", "https") and parsed.host and 0 < _port(parsed) < 65_536:
        return parsed
    if route.proxy_url is not None:
        raise ValueError("proxy_url is not a valid URL")
    scheme = httpx.URL(url).scheme
    variable = scheme if scheme in getproxies_environment() else "all"
    raise ValueError(f"the variable {variable.upper()}_PROXY must be http://host:port or unset")


def default_context() -> ssl.SSLContext:
    """Return a new context that trusts the CAs of SSL_CERT_FILE and SSL_CERT_DIR, else those of certifi.

    Raises ValueError.
    """
    try:
        return client_context(httpx.create_ssl_context())
    except OSError as error:
        raise ValueError(f"cannot use SSL_CERT_FILE or SSL_CERT_DIR: {error.strerror}") from None


def _shared_context() -> ssl.SSLContext:
    return _context_for(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _context_for(*_: str | None) -> ssl.SSLContext:
    """Return one context for all clients: reading the CAs takes 25 ms."""
    return default_context()
