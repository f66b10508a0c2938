"""The HTTP endpoint of the metrics."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from pin_exporter.toolkit.exposition.family import T
from pin_exporter.toolkit.exposition.negotiation import accepts_gzip, choose_format
from pin_exporter.toolkit.exposition.renderer import Renderer
from pin_exporter.toolkit.exposition.single_flight import SingleFlight

_COMPRESS_IN_THREAD_FROM_BYTES: Final = 256 * 2**10
_GZIP_LEVEL: Final = 4


def metrics_endpoint(renderer: Renderer[T]) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint. Equal requests at the same time share one response body.

    `name[]` in the query restricts the response to families of these names.
    """
    flights: SingleFlight[object, bytes] = SingleFlight()

    async def metrics(request: Request) -> Response:
        fmt = choose_format(",".join(request.headers.getlist("accept")))
        names = frozenset(request.query_params.getlist("name[]"))
        compress = accepts_gzip(",".join(request.headers.getlist("accept-encoding")))
        headers = {"Content-Type": fmt.value, "Vary": "Accept, Accept-Encoding", "Cache-Control": "no-store"}
        if compress:
            headers["Content-Encoding"] = "gzip"

        async def body() -> bytes:
            exposition = await renderer.render(fmt, names)
            return await _compressed(exposition) if compress else exposition

        return Response(await flights.do((fmt, names, compress), body), headers=headers)

    return metrics


async def _compressed(body: bytes) -> bytes:
    """Compress, on another thread if it would block the event loop for long."""
    if len(body) > _COMPRESS_IN_THREAD_FROM_BYTES:
        return await asyncio.to_thread(gzip.compress, body, _GZIP_LEVEL, mtime=0)
    return gzip.compress(body, _GZIP_LEVEL, mtime=0)
