"""Send queries through the exporter's own client, and return what comes back without raising."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from pin_exporter.api.client import PinClient
from pin_exporter.api.credentials import Credentials
from pin_exporter.api.errors import PollError
from pin_exporter.api.status_errors import ApiResponse
from pin_exporter.doctor.reply import Query, Reply
from pin_exporter.toolkit.clock import Clock

MAX_TIMEOUT_SECONDS: Final = 10.0

Send = Callable[[Query], Awaitable[Reply]]


def sender(client: PinClient, clock: Clock) -> Send:
    """Return a function that sends a query. It never raises: each failure is a reply."""

    async def send(query: Query) -> Reply:
        response, page, error = ApiResponse(), None, None
        began = clock.elapsed()
        try:
            await client.send(query.parameters(), response)
            page = client.page_of(response)
        except PollError as raised:
            error = raised
        return Reply(
            query,
            began,
            clock.elapsed() - began,
            clock.wall(),
            date=response.headers.get("date", ""),
            page=page,
            ids=tuple(row.id for row in page.rows if row) if page else (),
            error=error,
        )

    return send


def swapped(credentials: Callable[[], Credentials]) -> Callable[[], Credentials]:
    """Return the API key as secret key and the other way round."""

    def source() -> Credentials:
        pair = credentials()
        return replace(pair, api_key=pair.secret_key, secret_key=pair.api_key)

    return source
