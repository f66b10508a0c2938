import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pin_exporter.api.transport import HttpClients
from pin_exporter.commands.app import Web, run_exporter
from pin_exporter.toolkit.errors import ListenError
from pin_exporter.toolkit.web.server import listen, local_url, serve
from tests.support.samples import account_at
from tests.support.servers import StrangeServer, answer
from tests.support.service import page, row

Worker = Callable[[], Awaitable[None]]
PATIENCE_SECONDS = 60.0


@pytest.fixture
def opened() -> Iterator[Callable[[str], socket.socket]]:
    """Opens listening sockets, and closes them after the test."""
    sockets: list[socket.socket] = []

    def open_one(address: str) -> socket.socket:
        sockets.append(listen(address))
        return sockets[-1]

    yield open_one
    for each in sockets:
        each.close()


def can_connect(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("address", "host", "other"),
    [
        ("127.0.0.1:0", "127.0.0.1", "::1"),
        ("[::1]:0", "::1", "127.0.0.1"),
        ("localhost:0", "127.0.0.1", "::1"),
    ],
)
def test_an_address_is_listened_on_and_no_other(
    opened: Callable[[str], socket.socket], address: str, host: str, other: str
) -> None:
    port = opened(address).getsockname()[1]
    assert can_connect(host, port)
    assert not can_connect(other, port)


def test_a_name_that_has_an_ipv6_address_only_is_listened_on_there(
    opened: Callable[[str], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = socket.getaddrinfo("::1", 0, type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    listening = opened("six.test:0")
    monkeypatch.undo()
    assert can_connect("::1", listening.getsockname()[1])


def test_an_address_without_a_host_is_every_interface_of_both_families(
    opened: Callable[[str], socket.socket],
) -> None:
    port = opened(":0").getsockname()[1]
    assert can_connect("127.0.0.1", port)
    assert can_connect("::1", port)


@pytest.mark.parametrize(
    "address", ["no-such-host.invalid:80", "a..b:80", "192.0.2.1:80", "[::1%none]:80", f"{'a' * 70}:80"]
)
def test_an_address_that_cannot_be_listened_on_is_told_in_one_line(address: str) -> None:
    with pytest.raises(ListenError) as caught:
        listen(address)
    assert address in str(caught.value)
    assert "--web.listen-address" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "(" not in str(caught.value), "that is Python's"


@pytest.mark.parametrize("form", ["127.0.0.1:{}", ":{}"])
def test_a_port_that_is_taken_is_told_in_one_line(opened: Callable[[str], socket.socket], form: str) -> None:
    port = opened(form.format(0)).getsockname()[1]
    with pytest.raises(ListenError, match="in use") as caught:
        listen(form.format(port))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "host"),
    [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]"), (":0", "localhost"), ("0.0.0.0:0", "localhost")],
)
def test_the_url_told_of_is_one_that_works_on_this_machine(
    opened: Callable[[str], socket.socket], address: str, host: str
) -> None:
    listening = opened(address)
    assert local_url(listening) == f"http://{host}:{listening.getsockname()[1]}"


async def for_ever() -> None:
    await asyncio.Event().wait()


async def bug() -> None:
    await asyncio.sleep(0.05)
    raise ZeroDivisionError("a bug")


async def ends_by_itself() -> None:
    await asyncio.sleep(0.05)


@pytest.mark.parametrize(("worker", "raised"), [(bug, ZeroDivisionError), (ends_by_itself, AssertionError)])
def test_a_worker_with_a_bug_ends_everything_with_its_exception_in_a_group(
    opened: Callable[[str], socket.socket], worker: Worker, raised: type[Exception]
) -> None:
    cancelled = []

    async def other() -> None:
        try:
            await for_ever()
        finally:
            cancelled.append(True)

    workers = {"bad": worker, "good": other}
    serving = serve(Starlette(), [opened("127.0.0.1:0")], workers, lambda: None)
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(asyncio.wait_for(serving, PATIENCE_SECONDS))
    assert caught.group_contains(raised)
    assert cancelled == [True]


class _EnoughSeenError(Exception):
    """Ends a run from inside."""


def test_the_exporter_polls_and_serves_on_all_its_sockets(opened: Callable[[str], socket.socket]) -> None:
    sockets = [opened("127.0.0.1:0"), opened("[::1]:0")]
    seen: list[str] = []

    async def look() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            for url in map(local_url, sockets):
                while (await client.get(f"{url}/-/ready")).status_code != 200:  # noqa: ASYNC110 - over HTTP
                    await asyncio.sleep(0.01)
                seen.append((await client.get(f"{url}/telemetry")).text)
        raise _EnoughSeenError

    async def work() -> None:
        async with StrangeServer(answer("200 OK", page([row(1), row(2)]))).listening() as server:
            accounts = [account_at(server.base_url())]
            web = Web(sockets, "/telemetry")
            await run_exporter(accounts, HttpClients(), web, reload=lambda: accounts, beside={"look": look})

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(asyncio.wait_for(work(), PATIENCE_SECONDS))
    assert caught.group_contains(_EnoughSeenError)
    assert len(seen) == 2
    for text in seen:
        assert 'aiozpin_files{account="a"} 2.0' in text
        assert "aiozpin_exporter_build_info{" in text


def test_variables_meant_for_other_servers_have_no_effect(
    opened: Callable[[str], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "auto")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    listening = opened("[::1]:0")
    seen: list[str] = []

    async def tell(request: Request) -> Response:
        return PlainTextResponse(request.client.host if request.client else "")

    async def ask() -> None:
        async with httpx.AsyncClient(trust_env=False, headers={"X-Forwarded-For": "192.0.2.1"}) as client:
            seen.append((await client.get(local_url(listening))).text)
        raise _EnoughSeenError

    serving = serve(Starlette(routes=[Route("/", tell)]), [listening], {"ask": ask}, lambda: None)
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(asyncio.wait_for(serving, PATIENCE_SECONDS))
    assert caught.group_contains(_EnoughSeenError)
    assert seen == ["::1"]


SERVING = """
    import asyncio, sys
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Mount, Route
    from pin_exporter.toolkit.web.server import listen, local_url, serve

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
        await serve(app, [opened], {"worker": work}, lambda: print("hung up", flush=True))
        print("returned", flush=True)
    run = asyncio.run
    if sys.argv[1] == "uvloop":
        import uvloop
        run = uvloop.run
    run(main())
"""


@pytest.fixture(params=["asyncio", "uvloop"])
def serving(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A process that serves, its first line the URL."""
    command = [sys.executable, "-c", textwrap.dedent(SERVING), request.param]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def wait_until_it_answers(process: subprocess.Popen[str]) -> tuple[str, int]:
    assert process.stdout is not None
    url = httpx.URL(process.stdout.readline().strip())
    assert url.port is not None
    with httpx.Client(trust_env=False) as client:  # the socket listens from the start, so this waits
        assert client.get(url).status_code == 404
    return url.host, url.port


def wait_until_it_is_asked(process: subprocess.Popen[str]) -> None:
    """Wait until somebody who asked for what never comes has been heard."""
    assert process.stdout is not None
    assert process.stdout.readline() == "asked\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_serving_in_good_order(serving: subprocess.Popen[str], number: signal.Signals) -> None:
    wait_until_it_answers(serving)
    os.kill(serving.pid, number)
    out, err = serving.communicate(timeout=PATIENCE_SECONDS)
    assert (out.split("\n"), err) == (["cleaned up", "returned", ""], "")
    assert serving.returncode == 0


def test_connections_that_are_open_or_stuck_do_not_hold_up_the_end(serving: subprocess.Popen[str]) -> None:
    address = wait_until_it_answers(serving)
    with (
        socket.create_connection(address) as idle,
        socket.create_connection(address) as slow,
        socket.create_connection(address) as stuck,
        socket.create_connection(address) as greedy,
    ):
        idle.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert idle.recv(1)
        greedy.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        assert greedy.recv(1)
        slow.sendall(b"GET / HT")
        stuck.sendall(b"GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until_it_is_asked(serving)
        serving.send_signal(signal.SIGTERM)
        out, err = serving.communicate(timeout=PATIENCE_SECONDS)
    assert "returned" in out
    assert "Traceback" not in err
    assert serving.returncode == 0


def read_to_its_end(connection: socket.socket) -> bytes:
    connection.settimeout(PATIENCE_SECONDS)
    with connection.makefile("rb") as answer:
        return answer.read()


def test_who_still_waits_for_an_answer_when_it_ends_is_told_so_and_the_log_shows_no_bug(
    serving: subprocess.Popen[str],
) -> None:
    address = wait_until_it_answers(serving)
    with socket.create_connection(address) as stuck, socket.create_connection(address) as begun:
        begun.sendall(b"GET /half/ HTTP/1.1\r\nHost: a\r\n\r\n")
        assert begun.recv(1)
        stuck.sendall(b"GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until_it_is_asked(serving)
        serving.send_signal(signal.SIGTERM)
        answer = read_to_its_end(stuck)
        assert read_to_its_end(begun).endswith(b"half of it\r\n")  # and no last chunk
    _, err = serving.communicate(timeout=PATIENCE_SECONDS)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert answer.endswith(b"the exporter is stopping\n")
    assert "Traceback" not in err


def test_a_hangup_that_comes_before_anybody_can_see_to_it_is_passed_on_later() -> None:
    program = """
import asyncio, os, signal
from pin_exporter.toolkit.web.server import hangups_held, listen, serve

def hung_up():
    print("hung up", flush=True)
    os.kill(os.getpid(), signal.SIGTERM)

with hangups_held():
    os.kill(os.getpid(), signal.SIGHUP)
    asyncio.run(serve(None, [listen("127.0.0.1:0")], {}, hung_up))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, b"hung up\n")


def test_a_hangup_is_passed_on_and_ends_nothing(serving: subprocess.Popen[str]) -> None:
    address = wait_until_it_answers(serving)
    serving.send_signal(signal.SIGHUP)
    assert serving.stdout is not None
    assert serving.stdout.readline() == "hung up\n"
    assert can_connect(*address)


def test_a_second_signal_does_no_harm(serving: subprocess.Popen[str]) -> None:
    wait_until_it_answers(serving)
    serving.send_signal(signal.SIGTERM)
    serving.send_signal(signal.SIGTERM)
    serving.communicate(timeout=PATIENCE_SECONDS)
    assert serving.returncode == 0
