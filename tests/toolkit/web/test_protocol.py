"""Slow, silent and greedy clients on real sockets; the times that they are given are made short."""

import asyncio
import socket
from collections.abc import Sequence

import pytest

from pin_exporter.toolkit.web.config import WebConfig
from pin_exporter.toolkit.web.limits import Limits, Refusal
from pin_exporter.toolkit.web.protocol import BoundedProtocol
from tests.support.certificates import Authority
from tests.support.web_site import HEAD, LOOPS, Client, Site, run_on_site, tls_config, trusting

SHORT = Limits(head_seconds=0.3, body_seconds=0.6)
FEW = Limits(requests=12, connections=8)
DENY = WebConfig(headers={"X-Frame-Options": "deny"})
POST = b"POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx"

each_loop = pytest.mark.parametrize("loop", LOOPS)


@each_loop
@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n", POST % b"reads", POST % b"drops"])
def test_a_client_that_does_not_send_a_whole_request_is_cut_off(loop: str, sent: bytes) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(sent)
        await client.rest()
        assert site.refused == {Refusal.SLOW: 1}

    run_on_site(see, limits=SHORT, loop=loop)


def test_one_that_trickles_is_cut_off_also_after_a_whole_request() -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        assert b" 200 " in await client.get()

        async def trickle() -> None:
            for byte in b"GET / HTTP/1.1\r\nX: " + b"x" * 10_000:
                client.writer.write(bytes([byte]))
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        await client.rest()
        trickling.cancel()
        assert site.refused == {Refusal.SLOW: 1}

    run_on_site(see, limits=SHORT)


@each_loop
@pytest.mark.parametrize(("requests", "half_close"), [(3, False), (1, True)])
def test_one_that_does_not_read_its_response_is_cut_off(loop: str, requests: int, half_close: bool) -> None:
    async def see(site: Site) -> None:
        with socket.create_connection(site.address) as client:
            client.sendall(HEAD % b"large" * requests)
            if half_close:
                client.shutdown(socket.SHUT_WR)
            await site.until(lambda: site.refused == {Refusal.SLOW: 1})
            assert not site.connections.open

    run_on_site(see, limits=SHORT, loop=loop)


@pytest.mark.parametrize("half_close", [False, True])
@pytest.mark.parametrize("paths", [[b""], [b"large"], [b"held"], [b"held", b"", b"held"]])
def test_the_server_may_take_its_time_and_answers_also_who_says_no_more(
    paths: Sequence[bytes], half_close: bool
) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(b"".join(HEAD % path for path in paths))
        if half_close:
            client.writer.write_eof()
        if paths[0]:
            await asyncio.sleep(0.4 if paths[0] == b"large" else 0.8)  # longer than for a head
            site.free.set()
        for _ in paths:
            assert b" 200 " in await client.response()
        assert not site.refused
        if half_close:
            assert await client.reader.read() == b""

    run_on_site(see, limits=SHORT)


@each_loop
@pytest.mark.parametrize("before", [b"", HEAD % b"held"])
@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n", POST % b"reads"])
def test_one_that_ends_in_the_middle_of_a_request_is_not_waited_for(
    loop: str, before: bytes, sent: bytes
) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(before + sent)
        client.writer.write_eof()
        site.free.set()
        if before:
            assert b" 200 " in await client.response()
        assert await client.reader.read() == b""
        await site.until(lambda: not site.connections.open)
        assert not site.refused

    run_on_site(see, loop=loop)


@pytest.mark.parametrize("path", [b"held", b"large"])
def test_one_that_is_gone_leaves_nothing_behind(path: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def see(site: Site) -> None:
        with socket.create_connection(site.address) as client:
            client.sendall(HEAD % path)
        await asyncio.sleep(0.1)
        site.free.set()
        await site.until(lambda: not site.connections.open)

    run_on_site(see)
    assert not caplog.records


@each_loop
def test_with_tls_the_connection_ends_when_the_client_says_no_more(
    loop: str, tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path_factory.mktemp("authority"))

    async def see(site: Site) -> None:
        client = await site.connect(trusting(authority))
        client.writer.write(HEAD % b"held")
        await site.until(lambda: site.connections.open and not site.connections.waiting)
        client.writer.close()
        await site.until(lambda: not site.connections.open)
        site.free.set()

    run_on_site(see, tls_config(authority, authority.issue("server")), loop=loop)
    assert not caplog.records


def test_a_body_without_end_takes_no_memory() -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(b"POST /held HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")

        async def send() -> None:
            while True:
                client.writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
                await client.writer.drain()

        sending = asyncio.create_task(send())
        await site.until(lambda: site.connections.open)
        (served,) = site.connections.open
        assert isinstance(served, BoundedProtocol)
        await site.until(lambda: served.flow.read_paused)
        assert len(served.cycle.body) < 2**20
        sending.cancel()
        site.free.set()  # otherwise it would notice the end only after the time for a body

    run_on_site(see)


@each_loop
def test_connections_that_wait_for_their_client_make_room_for_others(loop: str) -> None:
    async def see(site: Site) -> None:
        for _ in range(30):
            slow = await site.connect()
            slow.writer.write(b"GET / HTTP/1.1\r\n")
            assert b" 200 " in await (await site.connect()).get()
        await site.until(lambda: site.refused[Refusal.CROWDED] >= 20)
        assert len(site.connections.open) <= FEW.connections
        assert set(site.refused) == {Refusal.CROWDED}

    run_on_site(see, limits=FEW, loop=loop)


def test_requests_in_progress_make_no_room_and_one_beyond_the_limit_is_answered_with_503() -> None:
    async def see(site: Site) -> None:
        async def hold() -> Client:
            client = await site.connect()
            client.writer.write(HEAD % b"held")
            await site.until(lambda: not site.connections.waiting)
            return client

        busy = [await hold() for _ in range(FEW.requests)]
        response = await (await site.connect()).get()
        assert b" 503 " in response
        assert b"x-frame-options: deny" in response
        assert site.refused == {Refusal.BUSY: 1}
        site.free.set()
        for client in busy:
            assert b" 200 " in await client.response()
        assert b" 200 " in await (await site.connect()).get()

    run_on_site(see, DENY, FEW)


CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        (b"POST /reads HTTP/1.1", CHUNKED + b"Content-Length: 5\r\n", b"400"),
        (b"POST /reads HTTP/1.1", b"content-length: 5\r\n" + CHUNKED.upper(), b"400"),
        (b"GET / HTTP/1.1", CHUNKED + b"Content-Length: 0\r\n", b"400"),
        (b"POST /reads HTTP/1.0", CHUNKED + b"Content-Length: 5\r\n", b"400"),
        (b"POST /reads HTTP/1.0", CHUNKED, b"200"),
        (b"POST /reads HTTP/1.1", CHUNKED + b"Content-Length: 5\r\nContent-Length: 6\r\n", b"400"),
        (b"POST /reads HTTP/1.1", CHUNKED * 2, b"400"),
        (b"NONSENSE", b"", b"400"),
    ],
)
def test_a_request_that_is_ambiguous_or_not_http_is_the_last_of_its_connection(
    line: bytes, headers: bytes, status: bytes
) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(line + b"\r\nHost: a\r\n" + headers + b"\r\n0\r\n\r\n" + HEAD % b"")
        received = await client.rest()
        assert received.startswith(b"HTTP/1.1 " + status)
        assert received.count(b"HTTP/1.1 ") == 1, "the second request is not answered"
        assert b"x-frame-options: deny" in received

    run_on_site(see, DENY)


@pytest.mark.parametrize("path", [b"held", b"drops"])
def test_nonsense_in_the_middle_of_a_request_ends_the_connection_without_an_error(
    path: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(b"POST /%s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % path)
        await asyncio.sleep(0.05)
        client.writer.write(b"no length\r\n")
        await client.rest()
        site.free.set()
        assert b" 200 " in await (await site.connect()).get()

    run_on_site(see)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
