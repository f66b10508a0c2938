"""The file with an account's expected CIDs, read again when it changes."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from pin_exporter.inventory.expected import (
    BadLine,
    ExpectedCids,
    ExpectedResult,
    read_expected,
)
from pin_exporter.toolkit.files import Signature, open_regular, signature
from pin_exporter.toolkit.log_throttle import LogThrottle
from pin_exporter.toolkit.logs import EventLogger
from pin_exporter.toolkit.threads import run_in_thread

_log = EventLogger(__name__)

MAX_FILE_BYTES: Final = 2**29
_PATIENCE_SECONDS: Final = 60.0


def read_file(path: Path) -> ExpectedCids:
    """Return the CIDs in a file. Raises OSError, or ValueError with one line to show."""
    with _open(path) as lines:
        cids = read_expected(lines)
    if not cids:
        # An empty file is more likely half-written than meant: it would look as if nothing were missing.
        raise ValueError("the file contains no CIDs")
    return cids


def cids_to_pin(path: Path, result: ExpectedResult, limit: int | None = None) -> tuple[str, ...]:
    """Return the CIDs of a file that must be pinned again, the first ones with a limit.

    Raises OSError or ValueError.
    """
    with _open(path) as lines:
        return tuple(islice(result.to_pin(lines), limit))


@contextmanager
def _open(path: Path) -> Iterator[TextIOWrapper]:
    """Open a file. A byte that is no UTF-8 makes its line a bad one."""
    with open_regular(path) as file, TextIOWrapper(file, encoding="utf-8", errors="replace") as lines:
        if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
            raise ValueError(f"the file is larger than {MAX_FILE_BYTES // 2**20} MiB")
        yield lines


class _Content(NamedTuple):
    signature: Signature
    cids: ExpectedCids


@dataclass(frozen=True, slots=True)
class ExpectedFileState:
    """The list in use. `read_at` is when it was last read or found unchanged, in Unix seconds.

    `cids` is None before the first success, `problem` says why the file cannot be read now, and `failures`
    counts how often it could not.
    """

    path: Path
    cids: ExpectedCids | None = None
    read_at: float | None = None
    problem: str = ""
    failures: int = 0


class ExpectedFile:
    """The expected CIDs of one account. A file that cannot be read leaves the last list in use.

    `wall` returns Unix seconds, `elapsed` monotonic seconds. Nothing is read before `refresh`.
    """

    def __init__(
        self,
        path: Path,
        account: str,
        wall: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
        patience_seconds: float = _PATIENCE_SECONDS,
        read: Callable[[Path], ExpectedCids] = read_file,
    ) -> None:
        self.state = ExpectedFileState(path)
        self._account = account
        self._wall = wall
        self._patience_seconds = patience_seconds
        self._read = read
        self._signature: Signature = ()
        self._reading: asyncio.Task[_Content | None] | None = None
        self._unreadable = LogThrottle(elapsed)

    async def refresh(self) -> bool:
        """Read the file if it has changed; return whether `state` is what it contains.

        Reading takes some seconds for a million CIDs, on a thread. If it takes too long, the disk may be
        gone: it goes on, and later calls do not wait.
        """
        patience_seconds = 0.0
        if self._reading is None:
            patience_seconds = self._patience_seconds
            self._reading = asyncio.create_task(run_in_thread(self._read_if_changed))
        done, _ = await asyncio.wait({self._reading}, timeout=patience_seconds)
        if not done:
            return self._cannot_read(f"not read within {self._patience_seconds:g} s")
        reading, self._reading = self._reading, None
        try:
            content = reading.result()
        except OSError as error:
            return self._cannot_read(error.strerror or str(error))
        except ValueError as error:
            return self._cannot_read(str(error))
        cids = self.state.cids
        if content is not None:
            cids, self._signature = content.cids, content.signature
            self._log_content(cids)
        elif self.state.problem:
            _log.info("expected_cids_readable", "the expected CIDs can be read again", account=self._account)
        self.state = replace(self.state, cids=cids, read_at=self._wall(), problem="")
        return True

    def _read_if_changed(self) -> _Content | None:
        # Determined first: a change while it is read is noticed next time.
        now = signature([self.state.path])
        return None if now == self._signature else _Content(now, self._read(self.state.path))

    def _cannot_read(self, problem: str) -> bool:
        times = self._unreadable.happened(new=problem != self.state.problem)
        self.state = replace(self.state, problem=problem, failures=self.state.failures + 1)
        if times is not None:
            _log.warning(
                "expected_cids_unreadable",
                "cannot read expected_cids_file; a list that was read before stays in use",
                account=self._account,
                error=problem,
                times=times,
            )
        return False

    def _log_content(self, cids: ExpectedCids) -> None:
        _log.info("expected_cids_read", "read the expected CIDs", account=self._account, cids=len(cids))
        log_bad_lines(self._account, cids)


def log_bad_lines(account: str, cids: ExpectedCids) -> None:
    """Log a warning if lines of an account's file are no CIDs."""
    if cids.bad_line_count:
        _log.warning(
            "expected_cids_bad_lines",
            "lines of expected_cids_file are not CIDs and are ignored",
            account=account,
            lines=cids.bad_line_count,
            first=describe_bad_lines(cids.bad_lines, cids.bad_line_count),
        )


def describe_bad_lines(lines: Iterable[BadLine], count: int) -> str:
    """Return one line that names the first bad lines, of so many in all."""
    named = [f"line {line.number}: {line.problem}" for line in lines]
    more = count - len(named)
    return "; ".join([*named, f"and {more} more"] if more > 0 else named)
