import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pin_exporter.api.decode import decode_page, error_message, redact_page
from pin_exporter.api.errors import MalformedError, TooLargeError
from pin_exporter.api.model import MAX_INTEGER, Metadata, Page, Pin, Totals
from pin_exporter.toolkit.redaction import SecretFinder

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters())
    | st.sampled_from(["12", "-1", "DONE", "2026-01-01T00:00:00Z", 2**63, 10**400, -1, 1e308]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
FIELDS = [
    *("id", "cid", "size", "date_pinned", "pinned", "is_pin_by_hash", "is_dir", "status", "sub_hash_status"),
    *("metadata", "user_id", "created_at"),
]
ODD_ROWS = st.dictionaries(st.sampled_from(FIELDS), JSON) | JSON
DOCUMENTED = {
    "id": "7f9c1f0a-8c3e-4e5d-9d2b-0a1b2c3d4e5f",
    "file_record_id": "00000000-0000-0000-0000-000000000000",
    "root_hash": "QmRoot",
    "cid": "bafyone",
    "size": 1_024,
    "user_id": "8d0c1f0a-8c3e-4e5d-9d2b-0a1b2c3d4e5f",
    "date_pinned": "2023-11-06T08:31:50.123456Z",
    "date_unpinned": "0001-01-01T00:00:00Z",
    "pinned": True,
    "is_pin_by_hash": False,
    "sub_hash_status": "DONE",
    "is_dir": True,
    "metadata": {"name": "a", "type": "text/plain", "keyvalues": {"k": "v"}},
    "status": "DONE",
}
GOOD = Pin("good", size=7)


def body_of(*rows: bytes, files: str = "1", size: str = "2") -> bytes:
    totals = f'{{"files":{files},"size":{size}}}'
    return f'{{"data":{{"totals":{totals},"pins":['.encode() + b",".join(rows) + b']},"status":"success"}'


def page_or_complaint(body: bytes) -> Page | str:
    try:
        return decode_page(body)
    except MalformedError as error:
        return str(error)


def is_fit_to_show(result: Page | str) -> bool:
    return isinstance(result, Page) or result.isprintable()


def only_row(row: bytes) -> Pin | None:
    """Read a row that stands between two good ones, which it must not cost."""
    good = b'{"id":"good","size":7}'
    first, odd, last = decode_page(body_of(good, row, good)).rows
    assert (first, last) == (GOOD, GOOD)
    return odd


def test_a_documented_row_is_read_in_full() -> None:
    assert only_row(json.dumps(DOCUMENTED).encode()) == Pin(
        id="7f9c1f0a-8c3e-4e5d-9d2b-0a1b2c3d4e5f",
        cid="bafyone",
        size=1_024,
        date_pinned=datetime(2023, 11, 6, 8, 31, 50, 123_456, UTC),
        pinned=True,
        is_pin_by_hash=False,
        is_dir=True,
        status="DONE",
        sub_hash_status="DONE",
    )


@pytest.mark.parametrize("pins", ["[]", "null"])
def test_an_empty_account_has_no_rows_however_it_says_so(pins: str) -> None:
    page = decode_page(f'{{"data":{{"totals":{{"files":0,"size":0}},"pins":{pins}}}}}'.encode())
    assert (page.totals, list(page.rows)) == (Totals(0, 0), [])


@settings(max_examples=300)
@given(st.binary())
def test_any_bytes_are_a_page_or_malformed(body: bytes) -> None:
    assert is_fit_to_show(page_or_complaint(body))


@settings(max_examples=300)
@given(JSON, st.sampled_from(["%s", '{"data":%s}', '{"data":{"totals":%s,"pins":[]}}', '{"status":%s}']))
def test_any_json_is_a_page_or_malformed(value: object, around: str) -> None:
    assert is_fit_to_show(page_or_complaint((around % json.dumps(value)).encode()))


@settings(max_examples=500)
@given(ODD_ROWS)
def test_any_row_is_a_pin_or_none_and_never_costs_the_page(row: object) -> None:
    read = only_row(json.dumps(row).encode())
    if read is not None:
        assert isinstance(row, dict)
        assert read.id
        assert "\N{REPLACEMENT CHARACTER}" in read.id or read.id == row["id"]
        assert read.size is None or 0 <= read.size <= MAX_INTEGER
        assert read.date_pinned is None or read.date_pinned.tzinfo is not None


@settings(max_examples=300)
@given(st.data())
def test_a_page_that_is_cut_off_or_flipped_somewhere_is_a_page_or_malformed(data: st.DataObject) -> None:
    body = bytearray(body_of(json.dumps(DOCUMENTED).encode()))
    place = data.draw(st.integers(0, len(body) - 1))
    if data.draw(st.booleans()):
        del body[place:]
    else:
        body[place] = data.draw(st.integers(0, 255))
    result = page_or_complaint(bytes(body))
    assert is_fit_to_show(result)
    assert isinstance(result, str) or len(result.rows) <= 1


@pytest.mark.parametrize("field", [field for field in FIELDS if field != "id"])
def test_every_field_but_the_id_may_be_absent_or_null(field: str) -> None:
    without = {name: value for name, value in DOCUMENTED.items() if name != field}
    absent = only_row(json.dumps(without).encode())
    assert absent is not None
    assert absent == only_row(json.dumps({**DOCUMENTED, field: None}).encode())


def test_fields_that_nobody_knows_are_passed_over() -> None:
    assert only_row(b'{"id":"a","region":{"a":[1,2]},"x":"\xff","y":1e999}') == Pin("a")


@pytest.mark.parametrize("size", [12, 0, MAX_INTEGER])
def test_a_size_may_be_a_number_or_a_string_of_digits(size: int) -> None:
    for written in (f"{size}", f'"{size}"'):
        assert only_row(f'{{"id":"a","size":{written}}}'.encode()) == Pin("a", size=size)


@pytest.mark.parametrize(
    "row",
    [
        *(b"null", b"5", b"[]", b"{}", b'"a"', b'{"id":null}', b'{"id":""}', b'{"id":5}'),
        *(
            b'{"id":"a",%s}' % field
            for field in (
                *(
                    b'"size":-1',
                    b'"size":"-1"',
                    b'"size":9223372036854775808',
                    b'"size":1e400',
                    b'"size":1.5',
                ),
                *(b'"size":"much"', b'"size":' + b"9" * 5_000, b'"status":5', b'"status":"\xff\xfe"'),
                *(b'"sub_hash_status":{}', b'"pinned":"maybe"'),
            )
        ),
    ],
)
def test_a_row_that_no_pin_can_be_is_none(row: bytes) -> None:
    assert only_row(row) is None


@pytest.mark.parametrize("half", [r"\ud800", r"\uDBFF", r"\udc00", r"\uDFFF", r"\ud800\ud800", r"\ud800\n"])
def test_a_lone_surrogate_in_a_name_costs_nothing(half: str) -> None:
    row = f'{{"id":"a","status":"DONE","metadata":{{"name":"{half}"}}}}'
    assert only_row(row.encode()) == Pin("a", status="DONE")


def test_a_lone_surrogate_in_a_word_is_shown_as_the_replacement_character() -> None:
    pin = only_row(rb'{"id":"a","status":"x\ud800y","sub_hash_status":"\\ud800 \ud83d\ude00"}')
    assert pin == Pin("a", status="x\ufffdy", sub_hash_status="\\ud800 \U0001f600")


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ('{"name":"holiday.tar","type":"x","keyvalues":{"k":1}}', "holiday.tar"),
        (r'{"name":"\u202e\u0000<b>"}', "\u202e\x00<b>"),
        (r'{"name":"\ud83d\ude00 \ud83d"}', "\U0001f600 \ufffd"),
        ('{"name":""}', ""),
        ('{"name":"%s"}' % ("x" * 100_000), "x" * 100_000),
        *((f'{{"name":{name}}}', None) for name in ("null", "7", '["a"]', '{"a": "b"}')),
        *((other, None) for other in ("null", '"name"', "7", "[]", "{}", '[{"name": "x"}]')),
    ],
)
def test_the_name_of_a_pin_is_read_if_it_is_text_and_costs_nothing_else(
    metadata: str, expected: str | None
) -> None:
    pin = only_row(f'{{"id":"a","status":"DONE","metadata":{metadata}}}'.encode())
    assert pin == Pin("a", status="DONE")
    assert pin.name == expected


def test_a_name_is_read_also_when_another_row_of_the_page_cannot_be() -> None:
    named, odd = decode_page(body_of(b'{"id":"a","metadata":{"name":"n"}}', b'{"id":7}')).rows
    assert named is not None
    assert (named.name, odd) == ("n", None)


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("2023-11-06T08:31:50Z", datetime(2023, 11, 6, 8, 31, 50, tzinfo=UTC)),
        ("2023-11-06T08:31:50.5+07:00", datetime(2023, 11, 6, 1, 31, 50, 500_000, UTC)),
        ("2023-11-06T08:31:50.123456789Z", datetime(2023, 11, 6, 8, 31, 50, 123_456, UTC)),
        ("2023-11-06T08:31:50", datetime(2023, 11, 6, 8, 31, 50, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))),
        ("9999-12-31T23:59:59-14:00", datetime(9999, 12, 31, 23, 59, 59, 0, timezone(timedelta(hours=-14)))),
    ],
)
def test_a_date_is_read_with_its_zone_to_the_microsecond(date: str, expected: datetime) -> None:
    pin = only_row(json.dumps({"id": "a", "date_pinned": date}).encode())
    assert pin is not None
    assert pin.date_pinned is not None
    assert abs(pin.date_pinned - expected) <= timedelta(microseconds=1)


@pytest.mark.parametrize(
    "date",
    [
        *('"0000-01-01T00:00:00Z"', '"10000-01-01T00:00:00Z"', '"2023-02-30T00:00:00Z"'),
        *('"2016-12-31T23:59:60Z"', '"yesterday"', '""', "1e300", "true", "[]", "{}"),
    ],
)
def test_a_pin_whose_date_is_odd_is_still_a_pin(date: str) -> None:
    assert only_row(f'{{"id":"a","size":"3","date_pinned":{date}}}'.encode()) == Pin("a", size=3)


@pytest.mark.parametrize("row", [b'{"id":"good","size":7}', b'{"id":5}'])
@pytest.mark.parametrize("files", ["3", '"3"'])
def test_totals_may_be_strings_of_digits_also_beside_an_unreadable_row(files: str, row: bytes) -> None:
    page = decode_page(body_of(row, files=files, size='"4"'))
    assert (page.totals, page.rows) == (Totals(3, 4), [GOOD if b"good" in row else None])


@pytest.mark.parametrize("files", ["-1", "null", "1.5", '"x"', "9223372036854775808", "[]"])
def test_totals_that_cannot_be_cost_the_page(files: str) -> None:
    for body in (body_of(b'{"id":"a"}', files=files), body_of(b'{"id":5}', size=files)):
        with pytest.raises(MalformedError, match="is not a list of pins"):
            decode_page(body)


@pytest.mark.parametrize("end", [b"", b"]" * 10_000])
def test_ten_thousand_levels_are_malformed_wherever_they_are(end: bytes) -> None:
    deep = b"[" * 10_000 + end
    for body in (deep, b'{"data":' + deep + b"}", body_of(deep), body_of(b'{"id":"a","x":' + deep + b"}")):
        with pytest.raises(MalformedError):
            decode_page(body)
        assert error_message(body) is None


@pytest.mark.parametrize(
    "beside",
    [
        *('"status":"success"', '"status":"Success"', '"status":null', '"status":200'),
        *('"message":{"a":1}', '"status":null,"message":[]'),
    ],
)
def test_a_page_need_not_say_success_but_may(beside: str) -> None:
    body = f'{{"data":{{"totals":{{"files":0,"size":0}},"pins":[]}},{beside}}}'
    assert decode_page(body.encode()) == Page(Totals(0, 0), ())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"status":"error","message":"no such\\nkey"}', "no such key (status 'error')"),
        ('{"data":null,"status":"success"}', "no message (status 'success')"),
        ("{}", "no message"),
        (r'{"data":null,"message":"\ud800"}', "no message"),
        ('{"data":{"totals":{"files":1,"size":1},"pins":[]},"status":"failed"}', "(status 'failed')"),
        ('{"data":{"totals":{"files":1,"size":1},"pins":[{"id":5}]},"status":"no"}', "(status 'no')"),
    ],
)
def test_an_error_envelope_in_a_200_is_malformed_and_quoted(body: str, message: str) -> None:
    with pytest.raises(MalformedError) as caught:
        decode_page(body.encode())
    assert str(caught.value).startswith("the API responded 200 with an error: ")
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>502</html>", b"null", b"[]", b"\xff\xfe", b'{"data":{"pins":[]}}'),
        *(b'{"data":{"totals":{"files":1,"size":1}}}', b'{"data":{"totals":{"files":1,"size":1},"pins":{}}}'),
    ],
)
def test_a_body_of_another_shape_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError, match="is not a list of pins"):
        decode_page(body)


@given(st.binary() | st.builds(lambda value: json.dumps(value).encode(), JSON))
def test_looking_for_an_error_message_never_raises(body: bytes) -> None:
    assert isinstance(error_message(body), str | None)


def test_an_error_message_is_found_whatever_stands_beside_it() -> None:
    assert error_message(b'{"status":"error","message":" a\\tb ","data":null}') == "a b"
    assert error_message(b'{"status":"error"}') is None


COMMAS, BRACES, ROWS, ESCAPES = 400_000, 80_000, 20_000, 200_000
"""The most of each in a page."""


@pytest.mark.parametrize(
    ("body", "most"),
    [
        pytest.param(lambda count: b"[" + b"1," * count + b"1]", COMMAS, id="commas"),
        pytest.param(lambda count: b"[" + b"{}" * count + b"]", BRACES, id="braces"),
    ],
)
def test_a_body_of_too_many_elements_is_too_large_to_be_decoded(
    body: Callable[[int], bytes], most: int
) -> None:
    with pytest.raises(MalformedError) as caught:
        decode_page(body(most))
    assert not isinstance(caught.value, TooLargeError)
    with pytest.raises(TooLargeError, match="page_size"):
        decode_page(body(most + 1))


@pytest.mark.parametrize("odd", [b"", b"5,"], ids=["readable", "with an unreadable row"])
def test_a_page_has_at_most_20_000_rows(odd: bytes) -> None:
    rows = ROWS - odd.count(b",")
    body = body_of(odd + b",".join([b"null"] * rows))
    assert len(decode_page(body).rows) == ROWS
    with pytest.raises(TooLargeError, match="page_size"):
        decode_page(body.replace(b'"pins":[', b'"pins":[null,'))


def test_lone_surrogates_are_repaired_up_to_so_many_escapes() -> None:
    row = b'{"id":"a","metadata":{"name":"\\ud800%s"}}'
    assert decode_page(body_of(row % (b"\\n" * (ESCAPES - 1)))).rows[0] is not None
    with pytest.raises(MalformedError):
        decode_page(body_of(row % (b"\\n" * ESCAPES)))


def test_a_text_with_a_key_is_replaced_whole_and_a_row_whose_id_has_one_becomes_none() -> None:
    key = "AKIDzzzzTESTKEY123456789"
    pins = [
        Pin("1", cid=f"x{key}", size=7, status="DONE", metadata=Metadata("n")),
        Pin("2", cid="x", status=f"{key.lower()}y", sub_hash_status=key, metadata=Metadata(f"my {key}")),
        Pin(f"3{key}", size=9),
        None,
    ]
    kept, replaced, hidden, odd = redact_page(Page(Totals(4, 16), pins), SecretFinder([key])).rows
    assert (kept, kept and kept.name) == (Pin("1", cid="[redacted]", size=7, status="DONE"), "n")
    expected = Pin("2", cid="x", status="[redacted]", sub_hash_status="[redacted]")
    assert (replaced, replaced and replaced.name) == (expected, "[redacted]")
    assert (hidden, odd) == (None, None)


def test_a_page_without_a_key_stays_the_same() -> None:
    page = decode_page(body_of(json.dumps(DOCUMENTED).encode(), b"5"))
    assert redact_page(page, SecretFinder(["AKIDzzzzTESTKEY123456789"])) is page


def test_a_message_or_status_of_megabytes_is_described_and_not_quoted() -> None:
    body = {"data": None, "message": "m" * 65_536, "status": "s" * 65_537}
    with pytest.raises(MalformedError, match=r"error: m+… \(status 'a text of 65,537 characters'\)$"):
        decode_page(json.dumps(body).encode())
    assert error_message(json.dumps({"message": "m" * 65_537}).encode()) == "a text of 65,537 characters"
