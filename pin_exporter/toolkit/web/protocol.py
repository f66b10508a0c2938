"""uvicorn's HTTP protocol with limits on the time that a client may take.

uvicorn waits forever for a client that stops sending or reading. Here, such a connection is closed after some
seconds, or at once if other connections need the room.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

import h11
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from pin_exporter.toolkit.web.limits import Connections, Refusal
from pin_exporter.toolkit.web.middleware import encoded
from pin_exporter.toolkit.web.tls import Tls

_TWO_LENGTHS: Final = {b"content-length", b"transfer-encoding"}
"""Where both are given, a proxy may see the end of the request elsewhere (RFC 9112, 6.1)."""


class BoundedProtocol(H11Protocol):
    """One connection.

    `on_connected` is called when the protocol takes over from the handshake; `more` is for uvicorn.
    """

    def __init__(
        self, shared: Connections, tls: Tls | None, on_connected: Callable[[], None], **more: Any
    ) -> None:
        super().__init__(**more)
        self._application = self.app
        self.app = self._run_application
        self._shared = shared
        self._tls = tls
        self._on_connected = on_connected
        self._has_ended = False
        self._timers: dict[Callable[[], None], asyncio.TimerHandle] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Start, unless the names in the client's certificate are not allowed."""
        self._on_connected()
        super().connection_made(transport)
        self._shared.open.add(self)
        if self._tls is not None and not self._tls.admits(transport.get_extra_info("peercert")):
            self.cut_off(Refusal.CERTIFICATE)
        self._update_timers()

    def data_received(self, data: bytes) -> None:
        """Handle what the client sends."""
        if not self.transport.is_closing():
            super().data_received(data)
            self._update_timers()

    def eof_received(self) -> bool:  # type: ignore[override] # as asyncio has it
        """Keep the connection open until every request is answered. Event loops cannot do that with TLS."""
        self._has_ended = True
        return self._tls is None and self._owes_response()

    def on_response_complete(self) -> None:
        """Wait for the next request, if there may be one."""
        super().on_response_complete()
        if self._has_ended and not self._owes_response():
            self.transport.close()
        self._update_timers()

    def pause_writing(self) -> None:
        """Notice that the client does not read."""
        super().pause_writing()
        self._update_timers()

    def resume_writing(self) -> None:
        """Notice that the client reads again."""
        super().resume_writing()
        self._update_timers()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, with the configured headers, but not in the middle of another response."""
        if self._is_busy() or self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        headers = [
            *self.server_state.default_headers,
            *encoded(self._shared.web_config.config.headers),
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=msg.encode("ascii")),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def shutdown(self) -> None:
        """Close because the server stops, without waiting for an idle client."""
        if self._is_busy() or self._waits_for_client():
            super().shutdown()
        else:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self._let_go()
        super().connection_lost(exc)

    def cut_off(self, reason: Refusal | None) -> None:
        """Close the connection at once, whatever the client would still send or read."""
        self._let_go()
        if reason:
            self._shared.refusals[reason] += 1
        self.transport.abort()

    async def _run_application(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application. Only a server that stops cancels it, after a grace period."""
        application = self._application
        if {name for name, _ in scope["headers"]} >= _TWO_LENGTHS:
            application = self._last_response("send Content-Length or Transfer-Encoding, not both\n", 400)
        try:
            await application(scope, receive, send)
        except asyncio.CancelledError:
            if self.cycle.response_started or self.flow.write_paused:
                self.cycle.disconnected = True  # otherwise uvicorn logs an error
                self.transport.abort()
            else:
                await self._last_response("the server is stopping\n", 503)(scope, receive, send)

    def _last_response(self, text: str, status: int) -> PlainTextResponse:
        headers = {**self._shared.web_config.config.headers, "Connection": "close"}
        return PlainTextResponse(text, status, headers)

    def _let_go(self) -> None:
        self._shared.open.discard(self)
        self._shared.waiting.pop(self, None)
        self.connections.discard(self)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _is_busy(self) -> bool:
        """Return whether a request is in progress."""
        cycle = cast(RequestResponseCycle | None, self.cycle)
        return cycle is not None and not cycle.response_complete

    def _owes_response(self) -> bool:
        """Return whether a whole request was received and its response not sent yet."""
        return self._is_busy() and self.conn.their_state is not h11.SEND_BODY

    def _waits_for_client(self) -> bool:
        """Return whether the client has to send the rest of a request, or to read a response."""
        if self._is_busy():
            return self.flow.write_paused or self.conn.their_state is h11.SEND_BODY
        return self.transport.get_write_buffer_size() > 0

    def _update_timers(self) -> None:
        """Start and stop the timers, and join or leave those that wait for their client."""
        if self not in self._shared.open:
            return
        busy, waits = self._is_busy(), self._waits_for_client()
        self._set_timer(self._head_is_late, self._shared.limits.head_seconds, wanted=not busy)
        self._set_timer(self._body_is_late, self._shared.limits.body_seconds, wanted=waits)
        if busy and not waits:
            self._shared.waiting.pop(self, None)
        else:
            self._shared.waiting.setdefault(self)

    def _set_timer(self, expired: Callable[[], None], seconds: float, *, wanted: bool) -> None:
        """Start a timer unless it runs already, or stop it."""
        if not wanted and expired in self._timers:
            self._timers.pop(expired).cancel()
        elif wanted and expired not in self._timers:
            self._timers[expired] = self.loop.call_later(seconds, expired)

    def _head_is_late(self) -> None:
        del self._timers[self._head_is_late]
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            self._update_timers()  # the client may still read a response, for which it has more time
        else:
            self.cut_off(Refusal.SLOW)

    def _body_is_late(self) -> None:
        del self._timers[self._body_is_late]
        if self._waits_for_client():
            self.cut_off(Refusal.SLOW)
