import json
import sys
from collections.abc import Callable
from types import FrameType
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.toolkit.redaction import REDACTED, may_contain, redacted

KEY = "sEcrEtzz+abc/defGHIJKLmnopqrstuvWXYZ0123456="
OTHER = "AKIDzzzzTESTKEY123456789"
PASSWORD = "pä sswörd\U0001f511"
SECRETS = (KEY, OTHER, PASSWORD)


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
        "pä sswörd\U0001f511",
        "PÄ SSWÖRD\U0001f511",
        quote("pä sswörd\U0001f511"),
    ],
)
def test_a_secret_is_found_in_any_case_and_escaped_once(shown: str) -> None:
    cleaned = redacted(f"unknown key: {shown} (İ)", SECRETS)
    assert cleaned.replace(f"{REDACTED}=", REDACTED) == f"unknown key: {REDACTED} (İ)"


def test_a_secret_within_another_leaves_nothing_of_either() -> None:
    assert redacted("x abcdefghij abcdef y", ["abcdef", "abcdefghij"]) == f"x {REDACTED} {REDACTED} y"


def test_unescaping_leaves_a_text_that_can_be_encoded() -> None:
    cleaned = redacted(f"\\ud800 \\n \\\\ {KEY.replace('/', chr(92) + '/')}", SECRETS)
    assert cleaned.encode().startswith("\ufffd \\n \\ [redacted]".encode())


ALPHABET = st.text(st.sampled_from("abAB+/%2bf5\\u0 é="))


@given(ALPHABET, st.integers(0, 3))
def test_a_text_without_a_secret_stays_and_no_secret_stays(text: str, count: int) -> None:
    secrets = ["abcab+b", "a/bcab", "%2bab2"][:count]
    shown = redacted(text, secrets)
    assert shown == text or REDACTED in shown
    assert not any(secret in shown.lower() for secret in secrets)


@given(ALPHABET, ALPHABET, st.sampled_from(SECRETS))
def test_json_that_contains_a_secret_is_looked_at(before: str, after: str, secret: str) -> None:
    for shown in (secret, secret.lower(), quote(secret, safe="")):
        body = json.dumps(f"{before}{shown}{after}", ensure_ascii=False).encode()
        assert may_contain(bytearray(body), SECRETS)


@pytest.mark.parametrize("text", ["", "photo of a cat", "100%", "%", "%2B", "\\", "sEcrEtzz abc", "猫" * 99])
def test_text_without_a_secret_is_the_same(text: str) -> None:
    assert redacted(text, SECRETS) is text
    assert may_contain(text.encode(), [KEY, OTHER]) == ("%" in text or "\\" in text)


def test_short_secrets_are_ignored() -> None:
    assert redacted("a short abcde=", ["short", "", "abcde=="]) == "a short abcde="
    assert redacted("an abcdefg", ["abcdefg="]) == f"an {REDACTED}"


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
    "part", ["a", "aaaaa ", "%61", "%6", "%", "\\u0061", "\\", "a%61\\u0061", "aaaaaaab"]
)
@pytest.mark.parametrize("secret", ["aaaaaaaa", "aaaaaaab", "a" * 500 + "b"])
def test_the_work_is_linear_whatever_the_text_and_the_secret(part: str, secret: str) -> None:
    once, twice = (calls_in(lambda n=n: redacted(part * n, [secret])) for n in (2_000, 4_000))  # type: ignore[misc]
    assert twice <= 2 * once + 20
    assert once <= 4 * 2_000 * len(part) + 100
