"""Take the path out of a request's target that is written as a whole URL, as clients of proxies do."""

import re
from typing import Final
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

_ORIGIN: Final = re.compile(rb"https?://[^/#]+(?=/|\Z)", re.IGNORECASE)


class WholeUrlsTaken:
    """Passes each request on to `app` as if its target were only a path, whatever host it names.

    Belongs before all that looks at the path, most of all before what asks for passwords.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        # Not in the path as it was decoded: there, a host may have become more than that.
        if scope["type"] == "http" and (origin := _ORIGIN.match(scope["raw_path"])):
            raw = scope["raw_path"][origin.end() :] or b"/"
            scope = {**scope, "raw_path": raw, "path": unquote(raw.decode("ascii"))}
        await self._app(scope, receive, send)
