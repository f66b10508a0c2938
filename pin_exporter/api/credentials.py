"""The two keys of an account: where they come from, and the pair that a request sends."""

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from pin_exporter.toolkit.files import open_regular
from pin_exporter.toolkit.log_throttle import LogThrottle
from pin_exporter.toolkit.logs import EventLogger
from pin_exporter.toolkit.redaction import SecretFinder

_log = EventLogger(__name__)

MAX_KEY_LENGTH: Final = 4_096
_MAX_FILE_BYTES: Final = 2 * MAX_KEY_LENGTH
_TOO_LONG: Final = f"the key is longer than {MAX_KEY_LENGTH} characters"
_SHAPES: Final = (
    (re.compile(r"(['\"]).*\1$", re.DOTALL), "the key is enclosed in quotation marks: remove them"),
    (
        re.compile(r"(export\s+)?[\w.-]*(key|secret|token)[\w.-]*\s*[=:]\s*[^=\s]", re.IGNORECASE),
        "this looks like NAME=value: keep only the value",
    ),
    (re.compile(r"[{\[]"), "this looks like JSON: keep only the value of the key"),
    (re.compile(r"<"), "this looks like a placeholder or HTML: put the key there instead"),
    (re.compile(r"https?://", re.IGNORECASE), "this is a URL: put the key there instead"),
    (re.compile(r"-----BEGIN"), "this is in PEM format, as certificates are: put the key there instead"),
    (re.compile(r"\S+\s*[\r\n]"), "there are several lines: keep only the key"),
)
"""What else people put where a key belongs, and what to say of it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key pair at one moment, as the two request headers carry it.

    `others` are more secrets to redact: those of a proxy. `is_stale` means that the files have changed or are
    gone and could not be read again, so this is the previous pair.
    """

    api_key: SecretStr
    secret_key: SecretStr
    others: tuple[SecretStr, ...] = field(default=(), compare=False, repr=False)
    is_stale: bool = field(default=False, compare=False)

    @property
    def fingerprint(self) -> str:
        """Return the first 8 hexadecimal digits of the API key's SHA-256: safe to show."""
        return hashlib.sha256(self.api_key.get_secret_value().encode()).hexdigest()[:8]

    def redact(self, text: str) -> str:
        """Return text from outside without any secret, in case the server echoes one."""
        secrets = (self.api_key, self.secret_key, *self.others)
        return SecretFinder(secret.get_secret_value() for secret in secrets).redacted(text)

    def keys(self) -> SecretFinder:
        """Return what finds either key in text of a pin, where a proxy's password may be an ordinary word."""
        return SecretFinder((self.api_key.get_secret_value(), self.secret_key.get_secret_value()))


class KeyFileError(ValueError):
    """Key files cannot be used. `problems` has a message for each, by its setting; the text is one line."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{setting}: {problem}" for setting, problem in problems.items()))
        self.problems = problems


class CredentialSource:
    """The keys of one account as they were configured: each is text or the path of a file.

    Files are read again for each request, so a replaced key is used at once. While a file cannot be read, the
    previous pair stays in use. Sources with the same configuration are equal.
    """

    def __init__(
        self,
        api_key: SecretStr | Path,
        secret_key: SecretStr | Path,
        *,
        account: str,
        others: tuple[SecretStr, ...] = (),
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the files. Raises KeyFileError if that fails."""
        self._configured = (api_key, secret_key)
        self._account = account
        self._others = others
        self._unreadable = LogThrottle(elapsed)
        self._problem = ""
        self._last = self._read()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CredentialSource) and self._configured == other._configured

    def __hash__(self) -> int:
        return hash(self._configured)

    @property
    def last(self) -> Credentials:
        """Return the pair that was read last, without reading the files."""
        return self._last

    def current(self) -> Credentials:
        """Return the pair to use now."""
        try:
            pair = self._read()
        except KeyFileError as error:
            times = self._unreadable.happened(new=str(error) != self._problem)
            if times is not None:
                _log.warning(
                    "key_file_unreadable",
                    "cannot read a key file; keeping the previous keys",
                    account=self._account,
                    error=error,
                    times=times,
                )
            self._problem = str(error)
            return replace(self._last, is_stale=True)
        if pair != self._last:
            _log.info("keys_changed", "keys changed", account=self._account, key=pair.fingerprint)
        elif self._problem:
            _log.info("key_file_readable", "the key files can be read again", account=self._account)
        self._last, self._problem = pair, ""
        return pair

    def _read(self) -> Credentials:
        """Read both keys. Raises KeyFileError."""
        keys: list[SecretStr] = []
        problems: dict[str, str] = {}
        for setting, key in zip(("api_key_file", "secret_key_file"), self._configured, strict=True):
            try:
                keys.append(read_key_file(key) if isinstance(key, Path) else key)
            except ValueError as error:
                problems[setting] = str(error)
        if problems:
            raise KeyFileError(problems)
        return Credentials(keys[0], keys[1], self._others)


def read_key_file(path: Path) -> SecretStr:
    """Return the key in a file, such as a mounted Kubernetes Secret, without white space or a BOM around it.

    Raises ValueError with one line to show. The path is left out: it may be a key put there by mistake.
    """
    try:
        with open_regular(path) as file:
            content = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot read the file: {error.strerror}") from None
    try:
        if len(content) > _MAX_FILE_BYTES:
            raise ValueError(_TOO_LONG)
        return checked_key(content.decode("utf-8-sig"))
    except UnicodeDecodeError:  # its text would show bytes of the key
        raise ValueError("the file contains no valid key: it contains non-ASCII characters") from None
    except ValueError as error:
        raise ValueError(f"the file contains no valid key: {error}") from None


def checked_key(text: str) -> SecretStr:
    """Return a key that fits into a header. Raises ValueError, without the key, for any other."""
    key = text.strip()
    if not key:
        raise ValueError("the key is empty")
    for shape, problem in _SHAPES:
        if shape.match(key):
            raise ValueError(problem)
    if len(key) > MAX_KEY_LENGTH:
        raise ValueError(_TOO_LONG)
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ValueError("the key contains white space, control or non-ASCII characters")
    return SecretStr(key)
