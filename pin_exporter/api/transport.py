"""HTTP clients, shared by accounts: one pool per origin and route."""

import asyncio
import os
import ssl
import time
from collections.abc import Callable, Iterable
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, Self
from urllib.request import getproxies_environment

import httpx

from pin_exporter import __version__
from pin_exporter.api.pool import MAX_CONNECTIONS, Pool
from pin_exporter.api.proxy_tls import Route
from pin_exporter.toolkit.display_text import one_line
from pin_exporter.toolkit.errors import SettingsError

_LIMITS: Final = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=20)
"""The library compares its idle connections with each other several times per request: keep few."""
_CLIENT_ERRORS: Final = (httpx.InvalidURL, ImportError, OSError, ValueError)
_DEFAULT_ROUTE: Final = Route()
_Key = tuple[str, str, int | None, Route]


def http_client(route: Route = _DEFAULT_ROUTE) -> httpx.AsyncClient:
    """Return a client for one origin: no redirects, no cookies shared between accounts.

    Raises ValueError if a file or a proxy cannot be used; its text contains nothing of the proxy's URL.
    """
    has_own_certificate = route.files.client_cert_file is not None
    context = route.files.context(_new_context if has_own_certificate else _shared_context)
    proxy = _proxy(route)
    try:
        return httpx.AsyncClient(
            headers={"User-Agent": f"pin-exporter/{__version__}", "Accept-Encoding": "gzip"},
            verify=context,
            proxy=proxy,
            trust_env=not route.goes_direct,
            timeout=None,  # noqa: S113 - each request sets its own
            limits=_LIMITS,
            follow_redirects=False,
            event_hooks={"response": [_forget_redirect]},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
    except _CLIENT_ERRORS:
        raise ValueError(_proxy_variable_problem()) from None


class HttpClients:
    """One pool per origin and route. Use it as a context manager. `make` returns a client for a route."""

    def __init__(
        self,
        make: Callable[[Route], httpx.AsyncClient] = http_client,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
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
        if self._checked.get(route) == signature:
            return
        try:
            self._make(route)
        except ValueError as error:
            raise _cannot_connect(url, error) from None
        self._checked[route] = signature

    def for_url(self, url: str, route: Route = _DEFAULT_ROUTE) -> Pool:
        """Return the pool for a URL's origin. Raises SettingsError as `check` does."""
        key = _key(url, route)
        if key not in self._pools:
            try:
                shared = (self._closing, self._decoding)
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


def _proxy(route: Route) -> httpx.Proxy | None:
    if route.proxy_url is None or route.goes_direct:
        return None
    try:
        proxy = httpx.Proxy(route.proxy_url.get_secret_value())
    except _CLIENT_ERRORS:
        # The library quotes parts of the URL, which may contain a password.
        raise ValueError("proxy_url is not a valid URL") from None
    if proxy.url.scheme == "https":
        proxy.ssl_context = route.files.trusting(_shared_context)
    return proxy


def _proxy_variable_problem() -> str:
    """Return the message for when the proxy variables of the environment cannot be used."""
    for scheme, url in getproxies_environment().items():
        if scheme != "no" and not _is_proxy(url if "://" in url else f"http://{url}"):
            return f"the variable {scheme.upper()}_PROXY must be http://host:port or unset"
    return "the variable NO_PROXY must list names and addresses, without brackets, separated by commas"


def _is_proxy(url: str) -> bool:
    try:
        return httpx.Proxy(url).url.scheme in ("http", "https")
    except _CLIENT_ERRORS:
        return False


def _new_context() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise ValueError(f"cannot use SSL_CERT_FILE or SSL_CERT_DIR: {error.strerror}") from None


def _shared_context() -> ssl.SSLContext:
    return _context_for(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _context_for(*_: str | None) -> ssl.SSLContext:
    """Return one context for all clients: reading the CAs takes 25 ms."""
    return _new_context()


async def _forget_redirect(response: httpx.Response) -> None:
    """Stop the library from preparing to follow a redirect: it parses Location, which may fail."""
    if location := response.headers.pop("Location", None):
        response.extensions["location"] = location
