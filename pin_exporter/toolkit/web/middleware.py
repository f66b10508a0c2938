"""What every request passes through before it reaches the application."""

import asyncio
from collections.abc import Mapping

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pin_exporter.toolkit.web.auth import BasicAuth
from pin_exporter.toolkit.web.config_watcher import WebConfigWatcher
from pin_exporter.toolkit.web.limits import Connections, Refusal, Refusals


def wrap(app: ASGIApp, connections: Connections, *, realm: str) -> ASGIApp:
    """Return the application inside its middleware. A request passes the last one first."""
    app = BasicAuth(app, connections.web_config, connections.refusals, realm=realm)
    app = RequestLimit(app, connections.refusals, connections.limits.requests)
    return ResponseHeaders(app, connections.web_config)


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return headers as they are sent."""
    return [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()]


class ResponseHeaders:
    """Sets the headers of the web config on every response, in place of the application's own."""

    def __init__(self, app: ASGIApp, web_config: WebConfigWatcher) -> None:
        self._app = app
        self._web_config = web_config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        configured = encoded(self._web_config.config.headers)
        names = {name for name, _ in configured}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [pair for pair in message.get("headers", ()) if pair[0].lower() not in names]
                message = {**message, "headers": [*own, *configured]}
            await send(message)

        await self._app(scope, receive, send_with_headers if configured else send)


class RequestLimit:
    """Answers 503 to a request that comes while too many others are in progress."""

    def __init__(self, app: ASGIApp, refusals: Refusals, max_requests: int) -> None:
        self._app = app
        self._refusals = refusals
        self._free = asyncio.BoundedSemaphore(max_requests)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if self._free.locked():
            self._refusals[Refusal.BUSY] += 1
            busy = PlainTextResponse("too many requests at the same time: try again later\n", 503)
            await busy(scope, receive, send)
            return
        async with self._free:
            await self._app(scope, receive, send)
