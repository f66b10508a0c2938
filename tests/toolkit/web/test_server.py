import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pin_exporter.toolkit.web.config import WebConfig
from pin_exporter.toolkit.web.config_watcher import WebConfigWatcher
from pin_exporter.toolkit.web.limits import Connections
from pin_exporter.toolkit.web.listener import listen, local_url
from pin_exporter.toolkit.web.server import Workers, serve
from tests.support.clocks import FakeClock

PATIENCE_SECONDS = 60.0


def serve_until_a_worker_ends(app: Starlette, opened: socket.socket, workers: Workers) -> ExceptionGroup:
    connections = Connections(WebConfigWatcher(None, WebConfig(), FakeClock()))
    serving = serve(app, [opened], workers, connections=connections, realm="a", on_hangup=lambda: None)
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(asyncio.wait_for(serving, PATIENCE_SECONDS))
    return caught.value


async def fails() -> None:
    await asyncio.sleep(0.05)
    raise ZeroDivisionError("a bug")


async def returns() -> None:
    await asyncio.sleep(0.05)


@pytest.mark.parametrize(("worker", "raised"), [(fails, ZeroDivisionError), (returns, AssertionError)])
def test_a_worker_with_a_bug_ends_everything_with_its_error_in_a_group(
    worker: Callable[[], Awaitable[None]], raised: type[Exception]
) -> None:
    cancelled = []

    async def other() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    group = serve_until_a_worker_ends(Starlette(), listen("127.0.0.1:0"), {"bad": worker, "good": other})
    assert [type(error) for error in group.exceptions] == [raised]
    assert cancelled == [True]


def test_variables_of_uvicorn_and_forwarded_headers_have_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "auto")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    opened = listen("127.0.0.1:0")
    seen: list[str] = []

    async def client_host(request: Request) -> Response:
        return PlainTextResponse(request.client.host if request.client else "")

    async def ask() -> None:
        async with httpx.AsyncClient(trust_env=False, headers={"X-Forwarded-For": "192.0.2.1"}) as client:
            response = await client.get(local_url(opened))
            seen.extend([response.text, str("date" in response.headers)])

    serve_until_a_worker_ends(Starlette(routes=[Route("/", client_host)]), opened, {"ask": ask})
    assert seen == ["127.0.0.1", "True"]


SERVING = """
    import asyncio, os, signal, sys
    import uvloop
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Mount, Route
    from pin_exporter.toolkit.clock import SystemClock
    from pin_exporter.toolkit.web.config import WebConfig
    from pin_exporter.toolkit.web.config_watcher import WebConfigWatcher
    from pin_exporter.toolkit.web.limits import Connections
    from pin_exporter.toolkit.web.listener import listen, local_url
    from pin_exporter.toolkit.web.server import hangups_held, serve

    async def stuck(request):
        print("asked", flush=True)
        await asyncio.Event().wait()

    async def large(request):
        return Response(b"x" * 2**25)

    async def half(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half of it", "more_body": True})
        await asyncio.Event().wait()

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            print("cleaned up", flush=True)

    opened = listen("127.0.0.1:0")
    print(local_url(opened), flush=True)

    async def main():
        app = Starlette(routes=[Route("/stuck", stuck), Route("/large", large), Mount("/half", half)])
        config = WebConfig(headers={"X-Frame-Options": "deny"})
        connections = Connections(WebConfigWatcher(None, config, SystemClock()))
        hung_up = lambda: print("hung up", flush=True)
        await serve(app, [opened], {"worker": work}, connections=connections, realm="a", on_hangup=hung_up)
        print("returned", flush=True)

    with hangups_held():
        if "hang up" in sys.argv:
            os.kill(os.getpid(), signal.SIGHUP)
        (uvloop if "uvloop" in sys.argv else asyncio).run(main())
"""


class Serving:
    """A process that serves, and prints what happens to it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        url = httpx.URL(self.line())
        assert url.port is not None
        self.address = url.host, url.port
        with httpx.Client(trust_env=False) as client:  # the socket listens from the start, so this waits
            assert client.get(url).status_code == 404

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ends(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, out, err


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(SERVING), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(params=["asyncio", "uvloop"])
def serving(request: pytest.FixtureRequest) -> Iterator[Serving]:
    with start(request.param) as process:
        yield Serving(process)
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_serving_in_good_order(serving: Serving, number: signal.Signals) -> None:
    os.kill(serving.process.pid, number)
    os.kill(serving.process.pid, number)  # the second one does no harm
    assert serving.ends() == (0, "cleaned up\nreturned\n", "")


def read_to_its_end(connection: socket.socket) -> bytes:
    connection.settimeout(PATIENCE_SECONDS)
    with connection.makefile("rb") as response:
        return response.read()


def test_connections_of_all_kinds_do_not_delay_the_end_and_requests_in_progress_get_503(
    serving: Serving,
) -> None:
    with ExitStack() as stack:
        idle, slow, stuck, greedy, begun = (
            stack.enter_context(socket.create_connection(serving.address)) for _ in range(5)
        )
        idle.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        greedy.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        begun.sendall(b"GET /half/ HTTP/1.1\r\nHost: a\r\n\r\n")
        assert all(connection.recv(1) for connection in (idle, greedy, begun))
        slow.sendall(b"GET / HT")
        stuck.sendall(b"GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n")
        assert serving.line() == "asked"
        serving.process.send_signal(signal.SIGTERM)
        response = read_to_its_end(stuck)
        assert read_to_its_end(begun).endswith(b"half of it\r\n")  # and no last chunk
        status, out, err = serving.ends()
    assert response.startswith(b"HTTP/1.1 503 ")
    assert b"x-frame-options: deny" in response.lower()
    assert (status, "returned" in out, "Traceback" in err) == (0, True, False)


def test_a_hangup_is_passed_on_and_ends_nothing(serving: Serving) -> None:
    serving.process.send_signal(signal.SIGHUP)
    assert serving.line() == "hung up"
    socket.create_connection(serving.address).close()


def test_a_hangup_before_there_is_a_handler_is_passed_on_later() -> None:
    with start("hang up") as process:
        assert Serving(process).line() == "hung up"
        process.kill()
