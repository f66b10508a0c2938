import asyncio
import gzip
import ssl
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any, TypeVar

import httpx
import pytest

from pin_exporter import __version__
from pin_exporter.api.client import MAX_BODY_BYTES, PinClient
from pin_exporter.api.decode import decode_page
from pin_exporter.api.errors import PollError, RateLimitedError, RequestTimeoutError, ServerError
from pin_exporter.api.http1 import UnacceptableResponseError
from pin_exporter.api.model import Collector, Page
from pin_exporter.api.pool import MAX_CONNECTIONS, HttpClients, Pool
from pin_exporter.api.status_errors import ApiResponse
from pin_exporter.api.transport_errors import Timeouts
from pin_exporter.toolkit.errors import SettingsError
from tests.support.clocks import settle
from tests.support.service import (
    API_KEY,
    SECRET_KEY,
    Answering,
    credentials,
    page,
    pin_api,
    pin_client,
    pool_over,
    row,
    served_by,
)

T = TypeVar("T")
GOOD = page([row(1), row(2)])


async def files(api: PinClient, limit: int = 1) -> int:
    """Request a page, and return how many files it reports."""
    return (await api.list_pins(Collector.TOTALS, offset=0, limit=limit)).totals.files


class Asking:
    """Requests a page from the API; records the requests that it sent."""

    def __init__(self, answer: httpx.Response | Exception | Answering, **more: Any) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer
        self.api = pin_api(self._answered, **more)

    def _answered(self, request: httpx.Request) -> Any:
        self.requests.append(request)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer if isinstance(self._answer, httpx.Response) else self._answer(request)

    def page(self, offset: int = 0, limit: int = 10) -> Page:
        return asyncio.run(self.api.list_pins(Collector.TOTALS, offset=offset, limit=limit))

    @property
    def codes(self) -> dict[str, int]:
        """Return how many requests were counted, by code."""
        return {code: count for (_, code), count in self.api.counter.stats.requests.items()}

    def failure(self) -> PollError:
        with pytest.raises(PollError) as caught:
            self.page()
        return caught.value


def ok(body: bytes = GOOD, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return httpx.Response(200, stream=Chunks(body), headers=headers)  # content= would be decoded here


def test_the_query_asks_for_all_pins_oldest_first_on_the_path_with_its_slash() -> None:
    asking = Asking(ok())
    asking.page(offset=990, limit=1000)
    url = asking.requests[0].url
    assert (asking.requests[0].method, url.host, url.path) == ("GET", "api.test", "/api/pinning/pins/")
    assert dict(url.params) == {
        "offset": "990",
        "limit": "1000",
        "pinned": "all",
        "sortBy": "created_at",
        "sortOrder": "ASC",
    }


@pytest.mark.parametrize("base_url", ["http://api.test/api", "http://api.test/api/", "http://api.test/api//"])
def test_a_base_url_may_end_in_slashes(base_url: str) -> None:
    asking = Asking(ok(), base_url=base_url)
    asking.page()
    assert asking.requests[0].url.path == "/api/pinning/pins/"


def test_the_keys_go_out_as_headers_with_underscores_beside_a_user_agent() -> None:
    asking = Asking(ok())
    asking.page()
    headers = asking.requests[0].headers
    raw = {name: value.decode() for name, value in headers.raw}
    assert raw[b"pinning_api_key"] == API_KEY
    assert raw[b"pinning_secret_key"] == SECRET_KEY
    assert headers["User-Agent"] == f"pin-exporter/{__version__}"
    assert headers["Accept-Encoding"] == "gzip"
    assert "Authorization" not in headers
    assert "Cookie" not in headers


def test_the_keys_are_read_before_each_request() -> None:
    requests: list[httpx.Request] = []
    keys = iter([credentials("first"), credentials("second")])

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return ok()

    async def work() -> None:
        api = pin_client(pool_over(answer), keys=lambda: next(keys))
        for _ in range(2):
            await files(api)

    asyncio.run(work())
    assert [request.headers["pinning_api_key"] for request in requests] == ["first", "second"]


def ask(answer: httpx.Response | Answering, query: Mapping[str, str | int]) -> ApiResponse:
    return asyncio.run(Asking(answer).api.send(query))


def test_any_query_can_be_asked_and_any_answer_seen() -> None:
    asking = Asking(httpx.Response(418, headers={"X-Proxy": "a", "Retry-After": "3"}, content=b"tea"))
    answered = asyncio.run(asking.api.send({"limit": 7, "metadata": "null"}))
    assert dict(asking.requests[0].url.params) == {"limit": "7", "metadata": "null"}
    assert (answered.status, bytes(answered.body)) == (418, b"tea")
    assert answered.headers == {"x-proxy": "a", "retry-after": "3", "content-length": "3"}
    assert 0 < answered.seconds < 60


REASONS = {
    httpx.ConnectTimeout: "timeout",
    httpx.ReadTimeout: "timeout",
    httpx.WriteTimeout: "timeout",
    httpx.PoolTimeout: "timeout",
    httpx.ConnectError: "connection",
    httpx.ReadError: "connection",
    httpx.WriteError: "connection",
    httpx.CloseError: "connection",
    httpx.ProxyError: "connection",
    httpx.UnsupportedProtocol: "connection",
    httpx.LocalProtocolError: "connection",
    UnacceptableResponseError: "malformed",
}


def _leaves(kind: type[Exception]) -> set[type[Exception]]:
    children = kind.__subclasses__()
    return set().union(*map(_leaves, children)) if children else {kind}


def test_the_table_of_reasons_knows_every_error_of_the_transport() -> None:
    assert set(REASONS) == _leaves(httpx.TransportError)


@pytest.mark.parametrize("kind", REASONS)
def test_every_error_of_the_transport_has_its_reason(kind: type[httpx.TransportError]) -> None:
    asking = Asking(kind("what went wrong"))
    error = asking.failure()
    assert error.reason == REASONS[kind]
    assert "api.test" in str(error)
    assert "what went wrong" in str(error)
    assert asking.codes == {"error": 1}


def test_an_error_of_the_transport_without_a_word_is_named_by_its_class() -> None:
    assert "ReadError" in str(Asking(httpx.ReadError("")).failure())


def test_an_error_of_the_tls_library_below_that_of_the_transport_is_tls() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        try:
            try:
                raise ssl.SSLCertVerificationError("certificate verify failed")
            except ssl.SSLError as error:
                raise OSError("in between") from error
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error

    assert Asking(answer).failure().reason == "tls"


async def _hang(*_: object) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


class Chunks(httpx.AsyncByteStream):
    """A body in pieces; counts those taken, and whether it was closed."""

    def __init__(self, *chunks: bytes, then: Callable[[], Coroutine[Any, Any, object]] | None = None) -> None:
        self._chunks = chunks
        self._then = then
        self.taken = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.taken += 1
            yield chunk
        if self._then:
            await self._then()

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    "answer",
    [_hang, lambda _: httpx.Response(200, stream=Chunks(GOOD[:30], then=_hang))],
    ids=["head", "body"],
)
def test_a_request_that_takes_longer_than_its_timeout_is_ended_whatever_it_waits_for(
    answer: Answering,
) -> None:
    asking = Asking(answer, timeout_seconds=0.05)
    error = asking.failure()
    assert error.reason == "timeout"
    assert "0.05 s" in str(error)
    assert asking.codes == {"error": 1}


class _SlowToClose(Chunks):
    """A body whose closing takes longer than the request may."""

    async def aclose(self) -> None:
        await asyncio.sleep(0.5)
        self.closed = True


@pytest.mark.parametrize("then", [None, _hang], ids=["read to its end", "cut off by the timeout"])
def test_the_timeout_does_not_cut_off_the_closing_of_a_connection(
    then: Callable[[], Coroutine[Any, Any, object]] | None,
) -> None:
    body = _SlowToClose(GOOD, then=then)

    async def work() -> None:
        api = pin_api(lambda _: httpx.Response(200, stream=body), timeout_seconds=0.25)
        with suppress(PollError):
            await files(api)

    asyncio.run(work())
    assert body.closed


def test_a_request_that_is_cancelled_is_counted_once_too() -> None:
    asking = Asking(_hang)

    async def work() -> None:
        task = asyncio.ensure_future(files(asking.api))
        await settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert asking.codes == {"error": 1}


@pytest.mark.parametrize("status", [200, 204, 301, 401, 403, 404, 429, 500, 502])
def test_each_complete_response_is_counted_once_with_its_status_and_size(status: int) -> None:
    asking = Asking(httpx.Response(status, content=b"{}"))
    asking.failure()
    assert asking.codes == {str(status): 1}
    stats = asking.api.counter.stats
    assert stats.response_bytes == 2
    ((_, seconds),) = stats.durations.values()
    assert 0 < seconds < 60


def test_the_size_counted_is_that_after_decompression() -> None:
    asking = Asking(ok(gzip.compress(GOOD), {"Content-Encoding": "gzip"}))
    asking.page()
    assert asking.api.counter.stats.response_bytes == len(GOOD)


def test_a_redirect_is_not_followed_even_by_a_client_that_follows_them() -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(307, headers={"Location": "http://elsewhere.test/"})

    async def work() -> None:
        client = served_by(answer)
        client.follow_redirects = True
        await files(pin_client(Pool(lambda: client)))

    with pytest.raises(PollError):
        asyncio.run(work())
    assert [request.url.host for request in requests] == ["api.test"]


def test_cookies_are_kept_neither_for_the_same_account_nor_for_another() -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return ok(headers={"Set-Cookie": "session=of-this-account; Path=/"})

    async def work() -> None:
        client = served_by(answer)
        for account in ("one", "one", "two"):
            api = pin_client(Pool(lambda: client), keys=partial(credentials, account))
            await files(api)
        assert not list(client.cookies.jar)

    asyncio.run(work())
    assert not any("Cookie" in request.headers for request in requests)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", " gzip "])
def test_gzip_is_understood_however_it_is_written(encoding: str) -> None:
    assert Asking(ok(gzip.compress(GOOD), {"Content-Encoding": encoding})).page().totals.files == 2


@pytest.mark.parametrize(
    ("encoding", "body", "named"),
    [
        ("br", b"\x0b\x02\x80", "br"),
        ("zstd", b"\x28\xb5\x2f\xfd", "zstd"),
        (" Deflate ", zlib.compress(GOOD), "deflate"),
        ("br, deflate", b"", "br and deflate"),
        ("gzip, gzip", gzip.compress(gzip.compress(GOOD, mtime=0), mtime=0), "something else"),
        (API_KEY, GOOD, "something else"),
    ],
)
def test_an_encoding_that_was_not_requested_is_named(encoding: str, body: bytes, named: str) -> None:
    error = Asking(ok(body, {"Content-Encoding": encoding})).failure()
    assert error.reason == "malformed"
    assert f"is compressed with {named}, but only gzip was requested: " in str(error)
    refused = Asking(httpx.Response(401, stream=Chunks(body), headers={"Content-Encoding": encoding}))
    assert refused.failure().reason == "unauthorized"


@pytest.mark.parametrize("body", [GOOD, gzip.compress(GOOD, mtime=0)[:-20], gzip.compress(b"", mtime=0)])
def test_gzip_that_is_broken_or_empty_is_malformed(body: bytes) -> None:
    error = Asking(ok(body, {"Content-Encoding": "gzip"})).failure()
    assert error.reason == "malformed"
    assert ("is not gzip" in str(error)) == (body[:2] != b"\x1f\x8b" or len(body) < 30)


def test_plain_json_is_read_with_and_without_identity_and_behind_a_byte_order_mark() -> None:
    for body in (GOOD, b"\xef\xbb\xbf" + GOOD):
        for headers in ({}, {"Content-Encoding": "identity"}):
            assert Asking(ok(body, headers)).page().totals.files == 2
    refused = httpx.Response(401, content=b'\xef\xbb\xbf{"message": "no such key"}')
    assert "no such key" in str(Asking(refused).failure())


def test_a_body_of_just_the_limit_is_read() -> None:
    assert Asking(ok(GOOD.ljust(MAX_BODY_BYTES))).page().totals.files == 2
    assert Asking(ok(GOOD.ljust(MAX_BODY_BYTES + 1))).failure().reason == "malformed"


def test_of_a_long_error_page_only_the_beginning_is_read() -> None:
    body = Chunks(*[b"<p>sorry" * 2**11] * 100)
    assert Asking(httpx.Response(502, stream=body)).failure().reason == "server_error"
    assert body.taken == 5
    assert body.closed


def test_large_pages_are_decoded_off_the_loop_and_one_at_a_time_whatever_origin_they_are_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large = GOOD.ljust(2 * 2**20)
    threads: list[int] = []
    release = threading.Event()
    began = asyncio.Event()
    loop: asyncio.AbstractEventLoop

    def decode(body: bytes, redact: Callable[[str], str]) -> Page:
        threads.append(threading.get_ident())
        loop.call_soon_threadsafe(began.set)
        assert release.wait(60)
        return decode_page(body, redact)

    monkeypatch.setattr("pin_exporter.api.client.decode_page", decode)

    async def work() -> None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        async with HttpClients(lambda _: served_by(lambda _: ok(large))) as clients:
            urls = [f"http://{name}.test/api" for name in ("one", "two")]
            apis = [pin_client(clients.for_url(url), url) for url in urls]
            asked = [asyncio.create_task(files(each)) for each in apis]
            await began.wait()
            await settle()
            assert len(threads) == 1
            release.set()
            assert await asyncio.gather(*asked) == [2, 2]

    asyncio.run(work())
    assert threading.get_ident() not in threads


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimitedError), (503, ServerError)])
def test_a_retry_after_reaches_the_error(status: int, kind: type[RateLimitedError | ServerError]) -> None:
    error = Asking(httpx.Response(status, headers={"Retry-After": "30"})).failure()
    assert isinstance(error, kind)
    assert error.retry_after_seconds == 30


def echoes(key: str) -> list[httpx.Response | Exception]:
    """Return answers that hold a key where we quote what the other side says."""
    spaces = " " * (800 - len(key) // 2)
    escaped = "".join(f"\\u{ord(char):04x}" for char in key)
    told = [
        key,
        f"bad key {key}!",
        "x" * 180 + key,
        spaces + key,
        escaped,
        key.lower(),
        key.replace("/", "\\/"),
    ]
    bodies = [f'{{"status":"error","message":"{text}"}}'.encode() for text in told]
    return [
        *(httpx.Response(status, content=body) for status in (200, 401, 429, 500) for body in bodies),
        httpx.Response(200, content=f'{{"status":"{"x" * 190}{key}","data":null}}'.encode()),
        httpx.Response(302, headers={"Location": f"https://{key}.elsewhere.test/?key={key}"}),
        httpx.Response(302, headers={"Location": f"https://{key}:{key}@elsewhere.test/{key}"}),
        httpx.RemoteProtocolError(f"illegal header line: bytearray(b'{key}')"),
        httpx.RemoteProtocolError(f"illegal header line: bytearray(b'{'x' * 180}{key}')"),
        httpx.ReadTimeout(key),
    ]


@pytest.mark.parametrize("key", [API_KEY, SECRET_KEY])
def test_a_key_that_the_other_side_echoes_is_not_shown_not_even_in_part(key: str) -> None:
    for answer in echoes(key):
        text = str(Asking(answer).failure()).lower()
        assert not any(key[start : start + 8].lower() in text for start in range(len(key) - 7)), text


def _client_of(pool: Pool) -> httpx.AsyncClient:
    with pool.lease() as lease:
        return lease.client


def test_one_client_serves_all_accounts_of_an_origin_and_each_origin_has_its_own() -> None:
    async def work() -> None:
        async with HttpClients() as clients:
            first = clients.for_url("https://api.test/api")
            assert clients.for_url("https://api.test/other") is first
            assert clients.for_url("https://api.test:443/api") is first
            assert clients.for_url("HTTPS://API.test/api") is first
            others = [
                clients.for_url(f"{origin}/api") for origin in ("http://api.test", "https://api.test:8443")
            ]
            made = [_client_of(pool) for pool in (first, *others)]
            assert len({id(client) for client in made}) == 3
        assert all(client.is_closed for client in made)

    asyncio.run(work())


def test_an_error_hides_the_library_exception_from_its_traceback() -> None:
    error = Asking(httpx.ConnectError("refused")).failure()
    assert error.__cause__ is None
    assert error.__suppress_context__


@pytest.mark.parametrize("url", ["http://999.1.1.1/api", "http://xn--/api"])
def test_a_base_url_that_the_http_library_refuses_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="is not valid"):
        HttpClients().for_url(url)


def test_a_proxy_of_the_environment_that_cannot_be_used_is_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(SettingsError, match="ALL_PROXY"):
        HttpClients().for_url("http://127.0.0.1:1/api")


def test_no_more_requests_are_under_way_than_there_are_connections_and_each_gets_its_turn() -> None:
    under_way: list[int] = []
    free = asyncio.Event()

    async def answer(_: httpx.Request) -> httpx.Response:
        under_way.append(1)
        if len(under_way) <= MAX_CONNECTIONS:
            await free.wait()
        return ok()

    async def ask_at_once() -> tuple[int, list[int]]:
        api = pin_api(answer, timeout_seconds=60.0)
        several = [asyncio.create_task(files(api)) for _ in range(MAX_CONNECTIONS + 20)]
        await settle()
        at_first = len(under_way)
        several.pop().cancel()  # one who gives up waiting takes nobody's place
        free.set()
        return at_first, await asyncio.gather(*several)

    at_first, pages = asyncio.run(ask_at_once())

    assert at_first == MAX_CONNECTIONS
    assert len(pages) == MAX_CONNECTIONS + 19


def test_waiting_for_a_connection_counts_as_waiting_for_the_answer() -> None:
    async def ask_in_vain() -> None:
        pool = pool_over(lambda _: ok())
        async with AsyncExitStack() as taken:
            for _ in range(MAX_CONNECTIONS):
                lease = taken.enter_context(pool.lease())
                await taken.enter_async_context(lease.slot)
            await files(pin_client(pool, timeouts=Timeouts(0.01)))

    with pytest.raises(RequestTimeoutError):
        asyncio.run(ask_in_vain())
