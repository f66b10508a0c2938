"""Serve the status pages: HTML for people, the same as JSON for programs."""

import asyncio
import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pin_exporter import __version__
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.account import Detail, detail
from pin_exporter.status.pages import Pages, style_sheet
from pin_exporter.status.report import Report, report
from pin_exporter.status.report_parts import Now
from pin_exporter.toolkit.clock import Clock
from pin_exporter.toolkit.exposition.negotiation import prefers_json

_Told = TypeVar("_Told", Report, Detail)

_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}


def status_routes(
    snapshots: Callable[[], Iterable[AccountSnapshot]], clock: Clock, pages: Pages
) -> list[Route]:
    """Return the routes of the pages. `snapshots` returns the newest snapshot of each account."""
    one_at_a_time = asyncio.Lock()

    async def written(
        request: Request, tell: Callable[[Now], _Told], page: Callable[[_Told], str]
    ) -> Response:
        # On another thread, because a thousand accounts take a while; it reads nothing that can change.
        # One at a time, because the loop would have to wait for its turn among several.
        async with one_at_a_time:
            now = Now(clock.elapsed(), clock.wall())
            return await asyncio.to_thread(lambda: _response(request, tell(now), page))

    async def overview(request: Request) -> Response:
        newest = tuple(snapshots())
        return await written(request, lambda now: report(newest, now, __version__), pages.overview)

    async def account(request: Request) -> Response:
        name = request.path_params["name"]
        snapshot = next((each for each in snapshots() if each.account == name), None)
        if snapshot is None:
            return _guarded("there is no account of this name: / lists them all\n", "text/plain", 404)
        return await written(request, lambda now: detail(snapshot, now, __version__), pages.account)

    async def style(_: Request) -> Response:
        return _guarded(style_sheet(), "text/css")

    return [Route("/", overview), Route("/accounts/{name}", account), Route("/style.css", style)]


def _response(request: Request, told: _Told, page: Callable[[_Told], str]) -> Response:
    wanted = request.query_params.get("format")
    if wanted == "json" or (wanted is None and prefers_json(",".join(request.headers.getlist("accept")))):
        text = json.dumps(dataclasses.asdict(told), ensure_ascii=True)
        return _guarded(text + "\n", "application/json")
    return _guarded(page(told), "text/html")


def _guarded(text: str, media_type: str, status: int = 200) -> Response:
    response = Response(text, status, media_type=media_type)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
