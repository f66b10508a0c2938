import asyncio
from collections.abc import Iterator, Mapping
from threading import Event

import bcrypt
import pytest

from pin_exporter.toolkit.errors import TooManyChecksError
from pin_exporter.toolkit.web import passwords as web_passwords
from pin_exporter.toolkit.web.passwords import Passwords

COSTS = {b"cheap": 4, b"dear": 6}
USERS = {name: bcrypt.hashpw(b"of " + name, bcrypt.gensalt(cost)) for name, cost in COSTS.items()}
WORK = {4: 1, 5: 2, 6: 4}


class Checks:
    """Counts what bcrypt does, and may hold it up."""

    def __init__(self) -> None:
        self.hashes: list[bytes] = []
        self.free = Event()
        self.free.set()

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.free.wait(60)
        self.hashes.append(hashed)
        return bcrypt.hashpw(password, hashed) == hashed

    @property
    def work(self) -> int:
        return sum(WORK[int(hashed[4:6])] for hashed in self.hashes)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Checks]:
    counted = Checks()
    monkeypatch.setattr(bcrypt, "checkpw", counted)
    yield counted
    counted.free.set()


def ask(passwords: Passwords, name: bytes, password: bytes, users: Mapping[bytes, bytes] = USERS) -> bool:
    return asyncio.run(passwords.are_right(users, name, password, "client"))


def test_a_right_password_is_checked_once(checks: Checks) -> None:
    passwords = Passwords()
    assert all(ask(passwords, b"cheap", b"of cheap") for _ in range(3))
    assert len(checks.hashes) == 1


@pytest.mark.parametrize(
    ("name", "password"),
    [
        (b"cheap", b"of dear"),
        (b"cheap", b""),
        (b"dear", b"of dear "),
        (b"dear", b"of dear\0"),
        (b"dear", b"x" * 73),
        (b"dear", b"x" * 100_000),
        (b"nobody", b"of cheap"),
        (b"nobody", b"x" * 73),
        (b"", b""),
        (b"\xff\xfe", b"\xff"),
    ],
)
def test_every_refusal_takes_the_work_of_the_dearest_hash(
    checks: Checks, name: bytes, password: bytes
) -> None:
    assert not ask(Passwords(), name, password)
    assert checks.work == WORK[6]


def test_what_was_wrong_is_checked_again(checks: Checks) -> None:
    passwords = Passwords()
    assert not ask(passwords, b"dear", b"wrong")
    assert not ask(passwords, b"dear", b"wrong")
    assert checks.work == 2 * WORK[6]


def test_a_long_password_is_not_right_because_its_beginning_is() -> None:
    users = {b"long": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4))}
    passwords = Passwords()
    assert ask(passwords, b"long", b"x" * 72, users)
    assert not ask(passwords, b"long", b"x" * 73, users)


def test_a_new_hash_makes_the_old_password_wrong() -> None:
    passwords = Passwords()
    assert ask(passwords, b"cheap", b"of cheap")
    changed = {**USERS, b"cheap": bcrypt.hashpw(b"new", bcrypt.gensalt(4))}
    assert not ask(passwords, b"cheap", b"of cheap", changed)
    assert ask(passwords, b"cheap", b"new", changed)
    assert not ask(passwords, b"cheap", b"of cheap", {b"dear": USERS[b"dear"]})


def test_no_password_is_kept() -> None:
    passwords = Passwords()
    assert ask(passwords, b"cheap", b"of cheap")
    kept = repr(vars(passwords)).encode()
    assert b"of cheap" not in kept
    assert USERS[b"cheap"] not in kept


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_passwords, "_MOST_REMEMBERED", 2)
    passwords = Passwords()
    for number in range(4):
        password = b"%d" % number
        assert ask(passwords, b"a", password, {b"a": bcrypt.hashpw(password, bcrypt.gensalt(4))})
    assert len(passwords._right) <= 2


def test_a_flood_of_wrong_passwords_keeps_nobody_else_waiting(checks: Checks) -> None:
    asyncio.run(flooded(checks))


async def flooded(checks: Checks) -> None:
    passwords = Passwords()
    assert await passwords.are_right(USERS, b"cheap", b"of cheap", "prometheus")
    checks.free.clear()
    flood = [
        asyncio.create_task(passwords.are_right(USERS, b"cheap", b"%d" % number, "attacker"))
        for number in range(50)
    ]
    await asyncio.sleep(0)
    # Neither what is remembered nor another address waits for them.
    assert await passwords.are_right(USERS, b"cheap", b"of cheap", "prometheus")
    other = asyncio.create_task(passwords.are_right(USERS, b"dear", b"of dear", "other"))
    await asyncio.sleep(0)
    checks.free.set()
    assert await other
    ended = await asyncio.gather(*flood, return_exceptions=True)
    assert sum(isinstance(one, TooManyChecksError) for one in ended) == 42
    assert sum(one is False for one in ended) == 8
    hashes = [USERS[b"cheap"], USERS[b"dear"]]
    tried = [hashed for hashed in checks.hashes if hashed in hashes]
    assert tried.index(USERS[b"dear"]) <= 2
    assert not passwords._turns
    assert not passwords._waiting
