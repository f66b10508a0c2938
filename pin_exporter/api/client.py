"""One request to the list endpoint: keys on, typed page out, every failure one of our own errors.

With `http_clients`, `http_pool`, `http_surplus` and `transport_errors`, the only module that knows the HTTP
library.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Final, NamedTuple

import httpx

from pin_exporter.api.body import read_body
from pin_exporter.api.credentials import Credentials, CredentialSource
from pin_exporter.api.decode import decode_page, without_keys
from pin_exporter.api.errors import MalformedError, RequestTimeoutError, TooLargeError
from pin_exporter.api.model import Page
from pin_exporter.api.pool import Pool
from pin_exporter.api.status_errors import ApiResponse, bounded_headers, error_for_status
from pin_exporter.api.surplus import close_response
from pin_exporter.api.transport_errors import RequestTrace, Timeouts, transport_error

MAX_BODY_BYTES: Final = 8 * 2**20
"""What is larger is no page: one of 1,000 pins takes about half a megabyte."""
_USUAL_BYTES: Final = 2**20
"""What is larger may take seconds to decode, and is decoded on a thread."""
_MAX_ERROR_BYTES: Final = 64 * 2**10


class RequestResult(NamedTuple):
    """How one request went: `code` is the HTTP status or `error`, the body is measured decompressed.

    `stale` names what was sent as it was before, because its files could not be read: keys, certificates.
    """

    code: str
    seconds: float
    body_bytes: int
    stale: tuple[str, ...] = ()


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


class PinClient:
    """The list endpoint of one account, whose requests go through `pool`.

    `timeouts` may be given as one number, the seconds that bound a request as a whole, from connecting to the
    last byte.
    """

    def __init__(
        self,
        pool: Pool,
        base_url: str,
        credentials: CredentialSource,
        timeouts: Timeouts | float,
    ) -> None:
        self._pool = pool
        self._url = httpx.URL(base_url.rstrip("/") + "/pinning/pins/")
        self._host = self._url.netloc.decode()
        self._credentials = credentials
        self._timeouts = timeouts if isinstance(timeouts, Timeouts) else Timeouts(timeouts)

    async def list_pins(self, *, offset: int, limit: int, observe: Callable[[RequestResult], None]) -> Page:
        """Return the rows from `offset` on, at most `limit`, of all pins, oldest first.

        The server may send fewer rows than it was asked for. `observe` is told of the request, whether it
        succeeds or not. Raises a PollError of the fitting reason.
        """
        credentials = self._credentials()
        query: dict[str, str | int] = {
            "offset": offset,
            "limit": limit,
            "pinned": "all",
            "sortBy": "created_at",
            "sortOrder": "ASC",
        }
        answer = await self._asked(query, credentials, observe)
        # One page at a time: of several that arrive together, each would hold up whoever scrapes meanwhile.
        async with self._pool.decoding:
            await asyncio.sleep(0)
            if len(answer.body) <= _USUAL_BYTES:
                return self._page(answer, credentials)
            return await asyncio.to_thread(self._page, answer, credentials)

    async def ask(self, query: Mapping[str, str | int], answer: ApiResponse | None = None) -> ApiResponse:
        """Return the answer to any query, whatever its status and body.

        Raises a PollError when there is no complete answer; what came of it then stands in `answer`.
        """
        return await self._asked(query, self._credentials(), lambda _: None, answer)

    def page_of(self, response: ApiResponse) -> Page:
        """Return the page in a complete response. Raises a PollError if there is none."""
        return self._page(response, self._credentials())

    async def _asked(
        self,
        query: Mapping[str, str | int],
        credentials: Credentials,
        observe: Callable[[RequestResult], None],
        answer: ApiResponse | None = None,
    ) -> ApiResponse:
        answer = ApiResponse() if answer is None else answer
        trail = RequestTrace(self._url, query.get("limit"))
        stale = ["keys"] if credentials.is_stale else []
        began = time.perf_counter()
        timed_out = False
        try:
            # Closing stands outside the timeout: the library loses a connection whose closing is cancelled.
            async with AsyncExitStack() as closing:
                lease = closing.enter_context(self._pool.lease())
                stale += ["certificates"] if lease.is_stale else []
                async with asyncio.timeout(self._timeouts.whole):
                    await closing.enter_async_context(lease.slots)
                    request = self._request(lease.client, query, trail)
                    auth = _KeyAuth(credentials, self._url)
                    response = await lease.client.send(request, auth=auth, stream=True)
                    closing.push_async_callback(close_response, response)
                    await _receive(response, answer)
        except TimeoutError:
            timed_out = True
        # The library lets the TLS library's own errors through where they come late.
        except (httpx.TransportError, ssl.SSLError) as error:
            raise transport_error(error, trail, self._timeouts, credentials.redact) from None
        finally:
            answer.seconds = time.perf_counter() - began
            code = "error" if answer.status is None else str(answer.status)
            observe(RequestResult(code, answer.seconds, len(answer.body), tuple(stale)))
        if timed_out:
            # Raised out here to have no context: that would refer to the task, which refers to this error, so
            # that all which the request held would be left to the collector of garbage.
            raise RequestTimeoutError(
                f"{trail.where} did not answer within {self._timeouts.whole:g} s: if this goes on, raise "
                f"request_timeout{trail.or_less}"
            )
        return answer

    def _request(
        self, client: httpx.AsyncClient, query: Mapping[str, str | int], trail: RequestTrace
    ) -> httpx.Request:
        connect, read = self._timeouts.connect, self._timeouts.read
        timeout = httpx.Timeout(None, connect=connect, read=read).as_dict()
        url = self._url.copy_merge_params(dict(query))
        return httpx.Request(
            "GET", url, headers=client.headers, extensions={"timeout": timeout, "trace": trail}
        )

    def _page(self, answer: ApiResponse, credentials: Credentials) -> Page:
        if answer.status == 200:
            if len(answer.body) > MAX_BODY_BYTES:
                raise TooLargeError(f"the answer is larger than {MAX_BODY_BYTES} bytes: lower page_size")
            page = decode_page(answer.body, credentials.redact)
            # Status words become labels, and names are shown.
            return (
                without_keys(page, credentials.redact_keys) if credentials.may_occur_in(answer.body) else page
            )
        raise error_for_status(
            answer,
            host=self._host,
            fingerprint=credentials.fingerprint,
            now=datetime.now(UTC),
            redact=credentials.redact,
        )


async def _receive(response: httpx.Response, answer: ApiResponse) -> None:
    limit = MAX_BODY_BYTES if response.status_code == 200 else _MAX_ERROR_BYTES
    answer.headers = bounded_headers(response.headers.multi_items())
    answer.location = response.extensions.get("location")
    answer.retry_after = response.headers.get("Retry-After")
    encoding = response.headers.get("Content-Encoding", "identity")
    # Not `aiter_raw`, which closes the response at its end, where the timeout may strike.
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - for the type
    is_fit = await read_body(aiter(response.stream), encoding, answer.body, limit)
    answer.status = response.status_code
    if not is_fit and answer.status == 200:
        raise MalformedError(
            "the API's answer comes in crumbs, ever more pieces with next to nothing in them: look for "
            "a proxy that cuts it up"
        )
