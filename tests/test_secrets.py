"""Runs that fail in every way against servers that echo the keys, which must show up nowhere."""

import asyncio
import base64
import gc
import logging
import random
import traceback
import types
from collections.abc import Iterator, Sequence
from urllib.parse import quote

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from pin_exporter.api.credentials import CredentialSource
from pin_exporter.api.errors import PollError
from pin_exporter.api.model import Collector
from pin_exporter.api.pool import HttpClients
from pin_exporter.api.proxy_tls import Route
from pin_exporter.commands.app import create_app
from pin_exporter.config.accounts import Account
from pin_exporter.metrics.account import account_renderer
from pin_exporter.metrics.exporter import LOG_EVENTS
from pin_exporter.polling.manager import PollerManager
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.pages import Pages
from pin_exporter.status.routes import status_routes
from pin_exporter.toolkit.logs import configure_logging
from tests.support.clocks import FakeClock
from tests.support.samples import account_at, varied
from tests.support.servers import (
    Behaviour,
    Call,
    StrangeServer,
    answer,
    echo,
    message,
    raw,
    silence,
    then_reset,
)
from tests.support.service import API_KEY, SECRET_KEY, page, pin_client, row

PROXY_USER, PROXY_PASSWORD = "puser", "hunter2/secret!"
PROXY_PAIR = f"{PROXY_USER}:{PROXY_PASSWORD}"
PROXY_BASIC = base64.b64encode(PROXY_PAIR.encode()).decode()
KEYS = (API_KEY, SECRET_KEY, PROXY_PASSWORD, PROXY_BASIC)
BOTH = f"{API_KEY} {SECRET_KEY}"
SHOWN = 8
"""So many characters of a key in a row are taken for a leak."""


def told(status: str, text: str, *headers: str) -> Behaviour:
    return answer(status, f'{{"status":"error","message":"{text}"}}'.encode(), *headers)


def leaks(text: str) -> list[str]:
    """Return the parts of the keys that a text shows, in whatever case."""
    lowered = text.lower()
    forms = (lowered, "".join(lowered.split()))
    return [
        key[start : start + SHOWN]
        for key in KEYS
        for start in range(len(key) - SHOWN + 1)
        if any(key[start : start + SHOWN].lower() in form for form in forms)
    ]


async def _whatever_was_sent(call: Call) -> None:
    """Answer with the request's own header lines, as a debugging service does."""
    text = call.head.decode().replace("\r\n", " ").replace('"', "'")
    await told("500 Internal Server Error", text)(call)


async def _a_row_that_makes_no_sense(call: Call) -> None:
    """End the list behind it: of such rows, ten thousand would be read before a walk gave up."""
    rows = [row(1, date_pinned=SECRET_KEY, size=API_KEY)] if b"offset=0&" in call.head else []
    await answer("200 OK", page(rows, files=1))(call)


ESCAPED = "".join(f"\\u{ord(char):04x}" for char in BOTH).encode()
HOSTILE: dict[str, Behaviour] = {
    "message": told("401 Unauthorized", f"key {BOTH} is unknown"),
    "long-message": told("403 Forbidden", "x" * 185 + BOTH),
    "spaces": told("400 Bad Request", " " * 790 + BOTH),
    "escaped": told("404 Not Found", ESCAPED.decode()),
    "rate-limited": told("429 Too Many Requests", BOTH, f"Retry-After: {API_KEY}"),
    "server-error": _whatever_was_sent,
    "envelope": told("200 OK", BOTH),
    "status": answer("200 OK", f'{{"status":"{BOTH}"}}'.encode()),
    "html": answer("502 Bad Gateway", f"<h1>{BOTH}</h1>".encode()),
    "location": answer("301 Moved", b"", f"Location: https://{API_KEY}.test/{SECRET_KEY}?key={API_KEY}"),
    "user-info": answer("302 Found", b"", f"Location: https://{API_KEY}:{SECRET_KEY}@a.test/"),
    "bad-location": answer("307 No", b"", f"Location: http://[{SECRET_KEY}"),
    "echo": echo,
    "bad-header": raw(f"HTTP/1.1 200 OK\r\n {BOTH}\r\n\r\n".encode(), close=True),
    "bad-status": raw(f"HTTP/1.1 {BOTH}\r\n\r\n".encode(), close=True),
    "bad-reason": answer(f"500 {BOTH}", b""),
    "bad-length": raw(f"HTTP/1.1 200 OK\r\nContent-Length: {SECRET_KEY}\r\n\r\n".encode()),
    "bad-chunk": raw(
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{SECRET_KEY}\r\n".encode(), close=True
    ),
    "encoding": answer("200 OK", BOTH.encode(), f"Content-Encoding: {API_KEY}"),
    "cookie": answer("401 No", b"", f"Set-Cookie: key={API_KEY}", f"X-{API_KEY}: {SECRET_KEY}"),
    "not-json": answer("200 OK", BOTH.encode()),
    "wrong-shape": answer("200 OK", f'{{"data":{{"totals":"{SECRET_KEY}","pins":[]}}}}'.encode()),
    "wrong-dates": _a_row_that_makes_no_sense,
    "rows": answer(
        "200 OK",
        page([row(1, status=SECRET_KEY, cid=API_KEY), row(2, sub_hash_status=BOTH, metadata={"name": BOTH})]),
    ),
    "escaped-rows": answer(
        "200 OK",
        b'{"data":{"totals":{"files":1,"size":1},"pins":[{"id":"a","status":"%s","metadata":{"name":"%s"}}]}}'
        % ((ESCAPED,) * 2),
    ),
    "reset": then_reset(message("200 OK", BOTH.encode(), length=999)),
    "silence": silence,
    "percent": told("400 Bad Request", f"signature of {quote(BOTH, safe='')} {quote(BOTH).lower()}"),
    "host": answer("302 Found", b"", f"Location: http://{SECRET_KEY}.evil.test/"),
    "user": answer("302 Found", b"", f"Location: https://{SECRET_KEY}@login.test/"),
    "percent-host": answer("302 Found", b"", f"Location: https://{quote(SECRET_KEY, safe='')}.test/"),
    "proxy-407": told("407 Proxy Authentication Required", f"{PROXY_PAIR} (Basic {PROXY_BASIC})"),
    "proxy-403": told("403 Forbidden", f"user {PROXY_USER}, password {PROXY_PASSWORD}"),
    "proxy-502": told("502 Bad Gateway", f"http://{PROXY_USER}:{quote(PROXY_PASSWORD, safe='')}@up.test"),
    "proxy-200": told("200 OK", PROXY_BASIC.rstrip("=")),
}

PROXIES = tuple(name for name in HOSTILE if name.startswith("proxy-"))
"""Those that stand in between."""


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root, levels = logging.getLogger(), {}
    handlers, level = root.handlers[:], root.level
    for name in ("pin_exporter", "httpx", "httpcore", "uvicorn", "asyncio"):
        levels[name] = logging.getLogger(name).level
    yield
    for handler in {*root.handlers} - {*handlers}:
        handler.close()
    root.handlers[:], root.level = handlers, level
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


class _Records(logging.Handler):
    """Keeps everything that any logger says."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def text(self) -> str:
        full = logging.Formatter("%(message)s")
        return "\n".join(f"{full.format(record)} {vars(record)!r}" for record in self.records)


def log_everything() -> _Records:
    configure_logging("pin_exporter", LOG_EVENTS, "debug", "logfmt")
    records = _Records()
    logging.getLogger().addHandler(records)
    return records


def _flush_log() -> None:
    for handler in logging.getLogger().handlers:
        handler.close()


class FailingRun:
    """One exporter with an account for each hostile server, polled three times over, its pages read."""

    def __init__(self, hostile: dict[str, Behaviour]) -> None:
        self.clock = FakeClock()
        self.hostile = hostile
        self.pages: dict[str, str] = {}
        self.snapshots: Sequence[AccountSnapshot] = ()
        self.exporter: PollerManager | None = None

    async def run(self) -> None:
        servers = {name: StrangeServer(behaviour) for name, behaviour in self.hostile.items()}
        async with HttpClients() as clients:
            listening = [server.listening() for server in servers.values()]
            for each in listening:
                await each.__aenter__()
            try:
                accounts = [hostile_account(name, server.base_url()) for name, server in servers.items()]
                self.exporter = PollerManager(accounts, clients, self.clock, random.Random(1))
                await self._read_pages("before")
                for _ in range(3):
                    await self._poll_all()
                    self.clock.now += 3_600.0
                await self._read_pages("after")
            finally:
                for each in listening:
                    await each.__aexit__(None, None, None)
        self.snapshots = list(self.exporter.snapshots())

    async def _poll_all(self) -> None:
        assert self.exporter is not None
        pollers = self.exporter.pollers().values()
        await asyncio.gather(*(poller.poll(collector) for poller in pollers for collector in Collector))

    async def _read_pages(self, when: str) -> None:
        assert self.exporter is not None
        app = create_app(
            account_renderer(self.exporter.snapshots, CollectorRegistry(), self.clock.elapsed),
            telemetry_path="/metrics",
            unready=self.exporter.unready,
            problems=lambda: (),
            pages=status_routes(self.exporter.snapshots, self.clock, Pages("/metrics")),
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://localhost"
        ) as client:
            accounts = [f"/accounts/{name}" for name in self.hostile]
            details = [path + form for path in accounts for form in ("", "?format=json")]
            for accept in ("text/plain", "application/openmetrics-text"):
                for path in (
                    "/metrics",
                    "/",
                    "/?format=json",
                    *details,
                    "/-/ready",
                    "/-/healthy",
                    "/nowhere",
                ):
                    response = await client.get(path, headers={"Accept": accept})
                    page = f"{response.status_code} {response.headers} {response.text}"
                    self.pages[f"{when} {path} {accept}"] = page


def hostile_account(name: str, base_url: str) -> Account:
    """Return an account at a server, or at one behind it if it is a proxy."""
    proxy = base_url.replace("//", f"//{PROXY_USER}:{quote(PROXY_PASSWORD, safe='')}@")
    proxy_url = SecretStr(proxy) if name in PROXIES else None
    return varied(
        account_at(base_url),
        name=name,
        credentials=CredentialSource(
            SecretStr(API_KEY),
            SecretStr(SECRET_KEY),
            account=name,
            others=Route(proxy_url=proxy_url).secrets(),
        ),
        poll_interval=1.0,
        requests_per_minute=60_000,
        proxy_url=proxy_url,
        request_timeout=0.3,
    )


def test_a_run_that_fails_in_every_way_shows_the_keys_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    records = log_everything()
    failing = FailingRun(HOSTILE)
    asyncio.run(failing.run(), debug=False)

    reasons = {s.account: s.health[Collector.TOTALS].reason for s in failing.snapshots}
    assert [name for name, reason in reasons.items() if reason is None] == [
        "wrong-dates",
        "rows",
        "escaped-rows",
    ]
    assert {record.__dict__["account"] for record in records.records if "account" in vars(record)} == set(
        HOSTILE
    )
    assert "[redacted]" in records.text(), "the echoes were not even seen"

    assert leaks(records.text()) == []
    _flush_log()
    captured = capfd.readouterr()
    assert "event=poll_failed" in captured.err
    assert leaks(captured.err + captured.out) == []
    for where, text in failing.pages.items():
        assert leaks(text) == [], where
    assert "[redacted]" in failing.pages["after /accounts/message text/plain"]
    assert "# EOF" in failing.pages["after /metrics application/openmetrics-text"]
    assert leaks(repr(failing.snapshots)) == []


def test_nothing_that_can_be_reached_from_an_exporter_shows_a_key_in_its_repr() -> None:
    # The HTTP library itself keeps the header for a proxy.
    failing = FailingRun({name: each for name, each in HOSTILE.items() if name not in PROXIES})
    asyncio.run(failing.run())
    assert failing.exporter is not None
    seen = list(reachable(failing.exporter))
    kinds = {type(each).__name__ for each in seen}
    assert {
        "AccountPoller",
        "RetryingClient",
        "PinClient",
        "Pool",
        "AsyncClient",
        "Credentials",
        "SecretStr",
    } <= kinds
    showing = [type(each).__name__ for each in seen if leaks(repr(each))]
    assert showing == []


def reachable(start: object) -> Iterator[object]:
    """Yield all objects that hang on one: through its attributes, not through code, nor into a SecretStr."""
    known, waiting = {id(start)}, [start]
    while waiting:
        each = waiting.pop()
        yield each
        if isinstance(each, SecretStr | StrangeServer):
            continue
        for other in gc.get_referents(each):
            is_code = isinstance(other, type | types.ModuleType | types.BuiltinFunctionType | types.CodeType)
            if id(other) in known or is_code:
                continue
            known.add(id(other))
            if isinstance(other, types.FunctionType):
                waiting.extend(other.__closure__ or ())
            else:
                waiting.append(other)


def test_an_error_shows_no_key_by_itself_nor_in_a_traceback() -> None:
    async def work(name: str, behaviour: Behaviour) -> str:
        async with StrangeServer(behaviour).listening() as server, HttpClients() as clients:
            account = hostile_account(name, server.base_url())
            pool = clients.for_url(account.base_url, account.route)
            client = pin_client(pool, account.base_url, account.credentials.current)
            try:
                await client.list_pins(Collector.TOTALS, offset=0, limit=1)
            except PollError as error:
                shown = [repr(error), str(error), *traceback.format_exception(error)]
                chained: BaseException | None = error
                while chained is not None:
                    shown += [repr(vars(chained)), repr(getattr(chained, "status", None))]
                    chained = chained.__cause__
                return "\n".join(shown)
            return ""

    for name, behaviour in HOSTILE.items():
        assert leaks(asyncio.run(work(name, behaviour))) == [], name


class _BrokenClock(FakeClock):
    def wall(self) -> float:
        raise ZeroDivisionError("a bug")


@pytest.mark.parametrize("style", ["logfmt", "json"])
def test_a_bug_in_the_middle_of_a_poll_is_logged_without_keys(
    style: str, capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logging("pin_exporter", LOG_EVENTS, "debug", "json" if style == "json" else "logfmt")

    async def work() -> None:
        async with StrangeServer(HOSTILE["message"]).listening() as server, HttpClients() as clients:
            account = hostile_account("a", server.base_url())
            exporter = PollerManager([account], clients, _BrokenClock(), random.Random(1))
            await exporter.run()

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(work())
    logging.getLogger("pin_exporter").critical("a bug ended the exporter", exc_info=caught.value)
    _flush_log()
    logged = capfd.readouterr().err
    assert "ZeroDivisionError" in logged
    assert leaks(logged) == []
    assert leaks("".join(traceback.format_exception(caught.value))) == []
