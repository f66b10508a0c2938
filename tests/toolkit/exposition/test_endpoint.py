import asyncio
import re
from collections.abc import Callable, Sequence

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.routing import Route

from pin_exporter.toolkit.exposition.encoder import Format
from pin_exporter.toolkit.exposition.endpoint import metrics_endpoint
from pin_exporter.toolkit.exposition.family import Target
from pin_exporter.toolkit.exposition.renderer import Renderer
from tests.support import asgi
from tests.support.clocks import FakeClock
from tests.toolkit.exposition.disks import FAMILIES, LABEL, Disk, target

TEXT, OPENMETRICS = Format.TEXT.value, Format.OPENMETRICS.value
OM = "application/openmetrics-text"
QUIET = (("accept", "*/*"), ("accept-encoding", "identity"))


def app_of(targets: Callable[[], Sequence[Target[Disk]]]) -> Starlette:
    renderer = Renderer(FAMILIES, LABEL, targets, CollectorRegistry(), FakeClock().elapsed)
    return Starlette(routes=[Route("/metrics", metrics_endpoint(renderer))])


def get(query: str = "", *headers: tuple[str, str], disks: int = 2) -> httpx.Response:
    targets = [target(f"disk {number}") for number in range(disks)]
    return asgi.ask(app_of(lambda: targets), f"/metrics{query}", headers or QUIET)


@pytest.mark.parametrize(
    ("accept", "content_type"), [(["*/*"], TEXT), (["text/plain;q=0.5", f"{OM};version=2.0.0"], OPENMETRICS)]
)
def test_the_format_is_chosen_by_all_accept_headers(accept: list[str], content_type: str) -> None:
    response = get("", *(("accept", line) for line in accept))
    assert (response.status_code, response.headers["content-type"]) == (200, content_type)
    assert (response.headers["cache-control"], response.headers["vary"]) == (
        "no-store",
        "Accept, Accept-Encoding",
    )
    assert response.text.endswith("# EOF\n") == (content_type == OPENMETRICS)
    assert 'x_files{disk="disk 1"} 3.0\n' in response.text


@pytest.mark.parametrize("encoding", ["identity", "gzip;q=0"])
def test_a_response_is_not_compressed_unless_the_client_accepts_gzip(encoding: str) -> None:
    response = get("", ("accept-encoding", encoding))
    assert "content-encoding" not in response.headers
    assert int(response.headers["content-length"]) == len(response.text.encode())


@pytest.mark.parametrize("disks", [2, 1_000])
def test_a_compressed_response_is_the_same_whatever_its_size(disks: int) -> None:
    plain, compressed = get(disks=disks), get("", ("accept-encoding", "gzip"), disks=disks)
    assert compressed.headers["content-encoding"] == "gzip"
    assert int(compressed.headers["content-length"]) < len(plain.content) / 2
    assert compressed.text == plain.text


@pytest.mark.parametrize(
    ("query", "accept", "families", "end"),
    [
        ("?name[]=x_wait_seconds&name%5B%5D=x_files", "*/*", ["x_files", "x_wait_seconds"], "\n"),
        ("?name[]=up", OM, [], "# EOF\n"),
    ],
)
def test_names_in_the_query_select_families(query: str, accept: str, families: list[str], end: str) -> None:
    text = get(query, ("accept", accept)).text
    assert re.findall(r"^# TYPE (\S+)", text, re.MULTILINE) == families
    assert text.endswith(end)


def test_simultaneous_requests_share_a_response_and_later_ones_get_new_data() -> None:
    rendered = 0
    disks = [target("old")]

    def targets() -> Sequence[Target[Disk]]:
        nonlocal rendered
        rendered += 1
        return disks

    async def request() -> tuple[set[str], str]:
        app = app_of(targets)
        responses = await asyncio.gather(*(asgi.asked(app, "/metrics", QUIET) for _ in range(100)))
        disks[:] = [target("new")]
        return {response.text for response in responses}, (await asgi.asked(app, "/metrics", QUIET)).text

    simultaneous, later = asyncio.run(request())

    assert len(simultaneous) == 1
    assert 2 <= rendered < 10
    assert 'disk="new"' in later
