"""The two keys of an account: read late, handed out once, never shown."""

import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from pin_exporter.recurrence import Recurrence

_log = logging.getLogger(__name__)

MAX_KEY_LENGTH: Final = 4_096
_SHORTEST_SECRET: Final = 6


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key pair, as the two request headers carry it.

    `is_stale` says that the files have been changed or lost, and could not be read again.
    """

    api_key: SecretStr
    secret_key: SecretStr
    is_stale: bool = field(default=False, compare=False)

    @property
    def fingerprint(self) -> str:
        """Return the first 8 hexadecimal digits of the API key's SHA-256, which tell keys apart safely."""
        return hashlib.sha256(self.api_key.get_secret_value().encode()).hexdigest()[:8]

    def redact(self, text: str) -> str:
        """Return text from outside without either key, should the other side have echoed one.

        Before the text is cut: half a key would go unnoticed. In any case of letters: a host is made lower.
        What is too short to be a key is left, or it would make the text unreadable.
        """
        for key in self._keys():
            text = re.sub(re.escape(key), "[redacted]", text, flags=re.IGNORECASE)
        return text

    def may_occur_in(self, body: bytes | bytearray) -> bool:
        """Tell whether there may be anything to redact in JSON from outside: an escape can be anything."""
        lowered = body.lower()
        return b"\\" in body or any(key.lower().encode() in lowered for key in self._keys())

    def _keys(self) -> list[str]:
        keys = {self.api_key.get_secret_value(), self.secret_key.get_secret_value()}
        return sorted((key for key in keys if len(key) >= _SHORTEST_SECRET), key=len, reverse=True)


CredentialSource = Callable[[], Credentials]
"""Returns the keys to use now; called before each request, so that rotated files work at once."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key kept in a file, such as a mounted Kubernetes Secret."""

    path: Path

    def read(self) -> SecretStr:
        """Return the key, without the white space around it.

        Raises ValueError with one line to show, without the path: it may be a key put there by mistake.
        """
        try:
            with self.path.open("rb") as file:
                content = file.read(MAX_KEY_LENGTH + 1)
        except OSError as error:
            raise ValueError(f"cannot read the file: {error.strerror}") from None
        try:
            return checked_key(content.decode("ascii"))
        except ValueError as error:
            # A UnicodeDecodeError would show bytes of the key.
            told = "it holds other than ASCII characters" if isinstance(error, UnicodeError) else str(error)
            raise ValueError(f"the file holds no key: {told}") from None


class RereadCredentials:
    """Keys that may change while the exporter runs: each given value is fixed or a file.

    A file that cannot be read for a moment leaves the last good pair in force; the API's 401 tells the rest.
    """

    def __init__(
        self,
        api_key: SecretStr | KeyFile,
        secret_key: SecretStr | KeyFile,
        *,
        account: str,
        elapsed: Callable[[], float],
    ) -> None:
        """Read both. Raises ValueError when that cannot be done. `elapsed` reads the clock."""
        self._account = account
        self._unreadable = Recurrence(elapsed)
        self._api_key = api_key
        self._secret_key = secret_key
        self._last = Credentials(_now(api_key), _now(secret_key))
        self._readable = True

    @property
    def last(self) -> Credentials:
        """Return the pair that was read last, without looking at the files."""
        return self._last

    def __call__(self) -> Credentials:
        """Return the pair in force now."""
        try:
            pair = Credentials(_now(self._api_key), _now(self._secret_key))
        except ValueError as error:
            times = self._unreadable.happened(new=self._readable)
            if times is not None:
                told = {"account": self._account, "error": error, "times": times}
                _log.warning("a key file cannot be read; the last keys stay in force", extra=told)
            self._readable = False
            return replace(self._last, is_stale=True)
        if pair != self._last:
            _log.info("keys have changed", extra={"account": self._account, "key": pair.fingerprint})
        self._last, self._readable = pair, True
        return pair


def checked_key(text: str) -> SecretStr:
    """Return a key fit for a header. Raises ValueError, without the key, for one that is not."""
    key = text.strip()
    if not key:
        raise ValueError("the key is empty")
    if len(key) > MAX_KEY_LENGTH:
        raise ValueError(f"the key is longer than {MAX_KEY_LENGTH} characters")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ValueError("the key holds white space, control or non-ASCII characters")
    return SecretStr(key)


def _now(key: SecretStr | KeyFile) -> SecretStr:
    return key.read() if isinstance(key, KeyFile) else key
