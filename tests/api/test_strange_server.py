import asyncio
import gc
import gzip
import os
import random
import resource
import socket
import ssl
import tracemalloc
import weakref
import zlib
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import uvloop

from pin_exporter.api.client import MAX_BODY_BYTES
from pin_exporter.api.errors import PollError, RequestTimeoutError
from pin_exporter.api.model import Collector
from pin_exporter.api.pool import HttpClients
from pin_exporter.api.rate_limit import RequestBudget
from pin_exporter.api.retry import RetryingClient
from pin_exporter.api.transport_errors import Timeouts
from pin_exporter.polling.poller import AccountPoller, Reading
from pin_exporter.polling.schedule import PollSchedule
from tests.support.certificates import self_signed
from tests.support.clocks import FakeClock
from tests.support.servers import (
    Behaviour,
    Call,
    StrangeServer,
    answer,
    echo,
    endless,
    hang_up,
    message,
    raw,
    silence,
    then_reset,
    trickle,
)
from tests.support.service import page, pin_client, row

T = TypeVar("T")

PAGE = page([row(1), row(2)])
GOOD = answer("200 OK", PAGE)
SHORT_SECONDS = 0.5
LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
ENVELOPE = b'{"status":"error","message":"no such thing"}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


def gzipped(body: bytes, *headers: str) -> bytes:
    return message("200 OK", body, "Content-Encoding: gzip", *headers)


def _bomb() -> bytes:
    """Return a third of a gigabyte of zeros, in about as many kilobytes."""
    deflater = zlib.compressobj(9, wbits=31)
    first = deflater.compress(bytes(2**20)) + deflater.flush(zlib.Z_FULL_FLUSH)
    again = deflater.compress(bytes(2**20)) + deflater.flush(zlib.Z_FULL_FLUSH)
    return first + again * 320


def _corrupt() -> bytes:
    """Return a gzip stream whose JSON is complete, and whose checksum says that it is not what was sent."""
    good = gzip.compress(PAGE)
    return good[:-8] + bytes([good[-8] ^ 1]) + good[-7:]


TIMEOUTS: dict[str, Behaviour] = {
    "black hole": silence,
    "one byte a time": trickle(message("200 OK", PAGE)),
    "head without body": raw(message("200 OK", length=100)),
    "half a head": raw(b"HTTP/1.1 200 OK\r\nX: y"),
}
OTHERS: dict[str, tuple[str, Behaviour]] = {
    "early hints for ever": ("malformed", endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50)),
    "interim responses for ever": ("malformed", endless(b"", b"HTTP/1.1 100 C\r\n\r\n")),
    "tiny chunks for ever": ("malformed", endless(CHUNKED + b"\r\n", b"1\r\nx\r\n" * 1_000)),
    "HTTP/2 only": ("malformed", raw(bytes.fromhex("00000604000000000000040000ffff"), close=True)),
    "hang up": ("connection", hang_up),
    "reset in mid-body": ("connection", then_reset(message("200 OK", PAGE[:40], length=len(PAGE)))),
    "reset in mid-head": ("connection", then_reset(b"HTTP/1.1 200 OK\r\nContent-")),
    "length too long": ("connection", raw(message("200 OK", PAGE, length=len(PAGE) + 9), close=True)),
    "length too short": ("malformed", raw(message("200 OK", PAGE, length=len(PAGE) - 9), close=True)),
    "length not a number": ("connection", raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n" + PAGE)),
    "two lengths": ("connection", raw(message("200 OK", PAGE, "Content-Length: 3"), close=True)),
    "chunks cut off": ("connection", raw(CHUNKED + b'\r\n5\r\n{"dat\r\n', close=True)),
    "chunks of no size": ("connection", raw(CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n")),
    "not HTTP": ("connection", raw(b"SSH-2.0-OpenSSH_9.6\r\n", close=True)),
    "not even text": ("connection", raw(bytes(range(256)) * 4, close=True)),
    "the request": ("connection", echo),
    "headers for ever": (
        "malformed",
        endless(b"HTTP/1.1 200 OK\r\n", b"X-More: of the same\r\n" * 500, 2**24),
    ),
    "a header for ever": ("malformed", endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65_536, 2**24)),
    "301": ("redirect", answer("301 Moved", HTML, "Location: https://elsewhere.test/api/pinning/pins")),
    "302 to nowhere": ("redirect", answer("302 Found", b"")),
    "307 to garbage": ("redirect", answer("307 No", b"", "Location: http://[::1]:999999/\x01")),
    "304": ("redirect", raw(b"HTTP/1.1 304 Not Modified\r\n\r\n")),
    "400": ("client_error", answer("400 Bad Request", ENVELOPE)),
    "401": ("unauthorized", answer("401 Unauthorized", ENVELOPE)),
    "403": ("forbidden", answer("403 Forbidden", ENVELOPE)),
    "404": ("client_error", answer("404 Not Found", HTML)),
    "407": ("client_error", answer("407 Proxy Authentication Required", HTML)),
    "409": ("client_error", answer("409 Conflict", ENVELOPE)),
    "429": ("rate_limited", answer("429 Too Many Requests", ENVELOPE)),
    "429 for seconds": ("rate_limited", answer("429 No", b"", "Retry-After: 90")),
    "429 for garbage": ("rate_limited", answer("429 No", b"", "Retry-After: soon")),
    "429 until far away": (
        "rate_limited",
        answer("429 No", b"", "Retry-After: Mon, 01 Jan 99999999999999999999 00:00:00 GMT"),
    ),
    "500": ("server_error", answer("500 Internal Server Error", ENVELOPE)),
    "502": ("server_error", answer("502 Bad Gateway", HTML)),
    "503 endless": (
        "server_error",
        endless(b"HTTP/1.1 503 No\r\nContent-Length: 999999999\r\n\r\n", HTML * 999),
    ),
    "599": ("server_error", answer("599 What", bytes(range(256)))),
    "error envelope": ("malformed", answer("200 OK", ENVELOPE)),
    "error envelope with data": ("malformed", answer("200 OK", PAGE.replace(b"success", b"error"))),
    "empty": ("malformed", answer("200 OK")),
    "204": ("malformed", raw(b"HTTP/1.1 204 No Content\r\n\r\n")),
    "202": ("malformed", answer("202 Accepted", PAGE)),
    "HTML": ("malformed", answer("200 OK", HTML)),
    "truncated": ("malformed", answer("200 OK", PAGE[:-20])),
    "two documents": ("malformed", answer("200 OK", PAGE + PAGE)),
    "deep list": ("malformed", answer("200 OK", b"[" * 200_000)),
    "deep object": ("malformed", answer("200 OK", b'{"data":' * 200_000)),
    "invalid UTF-8": ("malformed", answer("200 OK", b'{"status":"\xff\xfe","message":"\xc3(","data":null}')),
    "UTF-16": ("malformed", answer("200 OK", PAGE.decode().encode("utf-16"))),
    "unasked encoding": ("malformed", answer("200 OK", b"\x1b\x00\x00", "Content-Encoding: br")),
    "gzip by name only": ("malformed", raw(gzipped(PAGE))),
    "gzip cut off": ("malformed", raw(gzipped(gzip.compress(PAGE)[:-30]))),
    "gzip with a wrong checksum": ("malformed", raw(gzipped(_corrupt()))),
    "gzip bomb": ("malformed", raw(gzipped(_bomb()))),
    "gzip bomb in an error": ("server_error", raw(gzipped(_bomb()).replace(b"200 OK", b"500 No", 1))),
    "huge": ("malformed", endless(message("200 OK", length=2**30), bytes(65_536))),
    "huge and of unknown length": ("malformed", endless(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65_536))),
}
CASES = {name: ("timeout", behaviour) for name, behaviour in TIMEOUTS.items()} | OTHERS


def run(work: Coroutine[Any, Any, T], new_loop: Callable[[], asyncio.AbstractEventLoop]) -> T:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(work)


class Talk:
    """A client, and a poller that uses it."""

    def __init__(
        self, clients: HttpClients, base_url: str, timeout_seconds: float, patience_seconds: float = 0.1
    ) -> None:
        self.api = pin_client(clients.for_url(base_url), base_url, timeouts=Timeouts(timeout_seconds))
        self.clock = FakeClock()
        budget = RequestBudget(120, self.clock)
        client = RetryingClient(self.api, lambda: budget, self.clock, random.Random(1), patience_seconds)
        self.poller = AccountPoller(
            "default", client, PollSchedule(60.0, None, 60.0), self.clock, reading=Reading(1000, 1)
        )

    @property
    def codes(self) -> Mapping[tuple[Collector, str], int]:
        return self.api.counter.stats.requests

    async def files(self) -> int:
        return (await self.api.list_pins(Collector.TOTALS, offset=0, limit=1)).totals.files

    async def failure(self) -> PollError:
        with pytest.raises(PollError) as caught:
            await self.files()
        return caught.value


async def talk(behaviour: Behaviour, tell: Callable[[StrangeServer, Talk], Coroutine[Any, Any, T]]) -> T:
    timeout_seconds = SHORT_SECONDS if behaviour in TIMEOUTS.values() else 10.0
    async with StrangeServer(behaviour).listening() as server, HttpClients() as clients:
        return await tell(server, Talk(clients, server.base_url(), timeout_seconds))


@pytest.mark.parametrize("case", CASES)
def test_a_poll_fails_for_the_reason_of_each_strange_response_and_the_next_one_succeeds(case: str) -> None:
    reason, behaviour = CASES[case]

    async def tell(server: StrangeServer, talk: Talk) -> None:
        await talk.poller.poll(Collector.TOTALS)
        snapshot = talk.poller.snapshot
        health = snapshot.health[Collector.TOTALS]
        assert (health.reason, health.failures[reason], health.polls) == (reason, 1, 1)
        assert (snapshot.totals, snapshot.up) == (None, False)
        assert health.error is not None
        assert health.error.isprintable()
        assert len(health.error) < 600
        is_incomplete = reason in ("timeout", "connection") or case.endswith(("for ever", "HTTP/2 only"))
        assert ((Collector.TOTALS, "error") in talk.codes) == is_incomplete
        server.behaviour = GOOD
        talk.clock.now += 3_600.0
        await talk.poller.poll(Collector.TOTALS)
        assert talk.poller.snapshot.up

    asyncio.run(talk(behaviour, tell))


@pytest.mark.parametrize("case", ["huge", "huge and of unknown length", "503 endless"])
def test_what_is_too_large_is_not_read_to_the_end(case: str) -> None:
    async def tell(server: StrangeServer, talk: Talk) -> int:
        await talk.failure()
        await asyncio.sleep(0.05)  # whatever the server can still get rid of
        return server.bytes_sent

    sent = asyncio.run(talk(CASES[case][1], tell))
    assert sent < MAX_BODY_BYTES + 24 * 2**20  # what the kernel keeps on both sides is beyond our reach


def _trailing_garbage() -> Behaviour:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
    return endless(head + gzip.compress(b"{}"), os.urandom(65_536), 2**28)


@pytest.mark.parametrize(
    "behaviour",
    [CASES["gzip bomb"][1], CASES["gzip bomb in an error"][1], CASES["huge"][1], _trailing_garbage()],
    ids=["gzip bomb", "gzip bomb in an error", "huge", "endless garbage behind a gzip stream"],
)
def test_memory_stays_bounded_whatever_is_sent(behaviour: Behaviour) -> None:
    async def tell(server: StrangeServer, talk: Talk) -> int:
        tracemalloc.start()
        try:
            await talk.failure()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert asyncio.run(talk(behaviour, tell)) < 4 * MAX_BODY_BYTES


def test_a_request_without_an_answer_leaves_nothing_to_the_collector_of_garbage() -> None:
    async def tell(server: StrangeServer, talk: Talk) -> bool:
        asked = asyncio.create_task(talk.files())
        await asyncio.wait([asked])
        error = weakref.ref(asked.exception() or asked)
        assert isinstance(error(), RequestTimeoutError)
        del asked
        await asyncio.sleep(0)
        return error() is None

    gc.disable()
    try:
        assert asyncio.run(talk(silence, tell))
    finally:
        gc.enable()


# Not of broken connections: from Python 3.12 on, the library's transport keeps a circle of its own then.
@pytest.mark.parametrize("case", ["good", "huge", "500", "gzip bomb"])
def test_an_answer_leaves_nothing_to_the_collector_of_garbage(case: str) -> None:
    def responses() -> list[httpx.Response]:
        return [each for each in gc.get_objects() if isinstance(each, httpx.Response)]

    async def tell(server: StrangeServer, talk: Talk) -> bool:
        with suppress(PollError):
            await talk.files()
        return all(any(each is old for old in of_other_tests) for each in responses())

    of_other_tests = responses()
    gc.disable()
    try:
        assert asyncio.run(talk(GOOD if case == "good" else CASES[case][1], tell))
    finally:
        gc.enable()


def test_a_host_that_does_not_resolve_is_a_failed_connection() -> None:
    async def work() -> None:
        async with HttpClients() as clients:
            for host in ("no-such-host.invalid", "a..b", f"{'a' * 70}.invalid"):
                error = await Talk(clients, f"http://{host}/api", 5.0).failure()
                assert error.reason == "connection"
                assert host in str(error)

    asyncio.run(work())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_running_out_of_files_is_named_as_the_cause_also_of_a_failed_lookup(host: str) -> None:
    "".encode("idna")  # reads files when it is first used

    async def tell() -> str:
        async with HttpClients() as clients:
            there = Talk(clients, f"http://{host}:9/api", 10.0)
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            with socket.socket() as next_file:
                resource.setrlimit(resource.RLIMIT_NOFILE, (next_file.fileno(), limits[1]))
            try:
                return str(await there.failure())
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    error = asyncio.run(tell())
    assert "Too many open files" in error
    assert "LimitNOFILE" in error
    assert "DNS" not in error


def test_a_redirect_is_not_followed_and_its_target_sees_no_connection() -> None:
    async def tell(server: StrangeServer, talk: Talk) -> None:
        async with StrangeServer(GOOD).listening() as other:
            server.behaviour = answer("301 Moved", HTML, f"Location: {other.base_url()}/pinning/pins/")
            for _ in range(2):
                error = await talk.failure()
                assert error.reason == "redirect"
                assert "127.0.0.1" in str(error)
            assert other.connections == 0

    asyncio.run(talk(GOOD, tell))


@LOOPS
@pytest.mark.parametrize(
    "behaviour",
    [
        GOOD,
        raw(gzipped(gzip.compress(PAGE))),
        raw(gzipped(gzip.compress(PAGE[:40]) + gzip.compress(PAGE[40:]) + gzip.compress(b""))),
        raw(CHUNKED + b"\r\n" + b"%x\r\n%b\r\n0\r\n\r\n" % (len(PAGE), PAGE)),
        raw(
            CHUNKED
            + b"Content-Encoding: gzip\r\n\r\n"
            + b"%x\r\n%b\r\n0\r\n\r\n" % (len(gzip.compress(PAGE)), gzip.compress(PAGE))
        ),
        raw(b"HTTP/1.1 100 Continue\r\n\r\n" + message("200 OK", PAGE)),
    ],
    ids=["plain", "gzip", "gzip in members", "chunked", "gzip and chunked", "behind a 100"],
)
def test_good_answers_leave_the_connection_open_for_the_next_request(
    behaviour: Behaviour, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def tell(server: StrangeServer, talk: Talk) -> None:
        for _ in range(3):
            assert await talk.files() == 2
        assert server.connections == 1
        assert talk.api.counter.stats.response_bytes == 3 * len(PAGE)

    run(talk(behaviour, tell), new_loop)


def test_what_a_wrong_length_left_on_the_connection_costs_one_retry_of_that_answer_alone() -> None:
    async def good_from_now_on(call: Call) -> None:
        await call.send(message("200 OK", PAGE, length=len(PAGE) - 9))
        call.server.behaviour = GOOD

    async def work() -> None:
        async with StrangeServer(good_from_now_on).listening() as server, HttpClients() as clients:
            talk = Talk(clients, server.base_url(), 5.0, patience_seconds=60.0)
            await talk.poller.poll(Collector.TOTALS)
            assert talk.poller.snapshot.up
            retries = talk.poller.snapshot.request_stats.retries
            assert (retries["malformed"], retries["connection"]) == (1, 0)

    asyncio.run(work())


def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again() -> None:
    async def good_and_bye(call: Call) -> None:
        await call.send(message("200 OK", PAGE))
        call.writer.close()

    async def tell(server: StrangeServer, talk: Talk) -> None:
        for _ in range(3):
            assert await talk.files() == 2
            await asyncio.sleep(0.02)
        assert server.connections == 3

    asyncio.run(talk(good_and_bye, tell))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    return self_signed(tmp_path_factory.mktemp("tls"), "IP:127.0.0.1")


async def over_tls(certificate: Path, tell: Callable[[Talk], Coroutine[Any, Any, T]]) -> T:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's view of a refusal
    async with StrangeServer(GOOD).listening(context) as server, HttpClients() as clients:
        return await tell(Talk(clients, server.base_url("https"), 5.0))


@LOOPS
def test_a_certificate_that_the_machine_trusts_is_good(
    certificate: Path, new_loop: Callable[[], asyncio.AbstractEventLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert run(over_tls(certificate, lambda talk: talk.files()), new_loop) == 2


def test_plain_http_where_tls_is_expected_is_a_tls_failure() -> None:
    async def work() -> str:
        plain = await asyncio.start_server(_say_http, "127.0.0.1", 0)
        async with plain, HttpClients() as clients:
            port = plain.sockets[0].getsockname()[1]
            return (await Talk(clients, f"https://127.0.0.1:{port}/api", 5.0).failure()).reason

    assert asyncio.run(work()) == "tls"


async def _say_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(message("400 Bad Request", HTML))
    await writer.drain()
    writer.close()
