"""Ask for a name and a password before the application: HTTP basic authentication."""

import base64
import binascii
from collections.abc import Callable
from typing import Final

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pin_exporter.toolkit.errors import TooManyChecksError
from pin_exporter.toolkit.web.config import WebConfig
from pin_exporter.toolkit.web.passwords import Passwords

OPEN_PATHS: Final = frozenset({"/-/healthy", "/-/ready"})
"""What needs no password, for probes have none. Compared with the path as the router sees it."""


class BasicAuth:
    """Lets a request through to `app` if the configuration names no users, or the user's password is right.

    `refused` is told why a request was not: `password` or `busy`.
    """

    def __init__(self, app: ASGIApp, config: Callable[[], WebConfig], refused: Callable[[str], None]) -> None:
        self._app = app
        self._config = config
        self._refused = refused
        self._passwords = Passwords()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        users = self._config().users
        if scope["type"] != "http" or not users or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        given = _credentials(scope)
        client = (scope.get("client") or ("",))[0]
        try:
            if given and await self._passwords.are_right(users, *given, client):
                await self._app(scope, receive, send)
                return
        except TooManyChecksError:
            self._refused("busy")
            busy = PlainTextResponse("too many passwords to check\n", 503, {"Retry-After": "1"})
            await busy(scope, receive, send)
            return
        self._refused("password")
        asked = {"WWW-Authenticate": 'Basic realm="pin-exporter", charset="UTF-8"'}
        await PlainTextResponse("a user's name and password are needed\n", 401, asked)(scope, receive, send)


def _credentials(scope: Scope) -> tuple[bytes, bytes] | None:
    """Return name and password, None unless there is exactly one well-formed header."""
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
