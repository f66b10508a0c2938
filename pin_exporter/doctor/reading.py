"""Read an answer for the doctor: the page, how it was written, or what went wrong; pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from pin_exporter.api.decode import decode_page, error_message, without_keys
from pin_exporter.api.errors import MalformedError, PollError, TooLargeError
from pin_exporter.api.model import Page
from pin_exporter.api.status_errors import retry_after_seconds
from pin_exporter.doctor.rate_headers import is_rate_header
from pin_exporter.doctor.reply import Reply, Shape, authority
from pin_exporter.toolkit.display_text import one_line
from pin_exporter.toolkit.redaction import REDACTED

_KNOWN_HEADERS: Final = frozenset(
    {"date", "retry-after", "content-encoding", "content-type", "server", "via"}
)

_MAX_HEADERS: Final = 16

Redact = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Received:
    """An answer as it came: `status` None where it did not come in full, `body` as far as it came.

    `cut` says that the body was too large to be read to its end.
    """

    status: int | None
    headers: Mapping[str, str]
    body: bytes
    location: str | None = None
    error: PollError | None = None
    cut: bool = False


def read_reply(asked: Reply, received: Received, redact: Redact) -> Reply:
    """Return the reply with what was received filled in. `redact` takes the keys out of text from outside."""
    headers = _known(received.headers, redact)
    reply = replace(
        asked,
        status=received.status,
        headers=headers,
        body_bytes=len(received.body),
        location=_target(received.location, redact),
        retry_after_seconds=retry_after_seconds(
            headers.get("retry-after"), datetime.fromtimestamp(asked.at, UTC)
        ),
    )
    if received.status is None or received.error is not None:
        return _unanswered(reply, received)
    if received.status != 200:
        return _refused(reply, received, redact)
    try:
        page = _page(received, redact)
    except MalformedError as error:
        return replace(reply, trouble=_malformed(received.body, error), told=str(error))
    shape = _shape(received.body, sum(row is None for row in page.rows))
    return replace(reply, page=page, ids=tuple(row.id for row in page.rows if row), shape=shape)


def _page(received: Received, redact: Redact) -> Page:
    if received.cut:
        raise TooLargeError("the answer is larger than any page should be: lower page_size")
    return redact_page(decode_page(received.body, redact), redact)


def _known(headers: Mapping[str, str], redact: Redact) -> dict[str, str]:
    lowered = {name.lower(): value for name, value in headers.items()}
    known = [name for name in lowered if name in _KNOWN_HEADERS or is_rate_header(name)]
    return {one_line(redact(name)): one_line(redact(lowered[name])) for name in known[:_MAX_HEADERS]}


def _unanswered(reply: Reply, received: Received) -> Reply:
    error = received.error
    reason = error.reason if error else "connection"
    begun = bool(received.headers or received.body)
    trouble = {
        "timeout": "an answer that does not end in time" if begun else "no answer in time",
        "tls": "TLS failed",
        "malformed": "an answer in crumbs",
    }.get(reason, "a connection dropped in mid-answer" if begun else "no connection")
    told, _, hint = str(error or "").rpartition(": ")
    return replace(reply, trouble=trouble, reason=reason, told=one_line(told), hint=one_line(hint))


def _refused(reply: Reply, received: Received, redact: Redact) -> Reply:
    html = received.body.lstrip()[:1] == b"<"
    told = error_message(received.body, redact) or ("a page of HTML" if html else "")
    trouble = f"status {received.status}" + (" with HTML" if html and (received.status or 0) >= 400 else "")
    return replace(reply, trouble=trouble, told=told)


def _malformed(body: bytes, error: MalformedError) -> str:
    text = body.strip()
    kinds = (
        ("200 with too large a body", isinstance(error, TooLargeError)),
        ("200 with an empty body", not text),
        ("200 with HTML", text[:1] == b"<"),
        ("200 with something that is not JSON", text[:1] not in (b"{", b"[")),
        ("200 with JSON that is cut off", text[-1:] not in (b"}", b"]")),
        ("200 with an error in it", error_message(body) is not None),
    )
    return next((kind for kind, fits in kinds if fits), "200 with another shape than a page")


def _shape(body: bytes, missing: int) -> Shape:
    """Look at the JSON once more as it was written. The page was decoded before, so its size is bounded."""
    try:
        pins = json.loads(body)["data"].get("pins")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Shape(unreadable=missing)
    rows: list[Any] = pins if isinstance(pins, list) else []
    objects = [row for row in rows if isinstance(row, dict)]
    nulls = sum(row is None for row in rows)
    return Shape(
        pins_null=pins is None,
        nulls=nulls,
        unreadable=missing - nulls,
        string_sizes=sum(isinstance(row.get("size"), str) for row in objects),
        created={
            str(row.get("id")): row["created_at"][:40]
            for row in objects
            if isinstance(row.get("created_at"), str)
        },
    )


def _target(location: str | None, redact: Redact) -> str | None:
    """Return where a redirect points to, as scheme, host and path."""
    if location is None:
        return None
    try:
        parts = urlsplit(redact(location).replace(REDACTED, "_redacted_"))
        host = authority(parts)
    except ValueError:
        return "nowhere that can be read"
    shown = f"{parts.scheme}://{host}{parts.path}" if host else parts.path
    return one_line(shown.replace("_redacted_", REDACTED)) or "nowhere"
