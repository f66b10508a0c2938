"""The HTTP client of one route, with its connections: leased to requests, replaced, and closed safely."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, Final, NamedTuple

import httpx

from pin_exporter.api.errors import ConnectionFailedError
from pin_exporter.api.proxy_tls import TlsFiles
from pin_exporter.toolkit.log_throttle import LogThrottle
from pin_exporter.toolkit.logs import EventLogger

_log = EventLogger(__name__)

MAX_CONNECTIONS: Final = 100
_NO_FILES: Final = TlsFiles()
_EMPTY: Final = httpx.ByteStream(b"")
_h11_state_of: Final = attrgetter("stream._stream._httpcore_stream._stream._connection._h11_state")
"""Returns h11's state of a response's connection: the one place that knows how the libraries nest it."""


class Lease(NamedTuple):
    """A client for one request. `is_stale` means that its files have changed and cannot be used now.

    Enter `slots` before the request, and leave them after the response was closed.
    """

    client: httpx.AsyncClient
    slots: asyncio.Semaphore
    is_stale: bool


class Pool:
    """The client of one route, replaced when its TLS files change.

    `make` returns a new client or raises ValueError. Requests that use a replaced client may finish; it is
    closed when no request uses it any more, by a task that is in `closing` until then.

    There are as many slots as connections. Without them, requests would queue in the library, which compares
    all of them with all connections at every step: with a thousand accounts and a server that no longer
    responds, that blocked the loop for 20 seconds. `decoding` is held while a page is decoded.
    """

    def __init__(
        self,
        make: Callable[[], httpx.AsyncClient],
        files: TlsFiles = _NO_FILES,
        elapsed: Callable[[], float] = time.monotonic,
        closing: set[asyncio.Task[None]] | None = None,
        decoding: asyncio.Lock | None = None,
    ) -> None:
        self.decoding = decoding or asyncio.Lock()
        self._make = make
        self._files = files
        self._signature = self._unusable_signature = self._files.signature()
        self._client = make()
        self._users: Counter[httpx.AsyncClient] = Counter()
        self._closing = set() if closing is None else closing
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._is_retired = False
        self._failures = LogThrottle(elapsed)
        self._problem = ""

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        """Lease the client, a new one if the files have changed.

        Raises ConnectionFailedError if the client is already closed: a request may get here too late.
        """
        if self._is_retired and not self._users[self._client]:
            raise ConnectionFailedError("the connections are closed: the account is no longer polled")
        is_stale = self._signature != (now := self._files.signature()) and not self._has_renewed(now)
        client = self._client
        self._users[client] += 1
        try:
            yield Lease(client, self._slots, is_stale)
        finally:
            self._users[client] -= 1
            if client is not self._client or self._is_retired:
                self._close_if_idle(client)

    def retire(self) -> None:
        """Close the client as soon as no request uses it."""
        self._is_retired = True
        self._close_if_idle(self._client)

    def _has_renewed(self, signature: tuple[object, ...]) -> bool:
        """Make a client for the files as they are now; return whether that succeeded.

        Tried when they change, and each time the failure is logged: it may have been temporary.
        """
        times = self._failures.happened(new=self._unusable_signature == self._signature)
        if signature != self._unusable_signature or times is not None:
            try:
                client = self._make()
            except ValueError as error:
                self._problem = str(error)
            else:
                _log.info("certificates_changed", "certificate files changed; new connections use them")
                before, self._client = self._client, client
                self._signature = self._unusable_signature = signature
                self._close_if_idle(before)
                return True
        self._unusable_signature = signature
        if times is not None:
            _log.warning(
                "certificates_unusable",
                "cannot use a certificate file; keeping the previous certificates",
                error=self._problem,
                times=times,
            )
        return False

    def _close_if_idle(self, client: httpx.AsyncClient) -> None:
        if not self._users[client]:
            del self._users[client]
            # In a task of its own: the library loses connections when the task that closes them is cancelled.
            task = asyncio.get_running_loop().create_task(client.aclose())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def close_response(response: httpx.Response) -> None:
    """Close a response, and its connection too if more bytes arrived than belong to the response.

    The library would take them for the response to the next request, which may be another account's (RFC
    9112, 6.3). Bytes that arrive later, while no request uses the connection, make the library drop it.
    """
    network: Any = response.extensions.get("network_stream")
    try:
        if network is not None:
            state = _h11_state_of(response)
            if state.trailing_data[0] or _has_more(network.read(1)):
                state.send_failed()
    except Exception:  # noqa: BLE001 - unknown version of the library: use each connection only once
        await network.aclose()
    finally:
        await response.aclose()
        # The stream refers to the response. Breaking this cycle frees what the connection has read.
        response.stream = _EMPTY


def _has_more(reading: Coroutine[Any, Any, bytes]) -> bool:
    """Return whether bytes, or the end, have already arrived, possibly in a layer below the library.

    Stepped by hand: under the loop, bytes that arrive meanwhile would be read and lost.
    """
    try:
        while reading.send(None) is None:
            pass  # the coroutine only yields to other tasks
    except Exception:  # noqa: BLE001 - a connection that cannot be read has ended
        return True
    finally:
        reading.close()
    return False
