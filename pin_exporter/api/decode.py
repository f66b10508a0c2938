"""Turn the body of a 200 into a page; pure, typed, and forgiving of single rows."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

import msgspec

from pin_exporter.api.errors import MalformedError, TooLargeError
from pin_exporter.api.model import Metadata, Page, Pin, Totals
from pin_exporter.toolkit.display_text import one_line

_Row = TypeVar("_Row")
_MAX_ROWS: Final = 20_000
_MAX_ESCAPES: Final = 200_000
_MAX_COMMAS: Final = 20 * _MAX_ROWS
_MAX_BRACES: Final = 4 * _MAX_ROWS
"""A pin has some 13 commas and 2 braces. Counting them first keeps tiny elements from filling the memory."""
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""A JSON escape sequence; the group is half a surrogate pair, standing alone."""
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

    A row that cannot be read becomes None. `redact` takes the keys out of the API's own words. Raises
    MalformedError when the body as a whole cannot be used: not JSON, another shape, an error envelope, nested
    too deeply.
    """
    if body.count(b",") > _MAX_COMMAS or body.count(b"{") > _MAX_BRACES:
        raise TooLargeError("the API's answer has more elements than any page of pins: lower page_size")
    try:
        answer: _Body[Pin | None] = _page.decode(body)
    except _UNREADABLE:
        answer = _row_by_row(body)
    status = answer.status if isinstance(answer.status, str) else None
    if answer.data is None or (status or "success").lower() != "success":
        told = error_message(body, redact) or "no message"
        shown = "" if status is None else f" (status {one_line(redact(status))!r})"
        raise MalformedError(f"the API answered 200 with an error: {told}{shown}")
    rows = answer.data.pins or ()
    if len(rows) > _MAX_ROWS:
        raise TooLargeError(f"the API sent {len(rows)} rows in one page: lower page_size")
    return Page(answer.data.totals, rows)


def error_message(body: bytes | bytearray, redact: Callable[[str], str] = str) -> str | None:
    """Return the message of an error envelope on one line, None when the body is none."""
    try:
        answer = _envelope.decode(body)
    except _UNREADABLE:
        return None
    return one_line(redact(answer.message)) if isinstance(answer.message, str) else None


def without_keys(page: Page, redact: Callable[[str], str]) -> Page:
    """Return a page of which `redact` has seen every text, should the other side have echoed a key.

    All in one first: nearly always, that is all there is to do.
    """
    texts = (
        text
        for row in page.rows
        if row
        for text in (row.id, row.cid, row.status, row.sub_hash_status, row.name)
        if text
    )
    together = "\0".join(texts)
    if redact(together) == together:
        return page

    def clean(text: str | None) -> str | None:
        return text and redact(text)

    rows = [
        row
        and replace(
            row,
            id=redact(row.id),
            cid=clean(row.cid),
            status=clean(row.status),
            sub_hash_status=clean(row.sub_hash_status),
            metadata=Metadata(clean(row.name)),
        )
        for row in page.rows
    ]
    return Page(page.totals, rows)


def _row_by_row(body: bytes | bytearray) -> _Body[Pin | None]:
    """Decode a page of which at least one row cannot be read, or fail for the page as a whole."""
    try:
        answer: _Body[msgspec.Raw] = _page_of_raw_rows.decode(_with_whole_characters(body))
        if answer.data is None:
            return _Body(None, answer.status, answer.message)
        raw_rows = answer.data.pins or ()
        if len(raw_rows) > _MAX_ROWS:
            raise TooLargeError(f"the API sent {len(raw_rows)} rows in one page: lower page_size")
        rows = [_row(bytes(raw)) for raw in raw_rows]
        return _Body(_Data(answer.data.totals, rows), answer.status, answer.message)
    except RecursionError:
        raise MalformedError("the API's answer is nested too deeply") from None
    except _UNREADABLE as error:
        raise MalformedError(f"the API's answer is not a list of pins: {one_line(str(error))}") from None


def _with_whole_characters(body: bytes | bytearray) -> bytes:
    """Replace lone surrogates as Go does: one odd name must not cost the page."""
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
    """Read a date leniently: a pin whose date is odd is still a pin, of unknown age."""
    try:
        value = msgspec.json.decode(raw)
        date = datetime.fromisoformat(value) if isinstance(value, str) else None
    except _UNREADABLE:
        return None
    return date.replace(tzinfo=UTC) if date is not None and date.tzinfo is None else date


_LENIENT: Final[Mapping[str, Callable[[msgspec.Raw], object]]] = {"date_pinned": _date, "metadata": _metadata}
"""What may be odd without a pin being no pin."""
