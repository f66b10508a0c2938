"""Send queries through the exporter's own client, and return what comes back without raising."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from pin_exporter.api.client import PinClient
from pin_exporter.api.credentials import Credentials
from pin_exporter.api.errors import PollError
from pin_exporter.api.pool import Pool
from pin_exporter.api.request_stats import RequestCounter
from pin_exporter.api.status_errors import ApiResponse
from pin_exporter.api.transport_errors import Timeouts
from pin_exporter.doctor.evidence import other_base_url
from pin_exporter.doctor.reply import Query, Reply
from pin_exporter.toolkit.clock import Clock

MAX_TIMEOUT_SECONDS: Final = 10.0
_TEST_PATH: Final = "/apiKeys/testAuthentication"

Send = Callable[[Query], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Senders:
    """The ways to send a query: as configured, with the keys swapped, to another base URL (None for none).

    `are_keys_valid` returns whether the API accepts the keys, whatever their scopes; None if it is unclear.
    """

    configured: Send
    swapped_keys: Send
    other_base_url: Send | None
    are_keys_valid: Callable[[], Awaitable[bool | None]]


def senders_for(
    base_url: str,
    pool: Pool,
    credentials: Callable[[], Credentials],
    timeouts: Timeouts,
    clock: Clock,
) -> Senders:
    """Return the ways to send a query. None of them ever raises: each failure is a reply."""

    def swapped() -> Credentials:
        pair = credentials()
        return replace(pair, api_key=pair.secret_key, secret_key=pair.api_key)

    other = other_base_url(base_url)
    client = partial(PinClient, pool, timeouts=timeouts, counter=RequestCounter())
    return Senders(
        _sender(client(base_url, credentials), clock),
        _sender(client(base_url, swapped), clock),
        _sender(client(other, credentials), clock) if other else None,
        partial(_are_keys_valid, client(base_url, credentials, path=_TEST_PATH)),
    )


def _sender(client: PinClient, clock: Clock) -> Send:
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


async def _are_keys_valid(client: PinClient) -> bool | None:
    try:
        response = await client.send({})
        body = json.loads(bytes(response.body)) if response.status == 200 else None
    except (PollError, ValueError, RecursionError):
        return None
    if response.status == 401:
        return False
    # A proxy's own page has another status, or is not JSON.
    return True if isinstance(body, dict) and body.get("status") in (None, "success") else None
