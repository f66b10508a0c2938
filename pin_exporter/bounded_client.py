"""An HTTP client whose pool of connections never has requests waiting in it."""

import asyncio
from functools import cached_property
from typing import Final

import httpx

MAX_CONNECTIONS: Final = 100
_MAX_IDLE_CONNECTIONS: Final = 20
LIMITS: Final = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=_MAX_IDLE_CONNECTIONS)
"""The pool looks at its idle connections, each beside each, several times a request: a few are enough."""


class BoundedClient(httpx.AsyncClient):
    """A client with as many `slots` as it has connections: whoever sends a request holds one meanwhile.

    Without, requests wait in the pool, which looks at all of them beside all connections at every turn. With
    a thousand accounts and a server that no longer answers, that held up the loop for 20 seconds.
    """

    @cached_property
    def slots(self) -> asyncio.Semaphore:
        """Return the slots, to be entered before a request and left after its response was closed."""
        return asyncio.Semaphore(MAX_CONNECTIONS)
