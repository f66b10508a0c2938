"""Read the body of a response in bounded memory, whatever the server sends."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Final

_CHUNKS_PER_TURN: Final = 20
"""The HTTP library hands out chunks that have already arrived without yielding to other tasks."""

_GZIP: Final = ("gzip", "x-gzip")
_OTHER_ENCODINGS: Final = ("br", "zstd", "deflate", "compress")
_INFLATED_AT_A_TIME_BYTES: Final = 4_096
"""The decompressor copies what follows each member: with little at a time, that is little."""


def encoding_problem(encoding: str, body: bytes | bytearray) -> str | None:
    """Return what is wrong with a body that `read_body` has read, from its Content-Encoding; else None."""
    name = _name(encoding)
    if name not in ("", "identity", *_GZIP):
        # The header itself is not shown: a server may send the key back in any header.
        known = [each for each in _OTHER_ENCODINGS if each in name.replace(" ", "").split(",")]
        return f"is compressed with {' and '.join(known) or 'something else'}, but only gzip was requested"
    return "is not gzip, although its Content-Encoding says so" if name in _GZIP and not body else None


async def read_body(chunks: AsyncIterator[bytes], encoding: str, body: bytearray, limit: int) -> bool:
    """Append chunks to the body, decompressed; return False if the response is larger than `limit` bytes.

    Then the rest is not read: the body ends just above the limit, or the compressed bytes at twice as many.
    Data that are not gzip although the header says so leave the body empty, which is no valid page.
    """
    inflater = _Inflater() if _name(encoding) in _GZIP else None
    received = pieces = 0
    async for chunk in chunks:
        received += len(chunk)
        pieces += 1
        if inflater is None:
            body += chunk
        else:
            try:
                pieces += inflater.inflate(chunk, body, limit)
            except zlib.error:
                body.clear()
                return True
        if len(body) > limit or received > 2 * limit:
            return False
        if inflater and inflater.has_ended:
            return True
        if pieces >= _CHUNKS_PER_TURN:
            pieces = 0
            await asyncio.sleep(0)
    return True


def _name(encoding: str) -> str:
    return encoding.strip().lower()


class _Inflater:
    """Inflates consecutive members of gzip (RFC 1952, 2.2), and ignores whatever follows them."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self.has_ended = False

    def inflate(self, data: bytes, body: bytearray, limit: int) -> int:
        """Append to the body, up to just above `limit` bytes, and return how many members began."""
        members = 0
        for start in range(0, len(data), _INFLATED_AT_A_TIME_BYTES):
            members += self._inflate(data[start : start + _INFLATED_AT_A_TIME_BYTES], body, limit)
        return members

    def _inflate(self, data: bytes, body: bytearray, limit: int) -> int:
        members = 0
        while data and not self.has_ended and len(body) <= limit:
            if self._member.eof:
                self.has_ended = not data.startswith(b"\x1f")
                self._member = zlib.decompressobj(wbits=31)
                members += 1
            else:
                body += self._member.decompress(data, limit + 1 - len(body))
                data = self._member.unused_data
        return members
