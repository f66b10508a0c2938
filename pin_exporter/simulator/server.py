"""Run a simulator on a socket."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from pin_exporter.simulator.app import Simulator


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def open_socket(address: str) -> socket.socket:
    """Return a socket that listens on `host:port`, where port 0 takes a free one.

    Raises ValueError for a bad address and OSError if it cannot be had. Clients may connect at once.
    """
    host, separator, port = address.rpartition(":")
    if not (separator and port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError(f"listen address must be host:port, not {address!r}")
    host = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, int(port)), family=family, backlog=1024)


def base_url(sock: socket.socket) -> str:
    """Return the URL that a client of this machine needs, with the `/api` that ends the real one."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/api"


async def serve(simulator: Simulator, sock: socket.socket, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then within about a second, whatever requests are open.

    Touches neither signals nor logging, so that it can be a task beside others; closes the socket.
    """
    server = _Server(
        uvicorn.Config(
            simulator.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    watcher = asyncio.create_task(_stop_when_set(server, stop))
    try:
        await server.serve(sockets=[sock])
    finally:
        watcher.cancel()


async def _stop_when_set(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True
