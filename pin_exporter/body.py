"""Read the body of an answer in bounded memory, whatever the other side sends."""

import zlib
from collections.abc import AsyncIterator


async def read_body(chunks: AsyncIterator[bytes], encoding: str, body: bytearray, limit: int) -> None:
    """Append chunks to the body, decompressed, up to just above `limit` bytes; the rest is not read.

    What is no gzip though it claims to be leaves the body empty.
    """
    gzipped = encoding.strip().lower() in ("gzip", "x-gzip")
    inflater = zlib.decompressobj(wbits=31) if gzipped else None
    async for chunk in chunks:
        if inflater and inflater.eof:
            return  # the inflater would keep whatever follows
        try:
            body += inflater.decompress(chunk, limit + 1 - len(body)) if inflater else chunk
        except zlib.error:
            body.clear()  # nothing of it is to be trusted; an empty body will not decode, and says so
            return
        if len(body) > limit:
            return
