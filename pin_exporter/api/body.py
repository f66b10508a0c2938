"""Read the body of an answer in bounded memory and work, whatever the other side sends."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Final

_PIECES_A_TURN: Final = 20
"""The HTTP library hands out what has arrived already without giving others a turn."""
_FREE_PIECES: Final = 1_000
_CRUMB_BYTES: Final = 64


async def read_body(chunks: AsyncIterator[bytes], encoding: str, body: bytearray, limit: int) -> bool:
    """Append chunks to the body, decompressed, up to just above `limit` bytes; the rest is not read.

    What is no gzip though it claims to be leaves the body empty. Returns False if it was left for coming in
    crumbs: ever more chunks, or members of gzip, with next to nothing in them.
    """
    inflater = _Inflater() if encoding.strip().lower() in ("gzip", "x-gzip") else None
    pieces = received = 0
    turn = _PIECES_A_TURN
    async for chunk in chunks:
        received += len(chunk)
        most = _FREE_PIECES + received // _CRUMB_BYTES
        pieces += 1
        if inflater is None:
            body += chunk
        else:
            try:
                pieces += inflater.inflate(chunk, body, limit, most)
            except zlib.error:
                body.clear()  # nothing of it is to be trusted; an empty body will not decode, and says so
                return True
        if len(body) > limit or (inflater and inflater.has_ended):
            return True
        if pieces > most or received > 2 * limit:
            return False
        if pieces >= turn:
            turn = pieces + _PIECES_A_TURN
            await asyncio.sleep(0)
    return True


class _Inflater:
    """Inflates members of gzip one after the other (RFC 1952, 2.2), and nothing that follows them."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self.has_ended = False

    def inflate(self, data: bytes, body: bytearray, limit: int, most: int) -> int:
        """Append to the body, up to just above `limit` bytes, and return how many members began.

        Of more than `most`, the rest is left out.
        """
        members = 0
        while data and len(body) <= limit and members <= most:
            if self._member.eof:
                self.has_ended = not data.startswith(b"\x1f")
                if self.has_ended:
                    break
                self._member = zlib.decompressobj(wbits=31)
                members += 1
            body += self._member.decompress(data, limit + 1 - len(body))
            data = self._member.unused_data
        return members
