"""One HTTP/1.1 connection, on asyncio and h11: everything that the other side may send is bounded.

httpx has its own, which is not used: it reads interim responses without end, shares connections between
keys, and compares every waiting request with every connection at each step.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Final, Self, cast

import h11
import httpx

MAX_HEAD_BYTES: Final = 64 * 2**10
"""A response must have begun within so many bytes, interim responses (1xx) included."""
_MAX_INTERIM_RESPONSES: Final = 10
_MAX_UNREAD_BYTES: Final = 256 * 2**10
_CHUNKS_PER_TURN: Final = 100
"""Chunks may be tiny: other tasks get a turn after so many that have already arrived."""
_MAX_TINY_CHUNKS: Final = 20_000
_TINY_BYTES: Final = 64
_HTTP2_PREFACE: Final = b"\x00\x00"
"""How a server's first frame of HTTP/2 begins: with the high bytes of a short length."""


class UnacceptableResponseError(httpx.RemoteProtocolError):
    """The response is HTTP/2, or takes unbounded work: interim responses, headers or chunks without end."""


def _new_state() -> h11.Connection:
    return h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)


class Connection(asyncio.Protocol):
    """A connection, which sends one request at a time.

    Its methods raise OSError or ssl.SSLError for a connection that broke, httpx.RemoteProtocolError for
    anything that is not an acceptable response, and httpx.ReadTimeout.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._arrival: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._has_ended = self._is_paused = self._is_idle = False
        self._http = _new_state()

    @classmethod
    async def to(cls, ip_address: str, port: int) -> Self:
        """Return a connection to an IP address and port."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, ip_address, port)
        return connection

    @property
    def is_reusable(self) -> bool:
        """Return whether the last response is complete and another request can be sent."""
        return self._is_idle and not self._has_ended

    async def start_tls(self, context: ssl.SSLContext, host: str, timeout_seconds: float) -> None:
        """Encrypt the connection; the certificate must be for `host`. Raises TimeoutError."""
        assert self._transport is not None  # noqa: S101 - for the type
        async with asyncio.timeout(timeout_seconds):
            encrypted = await self._loop.start_tls(self._transport, self, context, server_hostname=host)
        if encrypted is None:
            raise ConnectionResetError("closed during the TLS handshake")
        self._transport = encrypted

    async def open_tunnel(self, request: h11.Request, read_timeout: float | None) -> int:
        """Send a CONNECT request and return the status; after a 2xx, the connection leads elsewhere."""
        response = await self.send(request, read_timeout)
        # What follows, such as a second response, would be read as that of the other end.
        if self._has_more():
            raise httpx.RemoteProtocolError("the proxy sent more than its response")
        self._http = _new_state()
        return response.status_code

    async def send(self, request: h11.Request, read_timeout: float | None) -> h11.Response:
        """Send a request without a body and return the head of the response."""
        assert self._transport is not None  # noqa: S101 - for the type
        self._is_idle = False
        self._transport.write(self._http.send(request) or b"")
        self._http.send(h11.EndOfMessage())
        received = interim = 0
        while True:
            event = self._next_event()
            if isinstance(event, h11.Response):
                return event
            if isinstance(event, h11.InformationalResponse):
                interim += 1
            elif event is h11.NEED_DATA and received <= MAX_HEAD_BYTES:
                data = await self._read(read_timeout)
                if not received and data.startswith(_HTTP2_PREFACE):
                    raise UnacceptableResponseError("it speaks HTTP/2 only, and HTTP/1.1 is required")
                received += len(data)
                self._http.receive_data(data)
            else:
                raise UnacceptableResponseError("its headers are too long")
            if interim > _MAX_INTERIM_RESPONSES:
                raise UnacceptableResponseError("it sends interim responses (1xx) without end")

    async def body(self, read_timeout: float | None) -> AsyncIterator[bytes]:
        """Yield the body of the response as it arrives. The connection is reusable afterwards, or closed."""
        chunks = tiny_chunks = 0
        while not isinstance(event := self._next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._read(read_timeout))
            elif isinstance(event, h11.Data):
                yield bytes(event.data)
                chunks += 1
                tiny_chunks += len(event.data) < _TINY_BYTES
                if tiny_chunks > _MAX_TINY_CHUNKS:
                    raise UnacceptableResponseError("the response is split into too many tiny chunks")
                if chunks % _CHUNKS_PER_TURN == 0:
                    await asyncio.sleep(0)
            else:
                raise httpx.RemoteProtocolError(f"unexpected {type(event).__name__}")
        if self._http.our_state is self._http.their_state is h11.DONE and not self._has_more():
            self._http.start_next_cycle()
            self._is_idle = True
        else:
            self.close()

    def close(self) -> None:
        """Close the connection at once."""
        self._has_ended = True
        if self._transport is not None:
            self._transport.abort()

    def _has_more(self) -> bool:
        """Return whether more than the response has arrived: the next response must not begin with it."""
        return bool(self._received or self._http.trailing_data[0])

    def _next_event(self) -> object:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == 431:
                raise UnacceptableResponseError("its headers are too long") from None
            if self._has_ended:
                raise ConnectionResetError("closed before the response was complete") from error
            raise httpx.RemoteProtocolError(str(error)) from error

    async def _read(self, timeout_seconds: float | None) -> bytes:
        """Return what has arrived, waiting if nothing has; nothing at the end."""
        if not self._received and not self._has_ended:
            self._arrival = self._loop.create_future()
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self._arrival
            except TimeoutError:
                raise httpx.ReadTimeout("") from None
            finally:
                self._arrival = None
        if not self._received and self._error is not None:
            raise self._error
        data = bytes(self._received)
        self._received.clear()
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        return data

    # The methods of asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Keep what arrives; close the connection if nothing was requested."""
        if self._is_idle:
            self.close()
            return
        self._received += data
        if len(self._received) > _MAX_UNREAD_BYTES and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake_up()

    def eof_received(self) -> None:
        """Note the end."""
        self._has_ended = True
        self._wake_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end, and why."""
        self._has_ended = True
        self._error = self._error or exc
        self._wake_up()

    def _wake_up(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
