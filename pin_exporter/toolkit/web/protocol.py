"""What a connection to our own port may cost: time for each step, and room beside the others.

The server library waits without end for a client that says nothing more or takes nothing more. Here it is cut
off in time, and at once when room is needed.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import h11
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from pin_exporter.toolkit.web.limits import HEAD_SECONDS, LIMIT_CONCURRENCY, TAKE_SECONDS, ConnectionLimits
from pin_exporter.toolkit.web.tls import Tls


class BoundedProtocol(H11Protocol):
    """One connection."""

    def __init__(
        self, inbound: ConnectionLimits, tls: Tls | None, begun: Callable[[], None], **given: Any
    ) -> None:
        super().__init__(**given)
        self._app = self.app
        self.app = self._answer
        self._inbound = inbound
        self._tls = tls
        self._begun = begun
        self._has_ended = False
        self._timers: dict[Callable[[], None], asyncio.TimerHandle] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the library
        """Begin, unless the client is nobody who may come in."""
        self._begun()
        super().connection_made(transport)
        self._inbound.open.add(self)
        if self._tls is not None and not self._tls.admits(transport.get_extra_info("peercert")):
            self.cut_off("certificate")
        self._settle()

    def data_received(self, data: bytes) -> None:
        """Take what the client sends."""
        if not self.transport.is_closing():
            super().data_received(data)
            self._settle()

    def eof_received(self) -> bool:  # type: ignore[override] # as asyncio has it
        """Answer what has come in whole, though the client will say no more. No loop can do that with TLS."""
        self._has_ended = True
        return self._tls is None and self._has_to_answer()

    def handle_events(self) -> None:
        """Begin what has come in whole, and take note of a request that the library refuses."""
        before = self.cycle
        super().handle_events()
        limit = LIMIT_CONCURRENCY
        if self.cycle is not before and (len(self.connections) >= limit or len(self.tasks) > limit):
            self._inbound.refused("busy")

    def on_response_complete(self) -> None:
        """Wait for the next request, if there may be one."""
        super().on_response_complete()
        if self._has_ended and not self._has_to_answer():
            self.transport.close()
        self._settle()

    def pause_writing(self) -> None:
        """Take note that the client does not take its answer."""
        super().pause_writing()
        self._settle()

    def resume_writing(self) -> None:
        """Take note that it does."""
        super().resume_writing()
        self._settle()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, with the headers of every answer; not in the middle of another answer."""
        if self._is_busy() or self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        plain = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        headers = self.server_state.default_headers + plain
        answer: Sequence[h11.Event] = (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=msg.encode("ascii")),
            h11.EndOfMessage(),
        )
        for event in answer:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def shutdown(self) -> None:
        """End, because the server does; idle clients are not waited for, not even for a farewell in TLS."""
        if self._is_busy() or self._is_owed():
            super().shutdown()
        else:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self._let_go()
        super().connection_lost(exc)

    def cut_off(self, reason: str) -> None:
        """End the connection at once, whatever the client would still have sent or taken."""
        self._let_go()
        self._inbound.refused(reason)
        self.transport.abort()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application. Only the server cancels it, when it ends and has waited long enough."""
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if self.cycle.response_started or self.flow.write_paused:
                self.cycle.disconnected = True  # or the library would take it for a bug
                self.transport.abort()
            else:
                await PlainTextResponse("the exporter is stopping\n", 503)(scope, receive, send)

    def _let_go(self) -> None:
        self._inbound.open.discard(self)
        self._inbound.waiting.pop(self, None)
        self.connections.discard(self)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _is_busy(self) -> bool:
        cycle = cast(RequestResponseCycle | None, self.cycle)
        return cycle is not None and not cycle.response_complete

    def _has_to_answer(self) -> bool:
        """Return whether a request has come in whole, and its answer has not gone out."""
        return self._is_busy() and self.conn.their_state is not h11.SEND_BODY

    def _is_owed(self) -> bool:
        """Return whether the client has to send the rest of a request, or to take an answer."""
        if self._is_busy():
            return self.flow.write_paused or self.conn.their_state is h11.SEND_BODY
        return self.transport.get_write_buffer_size() > 0

    def _settle(self) -> None:
        """Have the timers and the line of those that wait agree with the state of the connection."""
        if self not in self._inbound.open:
            return
        busy, owed = self._is_busy(), self._is_owed()
        self._time(self._head_is_late, HEAD_SECONDS, wanted=not busy)
        self._time(self._rest_is_late, TAKE_SECONDS, wanted=owed)
        if busy and not owed:
            self._inbound.waiting.pop(self, None)
        else:
            self._inbound.waiting.setdefault(self)

    def _time(self, late: Callable[[], None], seconds: float, *, wanted: bool) -> None:
        """Start a timer, unless it runs already, or stop it."""
        if not wanted and late in self._timers:
            self._timers.pop(late).cancel()
        elif wanted and late not in self._timers:
            self._timers[late] = self.loop.call_later(seconds, late)

    def _head_is_late(self) -> None:
        del self._timers[self._head_is_late]
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            self._settle()  # it may be a slow reader, who has more time
        else:
            self.cut_off("slow")

    def _rest_is_late(self) -> None:
        del self._timers[self._rest_is_late]
        if self._is_owed():
            self.cut_off("slow")
