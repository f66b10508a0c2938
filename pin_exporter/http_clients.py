"""HTTP clients to share: one for each origin, with the pool of connections in it."""

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, Self

import httpx

from pin_exporter import __version__
from pin_exporter.decode import one_line
from pin_exporter.errors import SettingsError

_MAX_CONNECTIONS: Final = 100


def http_client() -> httpx.AsyncClient:
    """Return a client for one origin: one pool, no redirects, no cookies shared between accounts."""
    return httpx.AsyncClient(
        headers={"User-Agent": f"pin-exporter/{__version__}", "Accept-Encoding": "gzip"},
        timeout=None,  # noqa: S113 - each request has its own, as a whole
        limits=httpx.Limits(max_connections=_MAX_CONNECTIONS, max_keepalive_connections=_MAX_CONNECTIONS),
        follow_redirects=False,
        event_hooks={"response": [_forget_redirect]},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


class HttpClients:
    """One HTTP client, and so one pool of connections, for each origin. To be used as a context."""

    def __init__(self) -> None:
        self._by_origin: dict[tuple[str, str, int | None], httpx.AsyncClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._by_origin.values():
            await client.aclose()

    def for_url(self, url: str) -> httpx.AsyncClient:
        """Return the client for a URL's origin.

        Raises SettingsError when the URL, a proxy or a CA file of the environment cannot be used.
        """
        try:
            parsed = httpx.URL(url)
            origin = (parsed.scheme, parsed.host, parsed.port)
            if origin not in self._by_origin:
                self._by_origin[origin] = http_client()
        except (httpx.InvalidURL, ImportError, OSError, ValueError) as error:
            told = one_line(str(error))
            hint = "check it, and the variables of proxies and of SSL_CERT_FILE"
            raise SettingsError([f"base_url {url} cannot be used: {told}: {hint}"]) from None
        return self._by_origin[origin]


async def _forget_redirect(response: httpx.Response) -> None:
    """Keep the library from preparing the next request of a redirect: it parses Location, and may fail."""
    if location := response.headers.pop("Location", None):
        response.extensions["location"] = location
