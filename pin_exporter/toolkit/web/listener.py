"""Accept connections on our own port, and encrypt them if that is configured.

The server library would do both, but takes one certificate for its whole life, knows nothing of a connection
before its handshake is done, and waits for that for a minute.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from pin_exporter.toolkit.web.limits import HEAD_SECONDS, TAKE_SECONDS, ConnectionLimits
from pin_exporter.toolkit.web.tls import HandshakeError, Tls

_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE_SECONDS: Final = 0.1
_ROOM_MADE: Final = 16
_MORE_AT_ONCE: Final = 31
"""Taken without waiting for another turn of the loop, or a crowd would hold up all who come after it."""
_NOT_ENCRYPTED: Final = b"HTTP/1.0 400 Bad Request\r\n\r\nthis port speaks https, not http\n"

NewProtocol = Callable[[Tls | None, Callable[[], None]], asyncio.Protocol]
"""Makes the protocol of one connection, which calls the function once it takes over."""


class Acceptor:
    """Hands each connection to a protocol of its own, with the TLS that is in force by then."""

    def __init__(self, new_protocol: NewProtocol, inbound: ConnectionLimits) -> None:
        self._new_protocol = new_protocol
        self._inbound = inbound

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Accept on all sockets until cancelled, and close them."""
        try:
            async with asyncio.TaskGroup() as group:
                for listening in sockets:
                    group.create_task(self._accept(listening))
        finally:
            for listening in sockets:
                listening.close()
            for handshake in [*self._inbound.handshakes]:
                handshake.cut_off("")

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        while True:
            try:
                connection, _ = await loop.sock_accept(listening)
                self._take(connection)
                for _ in range(_MORE_AT_ONCE):
                    self._take(listening.accept()[0])
            except BlockingIOError:  # nobody else has come
                pass
            except OSError as error:
                exhausted = error.errno in _EXHAUSTED
                for _ in range(_ROOM_MADE if exhausted else 0):
                    self._inbound.cut_off_oldest()
                await asyncio.sleep(_PAUSE_SECONDS if exhausted else 0)

    def _take(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._inbound.make_room()
        handshake = _Handshake(connection, self._new_protocol, self._inbound)
        self._inbound.handshakes.add(handshake)
        self._inbound.waiting[handshake] = None


class _Handshake:
    """A connection from when it was accepted to when its protocol takes over."""

    def __init__(
        self, connection: socket.socket, new_protocol: NewProtocol, inbound: ConnectionLimits
    ) -> None:
        self._connection = connection
        self._new_protocol = new_protocol
        self._inbound = inbound
        self._is_the_loops = False
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._ended)

    def cut_off(self, reason: str) -> None:
        """Give up; no reason means that the server ends."""
        if reason:
            self._inbound.refused(reason)
        self._let_go()
        self._task.cancel()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        tls = self._inbound.config().tls
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is None:
            self._is_the_loops = True
            await loop.connect_accepted_socket(lambda: self._protocol(None), self._connection)
            return
        with self._connection.dup() as spare:
            self._is_the_loops = True
            try:
                await loop.connect_accepted_socket(
                    lambda: self._protocol(tls),
                    self._connection,
                    ssl=tls.context,
                    ssl_handshake_timeout=HEAD_SECONDS,
                    ssl_shutdown_timeout=TAKE_SECONDS,
                )
            except HandshakeError as error:
                # The loop has closed its own by now.
                with suppress(OSError):
                    spare.send(_NOT_ENCRYPTED if error.reason == "HTTP_REQUEST" else error.alert)
                raise

    def _protocol(self, tls: Tls | None) -> asyncio.Protocol:
        return self._new_protocol(tls, self._let_go)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._let_go()
        if not self._is_the_loops:
            self._connection.close()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, ssl.SSLError):
            self._inbound.refused("handshake")
        elif isinstance(error, ConnectionAbortedError):
            self._inbound.refused("slow")  # the loop gave up
        elif error is not None and not isinstance(error, OSError):
            raise error

    def _let_go(self) -> None:
        self._inbound.handshakes.discard(self)
        self._inbound.waiting.pop(self, None)
