import asyncio
import base64

import bcrypt
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pin_exporter.toolkit.errors import TooManyChecksError
from pin_exporter.toolkit.web.auth import BasicAuth
from pin_exporter.toolkit.web.config import WebConfig
from pin_exporter.toolkit.web.middleware import ConfiguredHeadersWin

USERS = {
    b"prom": bcrypt.hashpw(b"pass:word", bcrypt.gensalt(4)),
    b"zo\xc3\xab": bcrypt.hashpw(b"\xff", bcrypt.gensalt(4)),
}


async def page(request: Request) -> Response:
    return PlainTextResponse(request.url.path)


APP = Starlette(
    routes=[Route(path, page) for path in ("/metrics", "/-/healthy", "/-/ready", "/-/reload", "/")]
)
APP.router.redirect_slashes = False


class Guard:
    def __init__(self, config: WebConfig) -> None:
        self.config = config
        self.refused: list[str] = []
        self.app = BasicAuth(APP, lambda: self.config, self.refused.append)

    def ask(self, path: str = "/metrics", method: str = "GET", **headers: str | bytes) -> httpx.Response:
        return asyncio.run(self._ask(path, method, list(headers.items())))

    async def _ask(self, path: str, method: str, headers: list[tuple[str, str | bytes]]) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://a") as client:
            return await client.request(
                method,
                path,
                headers=[(k.encode(), v if isinstance(v, bytes) else v.encode()) for k, v in headers],
            )


@pytest.fixture
def guard() -> Guard:
    return Guard(WebConfig(users=USERS))


def basic(credentials: bytes) -> bytes:
    return b"Basic " + base64.b64encode(credentials)


def test_without_users_nobody_is_asked() -> None:
    guard = Guard(WebConfig())
    assert guard.ask().status_code == 200
    assert guard.refused == []


@pytest.mark.parametrize("given", [b"prom:pass:word", b"zo\xc3\xab:\xff"])
def test_a_right_password_opens_everything(guard: Guard, given: bytes) -> None:
    for path in ("/metrics", "/", "/-/reload"):
        assert guard.ask(path, authorization=basic(given)).status_code == 200
    assert guard.ask(authorization=basic(given).replace(b"Basic", b"bAsIc")).status_code == 200
    assert guard.refused == []


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Basic",
        b"Basic ",
        b"Basic \xff\xfe",
        b"Basic ====",
        b"Basic " + base64.b64encode(b"prom"),
        b"Basic " + base64.b64encode(b":"),
        b"Basic " + base64.b64encode(b"prom:pass:word")[:-1],
        b"Basic " + base64.b64encode(b"prom:pass:word") + b"!",
        b"Bearer " + base64.b64encode(b"prom:pass:word"),
        base64.b64encode(b"prom:pass:word"),
        basic(b"prom:" + b"x" * 10_000),
        basic(b"prom:pass:word\0"),
        basic(b"\xff\xff:\xff"),
        basic(b"zo\xeb:\xff"),
        basic(b"prom:wrong"),
        basic(b"Prom:pass:word"),
    ],
)
def test_anything_else_is_a_401_that_asks_for_a_password(guard: Guard, header: bytes) -> None:
    answer = guard.ask(authorization=header)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert guard.refused == ["password"]


def test_two_headers_are_none(guard: Guard) -> None:
    good = ("authorization", basic(b"prom:pass:word"))
    assert asyncio.run(guard._ask("/metrics", "GET", [good, good])).status_code == 401


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready", "/-/healthy?a=b", "/%2d/healthy"])
def test_health_needs_no_password(guard: Guard, path: str) -> None:
    assert guard.ask(path).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "TRACE", "BREW"])
@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "//metrics",
        "/-/healthy/",
        "//-/healthy",
        "/-/healthy%0a",
        "/-/healthy%00",
        "/-/healthy%2f..%2f..%2fmetrics",
        "/-/healthy;/metrics",
        "/-/HEALTHY",
        "/-/reload",
        "/",
        "/nowhere",
    ],
)
def test_no_other_path_does_without_one(guard: Guard, path: str, method: str) -> None:
    assert guard.ask(path, method).status_code == 401


def test_users_that_change_are_known_at_once(guard: Guard) -> None:
    good = basic(b"prom:pass:word")
    assert guard.ask(authorization=good).status_code == 200
    guard.config = WebConfig(users={b"other": USERS[b"prom"]})
    assert guard.ask(authorization=good).status_code == 401
    assert guard.ask(authorization=basic(b"other:pass:word")).status_code == 200


def test_too_many_passwords_at_once_are_a_503(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> bool:
        raise TooManyChecksError

    monkeypatch.setattr(guard.app._passwords, "are_right", full)
    answer = guard.ask(authorization=basic(b"prom:pass:word"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert guard.refused == ["busy"]


def test_a_configured_header_takes_the_place_of_the_applications() -> None:
    async def own(_: Request) -> Response:
        policy = {"Content-Security-Policy": "default-src 'none'", "X-Other": "kept"}
        return PlainTextResponse("", headers=policy)

    async def ask(headers: dict[str, str]) -> httpx.Headers:
        app = ConfiguredHeadersWin(Starlette(routes=[Route("/", own)]), lambda: headers)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a") as client:
            return (await client.get("/")).headers

    answered = asyncio.run(ask({"Content-Security-Policy": "default-src 'self'"}))
    assert "content-security-policy" not in answered  # the server sets it
    assert answered["x-other"] == "kept"
    assert asyncio.run(ask({}))["content-security-policy"] == "default-src 'none'"
