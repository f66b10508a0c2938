"""Send queries through the exporter's own client, and read what comes back without raising."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pin_exporter.api.client import MAX_BODY_BYTES, PinClient
from pin_exporter.api.credentials import Credentials
from pin_exporter.api.decode import decode_page, error_message, redact_page
from pin_exporter.api.errors import MalformedError, PollError, TooLargeError
from pin_exporter.api.status_errors import ApiResponse, retry_after_seconds
from pin_exporter.doctor.reply import Failure, Query, Reply, is_rate_limit_header
from pin_exporter.toolkit.clock import Clock
from pin_exporter.toolkit.display_text import one_line
from pin_exporter.toolkit.redaction import REDACTED

MAX_TIMEOUT_SECONDS: Final = 10.0
_USED_HEADERS: Final = frozenset({"date", "retry-after", "content-encoding", "content-type", "server", "via"})
_MAX_HEADERS: Final = 16
_UNREADABLE_URL: Final = "a URL that cannot be read"

Redact = Callable[[str], str]
Send = Callable[[Query], Awaitable[Reply]]


def sender(client: PinClient, credentials: Callable[[], Credentials], clock: Clock) -> Send:
    """Return a function that sends a query. It never raises: each failure is a reply."""

    async def send(query: Query) -> Reply:
        response, error = ApiResponse(), None
        began = clock.elapsed()
        try:
            await client.send(query.parameters(), response)
        except PollError as raised:
            error = raised
        reply = Reply(query, began, clock.elapsed() - began, clock.wall())
        return _read(reply, response, error, credentials().redact)

    return send


def swapped(credentials: Callable[[], Credentials]) -> Callable[[], Credentials]:
    """Return the API key as secret key and the other way round."""

    def source() -> Credentials:
        pair = credentials()
        return replace(pair, api_key=pair.secret_key, secret_key=pair.api_key)

    return source


def authority(parts: SplitResult) -> str:
    """Return a URL's host and port without user and password. Raises ValueError for an invalid port."""
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else name
    return f"{host}:{parts.port}" if parts.port else host


def _read(reply: Reply, response: ApiResponse, error: PollError | None, redact: Redact) -> Reply:
    """Return the reply with the response filled in. `redact` removes the keys from text of the server."""
    headers = _headers(response, redact)
    received = datetime.fromtimestamp(reply.received_at, UTC)
    reply = replace(
        reply,
        status=response.status,
        headers=headers,
        body_bytes=len(response.body),
        location=_target(response.location, redact),
        retry_after_seconds=retry_after_seconds(headers.get("retry-after"), received),
    )
    if response.status is None or error is not None:
        return _incomplete(reply, response, error)
    body = bytes(response.body)
    if response.status != 200:
        detail = error_message(body, redact) or ("an HTML page" if _is_html(body) else "")
        return replace(reply, failure=Failure.HTTP_STATUS, detail=detail)
    try:
        if response.is_too_large:
            raise TooLargeError(f"more than {MAX_BODY_BYTES // 2**20} MiB")
        page = redact_page(decode_page(body, redact), redact)
    except MalformedError as malformed:
        failure = _malformed(body, malformed)
        reason = str(malformed) if failure in (Failure.NOT_A_PAGE, Failure.TOO_LARGE) else ""
        return replace(reply, failure=failure, detail=error_message(body, redact) or reason)
    return replace(reply, page=page, ids=tuple(row.id for row in page.rows if row))


def _headers(response: ApiResponse, redact: Redact) -> dict[str, str]:
    used = [name for name in response.headers if name in _USED_HEADERS or is_rate_limit_header(name)]
    return {one_line(redact(name)): one_line(redact(response.headers[name])) for name in used[:_MAX_HEADERS]}


def _incomplete(reply: Reply, response: ApiResponse, error: PollError | None) -> Reply:
    begun = bool(response.headers or response.body)
    failure = {
        "timeout": Failure.SLOW_RESPONSE if begun else Failure.TIMEOUT,
        "tls": Failure.TLS,
        "malformed": Failure.MALFORMED,
    }.get(error.reason if error else "", Failure.DROPPED_CONNECTION if begun else Failure.CONNECTION)
    # An error ends in what to do about it.
    detail, _, hint = str(error or "").rpartition(": ")
    return replace(reply, failure=failure, detail=one_line(detail), hint=one_line(hint))


def _malformed(body: bytes, error: MalformedError) -> Failure:
    text = body.strip()
    kinds = (
        (Failure.TOO_LARGE, isinstance(error, TooLargeError)),
        (Failure.EMPTY_BODY, not text),
        (Failure.HTML, _is_html(body)),
        (Failure.NOT_JSON, text[:1] not in (b"{", b"[")),
        (Failure.TRUNCATED_JSON, text[-1:] not in (b"}", b"]")),
        (Failure.ERROR_ENVELOPE, error_message(body) is not None),
    )
    return next((kind for kind, applies in kinds if applies), Failure.NOT_A_PAGE)


def _is_html(body: bytes) -> bool:
    return body.lstrip()[:1] == b"<"


def _target(location: str | None, redact: Redact) -> str | None:
    """Return the target of a redirect as scheme, host and path."""
    if location is None:
        return None
    try:
        parts = urlsplit(redact(location).replace(REDACTED, "_redacted_"))
        host = authority(parts)
    except ValueError:
        return _UNREADABLE_URL
    target = f"{parts.scheme}://{host}{parts.path}" if host else parts.path
    return one_line(target.replace("_redacted_", REDACTED)) or _UNREADABLE_URL
