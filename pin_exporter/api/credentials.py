"""The two keys of an account: read late, handed out once, never shown."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from pin_exporter.toolkit.files import open_regular
from pin_exporter.toolkit.log_throttle import LogThrottle
from pin_exporter.toolkit.logs import EventLogger
from pin_exporter.toolkit.redaction import may_contain, redacted

_log = EventLogger(__name__)

MAX_KEY_LENGTH: Final = 4_096


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key pair, as the two request headers carry it.

    `others` are secrets to redact besides: a proxy's. `is_stale` says that the files have been changed or
    lost, and could not be read again.
    """

    api_key: SecretStr
    secret_key: SecretStr
    others: tuple[SecretStr, ...] = field(default=(), compare=False, repr=False)
    is_stale: bool = field(default=False, compare=False)

    @property
    def fingerprint(self) -> str:
        """Return the first 8 hexadecimal digits of the API key's SHA-256, which tell keys apart safely."""
        return hashlib.sha256(self.api_key.get_secret_value().encode()).hexdigest()[:8]

    def redact(self, text: str) -> str:
        """Return text from outside without any secret, should the other side have echoed one."""
        return redacted(text, [*self._keys(), *(one.get_secret_value() for one in self.others)])

    def redact_keys(self, text: str) -> str:
        """Return text of a pin without either key; the password of a proxy may be a word like others."""
        return redacted(text, self._keys())

    def may_occur_in(self, body: bytes | bytearray) -> bool:
        """Return whether either key may be in JSON from outside."""
        return may_contain(body, self._keys())

    def _keys(self) -> tuple[str, str]:
        return self.api_key.get_secret_value(), self.secret_key.get_secret_value()


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
            with open_regular(self.path) as file:
                content = file.read(MAX_KEY_LENGTH + 1)
        except OSError as error:
            raise ValueError(f"cannot read the file: {error.strerror}") from None
        try:
            return checked_key(content.decode("ascii"))
        except ValueError as error:
            # A UnicodeDecodeError would show bytes of the key.
            told = "it holds other than ASCII characters" if isinstance(error, UnicodeError) else str(error)
            raise ValueError(f"the file holds no key: {told}") from None


class ReloadingCredentials:
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
        others: tuple[SecretStr, ...] = (),
    ) -> None:
        """Read both. Raises ValueError when that cannot be done. `elapsed` reads the clock."""
        self._others = others
        self._account = account
        self._unreadable = LogThrottle(elapsed)
        self._api_key = api_key
        self._secret_key = secret_key
        self._last = self._read()
        self._problem = ""

    @property
    def last(self) -> Credentials:
        """Return the pair that was read last, without looking at the files."""
        return self._last

    def __call__(self) -> Credentials:
        """Return the pair in force now."""
        try:
            pair = self._read()
        except ValueError as error:
            times = self._unreadable.happened(new=str(error) != self._problem)
            if times is not None:
                told = {"account": self._account, "error": error, "times": times}
                _log.warning(
                    "key_file_unreadable", "a key file cannot be read; keeping the previous keys", **told
                )
            self._problem = str(error)
            return replace(self._last, is_stale=True)
        if pair != self._last:
            _log.info("keys_changed", "keys changed", account=self._account, key=pair.fingerprint)
        elif self._problem:
            _log.info("key_file_readable", "key files can be read again", account=self._account)
        self._last, self._problem = pair, ""
        return pair

    def _read(self) -> Credentials:
        """Read both. Raises ValueError with what is wrong with each, by its setting, in one line."""
        keys, problems = [], []
        for setting, given in (("api_key_file", self._api_key), ("secret_key_file", self._secret_key)):
            try:
                keys.append(given.read() if isinstance(given, KeyFile) else given)
            except ValueError as error:
                problems.append(f"{setting}: {error}")
        if problems:
            raise ValueError("; ".join(problems))
        return Credentials(keys[0], keys[1], self._others)


def checked_key(text: str) -> SecretStr:
    """Return a key fit for a header. Raises ValueError, without the key, for one that is not."""
    key = text.strip()
    if not key:
        raise ValueError("the key is empty")
    if key[0] == key[-1] and key[0] in "\"'":
        raise ValueError("the key begins and ends with a quotation mark: leave the quotes out")
    if len(key) > MAX_KEY_LENGTH:
        raise ValueError(f"the key is longer than {MAX_KEY_LENGTH} characters")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ValueError("the key holds white space, control or non-ASCII characters")
    return SecretStr(key)
