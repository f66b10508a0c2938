"""HTTP basic authentication against bcrypt hashes.

Hashing takes time on purpose, so it runs on a thread of its own, one password at a time, and a correct
password is hashed only once. A wrong password costs the same time whether the user exists or not, so that
time does not reveal user names.
"""

import asyncio
import base64
import binascii
import hashlib
import ipaddress
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import bcrypt
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pin_exporter.toolkit.web.config import cost_of
from pin_exporter.toolkit.web.config_watcher import WebConfigWatcher
from pin_exporter.toolkit.web.fair_queue import FairQueue, QueueFullError
from pin_exporter.toolkit.web.limits import Refusal, Refusals

OPEN_PATHS: Final = frozenset({"/-/healthy", "/-/ready"})
"""Paths that need no password, because probes cannot send one. Compared with the path that is routed."""
_MAX_PASSWORD_BYTES: Final = 72
"""bcrypt ignores what follows."""
_HASH_CHARACTERS: Final = 31
"""What a bcrypt hash contains besides its cost and salt."""


class PasswordChecker:
    """Checks passwords one at a time, and remembers the correct ones by a keyed hash.

    Clients that sent few passwords since their last correct one come first: a client that tries many does not
    delay the others.
    """

    def __init__(
        self,
        queue: FairQueue | None = None,
        *,
        max_remembered: int = 1_000,
        checkpw: Callable[[bytes, bytes], bool] = bcrypt.checkpw,
    ) -> None:
        self._queue = queue or FairQueue()
        self._max_remembered = max_remembered
        self._checkpw = checkpw
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")
        self._key = secrets.token_bytes(32)
        self._correct: set[bytes] = set()

    async def is_correct(
        self, users: Mapping[bytes, bytes], name: bytes, password: bytes, *, client: str
    ) -> bool:
        """Return whether the user has this password. Raises QueueFullError."""
        hashed = users.get(name)
        # bcrypt accepts any continuation of a password of 72 bytes, and of one that contains a NUL.
        usable = len(password) <= _MAX_PASSWORD_BYTES and b"\0" not in password
        digest = self._digest(name, password, hashed or b"")
        if hashed and usable and digest in self._correct:
            return True
        highest_cost = max(map(cost_of, users.values()))
        checked = password if usable else b""
        async with self._queue.turn(client):
            loop = asyncio.get_running_loop()
            matches = await loop.run_in_executor(self._thread, self._check, hashed, checked, highest_cost)
        is_correct = matches and usable
        if is_correct:
            self._queue.forget(client)
            if len(self._correct) >= self._max_remembered:  # after many changes of the file
                self._correct.clear()
            self._correct.add(digest)
        return is_correct

    def _check(self, hashed: bytes | None, password: bytes, highest_cost: int) -> bool:
        """Check a password. A wrong one takes as much work as the hash of the highest cost."""
        if hashed is None:
            self._waste_work(password, highest_cost)
            return False
        if self._checkpw(password, hashed):
            return True
        # Each step of cost doubles the work: c and c, c + 1, … add up to the highest.
        for cost in range(cost_of(hashed), highest_cost):
            self._waste_work(password, cost)
        return False

    def _waste_work(self, password: bytes, cost: int) -> None:
        self._checkpw(password, bcrypt.gensalt(cost) + b"." * _HASH_CHARACTERS)

    def _digest(self, *parts: bytes) -> bytes:
        digest = hashlib.blake2b(key=self._key)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()


class BasicAuth:
    """Passes a request on if the web config names no users, or if it carries the password of one of them."""

    def __init__(
        self,
        app: ASGIApp,
        web_config: WebConfigWatcher,
        refusals: Refusals,
        *,
        realm: str,
        passwords: PasswordChecker | None = None,
    ) -> None:
        self._app = app
        self._web_config = web_config
        self._refusals = refusals
        self._challenge = {"WWW-Authenticate": f'Basic realm="{realm}", charset="UTF-8"'}
        self._passwords = passwords or PasswordChecker()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        response = None if scope["type"] != "http" else await self._refuse(scope)
        await (response or self._app)(scope, receive, send)

    async def _refuse(self, scope: Scope) -> Response | None:
        """Return the response to a request that must not pass, None for one that may."""
        users = self._web_config.config.users
        if not users or scope["path"] in OPEN_PATHS:
            return None
        credentials = _credentials(scope)
        client = network_of((scope.get("client") or ("", 0))[0])
        try:
            if credentials and await self._passwords.is_correct(users, *credentials, client=client):
                return None
        except QueueFullError:
            self._refusals[Refusal.BUSY] += 1
            message = "too many passwords to check: try again later\n"
            return PlainTextResponse(message, 503, {"Retry-After": "1"})
        self._refusals[Refusal.PASSWORD] += 1
        message = "basic auth is required: send a user name and password\n"
        return PlainTextResponse(message, 401, self._challenge)


def network_of(host: str) -> str:
    """Return what counts as one client: an IPv4 address, or a /64 of IPv6, which one host can have alone."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    # A socket for both families shows IPv4 addresses as ::ffff:192.0.2.1.
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))


def _credentials(scope: Scope) -> tuple[bytes, bytes] | None:
    """Return user name and password, None unless there is exactly one well-formed header."""
    values: list[bytes] = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(values) != 1:
        return None
    scheme, _, encoded = values[0].partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except binascii.Error:
        return None
    return (name, password) if colon else None
