"""A web server on loopback with clients of all kinds, on either event loop."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pin_exporter.toolkit.web.config import WebConfig, read_web_config
from pin_exporter.toolkit.web.config_watcher import WebConfigWatcher
from pin_exporter.toolkit.web.limits import Connections, Limits, Refusal
from pin_exporter.toolkit.web.listener import listen
from pin_exporter.toolkit.web.server import serve
from tests.support.certificates import Authority, Pair
from tests.support.clocks import FakeClock

PATIENCE_SECONDS = 60.0
LARGE_BYTES = 16 * 2**20
HEAD = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}


@dataclass
class Client:
    """A connection to the site."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def get(self, path: bytes = b"") -> bytes:
        """Return the head of the response, having read all of it."""
        self.writer.write(HEAD % path)
        return await self.response()

    async def response(self) -> bytes:
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            await self.reader.readexactly(int(length.split(b":")[1]))
            return head

    async def rest(self) -> bytes:
        """Wait until the server ends the connection, and return what it sent before."""
        received = b""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                while data := await self.reader.read(65_536):
                    received += data
            except ConnectionError:
                pass
        return received


@dataclass
class Site:
    """A server. `/held` waits for `free`, `/reads` and `/drops` take POST, `/` and `/large` GET."""

    address: tuple[str, int]
    watcher: WebConfigWatcher
    connections: Connections
    free: asyncio.Event = field(default_factory=asyncio.Event)
    clients: list[Client] = field(default_factory=list)

    @property
    def refused(self) -> dict[Refusal, int]:
        return dict(self.connections.refusals)

    async def connect(self, tls: ssl.SSLContext | None = None, source: str = "127.0.0.1") -> Client:
        name = "localhost" if tls else None
        streams = await asyncio.open_connection(
            *self.address, ssl=tls, server_hostname=name, local_addr=(source, 0)
        )
        client = Client(*streams)
        self.clients.append(client)
        return client

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():  # noqa: ASYNC110 - over sockets
                await asyncio.sleep(0.01)

    def app(self) -> Starlette:
        async def small(_: Request) -> Response:
            return PlainTextResponse("small")

        async def large(_: Request) -> Response:
            return PlainTextResponse(b"x" * LARGE_BYTES)

        async def held(_: Request) -> Response:
            await self.free.wait()
            return PlainTextResponse("held")

        async def reads(request: Request) -> Response:
            return PlainTextResponse(str(len(await request.body())))

        post = ["POST"]
        return Starlette(
            routes=[
                Route("/", small),
                Route("/large", large),
                Route("/held", held, methods=["GET", "POST"]),
                Route("/reads", reads, methods=post),
                Route("/drops", small, methods=post),
            ]
        )


class _DoneError(Exception):
    pass


def run_on_site(
    test: Callable[[Site], Awaitable[None]],
    config: WebConfig | None = None,
    limits: Limits | None = None,
    loop: str = "uvloop",
) -> None:
    """Run a test against a site, on the event loop of the exporter unless another is named."""

    async def main() -> None:
        opened = listen("127.0.0.1:0")
        watcher = WebConfigWatcher(None, config or WebConfig(), FakeClock())
        site = Site(opened.getsockname(), watcher, Connections(watcher, limits))

        async def work() -> None:
            try:
                await test(site)
            finally:
                for client in site.clients:
                    client.writer.transport.abort()
                await site.until(lambda: not site.connections.open)
                await asyncio.sleep(0.01)  # the transports of those cut off close
            raise _DoneError

        with pytest.raises(ExceptionGroup) as caught:
            await serve(
                site.app(),
                [opened],
                {"test": work},
                connections=site.connections,
                realm="a",
                on_hangup=lambda: None,
            )
        (error,) = caught.value.exceptions
        if not isinstance(error, _DoneError):
            raise error

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(main())


def tls_config(authority: Authority, server: Pair, more: str = "") -> WebConfig:
    """Return a web config with a certificate, and with more of `tls_server_config`."""
    path = authority.directory / "web.yml"
    path.write_text(f"tls_server_config: {{cert_file: {server.certificate}, key_file: {server.key}{more}}}\n")
    return read_web_config(path)


def trusting(authority: Authority, own: Pair | None = None) -> ssl.SSLContext:
    """Return the TLS settings of a client, perhaps with a certificate of its own."""
    context = ssl.create_default_context(cafile=authority.path)
    if own:
        context.load_cert_chain(own.certificate, own.key)
    return context
