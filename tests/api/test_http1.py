"""Bytes after a response are never taken for the next response, over real sockets."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import uvloop
from pydantic import SecretStr

from pin_exporter.api.client import PinClient
from pin_exporter.api.errors import PollError
from pin_exporter.api.model import Collector
from pin_exporter.api.pool import HttpClients
from pin_exporter.api.proxy_tls import DIRECT, Route, TlsFiles
from pin_exporter.api.transport_errors import Timeouts
from tests.support.certificates import Authority
from tests.support.servers import Behaviour, Call, Proxy, StrangeServer, message, raw
from tests.support.service import API_KEY, credentials, page, pin_client, row

OTHER_KEY = API_KEY[::-1]
MINE = message("200 OK", page([row(1)], files=7))
THEIRS = message("200 OK", page([row(2)], files=11))
SEEN_BY_THE_LIBRARY = 65_536
"""The library reads as much at a time; what came with it waits in the layer below."""
WAYS = ("plain", "TLS", "forward proxy", "CONNECT proxy", "CONNECT by a proxy that speaks TLS")
EACH_WAY = pytest.mark.parametrize("way", WAYS)


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue("server").both)
    return context


@dataclass(frozen=True)
class Accounts:
    """Two accounts of one server, who share a pool."""

    server: StrangeServer
    mine: PinClient
    theirs: PinClient

    async def my_files(self) -> int:
        return await _files(self.mine)

    async def their_files(self) -> int:
        return await _files(self.theirs)


async def _files(api: PinClient) -> int:
    return (await api.list_pins(Collector.TOTALS, offset=0, limit=1)).totals.files


@asynccontextmanager
async def accounts(
    way: str, behaviour: Behaviour, authority: Authority, tls: ssl.SSLContext
) -> AsyncIterator[Accounts]:
    has_tls = way not in ("plain", "forward proxy")
    async with (
        StrangeServer(behaviour).listening(tls if has_tls else None) as server,
        Proxy().listening(tls if way.endswith("speaks TLS") else None) as proxy,
        HttpClients() as clients,
    ):
        scheme = "https" if way.endswith("speaks TLS") else "http"
        through = f"{scheme}://127.0.0.1:{proxy.port}" if "proxy" in way else DIRECT
        url = server.base_url("https" if has_tls else "http")
        pool = clients.for_url(url, Route(TlsFiles(authority.path), SecretStr(through)))
        mine, theirs = partial(credentials, API_KEY), partial(credentials, OTHER_KEY)
        yield Accounts(server, pin_client(pool, url, mine), pin_client(pool, url, theirs))
        assert bool(proxy.heads) == ("proxy" in way)


def run(work: Any, new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.get_loop().set_exception_handler(lambda *_: None)  # the server's view of a connection left
        runner.run(work)


def by_key(mine: Behaviour, theirs: Behaviour) -> Behaviour:
    async def behave(call: Call) -> None:
        await (mine if API_KEY.encode() in call.head else theirs)(call)

    return behave


def padded(length: int) -> bytes:
    """Return my answer, of so many bytes in all."""
    body = page([row(1)], files=7)
    return message("200 OK", body.ljust(length - len(message("200 OK", length=length))))


async def in_two_records(call: Call) -> None:
    """Answer twice in one go; by TLS, the second answer is a record of its own."""
    call.writer.write(MINE)
    call.writer.write(MINE)
    await call.writer.drain()


SURPLUS: dict[str, Behaviour] = {
    "twice": raw(MINE * 2),
    "twice, in two writes": in_two_records,
    "twice, the first as long as one read": raw(padded(SEEN_BY_THE_LIBRARY) + MINE),
    "longer than told": raw(MINE + b"\r\n"),
    "304 with a body": raw(b"HTTP/1.1 304 Not Modified\r\n\r\n" + MINE),
    "204 with a body": raw(b"HTTP/1.1 204 No Content\r\n\r\n" + MINE),
    "chunks, twice": raw((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") * 2),
}


@pytest.mark.parametrize(
    ("surplus", "way"),
    [
        *((surplus, way) for surplus in SURPLUS for way in ("plain", "TLS")),
        *(("twice", way) for way in WAYS if "proxy" in way),
    ],
)
def test_bytes_after_a_response_are_not_taken_for_the_response_to_another_account(
    surplus: str, way: str, authority: Authority, tls: ssl.SSLContext
) -> None:
    async def work() -> None:
        behaviour = by_key(SURPLUS[surplus], raw(THEIRS))
        async with accounts(way, behaviour, authority, tls) as two:
            for _ in range(3):
                try:
                    assert await two.my_files() == 7
                except PollError as error:
                    assert error.reason in ("malformed", "redirect")  # noqa: PT017 - a page or its error
                assert await two.their_files() == 11
            assert len(two.server.heads) == 6

    run(work())


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@EACH_WAY
def test_two_accounts_of_a_server_that_responds_twice_to_each_request_see_only_their_own(
    way: str, authority: Authority, tls: ssl.SSLContext, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def work() -> None:
        async with accounts(way, by_key(raw(MINE * 2), raw(THEIRS * 2)), authority, tls) as two:
            for _ in range(5):
                seen = await asyncio.gather(*(ask() for ask in [two.my_files, two.their_files] * 4))
                assert seen == [7, 11] * 4
            assert two.server.connections == 40

    run(work(), new_loop)


@EACH_WAY
def test_a_connection_with_nothing_after_the_response_is_used_again_for_the_same_keys(
    way: str, authority: Authority, tls: ssl.SSLContext
) -> None:
    async def work() -> None:
        async with accounts(way, by_key(raw(padded(200_000)), raw(THEIRS)), authority, tls) as two:
            for _ in range(5):
                assert await two.my_files() == 7
                assert await two.their_files() == 11
            assert two.server.connections == 2, "one for each pair of keys"

    run(work())


@EACH_WAY
def test_bytes_that_arrive_while_a_connection_is_idle_are_not_taken_for_a_response(
    way: str, authority: Authority, tls: ssl.SSLContext
) -> None:
    arrived = asyncio.Event()

    async def again_later(call: Call) -> None:
        await call.send(MINE)

        async def send() -> None:
            await asyncio.sleep(0.05)
            await call.send(MINE)
            await asyncio.sleep(0.05)
            arrived.set()

        call.server.later = asyncio.create_task(send())  # type: ignore[attr-defined]

    async def work() -> None:
        async with accounts(way, by_key(again_later, raw(THEIRS)), authority, tls) as two:
            assert await two.my_files() == 7
            await arrived.wait()
            assert await two.their_files() == 11
            assert two.server.connections == 2

    run(work())


def test_a_late_second_response_is_never_shown_as_that_of_another_account(
    authority: Authority, tls: ssl.SSLContext
) -> None:
    async def twice(call: Call) -> None:
        await call.send(MINE)
        await asyncio.sleep(0.01)
        await call.send(MINE)

    async def work() -> None:
        async with accounts("plain", by_key(twice, raw(THEIRS)), authority, tls) as two:
            for pause in (0.0, 0.005, 0.01, 0.02) * 5:
                await asyncio.gather(two.my_files(), return_exceptions=True)
                await asyncio.sleep(pause)
                assert await two.their_files() == 11

    run(work())


def test_names_are_looked_up_once_at_a_time_and_a_hanging_lookup_delays_no_other_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_up: list[str] = []
    hangs = threading.Event()

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        looked_up.append(host)
        if host.startswith("hanging"):
            hangs.wait()
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    async def failure(host: str) -> PollError:
        async with HttpClients() as clients:
            pool = clients.for_url(f"http://{host}:9/api", Route(proxy_url=SecretStr(DIRECT)))
            api = pin_client(pool, f"http://{host}:9/api", timeouts=Timeouts(0.2))
            with pytest.raises(PollError) as caught:
                await _files(api)
            return caught.value

    async def work() -> None:
        hanging = [f"hanging{number % 8}.test" for number in range(40)]
        errors = await asyncio.gather(*map(failure, [*hanging, "answering.test"]))
        assert {error.reason for error in errors[:-1]} == {"timeout"}
        assert errors[-1].reason == "connection"
        assert sorted(looked_up) == ["answering.test", *sorted(set(hanging))]

    try:
        run(work())
    finally:
        hangs.set()
