"""Requests by way of proxies, with CAs and client certificates of their own, over real sockets."""

import asyncio
import base64
import logging
import os
import shutil
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import uvloop
from pydantic import SecretStr

from pin_exporter.api.errors import PollError
from pin_exporter.api.model import Collector
from pin_exporter.api.pool import HttpClients, Pool, client_over, http_client
from pin_exporter.api.proxy_tls import Route, TlsFiles
from pin_exporter.api.transport import RouteTransport
from pin_exporter.api.transport_errors import Timeouts
from pin_exporter.toolkit.errors import SettingsError
from tests.support.certificates import Authority, Pair
from tests.support.clocks import FakeClock
from tests.support.logged import event
from tests.support.servers import Call, Proxy, StrangeServer, answer, hang_up, raw, silence
from tests.support.service import API_KEY, SECRET_KEY, page, pin_client, row

T = TypeVar("T")
GOOD = answer("200 OK", page([row(1), row(2)]))
LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
PASSWORD = "pr0xyPassw0rd"
TIMEOUTS = Timeouts(10.0)


@pytest.fixture(scope="module")
def server_pair(authority: Authority) -> Pair:
    return authority.issue("server")


def server_context(pair: Pair, clients: Authority | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.both)
    if clients:
        context.load_verify_locations(clients.path)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def run(work: Coroutine[Any, Any, T], new_loop: Callable[[], Any] = asyncio.new_event_loop) -> T:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.get_loop().set_exception_handler(lambda *_: None)  # the server's view of a refusal
        return runner.run(work)


def route(
    ca: Authority | None = None, shown: Pair | None = None, proxy: str | None = None, *, apart: bool = False
) -> Route:
    files = TlsFiles(
        ca.path if ca else None,
        (shown.certificate if apart else shown.both) if shown else None,
        shown.key if shown and apart else None,
    )
    return Route(files, SecretStr(proxy) if proxy else None)


async def asked(
    clients: HttpClients, url: str, way: Route, timeouts: Timeouts = TIMEOUTS
) -> tuple[int | None, PollError | None, Mapping[str, int]]:
    """Send one request; return the number of files, or the error, and the stale files that were counted."""
    api = pin_client(clients.for_url(url, way), url, timeouts=timeouts)
    try:
        page = await api.list_pins(Collector.TOTALS, offset=0, limit=1)
    except PollError as error:
        return None, error, api.counter.stats.stale
    return page.totals.files, None, api.counter.stats.stale


async def files_of(url: str, way: Route) -> int | None:
    async with HttpClients() as clients:
        return (await asked(clients, url, way))[0]


async def failure_of(url: str, way: Route, timeouts: Timeouts = TIMEOUTS) -> PollError:
    async with HttpClients() as clients:
        _, error, _ = await asked(clients, url, way, timeouts)
    assert error is not None
    text = str(error)
    assert text.isprintable()
    assert not any(secret in text for secret in (API_KEY, SECRET_KEY, PASSWORD))
    return error


# Certificates


def test_a_ca_file_is_trusted_instead_of_the_usual_ones(authority: Authority, server_pair: Pair) -> None:
    async def work() -> tuple[int | None, PollError]:
        async with StrangeServer(GOOD).listening(server_context(server_pair)) as server:
            url = server.base_url("https")
            return await files_of(url, route(authority)), await failure_of(url, Route())

    files, error = run(work())
    assert files == 2
    assert error.reason == "tls"
    assert "set ca_file" in str(error)


def test_each_python_trusts_a_private_ca_whose_certificate_lacks_a_key_usage(tmp_path: Path) -> None:
    ca = Authority(tmp_path, has_key_usage=False)

    async def work() -> int | None:
        async with StrangeServer(GOOD).listening(server_context(ca.issue("server"))) as server:
            return await files_of(server.base_url("https"), route(ca))

    assert run(work()) == 2


def test_the_default_cas_are_not_trusted_more_strictly_by_a_newer_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = Authority(tmp_path, has_key_usage=False)
    strict = ssl.create_default_context(cafile=str(ca.path))
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    monkeypatch.setattr(httpx, "create_ssl_context", lambda: strict)

    async def work() -> int | None:
        async with StrangeServer(GOOD).listening(server_context(ca.issue("server"))) as server:
            url = server.base_url("https")
            transport = RouteTransport(route(shown=ca.issue("client", usage="clientAuth")))
            api = pin_client(Pool(lambda: client_over(transport)), url)
            return (await api.list_pins(Collector.TOTALS, offset=0, limit=1)).totals.files

    assert run(work()) == 2


@pytest.mark.parametrize(
    ("issue", "hint"),
    [
        (lambda ca: ca.issue("wrong", "DNS:other.test"), "it is for another host: check base_url"),
        (lambda ca: ca.issue("wrong", "IP:127.0.0.9"), "it is for another host: check base_url"),
        (lambda ca: ca.issue_expired("wrong"), "it is expired or not yet valid"),
        (lambda ca: ca.issue("wrong", usage="clientAuth"), "no setting makes it acceptable"),
    ],
)
def test_each_reason_to_reject_a_certificate_has_its_own_hint(
    authority: Authority, issue: Callable[[Authority], Pair], hint: str
) -> None:
    wrong = issue(authority)

    async def work() -> PollError:
        async with StrangeServer(GOOD).listening(server_context(wrong)) as server:
            return await failure_of(server.base_url("https"), route(authority))

    error = run(work())
    assert error.reason == "tls"
    assert hint in str(error)


class TlsServer:
    """A server with a thread, which sends its alerts before it closes, as asyncio's does not."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}/api"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "TlsServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        body = page([row(1), row(2)])
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        while not self._ended.is_set():
            with suppress(OSError):
                connection, _ = self._socket.accept()
                with connection.dup() as raw:
                    with suppress(OSError), self._context.wrap_socket(connection, server_side=True) as tls:
                        tls.recv(65_536)
                        tls.sendall(head.encode() + body)
                    raw.settimeout(0.2)
                    while raw.recv(65_536):  # to close before all is read would be a reset
                        pass


@LOOPS
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("apart", [False, True], ids=["one file", "two files"])
def test_a_client_certificate_is_shown_to_a_server_that_wants_one(
    authority: Authority,
    server_pair: Pair,
    version: ssl.TLSVersion,
    new_loop: Callable[[], Any],
    apart: bool,
) -> None:
    context = server_context(server_pair, authority)
    context.maximum_version = version
    shown = authority.issue("client", "DNS:client.test", usage="clientAuth")
    with TlsServer(context) as server:
        assert run(files_of(server.url, route(authority, shown, apart=apart)), new_loop) == 2


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_required_client_certificate_that_is_missing_or_untrusted_is_named(
    authority: Authority, server_pair: Pair, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    context = server_context(server_pair, authority)
    context.maximum_version = version
    stranger = Authority(tmp_path, "strangers").issue("stranger", "DNS:client.test", usage="clientAuth")
    with TlsServer(context) as server:
        for way in (route(authority), route(authority, stranger)):
            error = run(failure_of(server.url, way))
            # The alert may be overtaken by the end of the connection.
            assert error.reason in ("tls", "connection")
            assert "client_cert_file" in str(error)


def test_a_server_that_hangs_up_right_after_the_handshake_may_want_a_client_certificate(
    authority: Authority, server_pair: Pair
) -> None:
    async def work() -> PollError:
        async with StrangeServer(hang_up).listening(server_context(server_pair)) as server:
            return await failure_of(server.base_url("https"), route(authority))

    error = run(work())
    assert error.reason == "connection"
    assert "client_cert_file" in str(error)


def test_a_certificate_file_is_taken_anew_when_it_changes_and_requests_under_way_are_not_disturbed(
    authority: Authority, tmp_path: Path
) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    other = Authority(folder, "other-ca")
    trusted = tmp_path / "ca.pem"
    shutil.copy(authority.path, trusted)
    way = Route(TlsFiles(trusted))

    async def work() -> None:
        released = asyncio.Event()

        async def slow(call: Call) -> None:
            await released.wait()
            await GOOD(call)

        first = StrangeServer(slow).listening(server_context(authority.issue("first")))
        second = StrangeServer(GOOD).listening(server_context(other.issue("second")))
        async with first as old, second as new, HttpClients() as clients:
            pool = clients.for_url(old.base_url("https"), way)
            under_way = asyncio.ensure_future(asked(clients, old.base_url("https"), way))
            await until(lambda: bool(old.heads))
            before = client_of(pool)
            replacement = tmp_path / "new.pem"
            shutil.copy(other.path, replacement)
            replacement.rename(trusted)
            assert client_of(pool) is not before
            assert not before.is_closed
            assert (await asked(clients, new.base_url("https"), way))[0] == 2
            released.set()
            assert (await under_way)[0] == 2
            await until(lambda: before.is_closed)
            assert (await asked(clients, old.base_url("https"), way))[1] is not None

    run(work())


def test_while_a_certificate_file_is_unreadable_the_previous_one_is_used_counted_and_logged_hourly(
    authority: Authority, server_pair: Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trusted = tmp_path / "ca.pem"
    shutil.copy(authority.path, trusted)
    clock = FakeClock()
    message = "certificates_unusable"

    async def work() -> None:
        clients = HttpClients(elapsed=clock.elapsed)
        async with StrangeServer(GOOD).listening(server_context(server_pair)) as server, clients:

            async def is_stale() -> bool:
                way = Route(TlsFiles(trusted))
                files, _, stale = await asked(clients, server.base_url("https"), way)
                assert files == 2
                return bool(stale["certificates"])

            assert not await is_stale()
            trusted.write_text("no certificate any more")
            assert all([await is_stale() for _ in range(3)])
            assert [(event(r), vars(r)["times"]) for r in caplog.records] == [(message, 1)]
            clock.now += 3_600
            assert await is_stale()
            trusted.unlink()
            assert await is_stale()
            assert [vars(r)["times"] for r in caplog.records] == [1, 3]
            shutil.copy(authority.path, trusted)
            assert not await is_stale()
            trusted.unlink()
            assert await is_stale()
            assert [event(r) for r in caplog.records][2:] == ["certificates_changed", message]
            assert "No such file" in vars(caplog.records[-1])["error"]

    caplog.set_level(logging.INFO, logger="pin_exporter")
    run(work())


def test_certificate_files_that_could_not_be_used_for_a_moment_are_tried_again_after_an_hour(
    authority: Authority, tmp_path: Path
) -> None:
    trusted = tmp_path / "ca.pem"
    shutil.copy(authority.path, trusted)
    clock = FakeClock()
    failures: list[ValueError] = []

    def make() -> httpx.AsyncClient:
        if failures:
            raise failures.pop()
        return http_client()

    async def work() -> None:
        pool = Pool(make, TlsFiles(trusted), clock.elapsed)
        first = client_of(pool)
        failures.append(ValueError("ca_file: cannot read the file: Too many open files"))
        trusted.write_text(f"{authority.path.read_text()}\n")
        for minutes, renewed in ((0, False), (59, False), (1, True)):
            clock.now += 60 * minutes
            with pool.lease() as lease:
                assert (lease.client is not first, lease.is_stale) == (renewed, not renewed)

    run(work())


# Which client


def client_of(pool: Pool) -> httpx.AsyncClient:
    with pool.lease() as lease:
        return lease.client


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)


def test_pools_that_nobody_needs_any_more_are_closed_once_they_are_idle() -> None:
    async def work() -> None:
        async with HttpClients() as clients:
            kept, idle, busy = (
                clients.for_url(f"http://{name}.test/api") for name in ("kept", "idle", "busy")
            )
            made = [client_of(pool) for pool in (kept, idle, busy)]
            with busy.lease():
                clients.keep([("http://kept.test/api", Route())])
                await asyncio.sleep(0.01)
                assert [client.is_closed for client in made] == [False, True, False]
            await asyncio.sleep(0.01)
            assert [client.is_closed for client in made] == [False, True, True]
            assert clients.for_url("http://kept.test/other") is kept
            assert clients.for_url("http://idle.test/api") is not idle

    run(work())


def test_accounts_with_the_same_route_share_a_pool_and_others_do_not(authority: Authority) -> None:
    clients = HttpClients()
    url = "https://api.test/api"
    routes = [Route(), route(authority), route(proxy="direct"), route(proxy="http://p:1")]
    pools = [clients.for_url(url, way) for way in routes]
    assert len(set(map(id, pools))) == 4
    assert clients.for_url(url, route(proxy="http://p:1")) is pools[3]


# Proxies


@asynccontextmanager
async def served(context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async with StrangeServer(GOOD).listening(context) as server:
        yield server.base_url("https" if context else "http")


@contextmanager
def variables(**values: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        yield


@LOOPS
def test_requests_go_through_the_proxy_that_is_set_and_an_https_account_shows_it_no_key(
    authority: Authority, server_pair: Pair, new_loop: Callable[[], Any]
) -> None:
    async def work() -> tuple[int | None, Proxy, str]:
        async with served(server_context(server_pair)) as url, Proxy().listening() as proxy:
            way = route(authority, proxy=f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}")
            return await files_of(url, way), proxy, url

    files, proxy, url = run(work(), new_loop)
    assert files == 2
    assert proxy.asked == [f"CONNECT {url.split('/')[2]}"]
    assert not any(key in proxy.heads[0] for key in (API_KEY, SECRET_KEY))
    message = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    assert f"Proxy-Authorization: Basic {message}" in proxy.heads[0]


def test_a_proxy_may_be_spoken_to_by_tls_and_then_its_certificate_is_checked_too(
    authority: Authority, server_pair: Pair, tmp_path: Path
) -> None:
    strangers = Authority(tmp_path, "strangers").issue("proxy")

    async def work() -> tuple[int | None, PollError, str]:
        context = server_context(server_pair)
        good, bad = Proxy().listening(context), Proxy().listening(server_context(strangers))
        async with served(context) as url, good as trusted, bad as untrusted:
            files = await files_of(url, route(authority, proxy=f"https://127.0.0.1:{trusted.port}"))
            way = route(authority, proxy=f"https://127.0.0.1:{untrusted.port}")
            return files, await failure_of(url, way), f"127.0.0.1:{untrusted.port}"

    files, error, name = run(work())
    assert files == 2
    assert error.reason == "tls"
    assert f"TLS with the proxy {name} failed" in str(error)
    assert "base_url" not in str(error)


def test_a_plain_url_is_requested_from_the_proxy_itself() -> None:
    async def work() -> tuple[int | None, list[str], str]:
        async with served() as url, Proxy().listening() as proxy:
            return await files_of(url, route(proxy=f"http://127.0.0.1:{proxy.port}")), proxy.asked, url

    files, heads, url = run(work())
    assert files == 2
    assert heads[0].startswith(f"GET {url}/pinning/pins/?")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_proxy_of_the_environment_is_used_unless_no_proxy_names_the_host_or_the_settings_say_direct(
    authority: Authority, server_pair: Pair, scheme: str
) -> None:
    async def work() -> list[int]:
        context = server_context(server_pair) if scheme == "https" else None
        used = []
        async with served(context) as url, Proxy().listening() as proxy:
            here = f"http://127.0.0.1:{proxy.port}"
            port = httpx.URL(url).port
            cases: list[tuple[dict[str, str], Route]] = [
                ({f"{scheme.upper()}_PROXY": here}, route(authority)),
                ({f"{scheme}_proxy": here.removeprefix("http://")}, route(authority)),
                ({"ALL_PROXY": here}, route(authority)),
                ({"ALL_PROXY": here, "NO_PROXY": "10.0.0.0/8, example.com"}, route(authority)),
                ({"ALL_PROXY": here, "NO_PROXY": "127.0.0.0/8"}, route(authority)),
                ({"ALL_PROXY": here, "NO_PROXY": "127.0.0.1:1"}, route(authority)),
                ({"ALL_PROXY": here, "NO_PROXY": "127.0.0.1"}, route(authority)),
                ({"ALL_PROXY": here, "NO_PROXY": f"127.0.0.1:{port}"}, route(authority)),
                ({"ALL_PROXY": here, "NO_PROXY": "*"}, route(authority)),
                ({"ALL_PROXY": here}, route(authority, proxy="direct")),
                ({"ALL_PROXY": "http://127.0.0.1:9", "NO_PROXY": "*"}, route(authority, proxy=here)),
            ]
            for values, way in cases:
                with variables(**values):
                    before = len(proxy.heads)
                    assert await files_of(url, way) == 2
                    used.append(len(proxy.heads) - before)
                    assert bool(way.proxy_for(url)) is bool(used[-1])
        return used

    assert run(work()) == [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("no_proxy", "direct"),
    [
        ("example.com", {"example.com", "a.example.com", "example.com:8443"}),
        (".example.com", {"example.com", "a.example.com", "example.com:8443"}),
        ("*.example.com", set()),
        ("example.com:8443", {"example.com:8443"}),
        ("notexample.com", {"notexample.com"}),
        ("[::1], *", {"example.com", "a.example.com", "example.com:8443", "notexample.com"}),
    ],
)
def test_no_proxy_means_for_names_what_the_readme_says(no_proxy: str, direct: set[str]) -> None:
    names = ("example.com", "a.example.com", "example.com:8443", "notexample.com")

    async def reached(name: str) -> str:
        return str(await failure_of(f"https://{name}/api", Route(), Timeouts(0.5)))

    with variables(ALL_PROXY="http://127.0.0.1:9", NO_PROXY=no_proxy):
        asked_proxy = {name for name in names if "the proxy 127.0.0.1:9" in run(reached(name))}
    assert set(names) - asked_proxy == direct


@pytest.mark.parametrize(
    ("refusal", "hint"),
    [
        ("407 Proxy Authentication Required", "set proxy_url to http://user:password@host:port"),
        (f"403 {PASSWORD}", "have it allowed"),
        ("502 Bad Gateway", "it cannot reach the host"),
        ("500 Oh", "check proxy_url"),
    ],
)
def test_a_proxy_that_refuses_is_named_with_what_to_do(refusal: str, hint: str) -> None:
    async def work() -> tuple[PollError, str]:
        async with Proxy(refusal).listening() as proxy:
            name = f"127.0.0.1:{proxy.port}"
            way = route(proxy=f"http://user:{PASSWORD}@{name}")
            return await failure_of("https://api.test/api", way), name

    error, name = run(work())
    assert error.reason == "connection"
    assert f"the proxy {name} responded {refusal[:3]} to a request for api.test: " in str(error)
    assert hint in str(error)


@pytest.mark.parametrize("url", ["http://api.test/api", "https://api.test/api"])
def test_what_a_proxy_says_that_is_no_http_is_not_quoted(url: str) -> None:
    async def work() -> PollError:
        secret = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
        async with StrangeServer(
            raw(f"Basic {secret} {PASSWORD}\r\n\r\n".encode(), close=True)
        ).listening() as proxy:
            return await failure_of(url, route(proxy=f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}"))

    error = run(work())
    assert error.reason == "connection"
    assert "its response is not HTTP" in str(error)


def test_a_proxy_that_requires_a_password_for_a_plain_url_is_named_as_a_proxy() -> None:
    async def work() -> PollError:
        async with Proxy(wanted="Basic x").listening() as proxy:
            return await failure_of("http://api.test/api", route(proxy=f"http://127.0.0.1:{proxy.port}"))

    error = run(work())
    assert error.reason == "client_error"
    assert "a proxy requires a user and password" in str(error)


def test_a_proxys_credentials_are_secret_also_if_they_come_from_the_environment() -> None:
    def secrets(way: Route) -> set[str]:
        return {secret.get_secret_value() for secret in way.secrets()}

    both = {PASSWORD, f"u@x:{PASSWORD}", base64.b64encode(f"u@x:{PASSWORD}".encode()).decode()}
    assert secrets(route(proxy=f"http://u%40x:{PASSWORD}@127.0.0.1:9")) == both
    assert "only-a-token" in secrets(route(proxy="http://only-a-token@127.0.0.1:9"))
    assert secrets(route(proxy="http://[::1")) == secrets(route()) == set()
    with variables(HTTPS_PROXY=f"u%40x:{PASSWORD}@127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9"):
        assert secrets(route()) == both
        assert secrets(route(proxy="direct")) == set()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_unreachable_proxy_is_named_as_a_proxy(scheme: str) -> None:
    error = run(failure_of("https://api.test/api", route(proxy=f"{scheme}://u:{PASSWORD}@127.0.0.1:9")))
    assert error.reason == "connection"
    assert "connection to the proxy 127.0.0.1:9 failed" in str(error)
    assert "check proxy_url" in str(error)


def test_a_failure_behind_a_proxy_has_its_own_reason(server_pair: Pair) -> None:
    async def work() -> PollError:
        async with served(server_context(server_pair)) as url, Proxy().listening() as proxy:
            return await failure_of(url, route(proxy=f"http://127.0.0.1:{proxy.port}"))

    error = run(work())
    assert error.reason == "tls"
    assert "through the proxy" in str(error)
    assert "set ca_file" in str(error)


# Timeouts


@pytest.mark.parametrize(
    ("scheme", "timeouts", "words"),
    [
        ("https", Timeouts(60.0, connect=0.1), ("not connected within 0.1 s", "raise connect_timeout")),
        ("http", Timeouts(60.0, read=0.1), ("no data for 0.1 s", "raise read_timeout")),
    ],
)
def test_a_server_that_is_silent_is_left_after_the_timeout_of_that_phase(
    scheme: str, timeouts: Timeouts, words: tuple[str, str]
) -> None:
    async def work() -> PollError:
        async with StrangeServer(silence).listening() as server:
            return await failure_of(server.base_url(scheme), Route(), timeouts)

    error = run(work())
    assert error.reason == "timeout"
    assert all(each in str(error) for each in words)


@pytest.mark.parametrize("timeouts", [Timeouts(60.0, read=0.1), Timeouts(0.1)])
@pytest.mark.parametrize(("limit", "message"), [(1, False), (1_000, True)])
def test_a_smaller_page_is_advised_if_a_page_was_requested(
    timeouts: Timeouts, limit: int, message: bool
) -> None:
    async def work() -> PollError:
        async with StrangeServer(silence).listening() as server, HttpClients() as clients:
            url = server.base_url()
            api = pin_client(clients.for_url(url), url, timeouts=timeouts)
            with pytest.raises(PollError) as caught:
                await api.list_pins(Collector.INVENTORY, offset=0, limit=limit)
            return caught.value

    assert ("lower page_size" in str(run(work()))) == message


# What cannot be used


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("ALL_PROXY", f"socks5://u:{PASSWORD}@127.0.0.1:9", "ALL_PROXY must be"),
        ("HTTPS_PROXY", f"http://u:{PASSWORD}/x@127.0.0.1:9", "HTTPS_PROXY must be"),
        ("HTTPS_PROXY", f"socks5://u:{PASSWORD}@127.0.0.1:9", "HTTPS_PROXY must be"),
        ("HTTPS_PROXY", f"http://u:{PASSWORD}@127.0.0.1:99999", "HTTPS_PROXY must be"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem", "cannot use SSL_CERT_FILE or SSL_CERT_DIR: No such file"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named_in_one_line_without_its_value(
    variable: str, value: str, message: str
) -> None:
    with variables(**{variable: value}), pytest.raises(SettingsError) as caught:
        HttpClients().check("https://api.test/api")
    (problem,) = caught.value.problems
    assert message in problem
    assert PASSWORD not in problem


@pytest.mark.parametrize(
    "values",
    [
        {"NO_PROXY": "fe80::/10,127.0.0.1"},
        {"NO_PROXY": "::1/128"},
        {"NO_PROXY": "[::1]"},
        {"HTTPS_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:9"},
        {"HTTP_PROXY": "socks5://127.0.0.1:9"},
        {"ALL_PROXY": "socks5://127.0.0.1:9", "NO_PROXY": "api.test"},
    ],
)
def test_a_variable_that_would_not_be_used_stops_nothing(values: dict[str, str]) -> None:
    with variables(**values):
        HttpClients().check("https://api.test/api")


def test_a_proxy_url_that_only_the_http_library_rejects_is_reported_without_its_password() -> None:
    with pytest.raises(SettingsError) as caught:
        HttpClients().check("https://api.test/api", route(proxy=f"http://u:{PASSWORD}@999.1.1.1:9"))
    (problem,) = caught.value.problems
    assert problem == "cannot connect to https://api.test/api: proxy_url is not a valid URL"


def broken_files(folder: Path, pair: Pair, other: Pair) -> dict[str, TlsFiles]:
    text, directory = folder / "text", folder / "directory"
    text.write_text("no certificate")
    directory.mkdir()
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    return {
        "ca_file: cannot read the file: No such file or directory": TlsFiles(folder / "missing"),
        "ca_file: cannot read the file: Is a directory": TlsFiles(directory),
        "ca_file: cannot read the file: the path is not valid": TlsFiles(Path("a\0b")),
        "ca_file: contains no certificate in PEM format": TlsFiles(text),
        "ca_file: cannot read the file: it is a pipe or a device: use a regular file": TlsFiles(pipe),
        "client_key_file: requires client_cert_file": TlsFiles(client_key_file=pair.key),
        "client_key_file: cannot read the file: No such file or directory": TlsFiles(
            None, pair.both, folder / "missing"
        ),
        "client_cert_file: the key does not belong to the certificate": TlsFiles(
            None, pair.certificate, other.key
        ),
    }


def test_each_problem_of_a_certificate_file_has_its_own_message(authority: Authority, tmp_path: Path) -> None:
    pair, other = authority.issue("one"), authority.issue("two")
    for message, files in broken_files(tmp_path, pair, other).items():
        assert [f"{setting}: {problem}" for setting, problem in files.problems()] == [message]
        with pytest.raises(SettingsError, match=message):
            HttpClients().check("https://api.test/api", Route(files))
    assert not list(TlsFiles(authority.path, pair.certificate, pair.key).problems())
    assert not list(TlsFiles(client_cert_file=pair.both).problems())


def test_a_file_that_disappears_after_the_check_is_reported_like_any_other(
    authority: Authority, tmp_path: Path
) -> None:
    lost = Path(shutil.copy(authority.issue("lost").both, tmp_path))

    def lose_it() -> ssl.SSLContext:
        lost.unlink()
        return ssl.create_default_context()

    with pytest.raises(ValueError, match="client_cert_file: cannot use the file: No such file or directory"):
        TlsFiles(client_cert_file=lost).context(lose_it)


def test_a_route_is_tried_once_for_all_its_accounts_and_again_when_its_files_have_changed(
    authority: Authority, tmp_path: Path
) -> None:
    trusted = tmp_path / "ca.pem"
    shutil.copy(authority.path, trusted)
    made: list[Route] = []

    def make(route: Route) -> httpx.AsyncClient:
        made.append(route)
        return http_client(route)

    clients, shared = HttpClients(make), Route(TlsFiles(trusted))
    for number in range(3):
        clients.check(f"https://api-{number}.test/api", shared)
    assert made == [shared]

    trusted.write_text("no certificate")
    for _ in range(2):
        with pytest.raises(SettingsError, match="ca_file"):
            clients.check("https://api.test/api", shared)
    clients.check("https://api.test/api", route(proxy="direct"))
    assert made == [shared, shared, shared, route(proxy="direct")]
