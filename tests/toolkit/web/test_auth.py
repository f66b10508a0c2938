import asyncio
import base64
from collections.abc import Mapping

import bcrypt
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pin_exporter.toolkit.web.auth import BasicAuth, PasswordChecker, network_of
from pin_exporter.toolkit.web.config import WebConfig
from pin_exporter.toolkit.web.config_watcher import WebConfigWatcher
from pin_exporter.toolkit.web.fair_queue import FairQueue
from pin_exporter.toolkit.web.limits import Refusal, Refusals
from tests.support import asgi
from tests.support.clocks import FakeClock
from tests.support.web_site import Site, run_on_site

COSTS = {b"cheap": 4, b"dear": 6}
USERS = {name: bcrypt.hashpw(b"of " + name, bcrypt.gensalt(cost)) for name, cost in COSTS.items()}
WORK = {4: 1, 5: 2, 6: 4}


class Checks:
    """Counts what bcrypt does."""

    def __init__(self) -> None:
        self.hashes: list[bytes] = []

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.hashes.append(hashed)
        return bcrypt.hashpw(password, hashed) == hashed

    @property
    def work(self) -> int:
        return sum(WORK[int(hashed[4:6])] for hashed in self.hashes)


def check(
    passwords: PasswordChecker, name: bytes, password: bytes, users: Mapping[bytes, bytes] = USERS
) -> bool:
    return asyncio.run(passwords.is_correct(users, name, password, client="a"))


def test_a_correct_password_is_hashed_once() -> None:
    checks = Checks()
    passwords = PasswordChecker(checkpw=checks)
    assert all(check(passwords, b"cheap", b"of cheap") for _ in range(3))
    assert len(checks.hashes) == 1


@pytest.mark.parametrize(
    ("name", "password"),
    [
        (b"cheap", b"of dear"),
        (b"cheap", b""),
        (b"dear", b"of dear "),
        (b"dear", b"of dear\0"),
        (b"dear", b"x" * 100_000),
        (b"nobody", b"of cheap"),
        (b"", b""),
    ],
)
def test_every_wrong_password_takes_the_work_of_the_highest_cost_each_time(
    name: bytes, password: bytes
) -> None:
    checks = Checks()
    passwords = PasswordChecker(checkpw=checks)
    for times in (1, 2):
        assert not check(passwords, name, password)
        assert checks.work == times * WORK[6]


def test_a_password_is_wrong_though_its_first_72_bytes_are_correct_and_once_its_hash_is_another() -> None:
    users = {b"long": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4))}
    passwords = PasswordChecker()
    assert check(passwords, b"long", b"x" * 72, users)
    assert not check(passwords, b"long", b"x" * 73, users)
    assert check(passwords, b"cheap", b"of cheap")
    changed = {**USERS, b"cheap": bcrypt.hashpw(b"new", bcrypt.gensalt(4))}
    assert not check(passwords, b"cheap", b"of cheap", changed)
    assert check(passwords, b"cheap", b"new", changed)
    assert not check(passwords, b"cheap", b"of cheap", {b"dear": USERS[b"dear"]})


def test_no_password_is_kept_in_memory() -> None:
    passwords = PasswordChecker()
    assert check(passwords, b"cheap", b"of cheap")
    kept = repr(vars(passwords)).encode()
    assert b"of cheap" not in kept
    assert USERS[b"cheap"] not in kept


def test_only_so_many_correct_passwords_are_remembered() -> None:
    checks = Checks()
    passwords = PasswordChecker(checkpw=checks, max_remembered=2)
    users = [{b"a": bcrypt.hashpw(b"%d" % number, bcrypt.gensalt(4))} for number in range(3)]
    for number in (0, 1, 0, 1, 2, 0):
        assert check(passwords, b"a", b"%d" % number, users[number])
    assert len(checks.hashes) == 4, "the third made room for itself, so the first was hashed again"


class Guard:
    """An application behind basic auth."""

    def __init__(self, passwords: PasswordChecker | None = None) -> None:
        async def page(request: Request) -> Response:
            return PlainTextResponse(request.url.path)

        app = Starlette(routes=[Route(path, page) for path in ("/metrics", "/-/healthy", "/-/ready")])
        app.router.redirect_slashes = False
        self.watcher = WebConfigWatcher(None, WebConfig(users=USERS), FakeClock())
        self.refusals = Refusals()
        self.app = BasicAuth(app, self.watcher, self.refusals, realm="a realm", passwords=passwords)

    def ask(
        self, authorization: bytes = b"", path: str = "/metrics", method: str = "GET", times: int = 1
    ) -> httpx.Response:
        return asgi.ask(self.app, path, [(b"Authorization", authorization)] * times, method)


def basic(credentials: bytes) -> bytes:
    return b"Basic " + base64.b64encode(credentials)


GOOD = basic(b"cheap:of cheap")


def test_a_correct_password_opens_every_path() -> None:
    guard = Guard()
    assert [guard.ask(GOOD, path).status_code for path in ("/metrics", "/-/healthy", "/x")] == [200, 200, 404]
    assert guard.ask(GOOD.replace(b"Basic", b"bAsIc")).status_code == 200
    guard.watcher.config = WebConfig()
    assert guard.ask().status_code == 200
    assert not guard.refusals


def test_user_and_password_may_be_any_bytes_and_the_password_contain_a_colon() -> None:
    guard = Guard()
    users = {
        "zoë".encode(): bcrypt.hashpw(b"\xff", bcrypt.gensalt(4)),
        b"a": bcrypt.hashpw(b"b:c", bcrypt.gensalt(4)),
    }
    guard.watcher.config = WebConfig(users=users)
    assert guard.ask(basic("zoë:".encode() + b"\xff")).status_code == 200
    assert guard.ask(basic(b"a:b:c")).status_code == 200
    assert guard.ask(GOOD).status_code == 401, "the users are now others"


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Basic \xff\xfe",
        basic(b"cheap"),
        basic(b":"),
        GOOD[:-1],
        GOOD + b"!",
        GOOD.replace(b"Basic", b"Bearer"),
        GOOD.removeprefix(b"Basic "),
        basic(b"cheap:" + b"x" * 10_000),
        basic(b"\xff\xff:\xff"),
        basic(b"cheap:wrong"),
        basic(b"Cheap:of cheap"),
    ],
)
def test_anything_else_is_answered_with_401(header: bytes) -> None:
    guard = Guard()
    response = guard.ask(header)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Basic realm="a realm", charset="UTF-8"'
    assert guard.refusals == {Refusal.PASSWORD: 1}
    assert guard.ask(GOOD, times=2).status_code == 401


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready", "/-/healthy?a=b", "/%2d/healthy"])
def test_probes_need_no_password(path: str) -> None:
    assert Guard().ask(path=path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/metrics"),
        ("HEAD", "/metrics"),
        ("BREW", "/"),
        ("GET", "/-/healthy/"),
        ("GET", "//-/healthy"),
        ("GET", "/-/healthy%0a"),
        ("GET", "/-/healthy%2f..%2f..%2fmetrics"),
        ("GET", "/-/HEALTHY"),
        ("POST", "/-/reload"),
    ],
)
def test_every_other_path_needs_one(method: str, path: str) -> None:
    assert Guard().ask(path=path, method=method).status_code == 401


def test_a_password_that_would_wait_too_long_is_answered_with_503() -> None:
    guard = Guard(PasswordChecker(FairQueue(max_waiting=0)))
    response = guard.ask(GOOD)
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert guard.refusals == {Refusal.BUSY: 1}


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2:0:0:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "", True),
    ],
)
def test_a_client_is_an_ipv4_address_or_a_network_of_ipv6(one: str, other: str, is_same: bool) -> None:
    assert (network_of(one) == network_of(other)) == is_same


def with_password(credentials: bytes) -> bytes:
    """Return a request that also claims to come from elsewhere."""
    lines = (
        b"Authorization: " + basic(credentials),
        b"X-Forwarded-For: 127.0.0.1",
        b"Forwarded: for=127.0.0.1",
    )
    return b"GET / HTTP/1.1\r\nHost: a\r\n" + b"\r\n".join(lines) + b"\r\n\r\n"


def test_clients_with_wrong_passwords_do_not_lock_out_one_whose_password_is_not_remembered_yet() -> None:
    async def attack(site: Site, source: str, was_answered: asyncio.Event) -> None:
        client = await site.connect(source=source)
        while True:
            client.writer.write(with_password(b"cheap:wrong"))
            await client.response()
            was_answered.set()

    async def see(site: Site) -> None:
        answered = [asyncio.Event() for _ in range(70)]
        attacks = [
            asyncio.create_task(attack(site, f"127.0.1.{number}", event))
            for number, event in enumerate(answered, 1)
        ]
        await asyncio.gather(*(event.wait() for event in answered))
        for user in USERS:
            client = await site.connect()
            client.writer.write(with_password(user + b":of " + user))
            assert b" 200 " in await client.response()
        for each in attacks:
            each.cancel()

    run_on_site(see, WebConfig(users=USERS))
