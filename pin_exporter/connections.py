"""What a connection may cost: encryption, time for each step, and room beside the others.

The server library waits without end for a client that says nothing more or takes nothing more. Here it is cut
off in time, and at once when room is needed.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from pin_exporter.inbound import LIMIT_CONCURRENCY, Inbound
from pin_exporter.web_tls import Tls

HEAD_SECONDS: Final = 10.0
"""For a request's head, and for the handshake and the head of the first."""
EXCHANGE_SECONDS: Final = 30.0
"""For the rest of a request, and for taking the answer."""
_CLOSE_NOTIFY_SECONDS: Final = 1.0


class BoundedProtocol(H11Protocol):
    """One connection, encrypted if that is configured."""

    def __init__(self, inbound: Inbound, **given: Any) -> None:
        super().__init__(**given)
        self._inbound = inbound
        # Below `transport`, which there is not before the connection is encrypted.
        self._raw = cast(asyncio.Transport, None)
        self._is_open = False
        self._encrypting: asyncio.Task[None] | None = None
        self._early: list[bytes] = []
        self._timers: dict[Callable[[], None], asyncio.TimerHandle] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the library
        """Begin, with the handshake if there is to be one."""
        self._raw = transport
        self._inbound.make_room(len(self.connections))
        tls = self._inbound.config().tls
        if tls is None:
            self._open(transport)
        else:
            self.connections.add(self)
            transport.pause_reading()
            self._encrypting = self.loop.create_task(self._encrypt(tls))
        self._settle()

    def _open(self, transport: asyncio.Transport) -> None:
        self._is_open = True
        super().connection_made(transport)

    async def _encrypt(self, tls: Tls) -> None:
        """Shake hands here and not in the library, which knows of a connection only once that is done."""
        if self._raw.is_closing():
            return
        try:
            transport = await self.loop.start_tls(
                self._raw,
                self,
                tls.context,
                server_side=True,
                ssl_handshake_timeout=HEAD_SECONDS,
                ssl_shutdown_timeout=_CLOSE_NOTIFY_SECONDS,
            )
        except OSError as error:
            if isinstance(error, ssl.SSLError):
                self.cut_off("handshake")
            self._raw.abort()
            return
        if transport is None or transport.is_closing() or self._raw.is_closing():
            return
        if not tls.admits(transport.get_extra_info("peercert")):
            self.cut_off("certificate")
            return
        self._open(transport)
        # What came in one piece with the end of the handshake.
        for data in self._early:
            self.data_received(data)
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        """Take what the client sends."""
        if not self._is_open:
            self._early.append(data)
        elif not self.transport.is_closing():
            super().data_received(data)
            self._settle()

    def handle_events(self) -> None:
        """Begin what has come in whole, and take note of a request that the library refuses."""
        before = self.cycle
        super().handle_events()
        limit = LIMIT_CONCURRENCY
        if self.cycle is not before and (len(self.connections) >= limit or len(self.tasks) > limit):
            self._inbound.refused("busy")

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
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
        plain = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        headers = self.server_state.default_headers + plain
        answer: Sequence[h11.Event] = (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=msg.encode("ascii")),
            h11.EndOfMessage(),
        )
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE) or self._is_busy():
            self.transport.abort()
            return
        for event in answer:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def shutdown(self) -> None:
        """End, because the server does."""
        if not self._is_open:
            self._raw.abort()
        else:
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self._let_go()
        if self._is_open:
            super().connection_lost(exc)

    def cut_off(self, reason: str) -> None:
        """End the connection at once, whatever the client would still have sent or taken."""
        self._let_go()
        if not self._raw.is_closing():
            self._inbound.refused(reason)
        self._raw.abort()

    def _let_go(self) -> None:
        self._inbound.waiting.pop(self, None)
        self.connections.discard(self)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _is_busy(self) -> bool:
        cycle = cast(RequestResponseCycle | None, self.cycle)
        return cycle is not None and not cycle.response_complete

    def _is_owed(self) -> bool:
        """Tell whether the client has to send the rest of a request, or to take an answer."""
        if not self._is_open:
            return False
        if self._is_busy():
            return self.flow.write_paused or self.conn.their_state is h11.SEND_BODY
        return self.flow.write_paused or self._unsent_bytes() > 0

    def _unsent_bytes(self) -> int:
        # One holds what is not encrypted yet, the other what is.
        return self.transport.get_write_buffer_size() + self._raw.get_write_buffer_size()

    def _settle(self) -> None:
        """Have the timers and the line of those that wait agree with the state of the connection."""
        if self not in self.connections:
            return
        busy, owed = self._is_busy(), self._is_owed()
        self._time(self._head_is_late, HEAD_SECONDS, wanted=not busy)
        self._time(self._exchange_is_late, EXCHANGE_SECONDS, wanted=owed)
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
        if self._is_open and self._unsent_bytes():
            self._settle()  # it may be a slow reader, who has more time
        else:
            self.cut_off("slow")

    def _exchange_is_late(self) -> None:
        del self._timers[self._exchange_is_late]
        if self._is_owed():
            self.cut_off("slow")
