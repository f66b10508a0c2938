"""Run pollers and web server side by side until told to stop, or until a bug ends both."""

import asyncio
import os
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from pin_exporter.toolkit.errors import ListenError
from pin_exporter.toolkit.web.limits import LIMIT_CONCURRENCY, ConnectionLimits
from pin_exporter.toolkit.web.listener import Acceptor
from pin_exporter.toolkit.web.middleware import ConfiguredHeadersWin, encoded
from pin_exporter.toolkit.web.protocol import BoundedProtocol
from pin_exporter.toolkit.web.tls import Tls

_BACKLOG: Final = 1_024
_GRACE_SECONDS: Final = 1


def listen(address: str) -> socket.socket:
    """Open a listening socket at `host:port`, `[v6]:port` or `:port`, the last on every interface.

    Raises ListenError when that is not possible.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        if not host and socket.has_dualstack_ipv6():
            return socket.create_server(
                ("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG
            )
        found = socket.getaddrinfo(
            host.encode() or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        # Of a name with both, IPv4: so it was always understood.
        family, *_, place = min(found, key=lambda each: each[0])
        return socket.create_server(place, family=family, backlog=_BACKLOG)
    except OSError as error:
        # What has a number has Python's own words, with the address once more.
        number = error.errno or 0
        told = os.strerror(number) if number > 0 else error.strerror
        raise ListenError(
            f"cannot listen on {address}: {told}: choose another --web.listen-address"
        ) from None


def local_url(opened: socket.socket, scheme: str = "http") -> str:
    """Return the URL by which this machine reaches a listening socket."""
    host, port = opened.getsockname()[:2]
    host = {"::": "localhost", "0.0.0.0": "localhost"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


@contextmanager
def hangups_held() -> Iterator[None]:
    """Keep each SIGHUP until `serve` can see to it: without a handler, it would end the process."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


async def serve(
    app: ASGIApp,
    sockets: Sequence[socket.socket],
    workers: Mapping[str, Callable[[], Awaitable[None]]],
    on_hangup: Callable[[], None],
    inbound: ConnectionLimits | None = None,
) -> None:
    """Serve `app` on `sockets` and run the named workers until SIGTERM or SIGINT.

    `on_hangup` is called on SIGHUP. Workers run for ever; one that raises has a bug, ends everything, and its
    error is raised in a group. `inbound` says how connections are guarded.
    """
    inbound = inbound or ConnectionLimits()
    _raise_limit_of_files()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Before uvicorn installs its own: it restores these and raises the signal again when it is done.
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    server = _Server(
        uvicorn.Config(
            ConfiguredHeadersWin(app, lambda: inbound.config().headers),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            http="h11",
            ws="none",
            limit_concurrency=LIMIT_CONCURRENCY,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            # Or variables decide: WEB_CONCURRENCY, and FORWARDED_ALLOW_IPS on whose word an address is taken.
            workers=1,
            forwarded_allow_ips="127.0.0.1",
        ),
        inbound,
    )
    server.config.load()
    await server.on_tick(0)  # or the first answers would lack headers
    acceptor = Acceptor(server.new_protocol, inbound)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_run(worker), name=name) for name, worker in workers.items()]
        tasks.append(group.create_task(acceptor.run(sockets), name="accept"))
        serving = group.create_task(server.serve(sockets=[]))
        stopping = group.create_task(stop.wait())
        await asyncio.wait([serving, stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        for task in (stopping, *tasks):
            task.cancel()


class _Server(uvicorn.Server):
    """Serves connections that were accepted elsewhere, and sets the headers that are configured by then."""

    def __init__(self, config: uvicorn.Config, inbound: ConnectionLimits) -> None:
        super().__init__(config)
        self._inbound = inbound

    def new_protocol(self, tls: Tls | None, begun: Callable[[], None]) -> BoundedProtocol:
        """Return what handles a new connection."""
        return BoundedProtocol(
            self._inbound, tls, begun, config=self.config, server_state=self.server_state, app_state={}
        )

    async def on_tick(self, counter: int) -> bool:
        """Hand them to the library, which looks once a second."""
        self.config.encoded_headers = encoded(self._inbound.config().headers)
        return await super().on_tick(counter)


def _raise_limit_of_files() -> None:
    """Have as many files open as may be, as Go's programs do: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _run(worker: Callable[[], Awaitable[None]]) -> None:
    await worker()
    raise AssertionError("a worker ended by itself")
