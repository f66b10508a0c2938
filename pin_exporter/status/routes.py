"""Serve the status pages: HTML for people, the same reports as JSON for programs."""

import asyncio
import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pin_exporter import __version__
from pin_exporter.api.model import Collector
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.account import AccountDetails, account_details
from pin_exporter.status.pages import Pages, icon, style_sheet
from pin_exporter.status.report import Now, Report, report
from pin_exporter.status.to_pin import CidsToPin
from pin_exporter.toolkit.clock import Clock
from pin_exporter.toolkit.exposition.negotiation import prefers_json

_AnyReport = TypeVar("_AnyReport", Report, AccountDetails)

_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}


def status_routes(
    snapshots: Callable[[], Iterable[AccountSnapshot]], clock: Clock, pages: Pages
) -> list[Route]:
    """Return the routes of the pages. `snapshots` returns the newest snapshot of each account."""
    lock = asyncio.Lock()
    to_pin = CidsToPin()

    async def respond(
        request: Request, make: Callable[[Now], _AnyReport], page: Callable[[_AnyReport], str]
    ) -> Response:
        # In a thread, because a thousand accounts take a while; snapshots are immutable. One at a time,
        # because several threads would keep the event loop waiting.
        async with lock:
            now = Now(clock.elapsed(), clock.wall())
            return await asyncio.to_thread(lambda: _response(request, make(now), page))

    async def overview(request: Request) -> Response:
        newest = tuple(snapshots())
        return await respond(request, lambda now: report(newest, now, __version__), pages.overview)

    async def account(request: Request) -> Response:
        snapshot = _requested(request, snapshots())
        if snapshot is None:
            return _guarded("no account has this name; see / for all accounts\n", "text/plain", 404)
        cids = await to_pin.first(snapshot)
        return await respond(
            request, lambda now: account_details(snapshot, now, __version__, cids), pages.account
        )

    async def missing(request: Request) -> Response:
        snapshot = _requested(request, snapshots())
        as_json = request.query_params.get("format") == "json"
        return await _missing(snapshot, to_pin, clock, as_json=as_json)

    async def runbook(request: Request) -> Response:
        page = pages.runbook(request.path_params["name"])
        if page is None:
            return _guarded("no runbook has this name; see /runbooks/README\n", "text/plain", 404)
        return _guarded(page, "text/html")

    async def style(_: Request) -> Response:
        return _guarded(style_sheet(), "text/css")

    async def favicon(_: Request) -> Response:
        return _guarded(icon(), "image/svg+xml")

    return [
        Route("/", overview),
        Route("/accounts/{name}", account),
        Route("/accounts/{name}/missing", missing),
        Route("/runbooks/{name}", runbook),
        Route("/style.css", style),
        Route("/favicon.ico", favicon),
    ]


def _requested(request: Request, snapshots: Iterable[AccountSnapshot]) -> AccountSnapshot | None:
    """Return the account whose name is in the path."""
    name = request.path_params["name"]
    return next((each for each in snapshots if each.account == name), None)


async def _missing(
    snapshot: AccountSnapshot | None, to_pin: CidsToPin, clock: Clock, *, as_json: bool
) -> Response:
    """Return all expected CIDs of an account that must be pinned again."""
    if snapshot is None or snapshot.expected_file is None:
        return _guarded("no account of this name has an expected_cids_file\n", "text/plain", 404)
    counted = snapshot.counted if Collector.INVENTORY in snapshot.fresh(clock.elapsed()) else None
    if counted is None or counted.expected is None:
        return _guarded("not known: no inventory was compared recently\n", "text/plain", 503)
    try:
        cids = await to_pin.all(snapshot)
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        return _guarded(f"cannot read expected_cids_file: {problem}\n", "text/plain", 503)
    if as_json:
        return _guarded(json.dumps(cids) + "\n", "application/json")
    return _guarded("".join(f"{cid}\n" for cid in cids), "text/plain")


def _response(request: Request, made: _AnyReport, page: Callable[[_AnyReport], str]) -> Response:
    wanted = request.query_params.get("format")
    if wanted == "json" or (wanted is None and prefers_json(",".join(request.headers.getlist("accept")))):
        text = json.dumps(dataclasses.asdict(made), ensure_ascii=True)
        return _guarded(text + "\n", "application/json")
    return _guarded(page(made), "text/html")


def _guarded(text: str, media_type: str, status: int = 200) -> Response:
    """Return a response with headers that forbid scripts, framing and caching."""
    response = Response(text, status, media_type=media_type)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
