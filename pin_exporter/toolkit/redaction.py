r"""Find and remove secrets in text that came from outside, by plain search.

A secret is found in any case, as it is or with its special characters escaped once, as in a URL (`%2F`) or in
JSON (`\/`, `\u002f`), and with all of its characters escaped. The work is linear in the length of the text,
whatever the text and the secrets are.
"""

import json
from collections.abc import Iterable
from typing import Final

REDACTED: Final = "[redacted]"
_MIN_SECRET_LENGTH: Final = 6
_ESCAPE_MARKS: Final = "%\\"


class SecretFinder:
    """Finds secrets in texts. Those of fewer than 6 characters are ignored: texts would become unreadable.

    The `=` that base64 may end with is not required, because it is often cut off.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        found = [secret for secret in secrets if len(secret) >= _MIN_SECRET_LENGTH]
        bare = {_folded(_without_padding(secret)) for secret in found}
        self._secrets = sorted(bare, key=len, reverse=True)  # as one may contain another
        escaped = (_folded(escape(secret)) for secret in found for escape in (_percent, _json, _json_string))
        self._searched = [*self._secrets, *escaped]
        special = {char for secret in found for char in secret if not (char.isascii() and char.isalnum())}
        # The marks of escapes come last: unescaped earlier, they could form another escape.
        self._escapes = [
            (escape, char)
            for char in sorted(special, key=lambda char: char in _ESCAPE_MARKS)
            for escape in _escapes(char)
        ]

    def is_in(self, text: str) -> bool:
        """Return whether a text contains a secret."""
        folded = _folded(text)
        unescaped = self._unescaped(folded)
        return any(each in folded for each in self._searched) or (
            unescaped != folded and any(secret in unescaped for secret in self._secrets)
        )

    def redacted(self, text: str) -> str:
        """Return text with every secret replaced by `[redacted]`.

        If a secret is found escaped, other escapes in the text may be gone too. Redact before a text is cut:
        half a secret would not be found.
        """
        text = _replaced(text, self._searched)
        unescaped = self._unescaped(text)
        replaced = _replaced(unescaped, self._secrets)
        return text if replaced == unescaped else replaced

    def may_be_in(self, body: bytes | bytearray) -> bool:
        """Return False only if JSON from outside contains no secret for sure; cheaper than `is_in`."""
        if b"\\" in body or b"%" in body:
            return True
        lowered = body.lower()
        return any(not secret.isascii() or secret.encode() in lowered for secret in self._secrets)

    def _unescaped(self, text: str) -> str:
        """Return text in which the special characters of the secrets are not escaped."""
        if any(mark in text for mark in _ESCAPE_MARKS):
            for escape, char in self._escapes:
                text = text.replace(escape, char)
        return text


def _without_padding(secret: str) -> str:
    bare = secret.rstrip("=")
    return bare if len(bare) >= _MIN_SECRET_LENGTH else secret


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


def _escapes(char: str) -> Iterable[str]:
    """Return how a character may be escaped, with hexadecimal digits in either case."""
    percent, code = _percent(char), _json(char)
    return dict.fromkeys((percent, percent.upper(), code, code.upper().replace("\\U", "\\u"), f"\\{char}"))


def _percent(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode(errors="surrogatepass"))


def _json_string(text: str) -> str:
    return json.dumps(text)[1:-1]


def _json(text: str) -> str:
    encoded = text.encode("utf-16-be", errors="surrogatepass").hex()
    return "".join(f"\\u{encoded[at : at + 4]}" for at in range(0, len(encoded), 4))
