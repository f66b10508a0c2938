import json
import sys
from collections.abc import Callable
from types import FrameType
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.toolkit.redaction import REDACTED, SecretFinder

KEY = "sEcrEtzz+abc/defGHIJKLmnopqrstuvWXYZ0123456="
OTHER = "AKIDzzzzTESTKEY123456789"
PASSWORD = "pä sswörd\U0001f511"
FINDER = SecretFinder((KEY, OTHER, PASSWORD))


@pytest.mark.parametrize(
    "shown",
    [
        KEY,
        KEY.swapcase(),
        KEY.rstrip("="),
        quote(KEY, safe=""),
        quote(KEY, safe="").lower(),
        KEY.replace("/", "%2f"),
        KEY.replace("/", "\\/"),
        "".join(f"\\u{ord(char):04X}" for char in KEY),
        OTHER.lower(),
        KEY.replace("+", "\\u002B").replace("/", "%2F"),
        "".join(f"%{ord(char):02X}" for char in KEY),
        PASSWORD,
        PASSWORD.upper(),
        quote(PASSWORD),
        json.dumps(PASSWORD)[1:-1],
    ],
)
def test_a_secret_is_found_in_any_case_and_escaped_once(shown: str) -> None:
    text = f"unknown key: {shown} (İ)"
    cleaned = FINDER.redacted(text)
    assert FINDER.is_in(text)
    assert FINDER.redacted(shown).removesuffix("=") == REDACTED
    assert cleaned.replace(f"{REDACTED}=", REDACTED) == f"unknown key: {REDACTED} (İ)"


def test_a_secret_within_another_leaves_nothing_of_either() -> None:
    finder = SecretFinder(["abcdef", "abcdefghij"])
    assert finder.redacted("x abcdefghij abcdef y") == f"x {REDACTED} {REDACTED} y"


def test_secrets_made_of_the_marks_of_escapes_are_found_escaped_too() -> None:
    secret = 'a/%2f\\u002f"'
    for shown in (quote(secret, safe=""), json.dumps(secret)[1:-1]):
        assert SecretFinder([secret]).redacted(f"x {shown} y") == f"x {REDACTED} y"


ALPHABET = st.text(st.sampled_from("abAB+/%2bf5\\u0 é="))


@given(ALPHABET, st.integers(0, 3))
def test_a_text_without_a_secret_stays_and_no_secret_stays(text: str, count: int) -> None:
    secrets = ["abcab+b", "a/bcab", "%2bab2"][:count]
    finder = SecretFinder(secrets)
    shown = finder.redacted(text)
    assert finder.is_in(text) == (shown != text) == (REDACTED in shown)
    assert not any(secret in shown.lower() for secret in secrets)


@given(ALPHABET, ALPHABET, st.sampled_from([KEY, OTHER, PASSWORD]))
def test_json_that_contains_a_secret_is_looked_at(before: str, after: str, secret: str) -> None:
    for shown in (secret, secret.lower(), quote(secret, safe="")):
        body = json.dumps(f"{before}{shown}{after}", ensure_ascii=False).encode()
        assert FINDER.may_be_in(bytearray(body))


@pytest.mark.parametrize("text", ["", "photo of a cat", "100%", "%", "%2B", "\\", "sEcrEtzz abc", "猫" * 99])
def test_text_without_a_secret_is_the_same(text: str) -> None:
    assert FINDER.redacted(text) is text
    assert not FINDER.is_in(text)
    assert SecretFinder([KEY, OTHER]).may_be_in(text.encode()) == ("%" in text or "\\" in text)


def test_short_secrets_are_ignored() -> None:
    short = SecretFinder(["short", "", "abcde==", "a"])
    assert short.redacted("a short abcde=") == "a short abcde="
    assert not short.is_in("a short abcde=")
    assert SecretFinder(["abcdef="]).redacted("an abcdef") == f"an {REDACTED}"


def calls_in(work: Callable[[], object]) -> int:
    """Return how many functions a piece of work calls, those of the standard library in C included."""
    count = 0

    def profile(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "part", ["a", "aaaaa ", "%61", "%6", "%2f", "\\u0061", "\\", "a%61\\u0061", "aaaaaaab"]
)
@pytest.mark.parametrize("secret", ["a", "aaaaaaaa", "aaaaaaab", "/" * 8, "a" * 500 + "b"])
def test_searching_megabytes_takes_no_more_steps_than_a_line_and_replacing_is_linear(
    part: str, secret: str
) -> None:
    finder = SecretFinder([secret])
    short, long = (calls_in(lambda n=n: finder.is_in(part * n)) for n in (100, 2**20))  # type: ignore[misc]
    assert long <= short + 5
    once, twice = (calls_in(lambda n=n: finder.redacted(part * n)) for n in (2_000, 4_000))  # type: ignore[misc]
    assert twice <= 2 * once + 20
    assert once <= 4 * 2_000 * len(part) + 100
