"""Open listening sockets, and accept connections, with TLS if it is configured.

uvicorn could do both, but it uses one certificate for its whole life, knows nothing of a connection before
its TLS handshake is done, and waits a minute for that.
"""

import asyncio
import errno
import os
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from pin_exporter.toolkit.errors import ListenError
from pin_exporter.toolkit.web.limits import Connections, Refusal
from pin_exporter.toolkit.web.tls import HandshakeError, Tls

_BACKLOG: Final = 1_024
_OUT_OF_FILES_OR_MEMORY: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE_SECONDS: Final = 0.1
_CUT_OFF_WHEN_EXHAUSTED: Final = 16
_BATCH: Final = 31
"""Accepted at once: one connection a turn of the loop would let a crowd delay everybody behind it."""
_NOT_TLS: Final = b"HTTP/1.0 400 Bad Request\r\n\r\nthis port requires HTTPS\n"

NewProtocol = Callable[[Tls | None, Callable[[], None]], asyncio.Protocol]
"""Returns the protocol of a new connection, which calls the given function when it takes over."""


def listen(address: str) -> socket.socket:
    """Open a listening socket at `host:port`, `[v6]:port` or `:port`, which is every interface.

    Raises ListenError.
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
        # IPv4 if a name has addresses of both families.
        family, *_, resolved = min(found, key=lambda each: each[0])
        return socket.create_server(resolved, family=family, backlog=_BACKLOG)
    except OSError as error:
        # Python adds the address to the message of an error that has a number.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror
        raise ListenError(
            f"cannot listen on {address}: {reason}: choose another --web.listen-address"
        ) from None


def bound_url(listening: socket.socket, scheme: str = "http") -> str:
    """Return the URL with the address that is bound; `[::]` and `0.0.0.0` are every interface."""
    host, port = listening.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def local_url(listening: socket.socket, scheme: str = "http") -> str:
    """Return the URL by which this machine reaches a listening socket."""
    return re.sub(r"//(\[::\]|0\.0\.0\.0):", "//localhost:", bound_url(listening, scheme))


class Acceptor:
    """Accepts connections and gives each a protocol of its own, with the current TLS settings."""

    def __init__(self, new_protocol: NewProtocol, connections: Connections) -> None:
        self._new_protocol = new_protocol
        self._connections = connections

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Accept on all sockets until cancelled, then close them."""
        try:
            async with asyncio.TaskGroup() as group:
                for listening in sockets:
                    group.create_task(self._accept(listening))
        finally:
            for listening in sockets:
                listening.close()
            for handshake in [*self._connections.handshakes]:
                handshake.cut_off(None)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        while True:
            try:
                client, _ = await loop.sock_accept(listening)
                self._start(client)
                for _ in range(_BATCH):
                    self._start(listening.accept()[0])
            except BlockingIOError:  # no more connections are waiting
                pass
            except OSError as error:
                exhausted = error.errno in _OUT_OF_FILES_OR_MEMORY
                for _ in range(_CUT_OFF_WHEN_EXHAUSTED if exhausted else 0):
                    self._connections.cut_off_longest_waiting()
                await asyncio.sleep(_PAUSE_SECONDS if exhausted else 0)

    def _start(self, client: socket.socket) -> None:
        client.setblocking(False)
        self._connections.make_room()
        handshake = _Handshake(client, self._new_protocol, self._connections)
        self._connections.handshakes.add(handshake)
        self._connections.waiting[handshake] = None


class _Handshake:
    """A connection from its acceptance until its protocol takes over."""

    def __init__(self, client: socket.socket, new_protocol: NewProtocol, connections: Connections) -> None:
        self._client = client
        self._new_protocol = new_protocol
        self._connections = connections
        self._belongs_to_loop = False
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._ended)

    def cut_off(self, reason: Refusal | None) -> None:
        """Close the connection at once."""
        if reason:
            self._connections.refusals[reason] += 1
        self._let_go()
        self._task.cancel()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        tls, limits = self._connections.web_config.config.tls, self._connections.limits
        self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is None:
            self._belongs_to_loop = True
            await loop.connect_accepted_socket(lambda: self._protocol(None), self._client)
            return
        with self._client.dup() as spare:
            self._belongs_to_loop = True
            try:
                await loop.connect_accepted_socket(
                    lambda: self._protocol(tls),
                    self._client,
                    ssl=tls.context,
                    ssl_handshake_timeout=limits.head_seconds,
                    ssl_shutdown_timeout=limits.body_seconds,
                )
            except HandshakeError as error:
                # The loop has closed its own socket by now.
                with suppress(OSError):
                    spare.send(_NOT_TLS if error.reason == "HTTP_REQUEST" else error.alert)
                raise

    def _protocol(self, tls: Tls | None) -> asyncio.Protocol:
        return self._new_protocol(tls, self._let_go)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._let_go()
        if not self._belongs_to_loop:
            self._client.close()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, ssl.SSLError):
            self._connections.refusals[Refusal.HANDSHAKE] += 1
        elif isinstance(error, ConnectionAbortedError):  # the loop's timeout
            self._connections.refusals[Refusal.SLOW] += 1
        elif error is not None and not isinstance(error, OSError):
            raise error

    def _let_go(self) -> None:
        self._connections.handshakes.discard(self)
        self._connections.waiting.pop(self, None)
