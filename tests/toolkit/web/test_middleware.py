import asyncio
from collections.abc import Mapping

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from pin_exporter.toolkit.web.config import WebConfig
from pin_exporter.toolkit.web.config_watcher import WebConfigWatcher
from pin_exporter.toolkit.web.limits import Connections, Limits, Refusal, Refusals
from pin_exporter.toolkit.web.middleware import RequestLimit, ResponseHeaders, wrap
from tests.support.clocks import FakeClock


async def page(_: Request) -> Response:
    return PlainTextResponse("", headers={"Content-Security-Policy": "default-src 'none'", "X-Other": "kept"})


APP = Starlette(routes=[Route("/", page)])


def watching(headers: Mapping[str, str]) -> WebConfigWatcher:
    return WebConfigWatcher(None, WebConfig(headers=headers, users={b"a": b"$2b$04$"}), FakeClock())


async def get(app: ASGIApp) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a") as client:
        return await client.get("/")


def test_a_configured_header_replaces_the_applications_own() -> None:
    watcher = watching({"Content-Security-Policy": "default-src 'self'"})
    app = ResponseHeaders(APP, watcher)
    headers = asyncio.run(get(app)).headers
    assert headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert headers["x-other"] == "kept"
    watcher.config = WebConfig()
    assert asyncio.run(get(app)).headers["content-security-policy"] == "default-src 'none'"


def test_a_request_beyond_the_limit_is_answered_with_503_until_another_has_ended() -> None:
    free, refusals = asyncio.Event(), Refusals()

    async def held(_: Request) -> Response:
        await free.wait()
        return PlainTextResponse("")

    async def ask() -> list[int]:
        app = RequestLimit(Starlette(routes=[Route("/", held)]), refusals, 2)
        first = [asyncio.create_task(get(app)) for _ in range(2)]
        await asyncio.sleep(0.01)
        statuses = [(await get(app)).status_code]
        free.set()
        statuses += [(await one).status_code for one in first]
        return [*statuses, (await get(app)).status_code]

    assert asyncio.run(ask()) == [503, 200, 200, 200]
    assert refusals == {Refusal.BUSY: 1}


def test_every_refusal_of_the_stack_carries_the_configured_headers() -> None:
    watcher = watching({"X-Frame-Options": "deny"})
    for requests, status in ((0, 503), (1, 401)):
        response = asyncio.run(get(wrap(APP, Connections(watcher, Limits(requests=requests)), realm="a")))
        assert (response.status_code, response.headers["x-frame-options"]) == (status, "deny")
