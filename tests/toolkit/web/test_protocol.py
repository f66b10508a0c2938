"""Slow, silent and greedy clients on real sockets; the times that they are given are made short."""

import asyncio
import errno
import inspect
import re
import resource
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pin_exporter.metrics.exporter import REFUSALS
from pin_exporter.toolkit.web import auth as web_auth
from pin_exporter.toolkit.web import limits as inbound
from pin_exporter.toolkit.web import listener as accept
from pin_exporter.toolkit.web import protocol as connections
from pin_exporter.toolkit.web.config import WebConfig, read_web_config
from pin_exporter.toolkit.web.limits import ConnectionLimits
from pin_exporter.toolkit.web.listener import Acceptor
from pin_exporter.toolkit.web.protocol import BoundedProtocol
from pin_exporter.toolkit.web.server import listen, serve
from tests.support.certificates import Authority, Pair

PATIENCE_SECONDS = 60.0
LARGE_BYTES = 16 * 2**20
HEAD = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass
class Site:
    """A server on loopback, and what it has refused."""

    address: tuple[str, int]
    config: list[WebConfig]
    refused: list[str] = field(default_factory=list)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    inbound: ConnectionLimits = field(default_factory=ConnectionLimits)
    clients: list["Client"] = field(default_factory=list)

    async def connect(self, client: ssl.SSLContext | None = None) -> "Client":
        name = "localhost" if client else None
        opened = Client(*await asyncio.open_connection(*self.address, ssl=client, server_hostname=name))
        self.clients.append(opened)
        return opened

    async def until(self, ask: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not ask():  # noqa: ASYNC110 - over sockets
                await asyncio.sleep(0.01)


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, path: bytes = b"") -> bytes:
        """Return the answer's head, having read the answer."""
        self.writer.write(HEAD % path)
        return await self.answer()

    async def answer(self) -> bytes:
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            await self.reader.readexactly(int(length.split(b":")[1]))
            return head

    async def is_cut_off(self) -> bool:
        """Tell that the connection ends, whatever else comes before."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                while await self.reader.read(65_536):
                    pass
            except ConnectionError:
                pass
        return True


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the times short; those of a head shorter than those of the rest."""
    for module in (accept, connections):
        monkeypatch.setattr(module, "HEAD_SECONDS", 0.4)
        monkeypatch.setattr(module, "TAKE_SECONDS", 0.8)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make only the time for a head short."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make room for few connections."""
    for module in (inbound, connections):
        monkeypatch.setattr(module, "LIMIT_CONCURRENCY", 12)
    monkeypatch.setattr("pin_exporter.toolkit.web.server.LIMIT_CONCURRENCY", 12)
    monkeypatch.setattr(inbound, "_ROOM", 4)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def encrypted(authority: Authority) -> WebConfig:
    return encrypted_with(authority, authority.issue("server"))


def encrypted_with(authority: Authority, server: Pair, more: str = "") -> WebConfig:
    path = authority.directory / "web.yml"
    path.write_text(f"tls_server_config: {{cert_file: {server.certificate}, key_file: {server.key}{more}}}\n")
    return read_web_config(path)


def trusting(authority: Authority, own: Pair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.path)
    if own:
        context.load_cert_chain(own.certificate, own.key)
    return context


class _EnoughSeenError(Exception):
    pass


@pytest.fixture(params=["asyncio", "uvloop"])
def on_site(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Runs a test against a server, on each kind of loop."""

    def run(test: Callable[[Site], Awaitable[None]], config: WebConfig | None = None) -> None:
        async def main() -> None:
            opened = listen("127.0.0.1:0")
            site = Site(opened.getsockname(), [config or WebConfig()])
            site.inbound = ConnectionLimits(lambda: site.config[-1], site.refused.append)

            async def held(_: Request) -> Response:
                await site.held.wait()
                return PlainTextResponse("held")

            async def large(_: Request) -> Response:
                return PlainTextResponse(b"x" * LARGE_BYTES)

            async def small(_: Request) -> Response:
                return PlainTextResponse("small")

            async def reads(request: Request) -> Response:
                return PlainTextResponse(str(len(await request.body())))

            async def work() -> None:
                try:
                    await test(site)
                finally:
                    for client in site.clients:
                        client.writer.transport.abort()
                    await site.until(lambda: not site.inbound.open)
                    await asyncio.sleep(0.01)  # the transports of those cut off close
                raise _EnoughSeenError

            routes = [Route("/held", held, methods=["GET", "POST"])]
            routes += [Route("/large", large), Route("/", small)]
            routes += [Route("/reads", reads, methods=["POST"]), Route("/drops", small, methods=["POST"])]
            app, workers = Starlette(routes=routes), {"test": work}
            with pytest.raises(ExceptionGroup) as caught:
                await serve(app, [opened], workers, lambda: None, inbound=site.inbound)
            (error,) = caught.value.exceptions
            if not isinstance(error, _EnoughSeenError):
                raise error

        loop_factory = uvloop.new_event_loop if request.param == "uvloop" else None
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(main())

    return run


OnSite = Callable[..., None]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("said", [b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_a_client_that_does_not_send_a_whole_head_is_cut_off(on_site: OnSite, said: bytes) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(said)
        assert await client.is_cut_off()
        assert site.refused == ["slow"]

    on_site(see)


@pytest.mark.usefixtures("quick")
def test_one_that_trickles_is_cut_off_even_on_a_connection_that_was_used(on_site: OnSite) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        assert b" 200 " in await client.ask()

        async def trickle() -> None:
            for byte in b"GET / HTTP/1.1\r\nX: " + b"x" * 10_000:
                client.writer.write(bytes([byte]))
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        assert await client.is_cut_off()
        trickling.cancel()
        assert site.refused == ["slow"]

    on_site(see)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("path", [b"reads", b"drops"])
def test_one_that_does_not_send_the_rest_of_a_request_is_cut_off(on_site: OnSite, path: bytes) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(b"POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx" % path)
        assert await client.is_cut_off()
        assert site.refused == ["slow"]

    on_site(see)


@pytest.mark.usefixtures("quick")
def test_one_that_does_not_take_its_answer_is_cut_off(on_site: OnSite) -> None:
    async def see(site: Site) -> None:
        with socket.create_connection(site.address) as client:
            client.sendall(HEAD % b"large" * 3)
            await site.until(lambda: site.refused == ["slow"])
            assert not site.inbound.open

    on_site(see)


@pytest.mark.usefixtures("patient")
def test_one_that_takes_it_slowly_has_more_time_than_for_a_head(on_site: OnSite) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(HEAD % b"large")
        await asyncio.sleep(0.4)
        assert b" 200 " in await client.answer()

    on_site(see)


@pytest.mark.usefixtures("quick")
def test_the_server_may_take_as_long_as_it_needs(on_site: OnSite) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(HEAD % b"held")
        await asyncio.sleep(1.0)
        site.held.set()
        assert b" 200 " in await client.answer()
        assert not site.refused

    on_site(see)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("paths", [[b""], [b"large"], [b"held"], [b"held", b"", b"held"]])
def test_a_client_that_has_said_all_it_has_to_say_is_still_answered(
    on_site: OnSite, paths: list[bytes]
) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(b"".join(HEAD % path for path in paths))
        client.writer.write_eof()
        if paths[0] == b"held":
            await asyncio.sleep(1.0)
            site.held.set()
        for _ in paths:
            assert b" 200 " in await client.answer()
        assert await client.reader.read() == b""
        assert not site.refused

    on_site(see)


@pytest.mark.parametrize("before", [b"", HEAD % b"held"])
@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\n", b"POST /reads HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx"]
)
def test_one_that_ends_in_the_middle_of_a_request_is_not_waited_for(
    on_site: OnSite, before: bytes, said: bytes
) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(before + said)
        client.writer.write_eof()
        site.held.set()
        if before:
            assert b" 200 " in await client.answer()
        assert await client.reader.read() == b""
        await site.until(lambda: not site.inbound.open)
        assert not site.refused

    on_site(see)


@pytest.mark.usefixtures("quick")
def test_one_that_has_said_all_and_does_not_take_its_answer_is_cut_off(on_site: OnSite) -> None:
    async def see(site: Site) -> None:
        with socket.create_connection(site.address) as client:
            client.sendall(HEAD % b"large")
            client.shutdown(socket.SHUT_WR)
            await site.until(lambda: site.refused == ["slow"])
            assert not site.inbound.open

    on_site(see)


@pytest.mark.parametrize("path", [b"held", b"large"])
def test_one_that_is_gone_leaves_nothing_behind(
    on_site: OnSite, path: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def see(site: Site) -> None:
        with socket.create_connection(site.address) as client:
            client.sendall(HEAD % path)
        await asyncio.sleep(0.1)
        site.held.set()
        await site.until(lambda: not site.inbound.open)

    on_site(see)
    assert not caplog.records


def test_with_tls_the_end_of_what_a_client_says_ends_the_connection(
    on_site: OnSite, encrypted: WebConfig, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    async def see(site: Site) -> None:
        client = await site.connect(trusting(authority))
        client.writer.write(HEAD % b"held")
        await site.until(lambda: site.inbound.open and not site.inbound.waiting)
        client.writer.close()
        await site.until(lambda: not site.inbound.open)
        site.held.set()

    on_site(see, encrypted)
    assert not caplog.records


def test_a_body_without_end_takes_no_memory(on_site: OnSite) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(b"POST /held HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")

        async def send() -> None:
            while True:
                client.writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
                await client.writer.drain()

        sending = asyncio.create_task(send())
        await site.until(lambda: site.inbound.open)
        (served,) = site.inbound.open
        assert isinstance(served, BoundedProtocol)
        await site.until(lambda: served.flow.read_paused)
        assert len(served.cycle.body) < 2**20
        sending.cancel()
        site.held.set()  # or it would learn of the end only after the time for the rest of a request

    on_site(see)


def test_few_files_allow_few_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64 + 2 * 20, 64 + 2 * 20))
    assert ConnectionLimits().most == 20
    monkeypatch.setattr(resource, "getrlimit", lambda _: (8, 8))
    assert ConnectionLimits().most == 8
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, resource.RLIM_INFINITY))
    assert ConnectionLimits().most == 192


@pytest.mark.usefixtures("small")
def test_those_that_keep_the_server_waiting_make_room_for_those_that_do_not(on_site: OnSite) -> None:
    async def see(site: Site) -> None:
        lorises = []
        for _ in range(30):
            lorises.append(await site.connect())
            lorises[-1].writer.write(b"GET / HTTP/1.1\r\n")
            assert b" 200 " in await (await site.connect()).ask()
        await site.until(lambda: site.refused.count("crowded") >= 20)
        assert len(site.inbound.open) <= 12
        assert set(site.refused) == {"crowded"}

    on_site(see)


@pytest.mark.usefixtures("small")
def test_more_requests_than_the_limit_are_answered_with_503_and_the_rest_served(on_site: OnSite) -> None:
    async def see(site: Site) -> None:
        busy = [await site.connect() for _ in range(8)]
        for client in busy:
            client.writer.write(HEAD % b"held")
        await site.until(lambda: len(site.inbound.open) == 8 and not site.inbound.waiting)
        more = []
        for _ in range(4):
            more.append(await site.connect())
            more[-1].writer.write(HEAD % b"held")
            await site.until(lambda: not site.inbound.waiting)
        assert b" 503 " in await more[-1].answer()
        assert b"x-frame-options: deny" in await (await site.connect()).ask()
        assert site.refused == ["busy", "busy"]
        site.held.set()
        for client in busy + more[:3]:
            assert b" 200 " in await client.answer()
        assert b" 200 " in await (await site.connect()).ask()

    on_site(see, WebConfig(headers={"X-Frame-Options": "deny"}))


def test_what_is_no_http_is_answered_once_and_closed(on_site: OnSite) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(b"NONSENSE\r\n\r\n")
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"x-frame-options: deny" in head
        assert await client.is_cut_off()

    on_site(see, WebConfig(headers={"X-Frame-Options": "deny"}))


@pytest.mark.parametrize("path", [b"held", b"drops"])
def test_nonsense_in_the_middle_of_a_request_ends_the_connection_quietly(
    on_site: OnSite, path: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(b"POST /%s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % path)
        await asyncio.sleep(0.05)
        client.writer.write(b"no length\r\n")
        assert await client.is_cut_off()
        site.held.set()
        assert b" 200 " in await (await site.connect()).ask()

    on_site(see)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_each_connection_gets_the_newest_certificate(
    on_site: OnSite, authority: Authority, encrypted: WebConfig
) -> None:
    def served_to(client: Client) -> object:
        return client.writer.get_extra_info("peercert")["serialNumber"]

    async def see(site: Site) -> None:
        first = await site.connect(trusting(authority))
        assert b" 200 " in await first.ask()
        site.config.append(encrypted_with(authority, authority.issue("renewed")))
        second = await site.connect(trusting(authority))
        assert b" 200 " in await second.ask()
        assert served_to(first) != served_to(second)
        assert b" 200 " in await first.ask()

    on_site(see, encrypted)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02"])
def test_a_handshake_that_does_not_end_is_cut_off(on_site: OnSite, encrypted: WebConfig, said: bytes) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(said)
        assert await client.is_cut_off()
        await site.until(lambda: site.refused == ["slow"])
        assert not site.inbound.handshakes

    on_site(see, encrypted)


@pytest.mark.usefixtures("small")
def test_handshakes_that_do_not_end_make_room_for_those_that_do(
    on_site: OnSite, authority: Authority, encrypted: WebConfig
) -> None:
    async def see(site: Site) -> None:
        with ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(socket.create_connection(site.address))
                client = await site.connect(trusting(authority))
                assert b" 200 " in await client.ask()
                client.writer.close()
            await site.until(lambda: "crowded" in site.refused)
        assert len(site.inbound.handshakes) <= 12

    on_site(see, encrypted)


def test_who_speaks_no_tls_is_told_so(on_site: OnSite, encrypted: WebConfig) -> None:
    async def see(site: Site) -> None:
        client = await site.connect()
        client.writer.write(HEAD % b"")
        assert b"this port speaks https" in await client.reader.read()
        assert site.refused == ["handshake"]

    on_site(see, encrypted)


MUTUAL = ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: {}"


def test_who_has_no_certificate_is_told_so(on_site: OnSite, authority: Authority) -> None:
    config = encrypted_with(authority, authority.issue("server"), MUTUAL.format(authority.path))
    stranger = Authority(authority.directory, "stranger").issue("mallory", usage="clientAuth")
    wrong_use = authority.issue("for-servers", usage="serverAuth")

    async def refused_with(site: Site, own: Pair | None) -> str:
        with pytest.raises(ssl.SSLError) as caught:
            await (await site.connect(trusting(authority, own))).ask()
        return str(caught.value.reason)

    async def see(site: Site) -> None:
        assert "CERTIFICATE_REQUIRED" in await refused_with(site, None)
        assert "UNKNOWN_CA" in await refused_with(site, stranger)
        assert "UNSUPPORTED_CERTIFICATE" in await refused_with(site, wrong_use)
        assert site.refused == ["handshake"] * 3
        own = trusting(authority, authority.issue("alice", "DNS:alice.test", usage="clientAuth"))
        assert b" 200 " in await (await site.connect(own)).ask()

    on_site(see, config)


@pytest.mark.parametrize("name", ["alice.test", "0:0:0:0:0:0:0:2", "spiffe://test/alice", "alice@test"])
def test_only_those_named_are_let_in(on_site: OnSite, authority: Authority, name: str) -> None:
    more = MUTUAL.format(authority.path) + f', client_allowed_sans: [nobody, "{name}"]'
    config = encrypted_with(authority, authority.issue("server"), more)
    sans = ("DNS:alice.test", "IP:::2", "URI:spiffe://test/alice", "email:alice@test")
    alice = trusting(authority, authority.issue("alice", *sans, usage="clientAuth"))
    bob = trusting(authority, authority.issue("bob", "DNS:bob.test", usage="clientAuth"))

    async def see(site: Site) -> None:
        assert b" 200 " in await (await site.connect(alice)).ask()
        with pytest.raises((asyncio.IncompleteReadError, OSError)):
            await (await site.connect(bob)).ask()
        assert site.refused == ["certificate"]

    on_site(see, config)


def test_an_open_handshake_does_not_hold_up_the_end(on_site: OnSite, encrypted: WebConfig) -> None:
    async def see(site: Site) -> None:
        stack.enter_context(socket.create_connection(site.address))
        await site.until(lambda: site.inbound.handshakes)

    with ExitStack() as stack:
        on_site(see, encrypted)


def test_every_reason_to_refuse_is_one_of_the_metrics() -> None:
    source = "".join(inspect.getsource(module) for module in (accept, connections, inbound, web_auth))
    told = set(re.findall(r'(?:cut_off|refused)\("(\w+)"\)', source))
    assert told == set(REFUSALS)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ECONNABORTED])
def test_a_connection_that_cannot_be_accepted_does_not_end_the_server(number: int) -> None:
    class Loop(asyncio.SelectorEventLoop):
        failing: ClassVar = [OSError(number, "") for _ in range(3)]

        async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
            if self.failing:
                raise self.failing.pop()
            raise _EnoughSeenError

    async def accept_all() -> None:
        await Acceptor(lambda *_: asyncio.Protocol(), ConnectionLimits()).run([listen("127.0.0.1:0")])

    with asyncio.Runner(loop_factory=Loop) as runner, pytest.raises(ExceptionGroup) as caught:
        runner.run(accept_all())
    assert caught.group_contains(_EnoughSeenError)
    assert not Loop.failing


def test_a_crowd_does_not_hold_up_who_comes_after_it() -> None:
    crowd, turns = 24, 12
    taken: list[asyncio.BaseTransport] = []

    class Taken(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            taken.append(transport)

    async def pass_turns() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    async def accept_some(opened: socket.socket) -> int:
        accepting = asyncio.create_task(
            Acceptor(lambda *_: Taken(), ConnectionLimits(most=2 * crowd)).run([opened])
        )
        await pass_turns()
        soon = len(taken)
        while len(taken) < crowd:  # noqa: ASYNC110 - over sockets
            await asyncio.sleep(0)
        accepting.cancel()
        for transport in taken:
            transport.close()
        await pass_turns()
        return soon

    with ExitStack() as stack:
        opened = listen("127.0.0.1:0")
        for _ in range(crowd):
            stack.enter_context(socket.create_connection(opened.getsockname()))
        assert uvloop.run(accept_some(opened)) == crowd
