"""`pin-exporter doctor` as a person runs it: a process of its own, the simulator in another."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE_SECONDS, free_port, run_to_end, running, simulator
from tests.support.service import API_KEY, SECRET_KEY
from tests.support.streams import seen_on_a_terminal

QUICK = {"PIN_EXPORTER_REQUESTS_PER_MINUTE": "60000"}
KEYS = {"PIN_EXPORTER_API_KEY": API_KEY, "PIN_EXPORTER_SECRET_KEY": SECRET_KEY}
DOCTOR = (sys.executable, "-m", "pin_exporter", "doctor")


def doctor(
    env: Mapping[str, str], *options: str, stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    return run_to_end([*DOCTOR, *options], {**QUICK, **env}, stdout=stdout)


def test_accounts_are_diagnosed_and_reported(tmp_path: Path) -> None:
    with simulator(
        "--account=good", "--account=poor:removed_share=0.1,max_limit=100,files_offset=3"
    ) as simulated:
        good, poor = simulated.keys["good"], simulated.keys["poor"]
        ended = doctor(good)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.startswith(f"account default at {simulated.base_url}\n")
        assert "\n0 problems, 0 warnings, " in ended.stdout
        assert "\x1b" not in ended.stdout
        assert "\n  ok " not in ended.stdout
        verbose = doctor(good, "--verbose")
        assert "\n  ok      clock " in verbose.stdout

        as_json = doctor(poor, "--json")
        assert (as_json.returncode, as_json.stderr) == (1, "")
        (account,) = json.loads(as_json.stdout)["accounts"]
        severities = {finding["check"]: finding["severity"] for finding in account["findings"]}
        assert severities.items() >= {
            ("files", "problem"),
            ("balance_exhausted", "warning"),
            ("credentials", "ok"),
        }
        assert account["suggested"] == {"page_size": 100}
        for key in (*good.values(), *poor.values()):
            assert key == simulated.base_url or key not in ended.stdout + verbose.stdout + as_json.stdout

        config = tmp_path / "config.yml"
        config.write_text(simulated.config())
        both = doctor({}, f"--config.file={config}")
        assert both.returncode == 1
        assert [line.split()[1] for line in both.stdout.splitlines() if line.startswith("account ")] == [
            "good",
            "poor",
        ]
        assert doctor({}, f"--config.file={config}", "--account=good").returncode == 0
        unknown = doctor({}, f"--config.file={config}", "--account", SECRET_KEY)
        assert (unknown.returncode, unknown.stdout) == (2, "")
        assert unknown.stderr == "pin-exporter: --account: unknown account: use one of good, poor\n"


def problems(ended: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the checks with a problem."""
    return [line.split()[1] for line in ended.stdout.splitlines() if line.startswith("  problem ")]


def test_rejected_keys_and_a_wrong_base_url_end_with_1() -> None:
    with simulator() as simulated:
        rejected = doctor({**KEYS, "PIN_EXPORTER_BASE_URL": simulated.base_url})
        keys = simulated.keys["default"]
        swapped = {
            "PIN_EXPORTER_API_KEY": keys["PIN_EXPORTER_SECRET_KEY"],
            "PIN_EXPORTER_SECRET_KEY": keys["PIN_EXPORTER_API_KEY"],
        }
        swapped_keys = doctor({**keys, **swapped})
        without_api = doctor(
            {**keys, "PIN_EXPORTER_BASE_URL": simulated.base_url.removesuffix("/api")}, "--json"
        )

    for ended in (rejected, swapped_keys):
        assert (ended.returncode, problems(ended)) == (1, ["credentials"])
    assert ("are swapped" in rejected.stdout, "are swapped" in swapped_keys.stdout) == (False, True)
    assert API_KEY not in rejected.stdout + rejected.stderr
    assert SECRET_KEY not in rejected.stdout + rejected.stderr
    (account,) = json.loads(without_api.stdout)["accounts"]
    assert account["suggested"] == {"base_url": simulated.base_url}


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_it_can_be_interrupted_without_a_traceback(number: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE_SECONDS)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        with running(DOCTOR, {**KEYS, "PIN_EXPORTER_BASE_URL": url}) as process:
            asked, _ = silent.accept()
            status = process.stop(number)
            asked.close()

    assert (status, process.lines) == (128 + number, [])


def test_what_was_found_of_one_account_is_not_lost_when_the_next_is_interrupted(tmp_path: Path) -> None:
    with simulator("--pins=20") as simulated, socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE_SECONDS)
        keys = {"api_key": API_KEY, "secret_key": SECRET_KEY}
        there = {
            name.removeprefix("PIN_EXPORTER_").lower(): v for name, v in simulated.keys["default"].items()
        }
        hung = {"name": "hung", **keys, "base_url": f"http://127.0.0.1:{silent.getsockname()[1]}/api"}
        config = tmp_path / "config.yml"
        config.write_text(json.dumps({"accounts": [{"name": "good", **there}, hung]}))
        with running((*DOCTOR, f"--config.file={config}"), QUICK) as process:
            asked, _ = silent.accept()
            status = process.stop()
            asked.close()

    assert status == 143
    assert process.lines[0].startswith("account good at ")
    assert any("0 problems" in line for line in process.lines)


def test_a_report_that_nobody_takes_ends_without_a_traceback() -> None:
    nobody = f"http://127.0.0.1:{free_port()}/api"
    ours, theirs = os.pipe()
    os.close(ours)
    piped = doctor({**KEYS, "PIN_EXPORTER_BASE_URL": nobody}, stdout=theirs)
    os.close(theirs)

    assert (piped.returncode, piped.stderr) == (130, "")


def test_lines_are_no_longer_than_the_terminal_is_wide() -> None:
    with simulator("--pins=20") as simulated:
        seen = on_a_terminal(simulated.keys["default"], "--verbose", columns=80)

    report = seen.partition("account default at ")[2].splitlines()
    assert 70 < max(map(len, report)) <= 80


def test_a_terminal_shows_how_far_it_is_unless_it_is_dumb() -> None:
    with simulator("--pins=20") as simulated:
        seen = on_a_terminal(simulated.keys["default"])
        dumb = on_a_terminal({**simulated.keys["default"], "TERM": "dumb"})

    assert "diagnosing default: request 1 of at most 30" in seen
    assert dumb.startswith("account default at ")
    assert "\x1b" not in dumb


def on_a_terminal(env: Mapping[str, str], *options: str, columns: int = 120) -> str:
    return seen_on_a_terminal(
        [*DOCTOR, *options], {**os.environ, "TERM": "xterm", **QUICK, **env}, columns=columns
    )
