"""Names whose lookup hangs delay neither other accounts nor the end of the process."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import Process, RunningExporter, running, simulator, wait_for

HANGING = """
import socket, sys, threading
real = socket.getaddrinfo
def getaddrinfo(host, *others, **named):
    if "hanging" in str(host):
        threading.Event().wait()
    return real("127.0.0.1" if str(host).endswith(".test") else host, *others, **named)
socket.getaddrinfo = getaddrinfo
from pin_exporter.__main__ import main
sys.exit(main())
"""
"""The exporter, with a resolver that never answers for some names."""
KEYS = {"api_key": "made-up-api-key-00", "secret_key": "made-up-secret-key-00"}


@contextmanager
def with_hanging_names(folder: Path, *command: str, accounts: list[dict[str, object]]) -> Iterator[Process]:
    config = folder / "config.yml"
    config.write_text(
        json.dumps(
            {"poll_interval": "5s", "request_timeout": "1s", "proxy_url": "direct", "accounts": accounts}
        )
    )
    config.chmod(0o600)
    with running([sys.executable, "-c", HANGING, *command, f"--config.file={config}"]) as process:
        yield process


def hanging(number: int) -> dict[str, object]:
    return {"name": f"hanging{number}", "base_url": f"http://hanging{number}.test:9/api", **KEYS}


def test_an_account_is_polled_while_the_lookups_of_others_hang(tmp_path: Path) -> None:
    with simulator("--pins=3") as simulated:
        good = simulated.account("default", base_url=simulated.base_url.replace("127.0.0.1", "good.test"))
        accounts = [*map(hanging, range(30)), good]
        serve = ("serve", "--web.listen-address=127.0.0.1:0")
        with with_hanging_names(tmp_path, *serve, accounts=accounts) as process:
            exported = RunningExporter(process, process.wait_for_line(r"listening=(\S+)")[1])
            wait_for(lambda: exported.value('aiozpin_files{account="default"}') == 3, "the files")
            wait_for(lambda: 'reason="timeout"} 1.0' in exported.metrics(), "a timeout")
            assert process.stop() == 0


@pytest.mark.parametrize("command", ["once", "doctor"])
def test_a_command_ends_although_a_lookup_hangs(tmp_path: Path, command: str) -> None:
    with with_hanging_names(tmp_path, command, accounts=[hanging(1)]) as process:
        assert process.popen.wait(timeout=60) == 1
