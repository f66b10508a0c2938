"""Serve an application over HTTP beside other workers, until a signal or a bug ends them all."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from pin_exporter.toolkit.web import middleware
from pin_exporter.toolkit.web.limits import Connections
from pin_exporter.toolkit.web.listener import Acceptor
from pin_exporter.toolkit.web.protocol import BoundedProtocol

_GRACE_SECONDS: Final = 1

Workers = Mapping[str, Callable[[], Awaitable[None]]]
"""Coroutine functions that never return, by name."""


async def serve(
    app: ASGIApp,
    sockets: Sequence[socket.socket],
    workers: Workers,
    *,
    connections: Connections,
    realm: str,
    on_hangup: Callable[[], None] | None,
) -> None:
    """Serve `app` on `sockets` and run the workers until SIGTERM or SIGINT.

    `connections` has the web config and the limits. `realm` is what browsers show when they ask for a
    password. `on_hangup` is called on SIGHUP; without it, SIGHUP stops as well. A worker that raises or
    returns has a bug: it ends everything, and its error is raised in an exception group.
    """
    stop = asyncio.Event()
    _handle_signals(stop.set, on_hangup)
    server = _uvicorn(middleware.wrap(app, connections, realm=realm))
    await server.on_tick(0)  # otherwise the first responses have no Date header
    new_protocol = partial(
        BoundedProtocol, connections, config=server.config, server_state=server.server_state, app_state={}
    )
    acceptor = Acceptor(new_protocol, connections)
    async with asyncio.TaskGroup() as group:
        tasks: list[asyncio.Task[Any]] = []
        tasks += [group.create_task(_run_for_ever(worker), name=name) for name, worker in workers.items()]
        tasks.append(group.create_task(acceptor.run(sockets), name="accept"))
        tasks.append(group.create_task(stop.wait(), name="stop"))
        serving = group.create_task(server.serve(sockets=[]), name="serve")
        await asyncio.wait([serving, *tasks], return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True  # uvicorn then lets requests in progress end
        for task in tasks:
            task.cancel()


@contextmanager
def hangups_held() -> Iterator[None]:
    """Hold back SIGHUP until `serve` can handle it: without a handler it would end the process."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _uvicorn(app: ASGIApp) -> uvicorn.Server:
    """Return the HTTP server. It accepts no connections itself: see the listener."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        http="h11",
        ws="none",
        timeout_graceful_shutdown=_GRACE_SECONDS,
        proxy_headers=False,  # anybody can send them
        workers=1,  # otherwise WEB_CONCURRENCY of the environment would decide
    )
    config.load()
    return uvicorn.Server(config)


def _handle_signals(stop: Callable[[], None], hangup: Callable[[], None] | None) -> None:
    """Install our handlers before uvicorn installs its own, which raise the signal again at the end."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if hangup or signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup makes it
        loop.add_signal_handler(signal.SIGHUP, hangup or stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


async def _run_for_ever(worker: Callable[[], Awaitable[None]]) -> None:
    await worker()
    raise AssertionError("a worker returned")
