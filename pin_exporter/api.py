"""One request to the list endpoint: keys on, typed page out, every failure one of our own errors.

The only module that knows the HTTP library.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, NamedTuple, Self

import httpx

from pin_exporter import __version__
from pin_exporter.answers import Answer, error_for_status
from pin_exporter.body import read_body
from pin_exporter.bounded_client import LIMITS, BoundedClient
from pin_exporter.credentials import Credentials, CredentialSource
from pin_exporter.decode import decode_page, one_line
from pin_exporter.errors import (
    ConnectionFailedError,
    PollError,
    RequestTimeoutError,
    SettingsError,
    TlsError,
    TooLargeError,
)
from pin_exporter.model import Page

MAX_BODY_BYTES: Final = 8 * 2**20
"""What is larger is no page: one of 1,000 pins takes about half a megabyte."""
_MAX_ERROR_BYTES: Final = 64 * 2**10


class Exchange(NamedTuple):
    """How one request went: `code` is the HTTP status or `error`, the body is measured decompressed."""

    code: str
    seconds: float
    body_bytes: int


def http_client() -> BoundedClient:
    """Return a client for one origin: one pool, no redirects, no cookies shared between accounts."""
    return BoundedClient(
        headers={"User-Agent": f"pin-exporter/{__version__}", "Accept-Encoding": "gzip"},
        timeout=None,
        limits=LIMITS,
        follow_redirects=False,
        event_hooks={"response": [_forget_redirect]},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


class HttpClients:
    """One HTTP client, and so one pool of connections, for each origin. To be used as a context."""

    def __init__(self) -> None:
        self._by_origin: dict[tuple[str, str, int | None], BoundedClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._by_origin.values():
            await client.aclose()

    def for_url(self, url: str) -> BoundedClient:
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


class _KeyAuth(httpx.Auth):
    """Adds the two key headers, and only to requests for the origin that the operator chose."""

    def __init__(self, credentials: Credentials, origin: httpx.URL) -> None:
        self._credentials = credentials
        self._origin = origin

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        url, origin = request.url, self._origin
        if (url.scheme, url.host, url.port) == (origin.scheme, origin.host, origin.port):
            request.headers["pinning_api_key"] = self._credentials.api_key.get_secret_value()
            request.headers["pinning_secret_key"] = self._credentials.secret_key.get_secret_value()
        yield request


class PinApi:
    """The list endpoint of one account.

    `timeout_seconds` bounds a request as a whole, from connecting to the last byte.
    """

    def __init__(
        self,
        client: BoundedClient,
        base_url: str,
        credentials: CredentialSource,
        timeout_seconds: float,
    ) -> None:
        self._client = client
        self._url = httpx.URL(base_url.rstrip("/") + "/pinning/pins/")
        self._host = self._url.netloc.decode()
        self._credentials = credentials
        self._timeout_seconds = timeout_seconds
        self._decoding = asyncio.Lock()

    async def list_pins(self, *, offset: int, limit: int, observe: Callable[[Exchange], None]) -> Page:
        """Return the rows from `offset` on, at most `limit`, of all pins, oldest first.

        The server may send fewer rows than it was asked for. `observe` is told of the request, whether it
        succeeds or not. Raises a PollError of the fitting reason.
        """
        credentials = self._credentials()
        url = self._url.copy_merge_params(
            {"offset": offset, "limit": limit, "pinned": "all", "sortBy": "created_at", "sortOrder": "ASC"}
        )
        answer, began = Answer(), time.perf_counter()
        try:
            # Closing stands outside the timeout: the library loses a connection whose closing is cancelled.
            async with AsyncExitStack() as closing:
                async with asyncio.timeout(self._timeout_seconds):
                    await closing.enter_async_context(self._client.slots)
                    request = httpx.Request("GET", url, headers=self._client.headers)
                    auth = _KeyAuth(credentials, self._url)
                    response = await self._client.send(request, auth=auth, stream=True)
                    closing.push_async_callback(response.aclose)
                    await _receive(response, answer)
        except TimeoutError:
            raise RequestTimeoutError(
                f"{self._host} did not answer within {self._timeout_seconds:g} s: if this goes on, raise "
                "request_timeout or lower page_size"
            ) from None
        except httpx.TransportError as error:
            raise self._transport_error(error, credentials) from None
        finally:
            code = "error" if answer.status is None else str(answer.status)
            observe(Exchange(code, time.perf_counter() - began, len(answer.body)))
        # One page at a time: of several that arrive together, each would hold up whoever scrapes meanwhile.
        async with self._decoding:
            await asyncio.sleep(0)
            return self._page(answer, credentials)

    def _page(self, answer: Answer, credentials: Credentials) -> Page:
        if answer.status == 200:
            if len(answer.body) > MAX_BODY_BYTES:
                raise TooLargeError(f"the answer is larger than {MAX_BODY_BYTES} bytes: lower page_size")
            return decode_page(answer.body, credentials.redact)
        raise error_for_status(
            answer,
            host=self._host,
            fingerprint=credentials.fingerprint,
            now=datetime.now(UTC),
            redact=credentials.redact,
        )

    def _transport_error(self, error: httpx.TransportError, credentials: Credentials) -> PollError:
        causes = list(_causes(error))
        # The innermost knows best; and the library quotes what it could not read.
        words = (
            one_line(credentials.redact(getattr(cause, "strerror", None) or str(cause))) for cause in causes
        )
        told = next(filter(None, words), type(error).__name__)
        if isinstance(error, httpx.TimeoutException):
            return RequestTimeoutError(
                f"{self._host} did not answer in time: {told}: check DNS and firewalls"
            )
        if any(isinstance(cause, ssl.SSLError) for cause in causes):
            return TlsError(f"TLS with {self._host} failed: {told}: check base_url and the CA certificates")
        told = f"{told}: check base_url, DNS, firewalls and proxy variables"
        return ConnectionFailedError(f"connection to {self._host} failed: {told}")


async def _receive(response: httpx.Response, answer: Answer) -> None:
    limit = MAX_BODY_BYTES if response.status_code == 200 else _MAX_ERROR_BYTES
    answer.location = response.extensions.get("location")
    answer.retry_after = response.headers.get("Retry-After")
    encoding = response.headers.get("Content-Encoding", "identity")
    # Not `aiter_raw`, which closes the response at its end, where the timeout may strike.
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - for the type
    await read_body(aiter(response.stream), encoding, answer.body, limit)
    answer.status = response.status_code


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield what led to an error, the innermost first."""
    if error is not None:
        yield from _causes(error.__cause__ or error.__context__)
        yield error
