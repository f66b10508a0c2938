"""The responses of failing requests: every way in which a network or the service can fail."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum

import msgspec
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from pin_exporter.simulator.options import Faults

Sleep = Callable[[float], Awaitable[None]]

_RETRY_AFTER_SECONDS = 5
_ELSEWHERE = "http://elsewhere.invalid/api/pinning/pins/"
_HTML = "<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>\n"


class Fault(StrEnum):
    """A fault of one request; each has a field `<name>_rate` in `Faults`."""

    TOO_MANY_REQUESTS = "too_many_requests"
    SERVER_ERROR = "server_error"
    BAD_GATEWAY = "bad_gateway"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    REDIRECT = "redirect"
    ERROR_ENVELOPE = "error_envelope"
    TRUNCATED_JSON = "truncated_json"
    EMPTY_BODY = "empty_body"
    NOT_JSON = "not_json"
    SLOW_BODY = "slow_body"
    BLACK_HOLE = "black_hole"
    DROPPED_CONNECTION = "dropped_connection"
    DUPLICATE_PAGE = "duplicate_page"
    NULL_PAGE = "null_page"
    SHORT_PAGE = "short_page"


_ENVELOPES = {
    Fault.SERVER_ERROR: (500, "internal server error"),
    Fault.UNAUTHORIZED: (401, "invalid api key or secret key"),
    Fault.FORBIDDEN: (403, "the key lacks the scope data.pin_list"),
    Fault.NOT_FOUND: (404, "not found"),
    Fault.ERROR_ENVELOPE: (200, "something went wrong"),
}
_HTML_PAGES = {
    Fault.REDIRECT: ("301 Moved Permanently", 301),
    Fault.BAD_GATEWAY: ("502 Bad Gateway", 502),
    Fault.NOT_JSON: ("Down for maintenance", 200),
}


class JSON(Response):
    """A JSON response."""

    media_type = "application/json; charset=utf-8"

    def render(self, content: object) -> bytes:
        """Encode the content; bytes are sent as they are."""
        return content if isinstance(content, bytes) else msgspec.json.encode(content)


class _BlackHole(Response):
    """No response until the client disconnects."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _wait_for_disconnect(receive)


class _SlowBody(JSON):
    """One byte of the body per second, until the client disconnects."""

    def __init__(self, body: bytes, sleep: Sleep) -> None:
        super().__init__(body)
        self._sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        disconnected = asyncio.create_task(_wait_for_disconnect(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            for position in range(len(self.body)):
                if disconnected.done():
                    return
                await send(_part(bytes(self.body[position : position + 1])))
                await self._sleep(1)
            await send(_part(b"", more=False))
        finally:
            disconnected.cancel()


class _DroppedConnection(JSON):
    """Half of the body; then the server closes the connection.

    Only an exception makes the server do so; in the same process the client gets it, as ConnectionResetError.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send(_part(bytes(self.body[: len(self.body) // 2])))
        raise ConnectionResetError("simulated: connection dropped in mid-body")


def envelope(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error in the API's format."""
    return JSON({"status": "error", "message": message}, status, headers)


def too_many_requests(faults: Faults, seconds: int = _RETRY_AFTER_SECONDS) -> Response:
    """Return a 429; with `retry_after`, it says to wait for `seconds`."""
    headers = {"Retry-After": str(seconds)} if faults.retry_after else None
    return envelope(429, "too many requests", headers)


def failed_page(fault: Fault | None, faults: Faults) -> Response | None:
    """Return the response to a fault that replaces the page, else None."""
    if fault in _ENVELOPES:
        return envelope(*_ENVELOPES[fault])
    if fault in _HTML_PAGES:
        title, status = _HTML_PAGES[fault]
        headers = {"Location": _ELSEWHERE} if status == 301 else None
        return HTMLResponse(_HTML.format(title=title), status, headers)
    if fault is Fault.TOO_MANY_REQUESTS:
        return too_many_requests(faults)
    if fault is Fault.EMPTY_BODY:
        return JSON(b"")
    return _BlackHole() if fault is Fault.BLACK_HOLE else None


def page_response(fault: Fault | None, body: bytes, sleep: Sleep) -> Response:
    """Return the page's JSON, damaged if the fault affects the body."""
    if fault is Fault.TRUNCATED_JSON:
        return JSON(body[: len(body) // 2])
    if fault is Fault.SLOW_BODY:
        return _SlowBody(body, sleep)
    if fault is Fault.DROPPED_CONNECTION:
        return _DroppedConnection(body)
    return JSON(body)


def _part(body: bytes, *, more: bool = True) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
