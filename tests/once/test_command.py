import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pin_exporter.once.command import run_once
from pin_exporter.toolkit.sharding import Shard
from tests.support.environment import clean

SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Restore what the command changes in its process: handlers of signals and of the log."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for number, handler in before.items():
        signal.signal(number, handler)


def run_without_accounts(path: Path) -> int:
    """Run the command for a shard that has no account."""
    idle = next(number for number in range(2) if not Shard(number, 2).owns("default"))
    settings = {"api_key": "k", "secret_key": "s", "shard": idle, "total_shards": 2}
    return run_once(settings, output_format="prometheus", output=path)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("ignored", [False, True])
def test_a_signal_while_the_file_is_written_leaves_the_previous_one_unless_it_was_ignored_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, ignored: bool
) -> None:
    path = tmp_path / "a.prom"
    path.write_bytes(b"before\n")
    clean(monkeypatch)
    # Without a handler, the signal would end the tests as well.
    signal.signal(number, signal.SIG_IGN if ignored else lambda *_: None)
    monkeypatch.setattr(os, "fsync", lambda _: signal.raise_signal(number))
    if ignored:
        assert run_without_accounts(path) == 0
    else:
        with pytest.raises(SystemExit) as ended:
            run_without_accounts(path)
        assert ended.value.code == 128 + number
    assert [each.read_bytes() == b"before\n" for each in tmp_path.iterdir()] == [not ignored]
