import asyncio
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pin_exporter.toolkit.web.config import WebConfig
from pin_exporter.toolkit.web.config_watcher import WebConfigWatcher
from pin_exporter.toolkit.web.limits import Connections, Limits, Refusal, Refusals
from pin_exporter.toolkit.web.middleware import RequestLimit, ResponseHeaders, wrap
from tests.support.asgi import ask, asked
from tests.support.clocks import FakeClock


async def page(_: Request) -> Response:
    return PlainTextResponse("", headers={"Content-Security-Policy": "default-src 'none'", "X-Other": "kept"})


APP = Starlette(routes=[Route("/", page)])


def watching(headers: Mapping[str, str]) -> WebConfigWatcher:
    return WebConfigWatcher(None, WebConfig(headers=headers, users={b"a": b"$2b$04$"}), FakeClock())


def test_a_configured_header_replaces_the_applications_own() -> None:
    watcher = watching({"Content-Security-Policy": "default-src 'self'"})
    app = ResponseHeaders(APP, watcher)
    headers = ask(app).headers
    assert headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert headers["x-other"] == "kept"
    watcher.config = WebConfig()
    assert ask(app).headers["content-security-policy"] == "default-src 'none'"


def test_a_request_beyond_the_limit_is_answered_with_503_until_another_has_ended() -> None:
    free, refusals = asyncio.Event(), Refusals()

    async def held(_: Request) -> Response:
        await free.wait()
        return PlainTextResponse("")

    async def requests() -> list[int]:
        app = RequestLimit(Starlette(routes=[Route("/", held)]), refusals, 2)
        first = [asyncio.create_task(asked(app)) for _ in range(2)]
        await asyncio.sleep(0.01)
        statuses = [(await asked(app)).status_code]
        free.set()
        statuses += [(await one).status_code for one in first]
        return [*statuses, (await asked(app)).status_code]

    assert asyncio.run(requests()) == [503, 200, 200, 200]
    assert refusals == {Refusal.BUSY: 1}


def test_every_refusal_of_the_stack_carries_the_configured_headers() -> None:
    watcher = watching({"X-Frame-Options": "deny"})
    for requests, status in ((0, 503), (1, 401)):
        response = ask(wrap(APP, Connections(watcher, Limits(requests=requests)), realm="a"))
        assert (response.status_code, response.headers["x-frame-options"]) == (status, "deny")
