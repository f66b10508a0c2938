from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.toolkit.redaction import REDACTED, may_hold, redacted, secrets_among

KEY = "sEcrEtzz+abc/defGHIJKLmnopqrstuvWXYZ0123456="
OTHER = "AKIDzzzzTESTKEY123456789"
SECRETS = secrets_among([KEY, OTHER, "pä sswörd"])


@pytest.mark.parametrize(
    "shown",
    [
        KEY,
        KEY.swapcase(),
        KEY.rstrip("="),
        quote(KEY, safe=""),
        quote(KEY, safe="").lower(),
        quote(quote(KEY, safe=""), safe=""),
        KEY.replace("/", "%2f"),
        KEY.replace("/", "\\/"),
        "\n".join(KEY),
        "\0".join(KEY),
        "\u200b".join(KEY),
        f"{KEY[:20]} \r\n\t\u2028{KEY[20:]}",
        "pä sswörd",
        "PÄ SSWÖRD",
        quote("pä sswörd"),
    ],
)
def test_a_secret_is_found_however_it_is_written_and_the_words_around_it_stay(shown: str) -> None:
    told = redacted(f"no such key: {shown} (100%)", SECRETS)
    assert told == f"no such key: {REDACTED} (100%)"


def test_where_a_secret_cannot_be_told_apart_from_its_text_nothing_of_that_is_shown() -> None:
    assert redacted(f"key {KEY.replace('+', '%2' + chr(0x200B) + 'b')}", SECRETS) == REDACTED


@given(st.text(st.sampled_from("abcAB+/%2bBfF5\n \u200bé=")), st.integers(0, 3))
def test_any_text_is_left_as_it_is_or_has_something_taken_out(text: str, twice: int) -> None:
    shown = redacted(text, secrets_among(["abcab+b", "a/bcab", "%2bab2"])[:twice])
    assert shown == text or REDACTED in shown


@pytest.mark.parametrize("text", ["", "photo of a cat", "100%", "%", "%2B", "sEcrEtzz abc", "猫の写真" * 99])
def test_text_without_a_secret_is_the_same(text: str) -> None:
    assert redacted(text, SECRETS) is text
    assert not may_hold(text.encode(), SECRETS)


@pytest.mark.parametrize("secret", [" " * 8, "\\\\\\\\", "a" + " " * 8, "äöüäöüa"])
def test_a_secret_of_nearly_nothing_that_is_seen_is_taken_as_it_is_written(secret: str) -> None:
    assert redacted("a text", [secret]) == "a text"
    assert redacted(f"<{secret}>", [secret]) == f"<{REDACTED}>"


def test_json_with_an_escape_or_a_secret_in_any_case_may_hold_one() -> None:
    for body in (b"\\", KEY.lower().encode(), quote(OTHER + KEY, safe="").encode()):
        assert may_hold(bytearray(b'{"a": "' + body + b'"}'), SECRETS)


def test_what_is_too_short_to_be_a_secret_is_none() -> None:
    assert secrets_among(["short", "", "abcdefg=", "longer-one"]) == ["longer-one", "abcdefg"]
