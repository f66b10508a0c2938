"""`pin-exporter doctor` as a person runs it: a process of its own, the simulator in another."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.processes import PATIENCE_SECONDS, free_port, running, simulator
from tests.service import API_KEY, SECRET_KEY

QUICK = {"PIN_EXPORTER_REQUESTS_PER_MINUTE": "60000"}
KEYS = {"PIN_EXPORTER_API_KEY": API_KEY, "PIN_EXPORTER_SECRET_KEY": SECRET_KEY}
DOCTOR = (sys.executable, "-m", "pin_exporter", "doctor")


def doctor(env: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PIN_EXPORTER_")}
    return subprocess.run(
        [*DOCTOR, *options],
        env={**clean, **QUICK, **env},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_accounts_are_examined_and_reported(tmp_path: Path) -> None:
    with simulator(
        "--account=good", "--account=poor:removed_share=0.1,max_limit=100,files_offset=3"
    ) as simulated:
        good, poor = simulated.keys["good"], simulated.keys["poor"]
        ended = doctor(good)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.startswith(f"account default at {simulated.base_url}\n")
        assert "\n24 requests: 0 problems, " in ended.stdout
        assert "\x1b" not in ended.stdout
        assert "ok      clock " in ended.stdout

        told = doctor(poor, "--json")
        assert (told.returncode, told.stderr) == (1, "")
        (account,) = json.loads(told.stdout)["accounts"]
        marks = {finding["check"]: finding["mark"] for finding in account["findings"]}
        assert (marks["files"], marks["out_of_money"], marks["keys"]) == ("problem", "note", "ok")
        assert account["suggested"] == {"page_size": 100}
        for key in (*good.values(), *poor.values()):
            assert key == simulated.base_url or key not in ended.stdout + told.stdout

        config = tmp_path / "config.yml"
        entries = [
            {
                "name": name,
                "api_key": keys["PIN_EXPORTER_API_KEY"],
                "secret_key": keys["PIN_EXPORTER_SECRET_KEY"],
                "base_url": simulated.base_url,
            }
            for name, keys in simulated.keys.items()
        ]
        config.write_text(json.dumps({"accounts": entries}))
        both = doctor({}, f"--config.file={config}")
        assert both.returncode == 1
        assert [line.split()[1] for line in both.stdout.splitlines() if line.startswith("account ")] == [
            "good",
            "poor",
        ]
        assert doctor({}, f"--config.file={config}", "--account=good").returncode == 0
        unknown = doctor({}, f"--config.file={config}", "--account", SECRET_KEY)
        assert (unknown.returncode, unknown.stdout) == (2, "")
        assert (
            unknown.stderr == "pin-exporter: --account: no account has the name given: there are good, poor\n"
        )


def test_a_refused_key_is_a_problem_and_ends_with_1() -> None:
    with simulator() as simulated:
        refused = doctor({**KEYS, "PIN_EXPORTER_BASE_URL": simulated.base_url})
        keys = simulated.keys["default"]
        swapped = {
            "PIN_EXPORTER_API_KEY": keys["PIN_EXPORTER_SECRET_KEY"],
            "PIN_EXPORTER_SECRET_KEY": keys["PIN_EXPORTER_API_KEY"],
        }
        other_way_round = doctor({**keys, **swapped})
        without_api = doctor(
            {**keys, "PIN_EXPORTER_BASE_URL": simulated.base_url.removesuffix("/api")}, "--json"
        )

    assert refused.returncode == 1
    assert "problem keys           401: the key pair is not accepted, nor is it" in refused.stdout
    assert API_KEY not in refused.stdout + refused.stderr
    assert SECRET_KEY not in refused.stdout + refused.stderr
    assert "problem keys           401: the key pair is swapped" in other_way_round.stdout
    (account,) = json.loads(without_api.stdout)["accounts"]
    assert account["suggested"] == {"base_url": simulated.base_url}


def test_an_unreachable_host_is_a_problem_and_ends_with_1() -> None:
    ended = doctor({**KEYS, "PIN_EXPORTER_BASE_URL": f"http://127.0.0.1:{free_port()}/api"})

    assert (ended.returncode, ended.stderr) == (1, "")
    assert "problem errors         4 of 4 requests: no connection: " in ended.stdout


def test_wrong_settings_end_with_2() -> None:
    ended = doctor({})

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("pin-exporter: no account: set PIN_EXPORTER_API_KEY")
    misspelt = doctor({**KEYS, "PIN_EXPORTER_PAGESIZE": "5", "PIN_EXPORTER_PAGE_SIZE": "none"})
    assert misspelt.returncode == 2
    assert misspelt.stderr.count("PIN_EXPORTER_PAGESIZE: is not a setting") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_interrupted_without_a_traceback(number: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE_SECONDS)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        with running(DOCTOR, {**KEYS, "PIN_EXPORTER_BASE_URL": url}) as process:
            asked, _ = silent.accept()
            status = process.stop(number)
            asked.close()

    assert (status, process.lines) == (130, [])


def test_a_terminal_sees_colours_and_how_far_it_is() -> None:
    with simulator("--pins=20") as simulated:
        plain = on_a_terminal({**simulated.keys["default"], "NO_COLOR": "1"})
        coloured = on_a_terminal(simulated.keys["default"])

    assert "examining default: request 1 of at most 30" in coloured
    assert "\x1b[32mok     \x1b[0m" in coloured
    assert "\x1b[32m" not in plain


def on_a_terminal(env: Mapping[str, str]) -> str:
    """Return what a person sees."""
    ours, theirs = pty.openpty()
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PIN_EXPORTER_") and name != "NO_COLOR"
    }
    started = subprocess.Popen(DOCTOR, env={**clean, **QUICK, **env}, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while chunk := _read(ours):
            seen += chunk
    finally:
        started.kill()
        started.wait()
        os.close(ours)
    return seen.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says so when the other side has closed
        return b""
