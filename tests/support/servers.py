"""Servers on a free loopback port: the base class, one that responds strangely on purpose, and a proxy."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit


class LoopbackServer:
    """Accepts connections; `serve` handles one until it returns."""

    def __init__(self) -> None:
        self.port = 0
        self._open: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError

    @contextlib.asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Self]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self.serve(reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # a side has disconnected, or the test has ended
        finally:
            self._open.discard(task)
            writer.transport.abort()


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and the way to respond."""

    head: bytes
    server: "StrangeServer"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send, and wait until the operating system has accepted the data."""
        self.writer.write(data)
        await self.writer.drain()
        self.server.bytes_sent += len(data)

    async def until_the_client_leaves(self) -> None:
        while await self.reader.read(65_536):
            pass

    def reset(self) -> None:
        """Reset the connection, as a crashed machine does."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Call], Awaitable[None]]
"""Handles one request. The connection stays open unless it closes it."""


class StrangeServer(LoopbackServer):
    """Handles each request by `behaviour`, which can change at any time."""

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__()
        self.behaviour = behaviour
        self.connections = 0
        self.heads: list[bytes] = []
        self.bytes_sent = 0

    def base_url(self, scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}/api"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while not writer.is_closing():
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            await self.behaviour(Call(head, self, reader, writer))


def answer(status: str, body: bytes = b"", *headers: str) -> Behaviour:
    """Send a valid response."""
    return raw(message(status, body, *headers))


def message(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {length}", "", ""]
    return "\r\n".join(lines).encode() + body


def raw(data: bytes, *, close: bool = False) -> Behaviour:
    """Send these bytes."""

    async def behave(call: Call) -> None:
        await call.send(data)
        if close:
            call.writer.close()

    return behave


def then_reset(data: bytes) -> Behaviour:
    """Send these bytes, then reset the connection."""

    async def behave(call: Call) -> None:
        await call.send(data)
        await asyncio.sleep(0.02)  # or the reset discards unread data
        call.reset()

    return behave


def endless(head: bytes, chunk: bytes, limit_bytes: int = 2**30) -> Behaviour:
    """Send a head, then the same chunk until the client disconnects or `limit_bytes` are sent."""

    async def behave(call: Call) -> None:
        await call.send(head)
        for _ in range(limit_bytes // len(chunk)):
            await call.send(chunk)

    return behave


def trickle(data: bytes, pause_seconds: float = 0.02) -> Behaviour:
    """Send one byte at a time."""

    async def behave(call: Call) -> None:
        for byte in data:
            await call.send(bytes([byte]))
            await asyncio.sleep(pause_seconds)

    return behave


async def silence(call: Call) -> None:
    """Accept the request and never respond."""
    await call.until_the_client_leaves()


async def hang_up(call: Call) -> None:
    """Close without a response."""
    call.writer.close()


async def echo(call: Call) -> None:
    """Send the request back."""
    await call.send(call.head)
    call.writer.close()


class Proxy(LoopbackServer):
    """An HTTP proxy that records request heads: tunnels CONNECT, forwards plain requests, or refuses.

    With `refusal`, a status line, it refuses every request; with `wanted`, those with other credentials.
    """

    def __init__(self, refusal: str | None = None, *, wanted: str | None = None) -> None:
        super().__init__()
        self.heads: list[str] = []
        self._refusal = refusal
        self._wanted = wanted

    @property
    def asked(self) -> list[str]:
        """Return the request lines, without the HTTP version."""
        return [head.split("\r\n", 1)[0].rsplit(" ", 1)[0] for head in self.heads]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        refusal = self._refusal
        if self._wanted is not None and f"Proxy-Authorization: {self._wanted}" not in head:
            refusal = "407 Proxy Authentication Required"
        if refusal:
            writer.write(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        else:
            await self._pass_on(head, reader, writer)

    async def _pass_on(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _ = head.split(" ", 2)
        tunnelled = method == "CONNECT"
        url = urlsplit(f"//{target}" if tunnelled else target)
        there, out = await asyncio.open_connection(url.hostname, url.port)
        if tunnelled:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            out.write(head.replace(target, f"{url.path}?{url.query}", 1).encode())
        try:
            await asyncio.gather(_pump(reader, out), _pump(there, writer))
        finally:
            out.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
