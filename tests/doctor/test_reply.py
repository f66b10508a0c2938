import pytest

from pin_exporter.api.errors import (
    ConnectionFailedError,
    MalformedError,
    PollError,
    TooLargeError,
)
from pin_exporter.api.model import Page, Pin, Totals
from pin_exporter.doctor.reply import Purpose, Query, Reply


@pytest.mark.parametrize(
    ("error", "detail", "hint"),
    [
        (ConnectionFailedError("a: b: check c"), "a: b", "check c"),
        (TooLargeError("too large: lower page_size"), "too large", "lower page_size"),
        (MalformedError("not JSON: byte 0"), "not JSON: byte 0", "base_url"),
    ],
)
def test_an_error_is_taken_apart_into_what_and_what_to_do(error: PollError, detail: str, hint: str) -> None:
    shown = Reply(Query(Purpose.WATCH, 1), 0.0, 0.0, 0.0, error=error).detail_and_hint

    assert shown[0] == detail
    assert hint in shown[1]


@pytest.mark.parametrize(
    ("files", "offset", "rows", "expected"),
    [
        (20, 0, "pp", 2),
        (20, 0, "pppppppppp", 10),
        (20, 0, "ppppnppppp", 10),  # in the place of a row
        (20, 0, "ppppppppppn", 10),  # in addition to ten rows
        (20, 18, "ppn", 2),  # in addition to the two rows left
        (20, 18, "pn", 2),
    ],
)
def test_null_elements_count_only_in_the_place_of_rows(
    files: int, offset: int, rows: str, expected: int
) -> None:
    pins = [Pin(str(number)) if kind == "p" else None for number, kind in enumerate(rows)]
    reply = Reply(Query(Purpose.REST, 10, offset), 0.0, 0.0, 0.0, page=Page(Totals(files, 0), pins))

    assert (reply.rows, reply.malformed) == (expected, rows.count("n"))
