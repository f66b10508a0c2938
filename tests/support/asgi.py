"""Requests to an application in the same process."""

import asyncio
from collections.abc import Mapping, Sequence

import httpx
from starlette.types import ASGIApp

Headers = Mapping[str, str] | Sequence[tuple[str, str]] | Sequence[tuple[bytes, bytes]] | None


async def asked(
    app: ASGIApp, path: str = "/", headers: Headers = None, method: str = "GET"
) -> httpx.Response:
    """Return the response. The headers take the place of the client library's own."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        client.headers = httpx.Headers(headers)
        return await client.request(method, path)


def ask(app: ASGIApp, path: str = "/", headers: Headers = None, method: str = "GET") -> httpx.Response:
    """Return the response, on an event loop of its own."""
    return asyncio.run(asked(app, path, headers, method))
