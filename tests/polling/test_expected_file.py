"""The file with expected CIDs: read on change, kept while it cannot be read."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pin_exporter.inventory.expected import Comparison, ExpectedCids
from pin_exporter.polling.expected_file import ExpectedFile, cids_to_pin, read_file
from tests.inventory.test_expected import CIDS
from tests.support.clocks import FakeClock
from tests.support.logged import events

Refresh = Callable[[], bool]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "cids.txt"
    path.write_text("\n".join(CIDS[:3]))
    return path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def file(path: Path, clock: FakeClock) -> ExpectedFile:
    return ExpectedFile(path, "mine", clock.wall, clock.elapsed, patience_seconds=5.0)


@pytest.fixture
def run() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def refresh(file: ExpectedFile, run: asyncio.Runner) -> Refresh:
    return lambda: run.run(file.refresh())


def cids_in(file: ExpectedFile) -> int:
    assert file.state.cids is not None
    return len(file.state.cids)


def test_a_changed_file_is_read_again(
    path: Path, file: ExpectedFile, refresh: Refresh, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert refresh()
    first = file.state.cids
    assert (cids_in(file), file.state.read_at) == (3, clock.wall())
    clock.now += 60.0
    assert refresh()
    assert file.state.cids is first
    assert file.state.read_at == clock.wall()
    path.write_text(f"{CIDS[0]}\nnonsense\n")
    assert refresh()
    assert cids_in(file) == 1
    assert events(caplog) == ["expected_cids_read", "expected_cids_read", "expected_cids_bad_lines"]


@pytest.mark.parametrize("content", [None, b"", b"# nothing\n", b'["a"', b"\xff\xfe\n", b"nonsense\n"])
def test_a_file_that_cannot_be_read_leaves_the_last_list_in_use(
    path: Path,
    content: bytes | None,
    file: ExpectedFile,
    refresh: Refresh,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    assert refresh()
    read_at = file.state.read_at
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    clock.now += 60.0
    assert [refresh() for _ in range(3)] == [False] * 3
    assert (cids_in(file), file.state.read_at, file.state.failures) == (3, read_at, 3)
    assert file.state.problem
    path.write_text(CIDS[5])
    assert refresh()
    assert (cids_in(file), file.state.problem, file.state.read_at) == (1, "", clock.wall())
    assert events(caplog) == ["expected_cids_read", "expected_cids_unreadable", "expected_cids_read"]


def test_a_file_that_was_never_readable_is_no_list(path: Path, file: ExpectedFile, refresh: Refresh) -> None:
    path.unlink()
    assert not refresh()
    assert (file.state.cids, file.state.read_at) == (None, None)


def test_a_pipe_is_not_waited_for(path: Path, file: ExpectedFile, refresh: Refresh) -> None:
    path.unlink()
    os.mkfifo(path)
    assert not refresh()
    assert "pipe" in file.state.problem


def test_a_disk_that_hangs_is_waited_for_once(path: Path, run: asyncio.Runner) -> None:
    hangs, reads = threading.Event(), list[Path]()

    def slow(path: Path) -> ExpectedCids:
        reads.append(path)
        hangs.wait()
        return read_file(path)

    file = ExpectedFile(path, "mine", read=slow, patience_seconds=0.05)
    assert [run.run(file.refresh()) for _ in range(3)] == [False] * 3
    hangs.set()
    while not run.run(file.refresh()):
        pass
    assert cids_in(file) == 3
    assert len(reads) == 1


def test_the_missing_cids_are_listed_from_the_file_as_it_is_now(path: Path) -> None:
    result = Comparison(read_file(path)).result()
    assert cids_to_pin(path, result) == tuple(CIDS[:3])
    assert cids_to_pin(path, result, 2) == tuple(CIDS[:2])
    path.write_text(f"{CIDS[7]}\n{CIDS[2]} recursive\n")
    assert cids_to_pin(path, result) == (CIDS[2],)
