r"""Remove secrets from text that came from outside.

A secret is found as it is, in any case, and escaped once: as in a URL (`%2F`) or as in JSON (`\/`, `\u002f`).
The work is linear in the length of the text, whatever the text and the secrets are.
"""

import re
from binascii import unhexlify
from collections.abc import Iterable
from typing import Final

REDACTED: Final = "[redacted]"
_MIN_SECRET_LENGTH: Final = 6
_PERCENT_ESCAPE: Final = re.compile(rb"%([0-9a-fA-F]{2})")
_JSON_ESCAPE: Final = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/]))')


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return text with every secret replaced by `[redacted]`.

    If a secret is found escaped, the rest of the text is returned unescaped too. Secrets of fewer than 6
    characters are ignored: replacing them would make texts unreadable. Redact before a text is cut: half a
    secret would not be found.
    """
    folded_secrets = _folded_secrets(secrets)
    text = _replaced(text, folded_secrets)
    for mark, unescape in (("%", _without_percent_escapes), ("\\", _without_json_escapes)):
        if mark in text:
            unescaped = unescape(text)
            replaced = _replaced(unescaped, folded_secrets)
            if replaced != unescaped:
                text = replaced
    return text


def may_contain(body: bytes | bytearray, secrets: Iterable[str]) -> bool:
    """Return False only if JSON from outside contains no secret for sure; cheaper than `redacted`."""
    if b"\\" in body or b"%" in body:
        return True
    lowered = body.lower()
    return any(not secret.isascii() or secret.encode() in lowered for secret in _folded_secrets(secrets))


def _folded_secrets(secrets: Iterable[str]) -> list[str]:
    """Return the secrets that are long enough, the longest first, as one may contain another.

    The `=` that base64 may end with is left out, because it is often cut off.
    """
    bare = {
        secret.rstrip("=") if len(secret.rstrip("=")) >= _MIN_SECRET_LENGTH else secret for secret in secrets
    }
    return sorted((_folded(each) for each in bare if len(each) >= _MIN_SECRET_LENGTH), key=len, reverse=True)


def _replaced(text: str, folded_secrets: Iterable[str]) -> str:
    folded = _folded(text)
    for secret in folded_secrets:
        if secret in folded:
            text = _replaced_one(text, folded, secret)
            folded = _folded(text)
    return text


def _replaced_one(text: str, folded: str, secret: str) -> str:
    parts, end = [], 0
    while (start := folded.find(secret, end)) >= 0:
        parts += [text[end:start], REDACTED]
        end = start + len(secret)
    return "".join((*parts, text[end:]))


def _folded(text: str) -> str:
    """Return text in lower case with each character at its place, so that both have the same indexes."""
    return text.replace("\u0130", "i").lower()  # the only character with a longer lower case


def _without_percent_escapes(text: str) -> str:
    encoded = text.encode(errors="surrogatepass")
    return _PERCENT_ESCAPE.sub(lambda escape: unhexlify(escape[1]), encoded).decode(errors="replace")


def _without_json_escapes(text: str) -> str:
    return _JSON_ESCAPE.sub(_unescaped, text)


def _unescaped(escape: re.Match[str]) -> str:
    """Return the character of a JSON escape; half a surrogate pair, which cannot be encoded, is replaced."""
    if escape[1] is None:
        return escape[2]
    char = chr(int(escape[1], 16))
    return "\ufffd" if "\ud800" <= char <= "\udfff" else char
