"""A small HTTP proxy on a loopback socket: tunnels by CONNECT, passes on plain requests, or refuses."""

import asyncio
from urllib.parse import urlsplit

from tests.support.loopback import LoopbackServer


class Proxy(LoopbackServer):
    """Remembers the heads of what it was asked. With `refusal`, a status line, it answers only that."""

    def __init__(self, refusal: str | None = None, *, wanted: str | None = None) -> None:
        super().__init__()
        self.heads: list[str] = []
        self._refusal = refusal
        self._wanted = wanted

    @property
    def asked(self) -> list[str]:
        """Return the first lines, without the version."""
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
