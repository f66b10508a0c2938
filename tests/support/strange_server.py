"""A server on loopback sockets that answers as strangely as it is told to, byte by byte."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.support.loopback import LoopbackServer


@dataclass(frozen=True, slots=True)
class Call:
    """One request that came in, and the way to answer it."""

    head: bytes
    server: "StrangeServer"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send, and wait until the operating system has taken it: that counts as got rid of."""
        self.writer.write(data)
        await self.writer.drain()
        self.server.bytes_sent += len(data)

    async def until_the_client_leaves(self) -> None:
        while await self.reader.read(65_536):
            pass

    def reset(self) -> None:
        """Close the connection as a crashed machine does."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Call], Awaitable[None]]
"""Answers one request. The connection stays open for another if it returns without closing."""


class StrangeServer(LoopbackServer):
    """Answers each request by `behaviour`, which may be changed at any time."""

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
    """Answer properly: status line, headers, a length that is right, the body."""
    return raw(message(status, body, *headers))


def message(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    told = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {told}", "", ""]
    return "\r\n".join(lines).encode() + body


def raw(data: bytes, *, close: bool = False) -> Behaviour:
    """Send these bytes, whatever they are."""

    async def behave(call: Call) -> None:
        await call.send(data)
        if close:
            call.writer.close()

    return behave


def then_reset(data: bytes) -> Behaviour:
    """Send these bytes, and reset the connection once they have arrived."""

    async def behave(call: Call) -> None:
        await call.send(data)
        await asyncio.sleep(0.02)  # a reset overtakes what was not read yet
        call.reset()

    return behave


def endless(head: bytes, chunk: bytes, limit_bytes: int = 2**30) -> Behaviour:
    """Send a head, then the same chunk for as long as the client takes it."""

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
    """Take the request and never answer."""
    await call.until_the_client_leaves()


async def hang_up(call: Call) -> None:
    """Close without a word."""
    call.writer.close()


async def echo(call: Call) -> None:
    """Send the request back, as the echo service of old does."""
    await call.send(call.head)
    call.writer.close()
