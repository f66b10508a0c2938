import asyncio
from urllib.parse import unquote

import pytest
from starlette.types import Message, Scope

from pin_exporter.toolkit.web.auth import OPEN_PATHS
from pin_exporter.toolkit.web.target import WholeUrlsTaken


def path_of(target: bytes) -> str:
    """Return the path that the application sees, given what the server library makes of a target."""
    seen: list[str] = []
    raw = target.partition(b"?")[0]
    scope = {"type": "http", "raw_path": raw, "path": unquote(raw.decode("ascii"))}

    async def app(scope: Scope, *_: object) -> None:
        seen.append(scope["path"])
        assert unquote(scope["raw_path"].decode("ascii")) == scope["path"]

    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    asyncio.run(WholeUrlsTaken(app)(scope, receive, send))
    return seen[0]


@pytest.mark.parametrize(
    "origin", [b"http://a", b"https://a:9", b"HTTP://[::1]:9", b"http://u:p@a", b"http://%2f"]
)
@pytest.mark.parametrize(
    "path", ["/metrics", "/-/healthy", "//metrics", "/-/healthy/../metrics", "/http://b/c"]
)
def test_a_whole_url_is_its_path(origin: bytes, path: str) -> None:
    assert path_of(origin + path.encode()) == path
    assert path_of(origin + path.encode().replace(b"s", b"%73")) == path
    assert path_of(origin) == path_of(origin + b"?a=/-/healthy") == "/"


@pytest.mark.parametrize(
    "target",
    ["/metrics", "/http://a/-/healthy", "//a/-/healthy", "*", "a:9", "ftp://a/-/healthy", "http:/-/ready"],
)
def test_any_other_target_stays_as_it_is(target: str) -> None:
    assert path_of(target.encode()) == target


@pytest.mark.parametrize(
    "target",
    [b"http:///-/healthy", b"http://a#/-/healthy", b"http:%2f%2fa/-/healthy", b"http://a/b/-/healthy"],
)
def test_what_only_looks_like_the_url_of_an_open_path_is_none(target: bytes) -> None:
    assert path_of(target) not in OPEN_PATHS
