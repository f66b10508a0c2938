"""Take secrets out of text from outside, also where they are escaped, broken up, or in another case."""

import re
import string
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

REDACTED: Final = "[redacted]"
_SHORTEST_SECRET: Final = 6
_LOWER: Final = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
_PASSED_OVER: Final = bytes([*range(0x21), ord("\\"), *range(0x7F, 0x100)])
"""What may stand in between: blanks, controls, halves of other characters, and what escapes a slash."""
_MOST_ESCAPED: Final = 3


def secrets_among(texts: Iterable[str]) -> list[str]:
    """Return what is to be redacted, the longest first.

    What is too short to be a secret is left, or it would make text unreadable. The `=` that base64 ends with
    is often cut off.
    """
    bare = {text.rstrip("=") if len(text.rstrip("=")) >= _SHORTEST_SECRET else text for text in texts}
    return sorted((text for text in bare if len(text) >= _SHORTEST_SECRET), key=len, reverse=True)


def redacted(text: str, secrets: Sequence[str]) -> str:
    """Return text without any of the secrets, and without all else where these cannot be told apart from it.

    Before the text is cut: half a secret would go unnoticed.
    """
    held: Sequence[str] = secrets
    for pattern in (_literal, _spread):
        held = _held(text, held)
        for secret in held:
            text = pattern(secret).sub(REDACTED, text)
    return REDACTED if held and _held(text, held) else text


def may_hold(body: bytes | bytearray, secrets: Sequence[str]) -> bool:
    """Return whether there may be anything to redact in JSON from outside: an escape can be anything."""
    return b"\\" in body or bool(_held(body, secrets))


def _held(text: str | bytes | bytearray, secrets: Sequence[str]) -> list[str]:
    """Return the secrets in a text. Quickly, as nearly always there are none."""
    reserved = {byte for byte in "".join(secrets).encode("ascii", "ignore") if not chr(byte).isalnum()}
    seen = _folded(text, reserved)

    def is_held(secret: str) -> bool:
        folded = _folded(secret, reserved)
        if secret.isascii() and len(folded) >= _SHORTEST_SECRET:
            return folded in seen
        return isinstance(text, str) and secret.lower() in unquote(text).lower()

    return [secret for secret in secrets if is_held(secret)]


def _folded(text: str | bytes | bytearray, reserved: Iterable[int]) -> bytes:
    """Return the visible ASCII characters in lower case, and those that get percent-encoded as they were."""
    ascii_only = text.encode("ascii", "ignore") if isinstance(text, str) else text
    seen = bytes(ascii_only.translate(_LOWER, _PASSED_OVER))
    if b"%" in seen:
        for _ in range(_MOST_ESCAPED):
            seen = seen.replace(b"%25", b"%")
        for byte in reserved:
            seen = seen.replace(b"%%%02x" % byte, b"%c" % byte)
    return seen


@lru_cache(maxsize=64)
def _literal(secret: str) -> re.Pattern[str]:
    return re.compile(f"{re.escape(secret)}=*", re.IGNORECASE)


@lru_cache(maxsize=64)
def _spread(secret: str) -> re.Pattern[str]:
    """Return what finds a secret with any character percent-encoded, and others passed over."""
    characters = (f"(?:{re.escape(character)}|{_escaped(character)})" for character in secret)
    between = rf"[^!-\[\]-~{re.escape(secret)}]*"
    return re.compile(f"{between.join(characters)}(?:[^!-~]*(?:=|{_escaped('=')}))*", re.IGNORECASE)


def _escaped(character: str) -> str:
    return "".join(f"%(?:25)*{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
