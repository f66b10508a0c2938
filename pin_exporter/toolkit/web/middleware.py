"""Set the configured response headers on every answer."""

from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return headers as a server sends them."""
    return [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()]


class ConfiguredHeadersWin:
    """Takes from the answers of `app` what is configured, since the server sets that on every answer.

    The server, because it answers by itself too, with 400 and 503. Twice the same header may mean something
    else than either.
    """

    def __init__(self, app: ASGIApp, headers: Callable[[], Mapping[str, str]]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        configured = {name for name, _ in encoded(self._headers())}

        async def send_rest(message: Message) -> None:
            if message["type"] == "http.response.start":
                rest = [pair for pair in message.get("headers", ()) if pair[0].lower() not in configured]
                message = {**message, "headers": rest}
            await send(message)

        await self._app(scope, receive, send_rest if configured else send)
