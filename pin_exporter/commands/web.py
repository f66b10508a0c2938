"""The HTTP side: metrics, health, readiness, and the pages it is given. Never calls the API."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.exposition.negotiation import accepts_gzip, choose_format
from pin_exporter.toolkit.exposition.renderer import Renderer
from pin_exporter.toolkit.exposition.single_flight import SingleFlight

_COMPRESS_ASIDE_BYTES: Final = 256 * 2**10
_GZIP_LEVEL: Final = 4


def create_app(
    exposition: Renderer[AccountSnapshot],
    *,
    telemetry_path: str,
    unready: Callable[[], Sequence[str]],
    problems: Callable[[], Sequence[str]],
    reload: Callable[[], Awaitable[Sequence[str]]] | None = None,
    pages: Sequence[BaseRoute] = (),
) -> Starlette:
    """Return the application.

    `unready` names the accounts that were not polled yet, not even in vain, `problems` what is stuck.
    `reload` reads the configuration again and returns what is wrong with it; None if nobody may ask for that.
    `pages` are further routes.
    """

    async def healthy(_: Request) -> Response:
        # A poller that dies takes the process with it; what is left is one that does nothing any more.
        if told := problems():
            return PlainTextResponse("".join(f"{line}\n" for line in told), status_code=503)
        return PlainTextResponse("healthy\n")

    async def ready(_: Request) -> Response:
        waiting = unready()
        if waiting:
            return PlainTextResponse(f"not polled yet: {', '.join(waiting)}\n", status_code=503)
        return PlainTextResponse("ready\n")

    async def reload_configuration(_: Request) -> Response:
        if reload is None:
            told = "reloading by request is off: start with --web.enable-lifecycle, or send SIGHUP\n"
            return PlainTextResponse(told, status_code=403)
        if wrong := await reload():
            return PlainTextResponse("".join(f"{line}\n" for line in wrong), status_code=500)
        return PlainTextResponse("configuration read again\n")

    routes = [
        Route(telemetry_path, _metrics(exposition)),
        Route("/-/healthy", healthy),
        Route("/-/ready", ready),
        Route("/-/reload", reload_configuration, methods=["POST", "PUT"]),
        *pages,
    ]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return app


def _metrics(exposition: Renderer[AccountSnapshot]) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of the metrics. Who asks for the same at the same time shares one answer."""
    together: SingleFlight[object, bytes] = SingleFlight()

    async def metrics(request: Request) -> Response:
        form = choose_format(",".join(request.headers.getlist("accept")))
        names = frozenset(request.query_params.getlist("name[]"))
        compressed = accepts_gzip(",".join(request.headers.getlist("accept-encoding")))
        headers = {"Content-Type": form.value, "Vary": "Accept, Accept-Encoding", "Cache-Control": "no-store"}
        if compressed:
            headers["Content-Encoding"] = "gzip"

        async def body() -> bytes:
            plain = await exposition.render(form, names)
            return await _compressed(plain) if compressed else plain

        return Response(await together.do((form, names, compressed), body), headers=headers)

    return metrics


async def _compressed(body: bytes) -> bytes:
    """Compress, on another thread when it would take long enough for others to notice."""
    if len(body) > _COMPRESS_ASIDE_BYTES:
        return await asyncio.to_thread(gzip.compress, body, _GZIP_LEVEL, mtime=0)
    return gzip.compress(body, _GZIP_LEVEL, mtime=0)
