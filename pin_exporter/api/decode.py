"""Decode the body of a 200 into a typed page; a single unreadable row does not cost the page."""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

import msgspec

from pin_exporter.api.errors import MalformedError, TooLargeError
from pin_exporter.api.model import Metadata, Page, Pin, Totals
from pin_exporter.toolkit.display_text import one_line
from pin_exporter.toolkit.redaction import REDACTED, SecretFinder

_Row = TypeVar("_Row")
_MAX_ROWS: Final = 20_000
_MAX_ESCAPES: Final = 200_000
_MAX_COMMAS: Final = 20 * _MAX_ROWS
_MAX_BRACES: Final = 4 * _MAX_ROWS
"""A pin has about 13 commas and 2 braces. Counting them first keeps tiny elements from filling the memory."""
_MAX_QUOTED_LENGTH: Final = 64 * 2**10
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""A JSON escape sequence; the group matches a lone surrogate."""
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)


class _Data(msgspec.Struct, Generic[_Row]):
    totals: Totals
    pins: list[_Row] | None


class _Body(msgspec.Struct, Generic[_Row]):
    data: _Data[_Row] | None = None
    status: Any = None
    message: Any = None


# Lax: sizes and totals may come as strings of digits, as other pinning services send them.
_page = msgspec.json.Decoder(_Body[Pin | None], strict=False)
_page_of_raw_rows = msgspec.json.Decoder(_Body[msgspec.Raw], strict=False)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_pin = msgspec.json.Decoder(Pin, strict=False)
_envelope = msgspec.json.Decoder(_Body[Any], strict=False)


def decode_page(body: bytes | bytearray, redact: Callable[[str], str] = str) -> Page:
    """Decode `{"data": {"totals": {…}, "pins": […]}, "status": "success"}`.

    An unreadable row becomes None. `redact` removes keys from the API's messages. Raises MalformedError if
    the body as a whole cannot be used: not JSON, wrong shape, an error envelope, nested too deeply.
    """
    body = body.removeprefix(BOM_UTF8)  # some proxies add a byte order mark
    if body.count(b",") > _MAX_COMMAS or body.count(b"{") > _MAX_BRACES:
        raise TooLargeError("the API's response has more elements than any page of pins: lower page_size")
    try:
        decoded: _Body[Pin | None] = _page.decode(body)
    except _UNREADABLE:
        decoded = _row_by_row(body)
    status = decoded.status if isinstance(decoded.status, str) else None
    if decoded.data is None or (status or "success").lower() != "success":
        message = error_message(body, redact) or "no message"
        status = "" if status is None else f" (status {_quoted(status, redact)!r})"
        raise MalformedError(f"the API responded 200 with an error: {message}{status}")
    return Page(decoded.data.totals, _checked_rows(decoded.data))


def error_message(body: bytes | bytearray, redact: Callable[[str], str] = str) -> str | None:
    """Return the message of an error envelope on one line, None if the body is not one."""
    try:
        envelope = _envelope.decode(body.removeprefix(BOM_UTF8))
    except _UNREADABLE:
        return None
    return _quoted(envelope.message, redact) if isinstance(envelope.message, str) else None


def _quoted(text: str, redact: Callable[[str], str]) -> str:
    """Return a text of the API on one line. One that is too long to be redacted at once is only described."""
    if len(text) > _MAX_QUOTED_LENGTH:
        return f"a text of {len(text):,} characters"
    return one_line(redact(text))


def redact_page(page: Page, keys: SecretFinder) -> Page:
    """Return a page without the texts that contain a key, in case the server echoes one.

    Such a text becomes `[redacted]`, and a row whose id contains a key None. All texts are searched as one
    first: nearly always there is nothing to redact.
    """
    if not keys.is_in("\0".join(text for row in page.rows if row for text in _texts(row) if text)):
        return page

    def redacted(row: Pin) -> Pin | None:
        id_, cid, status, sub_hash_status, name = (
            REDACTED if text and keys.is_in(text) else text for text in _texts(row)
        )
        if id_ != row.id:
            return None
        metadata = Metadata(name)
        return replace(row, cid=cid, status=status, sub_hash_status=sub_hash_status, metadata=metadata)

    return Page(page.totals, [row and redacted(row) for row in page.rows])


def _texts(row: Pin) -> tuple[str | None, ...]:
    return row.id, row.cid, row.status, row.sub_hash_status, row.name


def _row_by_row(body: bytes | bytearray) -> _Body[Pin | None]:
    """Decode a page with unreadable rows. Raises MalformedError if the page as a whole is unreadable."""
    try:
        decoded: _Body[msgspec.Raw] = _page_of_raw_rows.decode(_without_lone_surrogates(body))
        if decoded.data is None:
            return _Body(None, decoded.status, decoded.message)
        rows = [_row(bytes(raw)) for raw in _checked_rows(decoded.data)]
        return _Body(_Data(decoded.data.totals, rows), decoded.status, decoded.message)
    except RecursionError:
        raise MalformedError("the API's response is nested too deeply") from None
    except _UNREADABLE as error:
        raise MalformedError(f"the API's response is not a list of pins: {one_line(str(error))}") from None


def _checked_rows(data: _Data[_Row]) -> Sequence[_Row]:
    rows = data.pins or ()
    if len(rows) > _MAX_ROWS:
        raise TooLargeError(f"the API sent {len(rows)} rows in one page: lower page_size")
    return rows


def _without_lone_surrogates(body: bytes | bytearray) -> bytes:
    """Replace lone surrogates as Go does: one invalid name must not cost the page."""
    if body.count(b"\\") > _MAX_ESCAPES:
        return bytes(body)
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], body)


def _row(raw: bytes) -> Pin | None:
    try:
        fields = _fields.decode(raw)
        for name, decoded in _LENIENT.items():
            if name in fields:
                fields[name] = msgspec.Raw(msgspec.json.encode(decoded(fields[name])))
        return _pin.decode(msgspec.json.encode(fields))
    except _UNREADABLE:
        return None


def _metadata(raw: msgspec.Raw) -> Metadata | None:
    try:
        return msgspec.json.decode(raw, type=Metadata)
    except _UNREADABLE:
        return None


def _date(raw: msgspec.Raw) -> datetime | None:
    """Return a date, None for an invalid one: the pin still counts, with an unknown age."""
    try:
        value = msgspec.json.decode(raw)
        date = datetime.fromisoformat(value) if isinstance(value, str) else None
    except _UNREADABLE:
        return None
    return date.replace(tzinfo=UTC) if date is not None and date.tzinfo is None else date


_LENIENT: Final[Mapping[str, Callable[[msgspec.Raw], object]]] = {"date_pinned": _date, "metadata": _metadata}
"""The fields that may be invalid without making the row unreadable."""
