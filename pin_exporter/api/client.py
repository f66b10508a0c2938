"""One request to the list endpoint: adds the keys, returns a typed page, raises only our own errors."""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Final

import httpx

from pin_exporter.api.body import encoding_problem, read_body
from pin_exporter.api.credentials import Credentials
from pin_exporter.api.decode import decode_page, redact_page
from pin_exporter.api.errors import MalformedError, RequestTimeoutError, TooLargeError
from pin_exporter.api.model import Collector, Page, PinnedFilter
from pin_exporter.api.pool import Pool
from pin_exporter.api.request_stats import RequestCounter
from pin_exporter.api.status_errors import ApiResponse, bounded_headers, error_for_status
from pin_exporter.api.transport_errors import RequestTrace, Timeouts, transport_error

MAX_BODY_BYTES: Final = 8 * 2**20
"""The largest body read as a page; one of 1,000 pins takes about half a megabyte."""
PINS_PATH: Final = "/pinning/pins/"
"""The list endpoint, with the slash at its end: without, the API redirects."""
_MAX_ERROR_BYTES: Final = 64 * 2**10
_DECODE_ON_THREAD_BYTES: Final = 2**20
"""A larger body may take seconds to decode, so a thread does it."""


class PinClient:
    """The list endpoint of one account. Its requests go through `pool` and are counted by `counter`.

    `credentials` returns the keys to use now and is called before each request. `path` is below `base_url`.
    """

    def __init__(
        self,
        pool: Pool,
        base_url: str,
        credentials: Callable[[], Credentials],
        timeouts: Timeouts,
        counter: RequestCounter,
        path: str = PINS_PATH,
    ) -> None:
        self.counter = counter
        self._pool = pool
        self._url = httpx.URL(base_url.rstrip("/") + path)
        self._host = self._url.netloc.decode()
        self._credentials = credentials
        self._timeouts = timeouts

    async def list_pins(
        self, collector: Collector, *, offset: int, limit: int, pinned: PinnedFilter = "all"
    ) -> Page:
        """Return the rows from `offset` on, at most `limit`, of the pins that the filter lists, oldest first.

        The server may send fewer rows than requested. The request is counted for `collector`, whether it
        succeeds or not. Raises a PollError.
        """
        credentials = self._credentials()
        query: dict[str, str | int] = {
            "offset": offset,
            "limit": limit,
            "pinned": pinned,
            "sortBy": "created_at",
            "sortOrder": "ASC",
        }
        response = ApiResponse()
        try:
            await self._send(query, credentials, response)
        finally:
            code = "error" if response.status is None else str(response.status)
            self.counter.count_request(
                collector, code, response.seconds, len(response.body), response.stale_files
            )
        # One page at a time: decoding several at once would hold up scrapes for as long as all of them take.
        async with self._pool.decoding:
            await asyncio.sleep(0)
            if len(response.body) <= _DECODE_ON_THREAD_BYTES:
                return self._page(response, credentials)
            return await asyncio.to_thread(self._page, response, credentials)

    async def send(self, query: Mapping[str, str | int], response: ApiResponse | None = None) -> ApiResponse:
        """Send any query and return the response, whatever its status and body; the request is not counted.

        Raises a PollError without a complete response; `response` then holds what has arrived.
        """
        response = response or ApiResponse()
        await self._send(query, self._credentials(), response)
        return response

    def raise_for_status(self, response: ApiResponse) -> None:
        """Raise a PollError unless the response is complete and its status is 200."""
        self._raise_for_status(response, self._credentials())

    def page_of(self, response: ApiResponse) -> Page:
        """Return the page in a complete response. Raises a PollError if there is none."""
        return self._page(response, self._credentials())

    async def _send(
        self, query: Mapping[str, str | int], credentials: Credentials, response: ApiResponse
    ) -> None:
        response.stale_files = ("keys",) if credentials.is_stale else ()
        # The only place that sends the keys.
        keys = {
            "pinning_api_key": credentials.api_key.get_secret_value(),
            "pinning_secret_key": credentials.secret_key.get_secret_value(),
        }
        url = self._url.copy_merge_params(dict(query))
        trace = RequestTrace(url, query.get("limit"))
        await send_request(
            self._pool, url, keys, self._timeouts, response, redact=credentials.redact, trace=trace
        )

    def _page(self, response: ApiResponse, credentials: Credentials) -> Page:
        self._raise_for_status(response, credentials)
        page = decode_page(response.body, credentials.redact)
        # Status words become labels, and names are shown: none may contain a key.
        keys = credentials.keys()
        return redact_page(page, keys) if keys.may_be_in(response.body) else page

    def _raise_for_status(self, response: ApiResponse, credentials: Credentials) -> None:
        if response.status != 200:
            raise error_for_status(
                response,
                host=self._host,
                fingerprint=credentials.fingerprint,
                now=datetime.now(UTC),
                redact=credentials.redact,
            )
        if response.is_too_large:
            raise TooLargeError(
                f"the API's response is larger than {MAX_BODY_BYTES // 2**20} MiB: lower page_size"
            )
        if problem := encoding_problem(response.headers.get("content-encoding", ""), response.body):
            hint = "check base_url, and have the proxy or CDN in between send gzip"
            raise MalformedError(f"the API's response {problem}: {hint}")


async def send_request(
    pool: Pool,
    url: str | httpx.URL,
    headers: Mapping[str, str],
    timeouts: Timeouts,
    response: ApiResponse,
    *,
    redact: Callable[[str], str],
    trace: RequestTrace | None = None,
    max_bytes: int = MAX_BODY_BYTES,
) -> None:
    """Send a GET request and put what arrives into `response`; redirects are not followed.

    `redact` removes secrets from text from outside, `max_bytes` limits the body of a 200. Raises a PollError
    without a complete response.
    """
    url = httpx.URL(url)
    trace = trace or RequestTrace(url)
    began = time.perf_counter()
    timed_out = False
    try:
        # Closing stands outside the timeout: the library loses a connection whose closing is cancelled.
        async with AsyncExitStack() as closing:
            lease = closing.enter_context(pool.lease())
            response.stale_files += ("certificates",) if lease.is_stale else ()
            async with asyncio.timeout(timeouts.whole):
                await closing.enter_async_context(lease.slot)
                received = await lease.client.send(
                    _request(lease.client, url, headers, timeouts, trace), stream=True
                )
                closing.push_async_callback(_close, received)
                await _receive(received, response, max_bytes)
    except TimeoutError:
        timed_out = True
    # The library does not wrap errors of the TLS library that occur late.
    except (httpx.TransportError, ssl.SSLError) as error:
        raise transport_error(error, trace, timeouts, redact) from None
    finally:
        response.seconds = time.perf_counter() - began
    if timed_out:
        # Raised here to have no context: the context would refer to the task, which refers to this error,
        # so that only the garbage collector could free what the request held.
        raise RequestTimeoutError(
            f"{trace.peer} did not send a complete response within {timeouts.whole:g} s: if this "
            f"persists, raise request_timeout{trace.or_smaller_page}"
        )


def _request(
    client: httpx.AsyncClient,
    url: httpx.URL,
    headers: Mapping[str, str],
    timeouts: Timeouts,
    trace: RequestTrace,
) -> httpx.Request:
    timeout = httpx.Timeout(None, connect=timeouts.connect, read=timeouts.read).as_dict()
    request = httpx.Request(
        "GET", url, headers=client.headers, extensions={"timeout": timeout, "trace": trace}
    )
    for name, value in headers.items():
        request.headers[name] = value
    return request


async def _close(received: httpx.Response) -> None:
    """Close a response, and free what it holds: its stream refers to it."""
    await received.aclose()
    received.stream = httpx.ByteStream(b"")


async def _receive(received: httpx.Response, response: ApiResponse, max_bytes: int) -> None:
    limit = max_bytes if received.status_code == 200 else _MAX_ERROR_BYTES
    response.headers = bounded_headers(received.headers.multi_items())
    response.location = received.extensions.get("location")
    encoding = response.headers.get("content-encoding", "")
    # Not `aiter_raw`, which closes the response at its end, where the timeout may strike.
    assert isinstance(received.stream, httpx.AsyncByteStream)  # noqa: S101 - for the type
    is_complete = await read_body(aiter(received.stream), encoding, response.body, limit)
    response.is_too_large = not is_complete
    response.status = received.status_code
