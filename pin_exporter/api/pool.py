"""Lend out the client of one route, and exchange it when the files that TLS takes have changed."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import httpx

from pin_exporter.api.errors import ConnectionFailedError
from pin_exporter.api.proxy_tls import TlsFiles
from pin_exporter.toolkit.log_throttle import LogThrottle
from pin_exporter.toolkit.logs import EventLogger

_log = EventLogger(__name__)

MAX_CONNECTIONS: Final = 100
_NONE: Final = TlsFiles()


class Lease(NamedTuple):
    """A client for one request. `is_stale` says that its files have changed and cannot be used now.

    `slots` are to be entered before the request, and left after its response was closed.
    """

    client: httpx.AsyncClient
    slots: asyncio.Semaphore
    is_stale: bool


class Pool:
    """The client of one route, with its connections.

    `make` returns a new one, or raises ValueError. Whoever has a client that was replaced may finish; it is
    closed when nobody uses it any more, by a task that stands in `closing` until then.

    There are as many slots as connections. Without, requests wait in the library, which looks at all of them
    beside all connections at every turn: with a thousand accounts and a server that no longer answers, that
    held up the loop for 20 seconds. `decoding` is held while a page is decoded, by whoever has been given it.
    """

    def __init__(
        self,
        make: Callable[[], httpx.AsyncClient],
        files: TlsFiles = _NONE,
        elapsed: Callable[[], float] = time.monotonic,
        closing: set[asyncio.Task[None]] | None = None,
        decoding: asyncio.Lock | None = None,
    ) -> None:
        self.decoding = decoding or asyncio.Lock()
        self._make = make
        self._files = files
        self._signature = self._refused = self._files.signature()
        self._client = make()
        self._users: Counter[httpx.AsyncClient] = Counter()
        self._closing = set() if closing is None else closing
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._is_retired = False
        self._unusable = LogThrottle(elapsed)
        self._told = ""

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        """Lend the client, a new one if the files have changed.

        Raises ConnectionFailedError once it is closed: a request may have been on its way to here by then.
        """
        if self._is_retired and not self._users[self._client]:
            raise ConnectionFailedError("its connections are closed: the account is polled no longer")
        is_stale = self._signature != (now := self._files.signature()) and not self._is_renewed(now)
        client = self._client
        self._users[client] += 1
        try:
            yield Lease(client, self._slots, is_stale)
        finally:
            self._users[client] -= 1
            if client is not self._client or self._is_retired:
                self._close_if_idle(client)

    def retire(self) -> None:
        """Close the client as soon as nobody uses it."""
        self._is_retired = True
        self._close_if_idle(self._client)

    def _is_renewed(self, signature: tuple[object, ...]) -> bool:
        """Take a client for the files as they are now, if they can be used.

        Tried when they change, and each time their failure is told of: it may have been for a moment only.
        """
        times = self._unusable.happened(new=self._refused == self._signature)
        if signature != self._refused or times is not None:
            try:
                client = self._make()
            except ValueError as error:
                self._told = str(error)
            else:
                _log.info("certificates_changed", "certificate files changed; new connections use them")
                before, self._client = self._client, client
                self._signature = self._refused = signature
                self._close_if_idle(before)
                return True
        self._refused = signature
        if times is not None:
            told = {"error": self._told, "times": times}
            _log.warning(
                "certificates_unusable",
                "a certificate file cannot be used; keeping the previous certificates",
                **told,
            )
        return False

    def _close_if_idle(self, client: httpx.AsyncClient) -> None:
        if not self._users[client]:
            del self._users[client]
            # On its own: the library loses connections when who closes them is cancelled.
            task = asyncio.get_running_loop().create_task(client.aclose())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
